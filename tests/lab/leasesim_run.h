/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A schedule of the lease as it runs: guards that step and do what they decided, what is done to them, and the judgement. */
#ifndef ORTHRUS_LAB_LEASESIM_RUN_H
#define ORTHRUS_LAB_LEASESIM_RUN_H

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
	if (n->paused_until > w->now) {
		post(w, &m, n->paused_until);
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

static void order(struct world *w, unsigned int i, enum lease_on on, int64_t at)
{
	struct waiting o = { .kind = W_ORDER, .who = (uint8_t)i, .boot = w->nodes[i].boot, .on = on };

	post(w, &o, at);
}

static void cut(struct world *w, unsigned int from, unsigned int to, int64_t until)
{
	if (w->cut_until[from][to] < until)
		w->cut_until[from][to] = until;
}

static void cut_node(struct world *w, const struct op *op)
{
	for (unsigned int v = 0; v < w->plan.n_voters; v++) {
		if (op->kind != OP_MUTE)
			cut(w, v, op->a, op->until);
		if (op->kind != OP_DEAF)
			cut(w, op->a, v, op->until);
	}
}

static void order_op(struct world *w, const struct op *op)
{
	unsigned int h = op->a % LEASE_HEADS;

	if (op->kind == OP_SWITCH) { /* of whoever has it */
		order(w, 0, LEASE_ON_SWITCH, w->now);
		order(w, 1, LEASE_ON_SWITCH, w->now);
	} else if (op->kind == OP_ORDER_PAUSE) {
		order(w, h, LEASE_ON_PAUSE, w->now);
		order(w, h, LEASE_ON_RESUME, op->until);
	} else if (op->kind == OP_UNFIT) {
		order(w, h, LEASE_ON_UNFIT, w->now);
		order(w, h, LEASE_ON_FIT, op->until);
	} else if (w->nodes[h].up) {
		order(w, h, LEASE_ON_STOP, w->now);
		w->nodes[h].stopping = true;
	}
}

static void machine_op(struct world *w, const struct op *op)
{
	struct node *n = &w->nodes[op->a];

	if (op->kind == OP_KILL || op->kind == OP_CRASH) {
		if (op->kind == OP_CRASH)
			crash(w, op->a);
		else if (n->up)
			end_guard(w, op->a);
		start_later(w, op->a, op->until);
	} else if (op->kind == OP_PAUSE && n->up) {
		n->paused_until = n->paused_until > op->until ? n->paused_until : op->until;
	} else if (op->kind == OP_STALL) {
		n->stall_ns = op->until - w->now;
	} else if (op->kind == OP_GATE_FIRST) {
		n->stall_after_gate_ns = op->until - w->now;
	} else if (op->kind == OP_JUMP) {
		clock_set(w, op->a, local_time(n, w->now) + op->amount, n->ppm);
	} else if (op->kind == OP_RATE) {
		clock_set(w, op->a, local_time(n, w->now), some_rate(w));
	}
}

static void operate(struct world *w, const struct op *op)
{
	tell_op(w, op);
	if (op->kind == OP_CUT)
		cut(w, op->a, op->b, op->until);
	else if (op->kind <= OP_MUTE)
		cut_node(w, op);
	else if (op->kind >= OP_SWITCH && op->kind <= OP_STOP)
		order_op(w, op);
	else
		machine_op(w, op);
}

/* The next thing that happens, not later than `limit`; false: nothing. */
static bool advance(struct world *w, int64_t limit)
{
	int64_t at = w->n ? w->pool[w->heap[0]].at : LEASE_NEVER;
	int who = -1;

	for (unsigned int i = 0; i < w->plan.n_voters; i++) {
		const struct node *n = &w->nodes[i];
		int64_t t = n->timer_true > n->paused_until ? n->timer_true : n->paused_until;

		if (n->up && !n->held && n->timer_true != LEASE_NEVER && t < at) {
			at = t;
			who = (int)i;
		}
	}
	if (at > limit || w->steps > STEPS)
		return false;
	w->now = at > w->now ? at : w->now;
	if (who < 0)
		happen(w, *first_waiting(w));
	else
		simple_step(w, (unsigned int)who, LEASE_ON_TIMER);
	return true;
}

static void faults_end(struct world *w)
{
	w->now = w->plan.end;
	w->quiet = true;
	memset(w->cut_until, 0, sizeof(w->cut_until));
	for (unsigned int i = 0; i < w->plan.n_voters; i++) {
		struct node *n = &w->nodes[i];

		n->stall_ns = n->stall_after_gate_ns = 0;
		if (n->up && n->stopping)
			end_guard(w, i);
		if (!n->up)
			start_later(w, i, w->now);
		else if (i < LEASE_HEADS) {
			order(w, i, LEASE_ON_RESUME, w->now);
			order(w, i, LEASE_ON_FIT, w->now);
		}
	}
}

static bool held_by_one(const struct world *w)
{
	return w->nodes[0].gate_true > w->now || w->nodes[1].gate_true > w->now;
}

enum verdict { FINE = 1, DUAL, STUCK, REGRESSED, UNSTEADY };
static const char *const verdict_names[] = { "?",
					     "fine",
					     "dual: two gates are open",
					     "stuck: nobody has it",
					     "epoch: it did not grow",
					     "unsteady: it changed hands though nothing was wrong" };

static bool broken(const struct world *w)
{
	return w->dual || w->regressed;
}

static enum verdict run(struct world *w)
{
	int64_t T = w->plan.T, bound = w->plan.end + w->plan.hold_off + 5 * T, before = 0;
	uint64_t gained, fenced;

	for (unsigned int k = 0; k < w->plan.n_ops && !broken(w); k++) {
		if (w->plan.ops[k].off)
			continue;
		while (!broken(w) && advance(w, w->plan.ops[k].at))
			continue;
		w->now = w->plan.ops[k].at;
		operate(w, &w->plan.ops[k]);
	}
	while (!broken(w) && advance(w, w->plan.end))
		continue;
	if (!broken(w)) {
		/* A lease may still be lost to voters that restarted just before. */
		int64_t settled = w->plan.end + (w->plan.watched ? 3 * T : T);

		faults_end(w);
		while (!broken(w) && (!held_by_one(w) || w->now < settled) && advance(w, bound))
			before = w->now;
		if (!broken(w) && (!held_by_one(w) || w->steps > STEPS))
			return STUCK;
		/* What is held stays held; but a fence that comes late is no fault of the lease. */
		gained = w->gained;
		fenced = w->fenced;
		while (!broken(w) && w->plan.watched && advance(w, before + 3 * T))
			continue;
		if (!broken(w) && gained != w->gained && fenced == w->fenced)
			return UNSTEADY;
	}
	return w->dual ? DUAL : w->regressed ? REGRESSED : FINE;
}

static void begin(struct world *w, uint64_t seed, const struct plan *plan, bool story)
{
	w->random = seed_of(seed + UINT64_C(0x51ed27));
	w->plan = *plan;
	w->now = 0;
	w->quiet = w->dual = w->regressed = w->forgot = false;
	w->story = story;
	w->steps = 0;
	w->n = 0;
	w->order = 0;
	w->epoch = 0;
	w->n_spare = WAITING;
	for (unsigned int i = 0; i < WAITING; i++)
		w->spare[i] = (uint16_t)i;
	memset(w->cut_until, 0, sizeof(w->cut_until));
	memset(w->n_old, 0, sizeof(w->n_old));
	for (unsigned int i = 0; i < LEASE_VOTERS; i++) {
		struct node *n = &w->nodes[i];

		n->up = n->held = n->gate_done = false;
		n->boot = 0;
		n->gate_true = n->gate_local = n->paused_until = 0;
		n->timer_local = n->timer_true = LEASE_NEVER;
		clock_set(w, i, upto(w, 1000 * MS), some_rate(w));
	}
	for (unsigned int i = 0; i < plan->n_voters; i++)
		start_later(w, i, upto(w, plan->T / 8));
}

static enum verdict run_seed(struct world *w, uint64_t seed, const struct plan *plan, bool story)
{
	begin(w, seed, plan, story);
	return run(w);
}

#endif
