/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens in a schedule of the lease, from its seed alone. */
#ifndef ORTHRUS_LAB_LEASESIM_PLAN_H
#define ORTHRUS_LAB_LEASESIM_PLAN_H

#include "leasesim_world.h"

static uint64_t seed_of(uint64_t n)
{
	n += UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (n ^ (n >> 31)) | 1;
}

/* Clocks as far from each other as the margin allows, wherever that is between 5 % slow and 5 % fast; `beyond` percent of it. */
static void plan_clocks(struct plan *p, struct world *w, uint64_t beyond)
{
	int64_t margin = p->T / 1000 + MS, most = 50000; /* as it is documented, whatever the core makes of it */

	/* While the slowest clock counts T - M, the fastest counts at most T. */
	p->spread_ppm = margin * 1000000 / p->T * (int64_t)beyond / 100;
	if (p->spread_ppm > 2 * most)
		most = p->spread_ppm / 2;
	p->slowest_ppm = -most + upto(w, 2 * most - p->spread_ppm);
	/* The margin is a share of the fast one's T: so much less where all clocks are slow. */
	p->spread_ppm = p->spread_ppm * (1000000 + p->slowest_ppm) / 1000000 - 2;
}

static void plan_network(struct plan *p, struct world *w)
{
	p->delay = 20000 + upto(w, 100000);
	p->more = upto(w, 200000);
	if (maybe(w, 16384))
		p->more = upto(w, p->T * 3 / 2);
	if (maybe(w, 24576))
		p->loss = (uint32_t)upto(w, maybe(w, 32768) ? 65536 : 20000);
	if (maybe(w, 16384))
		p->twice = (uint32_t)upto(w, 20000);
	if (maybe(w, 16384))
		p->again = (uint32_t)upto(w, 20000);
	if (maybe(w, 8192))
		p->corrupt = (uint32_t)upto(w, 30000);
}

static void plan_op(struct plan *p, struct world *w, struct op *op, int64_t at)
{
	static const int64_t lasts[] = { 1, 2, 4, 8, 16 }; /* quarters of T */
	int64_t until = at + upto(w, p->T / 4 * lasts[upto(w, 4)]);

	op->kind = (enum op_kind)upto(w, OP_END - 1);
	op->at = at;
	op->until = until < p->end ? until : p->end;
	/* Heads more often than witnesses: that is where things happen. */
	op->a = (uint8_t)upto(w, maybe(w, 32768) ? 1 : p->n_voters - 1);
	op->b = (uint8_t)upto(w, p->n_voters - 1);
	if (op->kind == OP_BACK)
		op->amount = upto(w, 3 * p->T);
	if (op->kind == OP_JUMP)
		op->amount = p->T + upto(w, 3 * p->T);
}

static void make_plan(struct plan *p, struct world *w, uint64_t seed, uint64_t beyond)
{
	static const int64_t leases[] = { 20, 20, 30, 100, 100, 1000 };
	int64_t at, room;

	w->random = seed_of(seed);
	*p = (struct plan){
		.n_voters = 3, .T = leases[upto(w, 5)] * MS, .wall_clock = !maybe(w, 8192), .watched = seed % 8 == 0
	};
	if (maybe(w, 10000))
		p->n_voters = 5;
	else if (maybe(w, 16384)) {
		p->n_voters = 2;
		p->has_fence = !maybe(w, 16384);
	}
	p->R = (p->T - lease_margin_ns(p->T)) / (3 + upto(w, 2));
	p->hold_off = 2 * p->T + upto(w, 2 * p->T);
	p->end = 5 * p->T + upto(w, 10 * p->T);
	plan_clocks(p, w, beyond);
	plan_network(p, w);
	p->n_ops = (unsigned int)upto(w, OPS);
	at = p->T;
	for (unsigned int k = 0; k < p->n_ops; k++) {
		room = p->end - at;
		at += upto(w, 2 * room / (int64_t)(p->n_ops - k + 1));
		plan_op(p, w, &p->ops[k], at);
	}
}

/* The same without one thing that the network or the clocks do. */
static void plainer(struct plan *p, unsigned int without)
{
	if (without == 0)
		p->again = 0;
	else if (without == 1)
		p->twice = 0;
	else if (without == 2)
		p->corrupt = 0;
	else if (without == 3)
		p->loss = 0;
	else if (without == 4)
		p->more = 0;
	else
		p->delay = 100000;
}

#endif
