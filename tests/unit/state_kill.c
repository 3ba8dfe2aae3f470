/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that writes and says on a pipe what was acknowledged is killed at random moments, again and again on the same
 * directory. After each kill everything it said is there, with the versions it said, and of what it did not say at most the one
 * write that each thread had under way. STATE_KILLS=n in the environment: how often (default 40, a third of it on the real disk).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_help.h"
#include "sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define THREADS 4

/* --- the process that is killed --- */

struct ack {
	uint32_t thread;
	uint32_t counter; /* the value of "counter" that this thread wrote */
	uint64_t number, version, counter_version;
};
struct writer {
	struct state *s;
	uint32_t thread;
};

static long number_of(struct state *s, const char *key, uint64_t *version)
{
	autoclean(state_doc_free) struct state_doc d = { 0 };
	struct err err = { 0 };

	*version = 0;
	if (state_get(s, key, &d, &err) < 0)
		return 0;
	*version = d.version;
	return strtol(d.value, NULL, 10);
}

/* One more in the counter that all threads share. */
static uint32_t count_one(struct state *s, uint64_t *version)
{
	for (;;) {
		struct err err = { 0 };
		uint64_t seen;
		autofree char *value = str_format("%ld", number_of(s, "counter", &seen) + 1);

		if (put(s, "counter", value, seen, version, &err) == 0)
			return (uint32_t)strtol(value, NULL, 10);
		if (err.kind != ERR_CONFLICT)
			_exit(3);
	}
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	autofree char *a = str_format("a/%u", w->thread), *b = str_format("b/%u", w->thread);
	uint64_t version;

	for (long i = number_of(w->s, a, &version) + 1;; i++) {
		autofree char *value = str_format("%ld", i);
		struct ack ack = { .thread = w->thread, .number = (uint64_t)i };
		struct err err = { 0 };

		/* Two keys, all or none, and only on top of what this thread wrote last. */
		if (state_write(w->s, (struct state_op[]){ { a, value, version }, { b, value, STATE_ANY } }, 2, &version, &err) <
		    0)
			_exit(4);
		ack.version = version;
		ack.counter = count_one(w->s, &ack.counter_version);
		if (write(STDOUT_FILENO, &ack, sizeof(ack)) != sizeof(ack))
			_exit(5);
	}
}

static int be_killed(const char *dir)
{
	struct state_tuning t = small_tuning();
	struct state *s;
	struct err err = { 0 };
	struct writer w[THREADS];
	pthread_t threads[THREADS];

	if (try_open(dir, &t, &s, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		w[i] = (struct writer){ s, i };
		if (pthread_create(&threads[i], NULL, writer_main, &w[i]))
			return 6;
	}
	pthread_join(threads[0], NULL);
	return 7;
}

/* --- the test --- */

struct known {
	struct ack last[THREADS]; /* number 0: nothing was said in this round */
	uint32_t counter;	  /* the highest said */
	uint64_t counted;	  /* how many acks in all rounds */
};

static pid_t start(const char *dir, int *out)
{
	autofree char *self = self_path();
	int p[2];
	pid_t pid;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(p[1], STDOUT_FILENO);
		execl(self, "state_kill", "--be-killed", dir, (char *)NULL);
		_exit(99);
	}
	close(p[1]);
	*out = p[0];
	return pid;
}

static void hear(int fd, struct known *k)
{
	struct ack a;
	ssize_t n;

	while ((n = read(fd, &a, sizeof(a))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		assert_int_equal(n, sizeof(a)); /* writes to a pipe of less than a page are whole */
		assert_true(a.thread < THREADS);
		assert_true(a.number > k->last[a.thread].number);
		k->last[a.thread] = a;
		k->counter = a.counter > k->counter ? a.counter : k->counter;
		k->counted++;
	}
}

static void check(const char *dir, struct known *k, long *counter_before)
{
	struct state_tuning t = small_tuning();
	struct state *s = must_open(dir, &t);
	uint64_t va, vb, vc;
	long counter = number_of(s, "counter", &vc);

	assert_true(counter >= *counter_before && counter >= (long)k->counter);
	for (uint32_t i = 0; i < THREADS; i++) {
		autofree char *a = str_format("a/%u", i), *b = str_format("b/%u", i);
		long na = number_of(s, a, &va), nb = number_of(s, b, &vb);
		const struct ack *said = &k->last[i];

		assert_int_equal(na, nb);
		assert_int_equal(va, vb);
		assert_true(na >= (long)said->number);
		if (!said->number)
			continue;
		assert_true(na <= (long)said->number + 1);
		if (na == (long)said->number)
			assert_int_equal(va, said->version);
		else
			assert_true(va > said->version);
		if (counter == (long)said->counter)
			assert_int_equal(vc, said->counter_version);
	}
	*counter_before = counter;
	state_close(s);
}

static void kill_loop(const char *dir, int kills, uint64_t seed)
{
	struct known k = { 0 };
	long counter = 0;
	int status;

	for (int i = 0; i < kills; i++) {
		int fd;
		pid_t pid = start(dir, &fd);

		memset(k.last, 0, sizeof(k.last));
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		/* Every other time some while after the first write was acknowledged, else at any moment, also while it still
		 * opens. */
		if (i % 2)
			assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 60000), 1);
		clock_sleep_ns((int64_t)((seed >> 33) % 120) * NS_PER_MS);
		assert_int_equal(kill(pid, SIGKILL), 0);
		hear(fd, &k);
		close(fd);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			fail_msg("round %d: it ended by itself with %d", i, status);
		check(dir, &k, &counter);
	}
	print_message("kills=%d acknowledged=%llu lost=0 (%s)\n", kills, (unsigned long long)k.counted, dir);
	assert_true(k.counted >= (uint64_t)kills / 2);
}

static int kills(void)
{
	const char *n = getenv("STATE_KILLS");

	return n ? (int)strtol(n, NULL, 10) : 40;
}

static void test_in_memory(void **state)
{
	kill_loop(*state, kills() - kills() / 3, 4711);
}

static void test_on_disk(void **state)
{
	kill_loop(*state, kills() / 3, 815);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_memory, memory_dir_setup, dir_teardown),
		cmocka_unit_test_setup_teardown(test_on_disk, dir_setup, dir_teardown),
	};

	if (argc == 3 && str_eq(argv[1], "--be-killed"))
		return be_killed(argv[2]);
	return cmocka_run_group_tests_name("state_kill", tests, NULL, NULL);
}
