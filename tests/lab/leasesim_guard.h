/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guards of a schedule of the lease: they start, step, do what they decided, and end. */
#ifndef ORTHRUS_LAB_LEASESIM_GUARD_H
#define ORTHRUS_LAB_LEASESIM_GUARD_H

#include "leasesim_plan.h"
#include "leasesim_story.h"

static void perform(struct world *w, unsigned int i, const struct lease_actions *a);

static void hold(struct world *w, unsigned int i, const struct lease_actions *a, int64_t ns)
{
	struct node *n = &w->nodes[i];
	struct waiting r = { .kind = W_RESUME, .who = (uint8_t)i, .boot = n->boot };

	if (a != &n->late)
		n->late = *a;
	n->held = true;
	if (n->paused_until < w->now + ns)
		n->paused_until = w->now + ns;
	post(w, &r, n->paused_until);
}

static void fence(struct world *w, unsigned int i, uint8_t target)
{
	int64_t takes = upto(w, 2 * w->plan.T), hits = upto(w, takes);
	bool ok = w->quiet || !maybe(w, 16384);
	struct waiting hit = { .kind = W_FENCE_HITS, .who = target, .boot = w->nodes[target].boot };
	struct waiting done = { .kind = W_FENCED, .who = (uint8_t)i, .other = target, .boot = w->nodes[i].boot, .ok = ok };

	/* One that did not confirm may have switched it off all the same. */
	if (ok || maybe(w, 32768))
		post(w, &hit, w->now + hits);
	post(w, &done, w->now + takes);
}

static void account(struct world *w, const struct lease_actions *a)
{
	for (unsigned int k = 0; k < a->n_notes; k++)
		w->takeovers += a->notes[k].kind == LEASE_NOTE_TAKEOVER;
	if (!a->gained)
		return;
	w->gained++;
	if (a->epoch <= w->epoch && !w->forgot)
		w->regressed = true;
	w->epoch = a->epoch;
}

static void perform(struct world *w, unsigned int i, const struct lease_actions *a)
{
	struct node *n = &w->nodes[i];
	int64_t stall = n->stall_ns;

	n->stall_ns = 0;
	if (stall) {
		n->gate_done = false;
		hold(w, i, a, stall);
		return;
	}
	if (!n->gate_done) {
		tell_actions(w, i, a);
		if (a->gate_changed)
			gate_set(w, i, a->gate_ns);
		if (n->stall_after_gate_ns && a->n_send) {
			stall = n->stall_after_gate_ns;
			n->stall_after_gate_ns = 0;
			n->gate_done = true;
			hold(w, i, a, stall);
			return;
		}
	}
	n->gate_done = false;
	for (unsigned int k = 0; k < a->n_send; k++)
		post_message(w, &a->send[k]);
	if (a->fence != LEASE_NOBODY)
		fence(w, i, a->fence);
}

static void step(struct world *w, unsigned int i, struct lease_event *e)
{
	struct node *n = &w->nodes[i];

	e->now_ns = local_time(n, w->now);
	tell_event(w, i, e);
	lease_step(&n->l, e, &w->a);
	w->events++;
	w->steps++;
	n->timer_local = w->a.timer_ns;
	n->timer_true = n->timer_local == LEASE_NEVER ? LEASE_NEVER : true_time(n, n->timer_local);
	account(w, &w->a);
	perform(w, i, &w->a);
}

static void simple_step(struct world *w, unsigned int i, enum lease_on kind)
{
	struct lease_event e = { .kind = kind, .who = (uint8_t)(i ^ 1) };

	step(w, i, &e);
}

/* A guard starts: it shuts the gate first of all. */
static void start(struct world *w, unsigned int i)
{
	struct node *n = &w->nodes[i];
	const struct plan *p = &w->plan;
	struct lease_config c = { .self = (uint8_t)i,
				  .n_voters = (uint8_t)p->n_voters,
				  .rank = i == 1,
				  .has_fence = p->has_fence,
				  .lease_ns = p->T,
				  .renew_ns = p->R,
				  .hold_off_ns = p->hold_off,
				  .first_round = p->wall_clock ? 1000000 + (uint64_t)(w->now / MS) : 0,
				  .seed = chance(w) };

	n->up = true;
	n->boot++;
	n->held = n->gate_done = n->stopping = false;
	n->stall_ns = n->stall_after_gate_ns = n->paused_until = 0;
	memset(n->known, 0, sizeof(n->known));
	if (i < LEASE_HEADS)
		gate_set(w, i, 0);
	lease_init(&n->l, &c);
	simple_step(w, i, LEASE_ON_START);
}

static void end_guard(struct world *w, unsigned int i)
{
	struct node *n = &w->nodes[i];

	n->up = n->held = false;
	n->timer_local = n->timer_true = LEASE_NEVER;
	n->boot++;
	w->forgot = true;
}

static void start_later(struct world *w, unsigned int i, int64_t at)
{
	struct waiting s = { .kind = W_START, .who = (uint8_t)i, .boot = w->nodes[i].boot };

	post(w, &s, at > w->now ? at : w->now);
}

static void crash(struct world *w, unsigned int i)
{
	if (w->nodes[i].up)
		end_guard(w, i);
	if (i < LEASE_HEADS)
		gate_set(w, i, 0);
	clock_set(w, i, upto(w, 1000 * MS), some_rate(w));
}

static void hear(struct world *w, unsigned int i, const struct waiting *m)
{
	struct lease_event e = { .kind = LEASE_ON_MESSAGE, .msg = m->msg };
	struct node *n = &w->nodes[i];

	if (w->nodes[m->other].boot < m->from_boot)
		abort();
	if (n->known[m->other] > m->from_boot)
		return; /* of a boot that another one replaced */
	if (n->known[m->other] != m->from_boot) {
		struct lease_event r = { .kind = LEASE_ON_RESTARTED, .who = m->other };

		n->known[m->other] = m->from_boot;
		step(w, i, &r);
		if (n->held) {
			post(w, m, n->paused_until);
			return;
		}
	}
	step(w, i, &e);
}

static void happen(struct world *w, struct waiting m)
{
	struct node *n = &w->nodes[m.who];
	struct lease_event e = { .kind = LEASE_ON_FENCED, .who = m.other, .ok = m.ok };

	if (m.kind == W_START) {
		if (!n->up && n->boot == m.boot)
			start(w, m.who);
		return;
	}
	if (m.kind == W_FENCE_HITS) {
		w->fenced++;
		crash(w, m.who);
		start_later(w, m.who, w->quiet ? w->now + w->plan.T : w->now + upto(w, 4 * w->plan.T));
		return;
	}
	/* Of all that was said to an earlier life, nothing is believed (the wire sees to that). */
	if (!n->up || n->boot != m.boot)
		return;
	/* What was decided is done before anything else is heard. */
	if (n->paused_until > w->now || (n->held && m.kind != W_RESUME)) {
		post(w, &m, n->paused_until > w->now ? n->paused_until : w->now);
		return;
	}
	if (m.kind == W_RESUME && n->held) {
		n->held = false;
		perform(w, m.who, &n->late);
	} else if (m.kind == W_MESSAGE) {
		hear(w, m.who, &m);
	} else if (m.kind == W_FENCED) {
		step(w, m.who, &e);
	} else if (m.kind == W_ORDER) {
		simple_step(w, m.who, m.on);
	}
}

#endif
