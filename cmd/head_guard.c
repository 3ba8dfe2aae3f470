/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who answers for the service addresses: shown, given away, paused. It is asked of the guard itself, so that it works when
 * orthrusd does not. */
#include "cmd/head_guard.h"

#include "api/guard.h"
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

static void spread_line(const struct guard_spread *s, const char *what, struct buf *out)
{
	if (s->count)
		buf_addf(out, "%s last %.1f ms, half within %.1f ms, 99 %% within %.1f ms, worst %.1f ms (%llu in all)\n", what,
			 (double)s->last_us / 1e3, (double)s->p50_us / 1e3, (double)s->p99_us / 1e3, (double)s->worst_us / 1e3,
			 (unsigned long long)s->count);
}

static void voter_lines(const struct guard_view *g, struct buf *out)
{
	for (size_t i = 0; i < g->n_voters; i++) {
		const struct guard_voter *v = &g->voters[i];
		char since[GUARD_SPAN_MAX];

		guard_span(v->ago_us, since);
		buf_addf(out, "voter    %s (%s): %s%s%s%s%s\n", v->name, v->role,
			 v->heard ? "heard " : "not heard since this guard started", v->heard ? since : "",
			 v->heard ? " ago" : "",
			 v->quarantine ? ", does not vote yet"
			 : v->paused   ? ", paused"
				       : "",
			 v->unfit ? ", unfit" : "");
	}
}

int head_guard_lines(struct json_obj *status, struct buf *out, struct err *err)
{
	autoclean(guard_view_free) struct guard_view g = { 0 };
	const int found = guard_view_read(status, &g, err);
	char since[GUARD_SPAN_MAX];

	if (found <= 0)
		return found;
	guard_span(g.held_us, since);
	if (g.holder)
		buf_addf(out, "answers  %s, for %s or longer (epoch %llu)\n", g.holder, since, (unsigned long long)g.epoch);
	else
		buf_adds(out, "answers  nobody that is known here\n");
	buf_addf(out, "guard    %s is %s; lease %.0f ms, renewed every %.0f ms; gate %s\n", g.self, g.role,
		 (double)g.lease_us / 1e3, (double)g.renew_us / 1e3, g.gate);
	spread_line(&g.renewals, "renewals", out);
	spread_line(&g.gaps, "gaps    ", out);
	voter_lines(&g, out);
	if (g.problem)
		buf_addf(out, "problem  the guard: %s\n", g.problem);
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
