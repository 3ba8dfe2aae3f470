/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A schedule of the lease as it runs: what is done to the guards, until nothing is any more, and the judgement. */
#ifndef ORTHRUS_LAB_LEASESIM_RUN_H
#define ORTHRUS_LAB_LEASESIM_RUN_H

#include "leasesim_guard.h"

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
	} else if (op->kind == OP_BACK && op->a >= LEASE_HEADS) {
		clock_set(w, op->a, local_time(n, w->now) - op->amount, n->ppm);
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
