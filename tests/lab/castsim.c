/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cast's machines against the figures that they have to reach: thousands of receivers on virtual time. */
#include "tests/lab/castsim_crowd.h"

#include <stdlib.h>

static double crowd_run(const char *name, const struct crowd_opts *o, double *seconds, struct sender_view *view)
{
	struct world w = { .link = { .bytes_s = o->bytes_s * 1.1, .delay_ns = 100 * US }, .chance = o->seed, .now = SECOND };
	struct crowd c = { 0 };
	struct cast cast;
	double e, ratio;
	bool over;

	crowd_new(&c, &cast, &w, o);
	c.dead_ns = w.now + (int64_t)(0.3 * (double)o->bytes / o->bytes_s * 1e9);
	over = world_run(&w, w.now + 600 * SECOND);
	sender_look(cast.sender, view);
	e = ideal(c.layout, o->loss, (double)c.good);
	ratio = c.good_ns != 0 ? (double)c.good_sent / ((double)symbols_of(c.layout) * e) : 99;
	*seconds = (double)(c.good_ns - cast.begin_ns) * 1e-9;
	fprintf(stderr,
		"%s: ratio %.4f (E %.4f) in %.3f s, all over %d after %.3f s; whole %u of %u; nacks %.2f worst %lu of %lu rounds "
		"(%lu asked); parity %lu repair %lu of %lu; pass %u lagging %u grtt %u\n",
		name, ratio, e, *seconds, over, (double)(cast.end_ns - cast.begin_ns) * 1e-9, view->complete, c.n,
		view->nack_rounds ? (double)view->nacks / (double)view->nack_rounds : 0, view->nacks_worst, view->nack_rounds,
		view->rounds, view->parity_packets, view->repair_packets, view->data_packets, view->pass, view->lagging,
		view->grtt_us);
	world_free(&w);
	crowd_free(&c, &cast);
	return ratio;
}

int main(int argc, char **argv)
{
	struct crowd_opts o = { .n = 1000, .bytes = 64 << 20, .seed = 7, .loss = 0.01, .bad_loss = 0.1, .bytes_s = 125e6 };
	struct sender_view v;
	double s;

	if (argc > 1)
		o.n = (uint32_t)strtoul(argv[1], NULL, 10);
	crowd_run("plain", &o, &s, &v);
	o.bad_share = 0.05;
	crowd_run("bad", &o, &s, &v);
	o.bad_share = 0;
	o.dead_share = 0.05;
	crowd_run("dead", &o, &s, &v);
	return 0;
}
