/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a million hostile datagrams a minute cost a guard, each by itself, with poll and receive; and that meanwhile it hears
 * every renewal of the voter whose address they have, and knows at the end what it knew before. */
#include "tests/unit/guard_lan.h"
#include "tests/unit/guard_wire.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define EVERY_NS 60000 /* 1,000,000 a minute */
#define FLOOD 12000    /* datagrams: 0.7 s */
#define RENEWAL 333    /* of them between two renewals: 20 ms */
#define TAPED 64
#define BLOCK 1000 /* datagrams whose cost is looked at together: the median of these counts, other tests run beside this one */

#ifdef __SANITIZE_ADDRESS__
#define LIMIT_PERCENT 100.0
#else
#define LIMIT_PERCENT 20.0
#endif

enum kind { STRANGER, JUNK, TOO_LONG, OTHER_KEY, FORGED, UNPROVEN, OLD_BOOT, REPEATED, KINDS };
static const struct {
	const char *name;
	enum guard_refused why; /* 0: thrown away before that */
} kinds[KINDS] = { [STRANGER] = { "stranger", 0 },
		   [JUNK] = { "junk", GUARD_MAGIC },
		   [TOO_LONG] = { "too-long", GUARD_LONG },
		   [OTHER_KEY] = { "other-key", GUARD_UNKNOWN_KEY },
		   [FORGED] = { "forged", GUARD_FORGED },
		   [UNPROVEN] = { "old-start-unanswered", GUARD_UNPROVEN },
		   [OLD_BOOT] = { "old-boot", GUARD_OLD_BOOT },
		   [REPEATED] = { "repeated", GUARD_REPEATED } };

struct war {
	struct lan *lan;
	struct guard_wire guard, voter; /* 0, 1 */
	uint8_t tape[KINDS][TAPED][1400];
	int stranger;
	cpu_set_t may;
};

/* The enemy on another one, if there is: to be woken from there costs most, on virtual machines ten times as much. */
static void on_cpu(const cpu_set_t *may, unsigned int n)
{
	unsigned int seen = 0;
	cpu_set_t one;

	CPU_ZERO(&one);
	for (unsigned int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, may) && seen++ == n)
			CPU_SET(i, &one);
	if (CPU_COUNT(&one))
		(void)sched_setaffinity(0, sizeof(one), &one);
}

static int64_t now_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void record(struct war *war, enum kind kind)
{
	for (unsigned int i = 0; i < TAPED; i++) {
		const struct packets d = say(&war->voter, hello(1, 0));

		memcpy(war->tape[kind][i], d.by[0], GUARD_WIRE_LEN);
	}
}

/* A boot of the voter before the guard's start, one before the voter's last, and some of the present one that the guard heard. */
static void prepare(struct war *war)
{
	struct guard_keys other = test_keys(9, "atlas");
	struct guard_heard h;

	voter_start(&war->guard, 0, 1);
	voter_start(&war->voter, 1, 10);
	greet(&war->voter, &war->guard, MS);
	record(war, UNPROVEN);
	voter_start(&war->guard, 0, 2);
	voter_start(&war->voter, 1, 11);
	greet(&war->voter, &war->guard, MS);
	record(war, OLD_BOOT);
	voter_start(&war->voter, 1, 12);
	greet(&war->voter, &war->guard, 10 * MS);
	record(war, REPEATED);
	for (unsigned int i = 0; i < TAPED; i++) {
		assert_int_equal(guard_wire_hear(&war->guard, 0, war->tape[REPEATED][i], GUARD_WIRE_LEN, 11 * MS, &h),
				 GUARD_TAKEN);
		memset(war->tape[JUNK][i], (int)i + 100, GUARD_WIRE_LEN);
		memset(war->tape[TOO_LONG][i], (int)i + 100, sizeof(war->tape[TOO_LONG][i]));
		memcpy(war->tape[FORGED][i], war->tape[REPEATED][i], GUARD_WIRE_LEN);
		war->tape[FORGED][i][AT_NUMBER] = 1;
		memcpy(war->tape[OTHER_KEY][i], war->tape[FORGED][i], GUARD_WIRE_LEN);
		patch(war->tape[OTHER_KEY][i], AT_KEY, 4, other.key[0].id);
		memcpy(war->tape[STRANGER][i], war->tape[REPEATED][i], GUARD_WIRE_LEN);
	}
}

/* The other machine: an enemy who has the voter's address, and the voter. */
static void attack(struct war *war, enum kind kind)
{
	const struct sockaddr_storage to = address("10.71.0.1", PORT);
	const int fd = kind == STRANGER ? war->stranger : war->lan->b.links.link[0].fd;
	const size_t len = kind == TOO_LONG ? sizeof(war->tape[kind][0]) : GUARD_WIRE_LEN;
	int64_t at = now_of(CLOCK_MONOTONIC);

	(void)prctl(PR_SET_TIMERSLACK, 1);
	for (unsigned int i = 0; i < FLOOD; i++, at += EVERY_NS) {
		const struct timespec until = { .tv_sec = at / 1000000000, .tv_nsec = at % 1000000000 };

		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		if (i % RENEWAL == 0) {
			const struct packets d = say(&war->voter, hello(1, 0));

			(void)guard_links_send(&war->lan->b.links, 0, d.by, at);
		}
		(void)sendto(fd, war->tape[kind][i % TAPED], len, 0, (const struct sockaddr *)&to, sizeof(struct sockaddr_in));
	}
}

struct tally {
	unsigned int taken, answered, got, blocks, wakes;
	int64_t block_began, cost[FLOOD / BLOCK];
};

static void count(struct war *war, struct tally *t)
{
	const struct guard_link_counts *c = &war->lan->a.links.link[0].counts;
	const unsigned int all = (unsigned int)(c->got + c->strangers);
	int64_t now;

	if (all - t->got < BLOCK || t->blocks == ARRAY_LEN(t->cost))
		return;
	now = now_of(CLOCK_THREAD_CPUTIME_ID);
	t->cost[t->blocks++] = (now - t->block_began) / (all - t->got);
	t->block_began = now;
	t->got = all;
}

static int by_size(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void hear_all(struct war *war, unsigned int link, struct tally *t)
{
	const int64_t now_ns = now_of(CLOCK_BOOTTIME);
	struct guard_got got[GUARD_BATCH];
	struct guard_heard h;
	bool more = true, good = false;

	while (more) {
		const unsigned int n = guard_links_receive(&war->lan->a.links, link, got, &more, now_ns);

		for (unsigned int i = 0; i < n; i++) {
			const enum guard_verdict v = guard_wire_hear(&war->guard, link, got[i].data, got[i].len, now_ns, &h);

			good = good || v != GUARD_REFUSED;
			t->taken += v == GUARD_TAKEN;
			if (h.answer) {
				const struct packets d = answer(&war->guard, &h);

				(void)guard_links_send(&war->lan->a.links, h.from, d.by, now_ns);
				t->answered++;
			}
		}
	}
	if (!good)
		guard_links_useless(&war->lan->a.links, link, now_ns);
}

/* Until the other machine closed its end. */
static struct tally guard_on(struct war *war, int end)
{
	const struct guard_link_counts *c = &war->lan->a.links.link[0].counts;
	struct tally t = { .block_began = now_of(CLOCK_THREAD_CPUTIME_ID), .got = (unsigned int)(c->got + c->strangers) };
	struct pollfd p[GUARD_LINKS + 1];
	bool over = false;

	while (!over) {
		const int64_t now_ns = now_of(CLOCK_BOOTTIME), until = guard_links_poll(&war->lan->a.links, p, now_ns);
		const struct timespec rest = { .tv_nsec = until < now_ns + 900000000 ? until - now_ns : 900000000 };

		p[GUARD_LINKS] = (struct pollfd){ .fd = end, .events = POLLIN };
		over = ppoll(p, ARRAY_LEN(p), &rest, NULL) > 0 && p[GUARD_LINKS].revents && until == INT64_MAX;
		for (unsigned int i = 0; i < LINKS; i++) {
			over = over && !p[i].revents;
			if (p[i].revents)
				hear_all(war, i, &t);
		}
		count(war, &t);
		t.wakes++;
	}
	return t;
}

static void one_kind(struct war *war, enum kind kind)
{
	const struct guard_wire before = war->guard;
	const struct guard_wire_peer *was = &before.peers[1], *is = &war->guard.peers[1];
	int64_t each;
	struct tally t;
	double percent;
	int end[2];
	pid_t child;

	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		on_cpu(&war->may, 1);
		attack(war, kind);
		_exit(0);
	}
	close(end[1]);
	on_cpu(&war->may, 0);
	t = guard_on(war, end[0]);
	close(end[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(t.blocks >= ARRAY_LEN(t.cost) / 2);
	qsort(t.cost, t.blocks, sizeof(t.cost[0]), by_size);
	each = t.cost[t.blocks / 2];
	percent = (double)each * 1e6 / 60e9 * 100;
	printf("RESULT guard_hostile kind=%s ns_each=%lld worst_ns=%lld core_percent=%.1f renewals_taken=%u of=%u answered=%u "
	       "wakes=%u\n",
	       kinds[kind].name, (long long)each, (long long)t.cost[t.blocks - 1], percent, t.taken,
	       (FLOOD + RENEWAL - 1) / RENEWAL, t.answered, t.wakes);
	assert_int_equal(t.taken, (FLOOD + RENEWAL - 1) / RENEWAL);
	assert_true(percent < LIMIT_PERCENT);
	assert_true(!kinds[kind].why || war->guard.refused[0][kinds[kind].why] - before.refused[0][kinds[kind].why] > FLOOD / 2);
	assert_true(is->boot == was->boot && is->newest == was->newest + t.taken && is->n_retired == was->n_retired &&
		    !is->twins);
	assert_true(is->sent == was->sent + t.answered);
	/* What the voter said in the child, it said. */
	war->voter.peers[0].sent += t.taken;
}

static void test_million_a_minute(void **state)
{
	autofree struct war *war = mem_zalloc(sizeof(*war));
	const struct sockaddr_storage from = address("10.71.0.2", PORT + 1);
	const struct sched_param real_time = { .sched_priority = 5 };
	struct err err = { 0 };

	war->lan = *state;
	assert_int_equal(sched_getaffinity(0, sizeof(war->may), &war->may), 0);
	guard_links_close(&war->lan->a.links);
	enter(&war->lan->a);
	assert_int_equal(guard_links_open(&war->lan->a.links, war->lan->a.config, LINKS, &err), 0);
	prepare(war);
	enter(&war->lan->b);
	war->stranger = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(war->stranger, (const struct sockaddr *)&from, sizeof(struct sockaddr_in)), 0);
	/* As the guard does; it takes little, and other tests run beside this one. */
	(void)sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &real_time);
	for (enum kind kind = STRANGER; kind < KINDS; kind++)
		one_kind(war, kind);
	close(war->stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_million_a_minute) };

	return may_test() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
