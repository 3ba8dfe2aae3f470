/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/receiver_priv.h"

#include "cast/chance.h"

#include <stddef.h>
#include <string.h>

#define SPREAD_NS 20000 /* of each receiver's word, when all have the same to say */
#define ANNOUNCE_NS ((int64_t)20 * 1000 * 1000)
#define ANNOUNCE_MOST 7 /* doublings */
#define LOSS_FEW 256	/* packets: of fewer no share is told */
#define LOSS_LONG 8192	/* packets that the judgement of oneself looks back on */

void talk_init(struct talk *t, uint64_t seed, talk_lacking *lacking, const void *store)
{
	memset(t, 0, sizeof(*t));
	t->lacking = lacking;
	t->store = store;
	t->chance = seed;
	t->rows_from = UINT32_MAX;
	t->state = WIRE_READY;
}

static bool few(const struct talk *t)
{
	return t->poll.crowd <= TALK_FEW;
}

static bool whole(const struct talk *t)
{
	return t->state == WIRE_COMPLETE || t->state == WIRE_DONE;
}

static int64_t spread(struct talk *t)
{
	return few(t) ? 0 : (int64_t)(chance_unit(&t->chance) * t->poll.crowd * SPREAD_NS);
}

static void announce(struct talk *t, int64_t now_ns)
{
	t->announced = 0;
	t->announce_ns = now_ns + spread(t);
}

/* Far above what the good majority loses, and not by chance: four standard deviations, so that a few hundred packets tell. */
static void judge(struct talk *t)
{
	double limit = t->poll.loss_limit * 1e-6;
	double n = (double)t->long_sent, lost = (double)t->long_lost, over = lost - limit * n;

	if (over <= 0)
		t->lagging = false;
	else if (over * over > 16 * limit * n + 4 && n > 0)
		t->lagging = true;
}

static void count_loss(struct talk *t, uint64_t sent)
{
	uint64_t here = t->heard - t->anchor_heard, all = sent > t->anchor_sent ? sent - t->anchor_sent : 0, lost;

	if (t->poll.seq != 0 && all < LOSS_FEW)
		return;
	if (t->poll.seq != 0) {
		lost = all > here ? all - here : 0;
		t->loss_ppm = (uint32_t)(lost * 1000000 / all);
		t->long_sent += all;
		t->long_lost += lost;
		while (t->long_sent > LOSS_LONG) {
			t->long_sent /= 2;
			t->long_lost /= 2;
		}
	}
	t->anchor_sent = sent;
	t->anchor_heard = t->heard;
}

static unsigned int promised(const struct talk *t, uint32_t block)
{
	const uint32_t at = block % TALK_PROMISED;
	unsigned int n = 0;

	if (!(t->promised[at / 64] >> (at % 64) & 1))
		return 0;
	for (unsigned int i = 0; i < t->poll.n_promises; i++)
		if (t->poll.promises[i].block == block)
			n += t->poll.promises[i].count;
	return n;
}

/* The next block from `from` on that it has to speak about. */
static bool needs(const struct talk *t, uint32_t from, struct talk_lack *out)
{
	while (from < t->poll.asked_to && t->lacking(t->store, from, t->poll.asked_to, out)) {
		unsigned int d = out->deficit == 255 ? out->k : out->deficit;
		bool big = d > TALK_BIG_MIN && d > out->k / 2u;

		if (!(big && t->poll.stage == WIRE_PASS) && d > promised(t, out->block))
			return true;
		from = out->block + 1;
	}
	return false;
}

/* May it ask at all now? A straggler's time is SLOW. */
static bool may_ask(const struct talk *t)
{
	return t->poll.seq != t->said_seq && !whole(t) &&
	       (t->poll.stage == WIRE_SLOW || ((t->poll.stage == WIRE_PASS || t->poll.stage == WIRE_ASK) && !t->lagging));
}

static bool wants(const struct talk *t)
{
	struct talk_lack lack;

	return may_ask(t) && (t->rows_from != UINT32_MAX || (t->blocks_lacking > 0 && needs(t, t->poll.asked_from, &lack)));
}

static void take_poll(struct talk *t, const struct wire_poll *p, int64_t now_ns)
{
	memcpy(&t->poll, p, offsetof(struct wire_poll, promises));
	memcpy(t->poll.promises, p->promises, p->n_promises * sizeof(p->promises[0]));
	memset(t->promised, 0, sizeof(t->promised));
	for (unsigned int i = 0; i < p->n_promises; i++) {
		const uint32_t at = p->promises[i].block % TALK_PROMISED;

		t->promised[at / 64] |= (uint64_t)1 << (at % 64);
	}
	t->poll_ns = now_ns;
	t->poll_heard = t->heard;
}

/* Somebody who has the group key said that it is further on: what followed from that is forgotten. */
static void put_right(struct talk *t, const struct wire_poll *p)
{
	t->mark_ns = t->nack_ns = 0;
	if (p->sent >= t->anchor_sent)
		return;
	t->anchor_sent = p->sent;
	t->anchor_heard = t->heard;
	t->long_sent = t->long_lost = 0;
}

/* Is it to be taken? */
static bool newer(struct talk *t, const struct wire_poll *p)
{
	const bool proven = p->is_signed && p->seq > t->signed_seq;

	if (p->seq <= t->poll.seq && !proven)
		return false;
	if (p->seq <= t->poll.seq)
		put_right(t, p);
	if (proven)
		t->signed_seq = p->seq;
	return true;
}

void talk_poll(struct talk *t, const struct wire_poll *p, int64_t now_ns)
{
	bool first = t->poll.seq == 0;

	if (!newer(t, p))
		return;
	count_loss(t, p->sent);
	take_poll(t, p, now_ns);
	judge(t);
	if (p->stage == WIRE_OVER)
		t->over = true;
	if (t->over)
		return;
	if (first)
		announce(t, now_ns);
	if (whole(t))
		return;
	if (t->mark_ns == 0 && p->stage != WIRE_GATHER) {
		if (few(t))
			t->mark_ns = now_ns;
		else if ((uint32_t)chance_next(&t->chance) < p->marks)
			t->mark_ns = now_ns + 1 + (int64_t)(chance_unit(&t->chance) * p->grtt_us * 1000);
	}
	if (!few(t) && t->nack_ns == 0 && wants(t))
		t->nack_ns = now_ns + 1 + (int64_t)(chance_backoff(&t->chance, p->crowd) * TALK_BACKOFF * p->grtt_us * 1000);
}

void talk_state(struct talk *t, enum wire_state state, int64_t now_ns)
{
	if (t->state == state)
		return;
	t->state = state;
	t->mark_ns = t->nack_ns = 0;
	if (t->poll.seq != 0)
		announce(t, now_ns);
}

static enum wire_state state_now(const struct talk *t)
{
	if (whole(t) || t->state == WIRE_FAILED)
		return t->state;
	if (t->lagging)
		return WIRE_LAGGING;
	return t->poll.stage == WIRE_GATHER || t->poll.seq == 0 ? WIRE_READY : WIRE_RECEIVING;
}

static void add_needs(struct talk *t, struct wire_report *out)
{
	struct talk_lack lack;
	uint32_t from = t->poll.asked_from;

	while (needs(t, from, &lack)) {
		struct wire_need *last = out->n_needs > 0 ? &out->needs[out->n_needs - 1] : NULL;

		if (last && last->first + last->count == lack.block && last->deficit == lack.deficit) {
			last->count++;
		} else if (out->n_needs < WIRE_NEEDS_MAX) {
			out->needs[out->n_needs++] = (struct wire_need){ lack.block, 1, lack.deficit };
		} else {
			break;
		}
		from = lack.block + 1;
	}
	if (out->n_needs > 0)
		t->said_seq = t->poll.seq;
}

/* What is said again and again: that it is ready (until a pass is heard), complete, done; each time after twice the time. */
static void announce_next(struct talk *t, int64_t now_ns)
{
	unsigned int n = t->announced < ANNOUNCE_MOST ? t->announced++ : ANNOUNCE_MOST;

	t->announce_ns = now_ns + (ANNOUNCE_NS << n) + spread(t);
	if (!whole(t) && t->poll.stage != WIRE_GATHER)
		t->announce_ns = 0;
}

static int64_t next_word(const struct talk *t)
{
	int64_t when = INT64_MAX;

	if (t->over)
		return when;
	if (t->announce_ns != 0 && t->announce_ns < when)
		when = t->announce_ns;
	if (t->mark_ns != 0 && t->mark_ns < when)
		when = t->mark_ns;
	if (t->nack_ns != 0 && t->nack_ns < when)
		when = t->nack_ns;
	return when;
}

static void fill(const struct talk *t, int64_t now_ns, struct wire_report *out)
{
	memset(out, 0, offsetof(struct wire_report, needs));
	out->seq = t->poll.seq;
	out->poll_us = t->poll.now_us;
	out->held_us = (uint32_t)((now_ns - t->poll_ns) / 1000 < UINT32_MAX ? (now_ns - t->poll_ns) / 1000 : UINT32_MAX);
	out->heard = t->heard;
	out->top = t->poll.sent + (t->heard - t->poll_heard);
	out->buffer_kib = t->buffer_kib;
	out->loss_ppm = t->loss_ppm;
	out->blocks_lacking = t->blocks_lacking;
	out->rows_from = t->rows_from;
	out->state = state_now(t);
	out->pressed = t->pressed;
}

bool talk_report(struct talk *t, int64_t now_ns, struct wire_report *out, int64_t *until_ns)
{
	bool announced = t->announce_ns != 0 && t->announce_ns <= now_ns, marked = t->mark_ns != 0 && t->mark_ns <= now_ns;
	bool asked = t->nack_ns != 0 && t->nack_ns <= now_ns;

	if (next_word(t) <= now_ns) {
		if (asked)
			t->nack_ns = 0;
		asked = (asked || few(t)) && wants(t); /* what was promised meanwhile is not said */
		if (marked)
			t->mark_ns = 0;
		if (announced)
			announce_next(t, now_ns);
		if (announced || marked || asked) {
			fill(t, now_ns, out);
			if (asked)
				add_needs(t, out);
			return true;
		}
	}
	*until_ns = next_word(t);
	return false;
}
