/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cast's machines against the figures that they have to reach: thousands of receivers on virtual time; a few on a narrow
 * link; one of four that fails. castsim [WHAT [N]]: all of it, or only one part. Prints a RESULT line. */
#include "tests/lab/castsim_crowd.h"
#include "tests/lab/castsim_few.h"

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
		view->rounds, view->parity_packets, view->repair_packets, view->data_packets, view->pass, view->lagging, view->grtt_us);
	world_free(&w);
	crowd_free(&c, &cast);
	return ratio;
}

static void few_tell(const char *name, const struct few *f, const struct cast *c, bool over)
{
	struct sender_view v;

	sender_look(c->sender, &v);
	fprintf(stderr, "%s: over %d after %.3f s, sent %lu of %lu, repair %lu parity %lu, pass %u rate %.1f MB/s grtt %u loss %u:", name, over,
		(double)(c->end_ns - c->begin_ns) * 1e-9, v.data_packets, symbols_of(f->layout), v.repair_packets, v.parity_packets, v.pass,
		(double)v.rate * 1e-6, v.grtt_us, v.loss_ppm);
	for (uint32_t i = 0; i < f->n; i++)
		fprintf(stderr, " %.3f", f->all[i].whole_ns ? (double)(f->all[i].whole_ns - c->begin_ns) * 1e-9 : -1.);
	fprintf(stderr, "\n");
}

#define NARROW 25e6
/* The share of the least time that is possible, over a link of 200 Mbit/s whose queue drops what does not fit. */
static double link_run(double loss, double *wire)
{
	struct world w = { .link = { .bytes_s = NARROW, .queue_bytes = 500e3, .delay_ns = 100 * US }, .chance = 5, .now = SECOND };
	uint64_t bytes = 64 << 20;
	struct few f = { 0 };
	struct cast cast;
	char name[32];
	double e, least, took;
	bool over;

	few_new(&f, &cast, &w, bytes, 4, w.now);
	for (int i = 0; i < 4; i++)
		few_add(&cast, NULL, loss, 300e6);
	over = world_run(&w, w.now + 100 * SECOND);
	e = ideal(f.layout, loss, 4);
	least = (double)bytes * e / (NARROW * LAYOUT_SYMBOL / DATA_WIRE);
	took = (double)(few_whole(&f, 4) - cast.begin_ns) * 1e-9;
	*wire = (double)cast.wire_bytes / ((double)bytes * e);
	snprintf(name, sizeof(name), "link %.0f %%", loss * 100);
	few_tell(name, &f, &cast, over);
	fprintf(stderr, "    %.4f of the least time, wire %.4f\n", least / took, *wire);
	world_free(&w);
	few_free(&f, &cast);
	return least / took;
}

static bool sent_half(struct cast *c, double share)
{
	struct few *f = c->group;
	struct sender_view v;

	sender_look(c->sender, &v);
	return (double)v.data_packets >= share * (double)symbols_of(f->layout);
}

static bool script_stop(struct cast *c, uint32_t step)
{
	struct few *f = c->group;

	(void)step;
	if (!sent_half(c, 0.3))
		return false;
	f->all[3].stopped = true;
	return true;
}
static bool script_late(struct cast *c, uint32_t step)
{
	(void)step;
	if (!sent_half(c, 0.5))
		return false;
	few_add(c, NULL, 0, 300e6);
	return true;
}
static bool script_killed(struct cast *c, uint32_t step)
{
	struct few *f = c->group;
	autofree uint8_t *have = NULL;

	if (!sent_half(c, step == 0 ? 0.3 : 0.5))
		return false;
	if (step == 0) {
		f->all[3].stopped = true;
		world_add(c->world, (struct happens){ .at = c->world->now, .what = SCRIPT, .cast = c->number, .n = 1 });
		return true;
	}
	have = mem_zalloc(layout_chunks(f->layout) / 8 + 1);
	for (uint32_t i = 0; i < layout_chunks(f->layout); i++)
		if (receiver_has_chunk(f->all[3].r, i))
			have[i / 8] |= (uint8_t)(1u << (i % 8));
	few_add(c, have, 0, 300e6);
	return true;
}

struct fault {
	const char *name;
	bool (*script)(struct cast *c, uint32_t step);
	unsigned int first; /* receivers from the beginning */
	double last_bytes_s;
};
struct fault_figures {
	double seconds, refetch; /* of the three that are well; of who came late: what was sent for it, by what it lacked */
};

static struct fault_figures fault_run(const struct fault *t)
{
	struct world w = { .link = { .bytes_s = 200e6, .queue_bytes = 8e6, .delay_ns = 30 * US }, .chance = 11, .now = SECOND };
	struct fault_figures out = { 0 };
	struct few f = { .script = t->script };
	struct cast cast;
	bool over;

	few_new(&f, &cast, &w, 256 << 20, t->first, w.now);
	for (unsigned int i = 0; i < t->first; i++)
		few_add(&cast, NULL, 0, i == 3 ? t->last_bytes_s : 300e6);
	if (t->script)
		world_add(&w, (struct happens){ .at = w.now, .what = SCRIPT });
	over = world_run(&w, w.now + 300 * SECOND);
	few_tell(t->name, &f, &cast, over);
	out.seconds = (double)(few_whole(&f, 3) - cast.begin_ns) * 1e-9;
	if (f.n > t->first || t->first < 4) {
		struct full *last = &f.all[f.n - 1];
		struct sender_view v;
		double missed = (double)last->lacked;

		sender_look(cast.sender, &v);
		/* Of what it lacked it heard some in the pass that went on anyway. */
		if (t->first < 4)
			missed /= 2;
		fprintf(stderr, "    lacked %lu, took %lu, sent beyond one pass %ld\n", last->lacked, last->took,
			(long)(v.data_packets - symbols_of(f.layout)));
		out.refetch = (double)last->took / (double)last->lacked;
	}
	world_free(&w);
	few_free(&f, &cast);
	return out;
}

static double jain_run(void)
{
	struct world w = { .link = { .bytes_s = NARROW, .queue_bytes = 500e3, .delay_ns = 100 * US }, .chance = 5, .now = SECOND };
	struct few f[2] = { 0 };
	struct cast cast[2];
	double x[2], jain;
	uint64_t before;

	for (int i = 0; i < 2; i++) {
		few_new(&f[i], &cast[i], &w, 64 << 20, 4, w.now + i * SECOND);
		for (int j = 0; j < 4; j++)
			few_add(&cast[i], NULL, 0, 300e6);
	}
	world_run(&w, w.now + SECOND);
	before = f[0].arrived;
	x[1] = (double)f[1].arrived;
	while (!cast[0].ended && !cast[1].ended && !world_run(&w, w.now + 10 * MS))
		;
	x[0] = (double)(f[0].arrived - before);
	x[1] = (double)f[1].arrived - x[1];
	jain = (x[0] + x[1]) * (x[0] + x[1]) / (2 * (x[0] * x[0] + x[1] * x[1]));
	fprintf(stderr, "two casts: %.0f and %.0f packets: %.4f\n", x[0], x[1], jain);
	world_run(&w, w.now + 60 * SECOND);
	for (int i = 0; i < 2; i++)
		few_tell("    cast", &f[i], &cast[i], true);
	world_free(&w);
	for (int i = 0; i < 2; i++)
		few_free(&f[i], &cast[i]);
	return jain;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "all";
	struct crowd_opts o = { .n = 1000, .bytes = 64 << 20, .seed = 7, .loss = 0.01, .bad_loss = 0.1, .bytes_s = 125e6 };
	struct sender_view v;
	double s;

	if (argc > 2)
		o.n = (uint32_t)strtoul(argv[2], NULL, 10);
	if (strcmp(what, "crowd") == 0) {
		crowd_run("plain", &o, &s, &v);
		o.bad_share = 0.05;
		crowd_run("bad", &o, &s, &v);
		o.bad_share = 0;
		o.dead_share = 0.05;
		crowd_run("dead", &o, &s, &v);
	}
	if (strcmp(what, "link") == 0) {
		double wire;

		link_run(0, &wire);
		link_run(0.01, &wire);
		link_run(0.05, &wire);
	}
	if (strcmp(what, "fault") == 0) {
		static const struct fault faults[] = {
			{ "undisturbed", NULL, 4, 300e6 },	 { "undisturbed, three", NULL, 3, 300e6 },
			{ "stopped", script_stop, 4, 300e6 },	 { "slow", NULL, 4, 5e6 },
			{ "late", script_late, 3, 300e6 },	 { "killed", script_killed, 4, 300e6 },
		};

		for (size_t i = 0; i < ARRAY_LEN(faults); i++)
			fault_run(&faults[i]);
	}
	if (strcmp(what, "jain") == 0)
		jain_run();
	return 0;
}
