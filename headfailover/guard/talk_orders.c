/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of headfailover/guard/talk.h: what programs of this machine ask and order. */
#include "base/str.h"
#include "headfailover/guard/talk.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <stdio.h>
#include <string.h>

static void refuse(struct control_answer *a, const struct err *err)
{
	a->error = err->kind;
	snprintf(a->text, sizeof(a->text), "%.*s", CONTROL_TEXT - 1, err->text);
	snprintf(a->hint, sizeof(a->hint), "%.*s", CONTROL_TEXT - 1, err->hint);
}

static int order(struct talk *t, uint32_t kind, uint8_t who, struct err *err)
{
	if (loop_order(t->loop, kind, who, true))
		return 0;
	return err_set(err, ERR_FAILED, "too many orders wait: the guard's loop does not take them");
}

/* "": the other head. */
static int other_head(const struct talk *t, const char *name, uint8_t *out, struct err *err)
{
	const uint8_t self = t->config->lease.self;

	for (uint8_t v = 0; v < LEASE_HEADS; v++)
		if (v != self && (!name[0] || str_eq(t->config->names[v], name))) {
			*out = v;
			return 0;
		}
	err_set(err, ERR_INVALID, "'%s' is not the other head", name);
	return err_hint(err, "that is %s", t->config->names[self ? 0 : 1]);
}

static int need_head(const struct talk *t, struct err *err)
{
	if (t->config->head)
		return 0;
	err_set(err, ERR_REFUSED, "%s is a witness: it votes, and never has the lease", t->config->names[t->config->lease.self]);
	return err_hint(err, "run it on a head");
}

static int give_away(struct talk *t, const struct control_request *q, struct err *err)
{
	struct loop_now now;
	uint8_t to = 0;

	if (other_head(t, q->name, &to, err) < 0)
		return -1;
	loop_see(t->loop, &now);
	if (now.lease.state != HEAD_HOLDING) {
		err_set(err, ERR_REFUSED, "%s does not have the lease, so it can't give it away",
			t->config->names[t->config->lease.self]);
		return now.lease.owner == LEASE_NOBODY ? -1 : err_hint(err, "run it on %s", t->config->names[now.lease.owner]);
	}
	if (!now.lease.peers[to].heard || now.lease.now_ns - now.lease.peers[to].heard_ns > 2 * t->config->lease.lease_ns)
		return err_set(err, ERR_REFUSED, "%s is silent: nobody would answer", t->config->names[to]);
	if (now.lease.peers[to].flags & (LEASE_PAUSED | LEASE_UNFIT | LEASE_QUARANTINE)) {
		err_set(err, ERR_REFUSED, "%s %s", t->config->names[to],
			now.lease.peers[to].flags & LEASE_PAUSED  ? "is paused"
			: now.lease.peers[to].flags & LEASE_UNFIT ? "is unfit: its services fail"
								  : "has just started, and does not vote yet");
		return err_hint(err, "`orthrus head status` on %s says more", t->config->names[to]);
	}
	return order(t, LEASE_ON_SWITCH, to, err);
}

static int is_off(struct talk *t, const struct control_request *q, struct err *err)
{
	struct loop_now now;
	uint8_t who = 0;

	if (other_head(t, q->name, &who, err) < 0)
		return -1;
	loop_see(t->loop, &now);
	if (now.lease.fencing) {
		t->fence_state = FENCE_IDLE;
		return order(t, LEASE_ON_FENCED, who, err);
	}
	err_set(err, ERR_REFUSED, "nobody asks whether %s is off", t->config->names[who]);
	return err_hint(err, "it is asked when that head is silent, and there is no third voter");
}

int talk_read_keys(const struct talk *t, struct guard_keys *out, struct err *err)
{
	const bool two = t->old_key_must || fs_exists(t->old_key);

	return guard_keys_load(t->key, two ? t->old_key : NULL, t->config->cluster, out, err);
}

int talk_new_keys(struct talk *t, struct err *err)
{
	struct guard_keys keys;
	uint32_t signs;
	bool two;

	if (talk_read_keys(t, &keys, err) < 0)
		return -1;
	if (atomic_load(&t->loop->keys_wait)) {
		explicit_bzero(&keys, sizeof(keys));
		return err_set(err, ERR_FAILED, "the keys that were read before are not in use yet: try again");
	}
	t->loop->keys = keys;
	atomic_store(&t->loop->keys_wait, true);
	signs = keys.key[0].id;
	two = keys.n == 2;
	explicit_bzero(&keys, sizeof(keys));
	if (order(t, LOOP_KEYS, LEASE_NOBODY, err) == 0) {
		log_info("guard", "keys were read: it signs with %08x, and believes %s", signs,
			 two ? "that and another one" : "no other");
		return 0;
	}
	atomic_store(&t->loop->keys_wait, false);
	return -1;
}

static int obey(struct talk *t, const struct control_request *q, struct err *err)
{
	switch ((enum control_ask)q->ask) {
	case CONTROL_STATUS:
	case CONTROL_WATCH:
		return 0;
	case CONTROL_KEYS:
		return talk_new_keys(t, err);
	case CONTROL_SWITCH:
		return need_head(t, err) < 0 ? -1 : give_away(t, q, err);
	case CONTROL_PAUSE:
		return need_head(t, err) < 0 ? -1 : order(t, LEASE_ON_PAUSE, LEASE_NOBODY, err);
	case CONTROL_RESUME:
		return need_head(t, err) < 0 ? -1 : order(t, LEASE_ON_RESUME, LEASE_NOBODY, err);
	case CONTROL_FIT:
		t->unfit_text[0] = 0;
		return need_head(t, err) < 0 ? -1 : order(t, LOOP_FIT, LOOP_SERVICES, err);
	case CONTROL_UNFIT:
		snprintf(t->unfit_text, sizeof(t->unfit_text), "%s", q->text);
		return need_head(t, err) < 0 ? -1 : order(t, LOOP_UNFIT, LOOP_SERVICES, err);
	case CONTROL_FENCED:
		return need_head(t, err) < 0 ? -1 : is_off(t, q, err);
	case CONTROL_ASK_END:
		break;
	}
	return err_set(err, ERR_USAGE, "the guard does not know what %u is", q->ask);
}

void talk_answer(void *ctx, const struct control_request *q, struct control_answer *a)
{
	struct talk *t = ctx;
	struct err err = { 0 };

	if (obey(t, q, &err) < 0)
		refuse(a, &err);
	talk_status(t, &a->status);
}
