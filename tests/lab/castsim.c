/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cast's machines against the figures that they have to reach: thousands of receivers on virtual time; a few on a narrow
 * link; one of four that fails. castsim [crowd|link|fault|slow|jain]: all of it, or one part. Prints a RESULT line. */
#include "tests/lab/castsim_crowd.h"
#include "tests/lab/castsim_few.h"

#include <stdlib.h>

struct figures {
	double ratio, seconds, nacks; /* DATA until the good ones were whole, by the ideal; nacks: for each POLL that got some */
	double share, wire;	      /* of the least time; bytes on the wire by the ideal */
	double again;		      /* sent again for who came late, by what it lacked then */
	uint64_t worst;
	bool over, whole;
};

static struct figures crowd_run(const char *name, const struct crowd_opts *o)
{
	struct world w = { .link = { .bytes_s = o->bytes_s * 1.1, .delay_ns = 100 * US }, .chance = o->seed, .now = SECOND };
	struct figures out = { 0 };
	struct sender_view v;
	struct crowd c = { 0 };
	struct cast cast;
	double e;

	crowd_new(&c, &cast, &w, o);
	c.dead_ns = w.now + (int64_t)(0.3 * (double)o->bytes / o->bytes_s * 1e9);
	out.over = world_run(&w, w.now + 600 * SECOND);
	sender_look(cast.sender, &v);
	e = ideal(c.layout, o->loss, (double)c.good);
	out.whole = c.good_ns != 0 && v.complete == c.n - c.died;
	out.ratio = (double)c.good_sent / ((double)symbols_of(c.layout) * e);
	out.seconds = (double)(c.good_ns - cast.begin_ns) * 1e-9;
	out.nacks = v.nack_rounds != 0 ? (double)v.nacks / (double)v.nack_rounds : 0;
	out.worst = v.nacks_worst;
	fprintf(stderr,
		"%s, %u: %.4f of %.4f in %.3f s, over after %.3f s; whole %u; nacks %.2f, at worst %lu, in %lu of %lu rounds; ",
		name, c.n, out.ratio, e, out.seconds, (double)(cast.end_ns - cast.begin_ns) * 1e-9, v.complete, out.nacks,
		out.worst, v.nack_rounds, v.rounds);
	fprintf(stderr, "parity %lu repair %lu of %lu; passes %u\n", v.parity_packets, v.repair_packets, v.data_packets, v.pass);
	world_free(&w);
	crowd_free(&c, &cast);
	return out;
}

static void few_tell(const char *name, const struct few *f, const struct cast *c)
{
	struct sender_view v;

	sender_look(c->sender, &v);
	fprintf(stderr,
		"%s: over after %.3f s; sent %lu of %lu, repair %lu parity %lu, passes %u, %.1f MB/s at last; whole after", name,
		(double)(c->end_ns - c->begin_ns) * 1e-9, v.data_packets, symbols_of(f->layout), v.repair_packets,
		v.parity_packets, v.pass, (double)v.rate * 1e-6);
	for (uint32_t i = 0; i < f->n; i++)
		if (f->all[i].whole_ns != 0)
			fprintf(stderr, " %.3f", (double)(f->all[i].whole_ns - c->begin_ns) * 1e-9);
		else
			fprintf(stderr, " never");
	fprintf(stderr, "\n");
}

#define NARROW 25e6
/* Over a link of 200 Mbit/s whose queue drops what does not fit. */
static struct figures link_run(double loss)
{
	struct world w = { .link = { .bytes_s = NARROW, .queue_bytes = 500e3, .delay_ns = 100 * US },
			   .chance = 5,
			   .now = SECOND };
	uint64_t bytes = 256 << 20;
	struct figures out = { 0 };
	struct few f = { 0 };
	struct cast cast;
	char name[32];
	double e, least;

	few_new(&f, &cast, &w, bytes, 4, w.now);
	for (int i = 0; i < 4; i++)
		few_add(&cast, NULL, loss, 300e6);
	out.over = world_run(&w, w.now + 100 * SECOND);
	out.whole = few_whole(&f, 4) != 0;
	e = ideal(f.layout, loss, 4);
	least = (double)bytes * e / (NARROW * LAYOUT_SYMBOL / DATA_WIRE);
	out.seconds = (double)(few_whole(&f, 4) - cast.begin_ns) * 1e-9;
	out.share = least / out.seconds;
	out.wire = (double)cast.wire_bytes / ((double)bytes * e);
	snprintf(name, sizeof(name), "link, loss %.0f %%", loss * 100);
	few_tell(name, &f, &cast);
	fprintf(stderr, "    %.4f of the least time, wire %.4f\n", out.share, out.wire);
	world_free(&w);
	few_free(&f, &cast);
	return out;
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

static struct figures fault_run(const struct fault *t)
{
	struct world w = { .link = { .bytes_s = 200e6, .queue_bytes = 8e6, .delay_ns = 30 * US }, .chance = 11, .now = SECOND };
	struct figures out = { 0 };
	struct few f = { .script = t->script };
	struct cast cast;
	const struct full *last;

	few_new(&f, &cast, &w, 256 << 20, t->first, w.now);
	for (unsigned int i = 0; i < t->first; i++)
		few_add(&cast, NULL, 0, i == 3 ? t->last_bytes_s : 300e6);
	if (t->script)
		world_add(&w, (struct happens){ .at = w.now, .what = SCRIPT });
	out.over = world_run(&w, w.now + 300 * SECOND);
	few_tell(t->name, &f, &cast);
	out.seconds = (double)(few_whole(&f, 3) - cast.begin_ns) * 1e-9;
	last = &f.all[f.n - 1];
	out.whole = few_whole(&f, 3) != 0 && (last->whole_ns != 0 || last->stopped);
	if (f.n > t->first) {
		out.again = (double)f.again / (double)last->took_again;
		fprintf(stderr, "    lacked %lu, of these %lu were sent again: %.4f\n", last->lacked, last->took_again,
			out.again);
	}
	world_free(&w);
	few_free(&f, &cast);
	return out;
}

/* Nobody is quick: emulated machines, or old ones. Each takes in a little, and stops for 150 ms now and then, longer than the
 * sender waits for a word; what is in a large buffer takes it seconds. */
struct slow {
	uint32_t n, buffer_kib;
	double bytes_s;
	uint64_t bytes;
};
static struct figures slow_run(const struct slow *t)
{
	struct world w = { .link = { .bytes_s = 1e9, .queue_bytes = 8e6, .delay_ns = 30 * US }, .chance = 3, .now = SECOND };
	struct figures out = { 0 };
	struct few f = { .buffer_kib = t->buffer_kib, .empty_ns = SECOND }; /* as orthrusd's */
	struct cast cast;
	char name[32];

	few_new(&f, &cast, &w, t->bytes, t->n, w.now);
	for (uint32_t i = 0; i < t->n; i++)
		few_add(&cast, NULL, 0, t->bytes_s)->pause_ns = 150 * MS;
	out.over = world_run(&w, w.now + 300 * SECOND);
	out.whole = few_whole(&f, t->n) != 0;
	out.seconds = (double)(few_whole(&f, t->n) - cast.begin_ns) * 1e-9;
	out.share = (double)t->bytes / t->bytes_s / out.seconds;
	out.wire = (double)cast.wire_bytes / (double)t->bytes;
	snprintf(name, sizeof(name), "%u, all slow, %.0f MB/s", t->n, t->bytes_s * 1e-6);
	few_tell(name, &f, &cast);
	fprintf(stderr, "    %.3f of the speed, %.3f times the bytes sent\n", out.share, out.wire);
	world_free(&w);
	few_free(&f, &cast);
	return out;
}

static double jain_run(uint64_t seed)
{
	struct world w = { .link = { .bytes_s = NARROW, .queue_bytes = 500e3, .delay_ns = 100 * US },
			   .chance = seed,
			   .now = SECOND };
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
		few_tell("    cast", &f[i], &cast[i]);
	world_free(&w);
	for (int i = 0; i < 2; i++)
		few_free(&f[i], &cast[i]);
	return jain;
}

static double greater(double a, double b)
{
	return a > b ? a : b;
}

/* All of it counts: it must be over, and everyone whole who can be. */
static bool sound(const struct figures *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!f[i].over || !f[i].whole) {
			fprintf(stderr, "castsim: run %zu was not over, or not everybody was whole\n", i);
			return false;
		}
	return true;
}

static bool crowds(struct figures f[6])
{
	static const struct {
		const char *name;
		uint32_t n;
		double bad, dead;
	} runs[6] = {
		{ "plain", 100, 0, 0 },	   { "plain", 1000, 0, 0 },  { "bad", 1000, 0.05, 0 },
		{ "dead", 5000, 0, 0.05 }, { "plain", 10000, 0, 0 }, { "bad", 10000, 0.05, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		struct crowd_opts o = {
			.n = runs[i].n, .bytes = 64 << 20, .seed = 7, .loss = 0.01, .bad_loss = 0.1, .bytes_s = 125e6
		};

		o.bad_share = runs[i].bad;
		o.dead_share = runs[i].dead;
		f[i] = crowd_run(runs[i].name, &o);
	}
	return sound(f, 6);
}

static bool links(struct figures f[3])
{
	static const double losses[3] = { 0, 0.01, 0.05 };

	for (size_t i = 0; i < ARRAY_LEN(losses); i++)
		f[i] = link_run(losses[i]);
	return sound(f, 3);
}

static bool faults(struct figures f[5])
{
	static const struct fault runs[5] = {
		{ "undisturbed", NULL, 4, 300e6 }, { "stopped", script_stop, 4, 300e6 },  { "slow", NULL, 4, 5e6 },
		{ "late", script_late, 3, 300e6 }, { "killed", script_killed, 4, 300e6 },
	};

	for (size_t i = 0; i < ARRAY_LEN(runs); i++)
		f[i] = fault_run(&runs[i]);
	return sound(f, 5);
}

static bool slows(struct figures f[6])
{
	static const struct slow runs[6] = {
		{ 1, 416, 8e6, 32 << 20 },  { 2, 416, 8e6, 32 << 20 },	{ 8, 416, 8e6, 32 << 20 },
		{ 40, 416, 8e6, 32 << 20 }, { 2, 8192, 1e6, 16 << 20 }, { 40, 8192, 1e6, 16 << 20 },
	};

	for (size_t i = 0; i < ARRAY_LEN(runs); i++)
		f[i] = slow_run(&runs[i]);
	return sound(f, 6);
}

int main(int argc, char **argv)
{
	struct figures c[6] = { 0 }, l[3] = { 0 }, f[5] = { 0 }, s[6] = { 0 };
	const char *what = argc > 1 ? argv[1] : "";
	double jain = 0, nacks = 0, healthy = 0, slow = 0, slow_wire = 0;
	uint64_t worst = 0;
	bool good = true;

	if (*what == '\0' || strcmp(what, "crowd") == 0)
		good &= crowds(c);
	if (*what == '\0' || strcmp(what, "link") == 0)
		good &= links(l);
	if (*what == '\0' || strcmp(what, "fault") == 0)
		good &= faults(f);
	if (*what == '\0' || strcmp(what, "slow") == 0)
		good &= slows(s);
	if (*what == '\0' || strcmp(what, "jain") == 0)
		jain = (jain_run(1) + jain_run(2) + jain_run(3) + jain_run(5)) / 4;
	for (size_t i = 1; i < ARRAY_LEN(c); i++) {
		nacks = greater(nacks, c[i].nacks);
		worst = c[i].worst > worst ? c[i].worst : worst;
	}
	for (size_t i = 0; i < ARRAY_LEN(s); i++) {
		slow = i == 0 || s[i].share < slow ? s[i].share : slow;
		slow_wire = greater(slow_wire, s[i].wire);
	}
	for (size_t i = 1; i < ARRAY_LEN(f); i++)
		healthy = greater(healthy, f[i].seconds / f[0].seconds);
	printf("RESULT cast_sim n1000=%.4f n10000=%.4f n1000_bad=%.4f n10000_bad=%.4f n5000_dead=%.4f nacks=%.2f nacks_worst=%lu "
	       "flat=%.3f ",
	       c[1].ratio, c[4].ratio, c[2].ratio, c[5].ratio, c[3].ratio, nacks, worst, c[4].seconds / c[0].seconds);
	printf("healthy_ratio=%.3f refetch=%.3f slow=%.3f slow_wire=%.3f link_p0=%.4f link_p1=%.4f link_p5=%.4f wire=%.4f "
	       "jain=%.4f\n",
	       healthy, greater(f[3].again, f[4].again), slow, slow_wire, l[0].share, l[1].share, l[2].share,
	       greater(greater(l[0].wire, l[1].wire), l[2].wire), jain);
	return good ? 0 : 1;
}
