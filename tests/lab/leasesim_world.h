/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines with clocks of their own, and a network between them that does whatever networks do, on virtual time: what the core of
 * the lease lives in here. True time is what nobody of them can see; of it is judged whether two gates are open. */
#ifndef ORTHRUS_LAB_LEASESIM_WORLD_H
#define ORTHRUS_LAB_LEASESIM_WORLD_H

#include "headfailover/guard/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define OPS 12
#define WAITING 512  /* events at most; a message that finds no room is lost */
#define STEPS 100000 /* of a schedule: more means that somebody never waits */
#define OLD 4	     /* messages of one voter to another that may come again */

enum op_kind {
	OP_CUT,	       /* what a says to b is lost */
	OP_ISOLATE,    /* a and the rest, both ways */
	OP_DEAF,       /* a hears nobody */
	OP_MUTE,       /* nobody hears a */
	OP_KILL,       /* the guard at a ends; its kernel's gate stays as it is */
	OP_CRASH,      /* the machine; its clock begins anew. Also: another machine with the same number */
	OP_PAUSE,      /* the guard at a does not run; then all comes at once */
	OP_STALL,      /* between what it decides next and doing it, time passes */
	OP_GATE_FIRST, /* the same between setting the gate and saying so */
	OP_SWITCH,     /* orders */
	OP_ORDER_PAUSE,
	OP_UNFIT,
	OP_STOP, /* planned end, then a new start */
	OP_JUMP, /* its clock jumps forward, by T or more */
	OP_RATE, /* its clock goes at another rate from now on */
	OP_BACK, /* a witness's clock jumps back */
	OP_END
};
struct op {
	enum op_kind kind;
	uint8_t a, b;
	bool off; /* by the shrinker */
	int64_t at, until, amount;
};

enum waiting_kind { W_MESSAGE, W_RESUME, W_START, W_FENCED, W_FENCE_HITS, W_ORDER };
struct waiting {
	int64_t at;
	uint32_t order;
	enum waiting_kind kind;
	uint8_t who;		  /* at whom it happens */
	uint32_t boot, from_boot; /* it concerns these lives only */
	uint8_t other;
	bool ok;
	enum lease_on on;
	struct lease_msg msg;
};

struct node {
	struct lease l;
	bool up, stopping;
	uint32_t boot;
	uint32_t known[LEASE_VOTERS]; /* boots it heard of */
	int64_t base_true, base_local, ppm;
	int64_t timer_local, timer_true;
	int64_t paused_until; /* true */
	int64_t gate_local, gate_true;
	int64_t stall_ns, stall_after_gate_ns;
	bool held;
	bool gate_done;
	struct lease_actions late; /* when held */
};

/* What a schedule is made of; all from the seed. */
struct plan {
	unsigned int n_voters;
	bool has_fence, wall_clock;
	bool watched;			      /* for longer, when all is well again */
	int64_t T, R, hold_off, end;	      /* faults end then */
	int64_t delay, more;		      /* of a message: at least, and up to so much more */
	uint32_t loss, twice, again, corrupt; /* of 65536 */
	int64_t slowest_ppm, spread_ppm;      /* rates of clocks */
	struct op ops[OPS];
	unsigned int n_ops;
};

struct world {
	struct plan plan;
	struct node nodes[LEASE_VOTERS];
	uint64_t random;
	int64_t now;
	bool quiet;
	struct waiting pool[WAITING];
	uint16_t heap[WAITING], spare[WAITING];
	unsigned int n, n_spare;
	uint32_t order;
	int64_t cut_until[LEASE_VOTERS][LEASE_VOTERS];
	struct waiting old[LEASE_VOTERS][LEASE_VOTERS][OLD];
	uint8_t n_old[LEASE_VOTERS][LEASE_VOTERS];
	struct lease_actions a;

	bool dual, regressed, forgot, story;
	uint64_t epoch, steps;
	uint64_t events, gained, takeovers, fenced;
};

static inline uint64_t chance(struct world *w)
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return w->random * UINT64_C(0x2545f4914f6cdd1d);
}

static inline int64_t upto(struct world *w, int64_t most)
{
	return most <= 0 ? 0 : (int64_t)(chance(w) >> 1) % (most + 1);
}

static inline bool maybe(struct world *w, uint32_t of_65536)
{
	return of_65536 && (chance(w) >> 48) < of_65536;
}

/* --- the heap: what comes first, of what comes at once what was said first. */
static inline bool before(const struct world *w, uint16_t i, uint16_t j)
{
	const struct waiting *a = &w->pool[i], *b = &w->pool[j];

	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static struct waiting *wait_for(struct world *w, int64_t at)
{
	unsigned int i = w->n;
	uint16_t id;

	if (!w->n_spare)
		return NULL;
	id = w->spare[--w->n_spare];
	w->pool[id].at = at;
	w->pool[id].order = ++w->order;
	w->n++;
	for (; i > 0 && before(w, id, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = id;
	return &w->pool[id];
}

/* The first one; it stays valid until the next wait_for(). */
static struct waiting *first_waiting(struct world *w)
{
	uint16_t id = w->heap[0], last = w->heap[--w->n];
	unsigned int i = 0;

	for (;;) {
		unsigned int c = 2 * i + 1;

		if (c + 1 < w->n && before(w, w->heap[c + 1], w->heap[c]))
			c++;
		if (c >= w->n || !before(w, w->heap[c], last))
			break;
		w->heap[i] = w->heap[c];
		i = c;
	}
	w->heap[i] = last;
	w->spare[w->n_spare++] = id;
	return &w->pool[id];
}

/* --- clocks */
static inline int64_t local_time(const struct node *n, int64_t t)
{
	int64_t d = t - n->base_true;

	return n->base_local + d + d * n->ppm / 1000000;
}

/* The slowest, the fastest, or any. */
static inline int64_t some_rate(struct world *w)
{
	int64_t which = upto(w, 2);

	return w->plan.slowest_ppm + (which == 0 ? 0 : which == 1 ? w->plan.spread_ppm : upto(w, w->plan.spread_ppm));
}

/* The first instant at which its clock shows `local` or later. */
static inline int64_t true_time(const struct node *n, int64_t local)
{
	int64_t t = n->base_true + (local - n->base_local) * 1000000 / (1000000 + n->ppm);

	while (local_time(n, t) < local)
		t++;
	return t;
}

/* --- the gates: the one thing that must never be */
static void gate_judge(struct world *w, unsigned int i)
{
	const struct node *other = &w->nodes[i ^ 1];

	if (w->nodes[i].gate_true > w->now && other->gate_true > w->now)
		w->dual = true;
}

static void gate_set(struct world *w, unsigned int i, int64_t local)
{
	struct node *n = &w->nodes[i];

	n->gate_local = local;
	n->gate_true = local ? true_time(n, local) : 0;
	gate_judge(w, i);
}

static void clock_set(struct world *w, unsigned int i, int64_t local, int64_t ppm)
{
	struct node *n = &w->nodes[i];

	n->base_true = w->now;
	n->base_local = local;
	n->ppm = ppm;
	n->timer_true = n->timer_local == LEASE_NEVER ? LEASE_NEVER : true_time(n, n->timer_local);
	if (i < LEASE_HEADS && n->gate_true > w->now)
		gate_set(w, i, n->gate_local);
}

/* --- the network */
static void post(struct world *w, const struct waiting *like, int64_t at)
{
	struct waiting *m = wait_for(w, at);
	uint32_t order;

	if (!m)
		return;
	order = m->order;
	*m = *like;
	m->at = at;
	m->order = order;
}

static void post_message(struct world *w, const struct lease_msg *msg)
{
	const struct plan *p = &w->plan;
	unsigned int f = msg->from, t = msg->to;
	struct waiting m = { .kind = W_MESSAGE,
			     .who = msg->to,
			     .other = msg->from,
			     .boot = w->nodes[t].boot,
			     .from_boot = w->nodes[f].boot,
			     .msg = *msg };

	if (w->quiet) {
		post(w, &m, w->now + 50000 + upto(w, 150000));
		return;
	}
	w->old[f][t][w->n_old[f][t]++ % OLD] = m;
	if (w->cut_until[f][t] > w->now || maybe(w, p->loss))
		return;
	/* A bit flipped is a message that is not believed; what a network can do is give an old one instead. */
	if (maybe(w, p->corrupt)) {
		if (w->n_old[f][t] < OLD || maybe(w, 32768))
			return;
		m = w->old[f][t][upto(w, OLD - 1)];
	}
	post(w, &m, w->now + p->delay + upto(w, p->more));
	if (maybe(w, p->twice))
		post(w, &m, w->now + p->delay + upto(w, p->more));
	if (maybe(w, p->again))
		post(w, &m, w->now + p->delay + upto(w, 3 * p->T));
}

#endif
