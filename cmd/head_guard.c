/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who answers for the service addresses: shown, given away, paused. It is asked of the guard itself, so that it works when
 * orthrusd does not. */
#include "cmd/head_guard.h"

#include "base/mem.h"
#include "cmd/commands.h"
#include "headfailover/guard/control.h"
#include "headfailover/guard/control_json.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>

#define SWITCH_NS (10 * NS_PER_S)
#define LOOK_NS (2 * NS_PER_MS)

/* --- showing --- */

static void span(uint64_t us, char out[32])
{
	const double ms = (double)us / 1e3;

	if (ms < 1000)
		snprintf(out, 32, "%.1f ms", ms);
	else if (ms < 120e3)
		snprintf(out, 32, "%.1f s", ms / 1e3);
	else if (ms < 120 * 60e3)
		snprintf(out, 32, "%.0f min", ms / 60e3);
	else
		snprintf(out, 32, "%.0f h", ms / 3600e3);
}

static int spread_line(struct json_obj *o, const char *key, const char *what, struct buf *out, struct err *err)
{
	uint64_t count = 0, last = 0, p50 = 0, p99 = 0, worst = 0;
	struct json_obj s;

	if (json_obj(o, key, JSON_MUST, &s, err) < 0 || json_u64(&s, "count", JSON_MUST, 0, UINT64_MAX, &count, err) < 0 ||
	    json_u64(&s, "last_us", JSON_MUST, 0, UINT64_MAX, &last, err) < 0 ||
	    json_u64(&s, "p50_us", JSON_MUST, 0, UINT64_MAX, &p50, err) < 0 ||
	    json_u64(&s, "p99_us", JSON_MUST, 0, UINT64_MAX, &p99, err) < 0 ||
	    json_u64(&s, "worst_us", JSON_MUST, 0, UINT64_MAX, &worst, err) < 0)
		return -1;
	if (count)
		buf_addf(out, "%s last %.1f ms, half within %.1f ms, 99 %% within %.1f ms, worst %.1f ms (%llu in all)\n", what,
			 (double)last / 1e3, (double)p50 / 1e3, (double)p99 / 1e3, (double)worst / 1e3,
			 (unsigned long long)count);
	return 0;
}

static int voter_lines(struct json_obj *o, struct buf *out, struct err *err)
{
	struct json_arr voters;

	if (json_arr(o, "voters", JSON_MUST, &voters, err) < 0)
		return -1;
	for (size_t i = 0; i < voters.len; i++) {
		bool heard = false, quarantine = false, paused = false, unfit = false;
		autofree char *name = NULL, *role = NULL;
		struct json_obj v;
		uint64_t ago = 0;
		char since[32];

		if (json_arr_obj(&voters, i, &v, err) < 0 || json_str(&v, "name", JSON_MUST, &name, err) < 0 ||
		    json_str(&v, "role", JSON_MUST, &role, err) < 0 || json_bool(&v, "heard", JSON_MUST, &heard, err) < 0 ||
		    json_u64(&v, "ago_us", JSON_MAY, 0, UINT64_MAX, &ago, err) < 0 ||
		    json_bool(&v, "quarantine", JSON_MUST, &quarantine, err) < 0 ||
		    json_bool(&v, "paused", JSON_MUST, &paused, err) < 0 || json_bool(&v, "unfit", JSON_MUST, &unfit, err) < 0)
			return -1;
		span(ago, since);
		buf_addf(out, "voter    %s (%s): %s%s%s%s%s\n", name, role,
			 heard ? "heard " : "not heard since this guard started", heard ? since : "", heard ? " ago" : "",
			 quarantine ? ", does not vote yet"
			 : paused   ? ", paused"
				    : "",
			 unfit ? ", unfit" : "");
	}
	return 0;
}

int head_guard_lines(struct json_obj *status, struct buf *out, struct err *err)
{
	autofree char *self = NULL, *role = NULL, *holder = NULL, *gate = NULL, *problem = NULL;
	char since[32];
	struct json_obj o;
	uint64_t epoch = 0, held = 0, lease = 0, renew = 0;
	const int found = json_obj(status, "guard", JSON_MAY, &o, err);

	if (found <= 0)
		return found;
	if (json_str(&o, "self", JSON_MUST, &self, err) < 0 || json_str(&o, "role", JSON_MUST, &role, err) < 0 ||
	    json_str(&o, "holder", JSON_MAY, &holder, err) < 0 ||
	    json_u64(&o, "epoch", JSON_MUST, 0, UINT64_MAX, &epoch, err) < 0 ||
	    json_u64(&o, "held_us", JSON_MUST, 0, UINT64_MAX, &held, err) < 0 ||
	    json_u64(&o, "lease_us", JSON_MUST, 0, UINT64_MAX, &lease, err) < 0 ||
	    json_u64(&o, "renew_us", JSON_MUST, 0, UINT64_MAX, &renew, err) < 0 ||
	    json_str(&o, "gate", JSON_MUST, &gate, err) < 0 || json_str(&o, "problem", JSON_MAY, &problem, err) < 0)
		return -1;
	span(held, since);
	if (holder)
		buf_addf(out, "answers  %s, for %s or longer (epoch %llu)\n", holder, since, (unsigned long long)epoch);
	else
		buf_adds(out, "answers  nobody that is known here\n");
	buf_addf(out, "guard    %s is %s; lease %.0f ms, renewed every %.0f ms; gate %s\n", self, role, (double)lease / 1e3,
		 (double)renew / 1e3, gate);
	if (spread_line(&o, "renewals", "renewals", out, err) < 0 || spread_line(&o, "gaps", "gaps    ", out, err) < 0 ||
	    voter_lines(&o, out, err) < 0)
		return -1;
	if (problem)
		buf_addf(out, "problem  the guard: %s\n", problem);
	return 0;
}

/* --- asking it --- */

static int ask(struct cmd *c, enum control_ask what, const char *name, struct control_answer *a, struct err *err)
{
	autofree char *path = cmd_path(c, GUARD_SOCKET);
	struct control_request q = { .ask = what };

	if (strlen(name) >= sizeof(q.name))
		return err_set(err, ERR_USAGE, "'%.64s...' is no name of a head", name);
	snprintf(q.name, sizeof(q.name), "%s", name);
	return control_call(path, &q, a, err);
}

int head_guard_json(struct cmd *c, struct buf *out, struct err *err)
{
	struct control_answer a;
	struct json_out w;

	if (ask(c, CONTROL_STATUS, "", &a, err) < 0)
		return -1;
	json_out_init(&w, out, true);
	json_put_obj(&w, NULL);
	json_put_obj(&w, "guard");
	control_put_json(&a.status, &w);
	json_end_obj(&w);
	json_end_obj(&w);
	return 0;
}

static void print_done(const struct cmd *c, const struct control_status *s)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	if (!c->json)
		return;
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	control_put_json(s, &w);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static const char *other(const struct control_status *s)
{
	for (uint32_t i = 0; i < s->n_peers; i++)
		if (s->peers[i].head)
			return s->peers[i].name;
	return "the other head";
}

static int print_plan(const struct cmd *c, const char *id, char *text)
{
	autoclean(plan_free) struct plan plan = { 0 };

	plan_add(&plan, 0, PLAN_WRITES, id, text, NULL, NULL);
	cmd_print_plan(c, &plan);
	return 0;
}

/* Until somebody else has it: then that one answers. */
static int wait_for_switch(struct cmd *c, const char *self, struct control_answer *a, struct err *err)
{
	const int64_t until = clock_now_ns() + SWITCH_NS;

	while (clock_now_ns() < until) {
		if (ask(c, CONTROL_STATUS, "", a, err) < 0)
			return -1;
		if (a->status.holder[0] && strcmp(a->status.holder, self) != 0)
			return 0;
		clock_sleep_ns(LOOK_NS);
	}
	err_set(err, ERR_FAILED, "nobody else has taken the lease within %d s; it %s", (int)(SWITCH_NS / NS_PER_S),
		a->status.holder[0] ? "came back" : "is free");
	return err_hint(err, "`orthrus head status` on the other head says why it does not want it");
}

int cmd_head_switch(struct cmd *c, struct err *err)
{
	struct control_answer a;
	char self[CONTROL_NAME];

	if (cmd_args(c, 0, 1, err) < 0 || ask(c, CONTROL_STATUS, "", &a, err) < 0)
		return -1;
	if (c->plan)
		return print_plan(c, "switch",
				  str_format("give the service addresses from %s to %s: nobody answers for a few milliseconds",
					     a.status.self, other(&a.status)));
	snprintf(self, sizeof(self), "%s", a.status.self);
	if (ask(c, CONTROL_SWITCH, c->argc ? c->argv[0] : "", &a, err) < 0 || wait_for_switch(c, self, &a, err) < 0)
		return -1;
	cmd_say(c, "%s answers for the service addresses now", a.status.holder);
	print_done(c, &a.status);
	return 0;
}

int cmd_head_pause(struct cmd *c, struct err *err)
{
	struct control_answer a;

	if (cmd_args(c, 0, 0, err) < 0 || ask(c, c->plan ? CONTROL_STATUS : CONTROL_PAUSE, "", &a, err) < 0)
		return -1;
	if (c->plan)
		return print_plan(c, "pause",
				  str_format("%s takes the service addresses no more, and gives them to %s if it has them",
					     a.status.self, other(&a.status)));
	cmd_say(c,
		"%s does not take the service addresses until `orthrus head resume`; this is forgotten when its guard is started "
		"again",
		a.status.self);
	print_done(c, &a.status);
	return 0;
}

int cmd_head_resume(struct cmd *c, struct err *err)
{
	struct control_answer a;

	if (cmd_args(c, 0, 0, err) < 0 || ask(c, c->plan ? CONTROL_STATUS : CONTROL_RESUME, "", &a, err) < 0)
		return -1;
	if (c->plan)
		return print_plan(c, "resume",
				  str_format("%s takes the service addresses again when nobody else has them", a.status.self));
	cmd_say(c, "%s takes the service addresses when nobody else has them", a.status.self);
	print_done(c, &a.status);
	return 0;
}

int cmd_head_fenced(struct cmd *c, struct err *err)
{
	struct control_answer a;

	if (cmd_args(c, 1, 1, err) < 0)
		return -1;
	if (c->plan)
		return print_plan(
			c, "fenced",
			str_format("take the service addresses from %s, which is switched off for certain", c->argv[0]));
	if (cmd_confirm(c, err, "%s is off, and nobody switches it on before this head has taken over. If it is not, both answer",
			c->argv[0]) < 0 ||
	    ask(c, CONTROL_FENCED, c->argv[0], &a, err) < 0)
		return -1;
	cmd_say(c, "%s takes over from %s", a.status.self, c->argv[0]);
	print_done(c, &a.status);
	return 0;
}
