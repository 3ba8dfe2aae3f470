/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lease's own object files under everything that a network, clocks and machines do to them, a million times: never two gates
 * open at one instant, and somebody has the lease soon after it is over. leasesim [--schedules N] [--from SEED] [--jobs N]
 * [--beyond PERCENT]     a RESULT line; the first failure is shrunk and told leasesim --seed SEED [--beyond PERCENT] tell this
 * one
 * --hasty: end at the first failure, untold.
 * --beyond: clocks differ by so much of the margin (100 is all of it): above, two gates can be open; that is what the margin is
 * for. */
#include "leasesim_run.h"

#include "base/mem.h"

#include <getopt.h>
#include <pthread.h>
#include <time.h>

/* As little as still goes wrong: without each thing that was done, and each thing the network does. */
static void shrink(struct world *w, uint64_t seed, struct plan *p, enum verdict v)
{
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int k = 0; k < p->n_ops; k++) {
			struct plan q = *p;

			q.ops[k].off = true;
			if (!p->ops[k].off && run_seed(w, seed, &q, false) == v)
				*p = q;
		}
		for (unsigned int k = 0; k < 6; k++) {
			struct plan q = *p;

			plainer(&q, k);
			if (run_seed(w, seed, &q, false) == v)
				*p = q;
		}
	}
}

static void tell_failure(struct world *w, uint64_t seed, const struct plan *plan, enum verdict v, bool shrunk)
{
	struct plan p = *plan;

	if (shrunk)
		shrink(w, seed, &p, v);
	printf("seed %llu: %s\n", (unsigned long long)seed, verdict_names[v]);
	tell_plan(&p);
	run_seed(w, seed, &p, true);
	tell_who(w, 0);
	printf(" gate until %.3f ms, head 1 until %.3f ms\n", (double)w->nodes[0].gate_true / 1e6,
	       (double)w->nodes[1].gate_true / 1e6);
}

struct part {
	pthread_t thread;
	uint64_t from, n, beyond;
	uint64_t count[UNSTEADY + 1], first_bad;
	enum verdict first;
	bool hasty;
	uint64_t events, gained, takeovers, fenced;
	double cpu_s;
};

static void *run_part(void *arg)
{
	struct part *p = arg;
	struct world *w = mem_zalloc(sizeof(*w));
	struct timespec cpu;
	struct plan plan;

	for (uint64_t i = 0; i < p->n; i++) {
		enum verdict v;

		make_plan(&plan, w, p->from + i, p->beyond);
		v = run_seed(w, p->from + i, &plan, false);
		p->count[v]++;
		if (v == FINE)
			continue;
		if (!p->first) {
			p->first = v;
			p->first_bad = p->from + i;
		}
		if (p->hasty)
			break;
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	p->cpu_s = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
	p->events = w->events;
	p->gained = w->gained;
	p->takeovers = w->takeovers;
	p->fenced = w->fenced;
	free(w);
	return NULL;
}

static int run_all(uint64_t from, uint64_t n, unsigned int jobs, uint64_t beyond, bool hasty)
{
	struct part *parts = mem_array(jobs, sizeof(*parts)), sum = { 0 };
	struct world *w = mem_zalloc(sizeof(*w));

	for (unsigned int j = 0; j < jobs; j++) {
		parts[j].from = from + n * j / jobs;
		parts[j].n = from + n * (j + 1) / jobs - parts[j].from;
		parts[j].beyond = beyond;
		parts[j].hasty = hasty;
		if (pthread_create(&parts[j].thread, NULL, run_part, &parts[j]))
			abort();
	}
	for (unsigned int j = 0; j < jobs; j++) {
		pthread_join(parts[j].thread, NULL);
		for (unsigned int v = 0; v <= UNSTEADY; v++)
			sum.count[v] += parts[j].count[v];
		sum.cpu_s += parts[j].cpu_s;
		sum.events += parts[j].events;
		sum.gained += parts[j].gained;
		sum.takeovers += parts[j].takeovers;
		sum.fenced += parts[j].fenced;
		if (parts[j].first && !sum.first) {
			sum.first = parts[j].first;
			sum.first_bad = parts[j].first_bad;
		}
	}
	if (sum.first && !hasty) {
		struct plan plan;

		make_plan(&plan, w, sum.first_bad, beyond);
		tell_failure(w, sum.first_bad, &plan, sum.first, true);
	}
	printf("%slease%s schedules=%llu dual=%llu stuck=%llu epoch=%llu unsteady=%llu per_s=%.0f steps=%llu gained=%llu "
	       "takeovers=%llu "
	       "fenced=%llu\n",
	       hasty ? "" : "RESULT ", beyond > 100 ? "_beyond" : "", (unsigned long long)n, (unsigned long long)sum.count[DUAL],
	       (unsigned long long)sum.count[STUCK], (unsigned long long)sum.count[REGRESSED],
	       (unsigned long long)sum.count[UNSTEADY], (double)n / sum.cpu_s, (unsigned long long)sum.events,
	       (unsigned long long)sum.gained, (unsigned long long)sum.takeovers, (unsigned long long)sum.fenced);
	free(parts);
	free(w);
	return sum.first ? 1 : 0;
}

static int run_one(uint64_t seed, uint64_t beyond)
{
	struct world *w = mem_zalloc(sizeof(*w));
	struct plan plan;
	enum verdict v;

	make_plan(&plan, w, seed, beyond);
	v = run_seed(w, seed, &plan, false);
	tell_failure(w, seed, &plan, v, v != FINE);
	free(w);
	return v == FINE ? 0 : 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "schedules", 1, NULL, 'n' }, { "from", 1, NULL, 'f' },
						 { "jobs", 1, NULL, 'j' },	{ "seed", 1, NULL, 's' },
						 { "beyond", 1, NULL, 'b' },	{ "hasty", 0, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	uint64_t value[128] = { ['n'] = 100000, ['f'] = 1, ['j'] = 1, ['b'] = 100 };
	bool one = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return 2;
		value[c] = optarg ? strtoull(optarg, NULL, 10) : 1;
		one = one || c == 's';
	}
	if (one)
		return run_one(value['s'], value['b']);
	return run_all(value['f'], value['n'], (unsigned int)value['j'], value['b'], value['h'] != 0);
}
