/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ways in which libraft can lose what was acknowledged (docs/adr/0003-raft.md), each against the installed version: that we
 * avoid it, and where it can be shown, that the trap is really there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_help.h"
#include "state_raw.h"
#include "sys/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <raft.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/wait.h>

struct answer {
	sem_t came;
	enum member_outcome outcome;
};

static void on_answer(void *ctx, enum member_outcome outcome)
{
	struct answer *a = ctx;

	a->outcome = outcome;
	sem_post(&a->came);
}

static enum member_outcome raw_append(struct member *m, size_t len)
{
	autofree char *data = mem_zalloc(len);
	struct answer a = { 0 };

	sem_init(&a.came, 0, 0);
	memset(data, 'e', len);
	assert_true(member_submit(m, data, len, on_answer, &a));
	while (sem_wait(&a.came) < 0)
		;
	return a.outcome;
}

/* --- lengths --- */

/* Trap: an entry whose length is not a multiple of 8. 0.15 acknowledged it and lost it at the restart. Here: every length of a
 * value survives. */
static void test_lengths(void **state)
{
	struct state *s = must_open(*state, NULL);
	autofree char *value = mem_zalloc(80);
	char before[65];

	for (int len = 2; len < 70; len++) {
		char key[16];

		snprintf(key, sizeof(key), "k/%d", len);
		memset(value, 'x', 80);
		value[0] = value[len - 1] = '"';
		value[len] = 0;
		must_put(s, key, value, 0);
	}
	state_digest(s, before);
	state_close(s);
	opens_with(*state, before);
}

/* The installed raft refuses such an entry, but by then it has freed it and appended half of it, and crashes at the next one. So
 * none gets there. */
static void test_odd_length_is_refused(void **state)
{
	struct counter c;
	struct member *m;
	struct err err = { 0 };

	assert_int_equal(raw_open(*state, true, &c, &m, &err), 0);
	assert_int_equal(raw_append(m, 64), MEMBER_COMMITTED);
	for (size_t len = 0; len < 64; len++)
		if (len == 0 || len % 8)
			assert_false(member_submit(m, "0123456789012345678901234567890123456789012345678901234567890123", len,
						   on_answer, NULL));
	assert_int_equal(raw_append(m, 8), MEMBER_COMMITTED);
	assert_int_equal(c.applied, 2);
	member_close(m);
}

/* --- SIGPIPE, sockets --- */

static size_t count_sockets(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		autofree char *path = str_format("/proc/self/fd/%s", e->d_name);
		char target[64] = { 0 };

		if (readlink(path, target, sizeof(target) - 1) > 0)
			n += str_starts(target, "socket:");
	}
	closedir(d);
	return n;
}

/* Traps: a peer that hangs up kills the process; the stock TCP transport lets anybody append to the log. */
static void test_sigpipe_and_sockets(void **state)
{
	struct state *s;
	size_t before = count_sockets();
	int p[2];

	signal(SIGPIPE, SIG_DFL);
	s = must_open(*state, NULL);
	assert_int_equal(count_sockets(), before);
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	assert_int_equal(write(p[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(p[1]);
	must_put(s, "a", "1", 0);
	state_close(s);
}

/* --- lost leadership --- */

struct fault {
	atomic_int n;
	int every;
};

static int lose(void *ctx, int status)
{
	struct fault *f = ctx;

	return status == 0 && ++f->n % f->every == 0 ? RAFT_LEADERSHIPLOST : status;
}

struct bump {
	struct state *s;
	const char *failed;
};

static void *bump_main(void *arg)
{
	struct bump *b = arg;

	for (int i = 0; i < 25;) {
		autoclean(state_doc_free) struct state_doc d = { 0 };
		struct err err = { 0 };
		char value[32];

		if (state_get(b->s, "n", &d, &err) < 0)
			b->failed = "get";
		snprintf(value, sizeof(value), "%ld", strtol(d.value, NULL, 10) + 1);
		if (put(b->s, "n", value, d.version, NULL, &err) == 0)
			i++;
		else if (err.kind != ERR_CONFLICT)
			b->failed = "put";
		if (b->failed)
			break;
	}
	return NULL;
}

/* LEADERSHIPLOST leaves it open whether the entry is committed. It is sent again; the id keeps it from counting twice, and keeps
 * a write that did happen from being reported as a conflict with itself. */
static void test_leadership_lost(void **state)
{
	struct fault f = { .every = 3 };
	struct state_tuning t = { .member = { .fault = lose, .fault_ctx = &f } };
	struct bump b = { .s = must_open(*state, &t) };
	autoclean(state_doc_free) struct state_doc d = { 0 };
	pthread_t threads[4];
	struct err err = { 0 };
	char hex[65];

	must_put(b.s, "n", "0", 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, bump_main, &b), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_null(b.failed);
	assert_int_equal(state_get(b.s, "n", &d, &err), 0);
	assert_string_equal(d.value, "100");
	assert_true(f.n > 100); /* some were sent twice */
	state_digest(b.s, hex);
	state_close(b.s);
	opens_with(*state, hex);
}

/* When it does not come back, the writer is told that it is not known. */
static void test_outcome_unknown(void **state)
{
	struct fault f = { .every = 1 };
	struct state_tuning t = { .member = { .patience_ns = 100 * NS_PER_MS, .fault = lose, .fault_ctx = &f } };
	struct state *s = must_open(*state, &t);
	autoclean(state_doc_free) struct state_doc d = { 0 };
	struct err err = { 0 };

	assert_int_equal(put(s, "a", "1", 0, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_FAILED);
	assert_non_null(strstr(err.text, "not known"));
	assert_true(err.hint[0]);
	assert_int_equal(state_get(s, "a", &d, &err), 0); /* it was */
	assert_true(f.n > 1);
	state_close(s);
}

/* --- a full disk --- */

/* Takes what is left, also while raft sets segments aside. */
static void fill_up(const char *path)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	off_t at = 0;

	assert_true(fd >= 0);
	for (off_t piece = 1 << 20; piece >= 4096; piece /= 4)
		while (posix_fallocate(fd, at, piece) == 0)
			at += piece;
}

/* Writes until it is refused; returns how many were acknowledged. */
static int write_until_full(struct state *s, int first)
{
	autofree char *value = mem_zalloc(64 * 1024 + 1);

	memset(value, 'x', 64 * 1024);
	value[0] = value[64 * 1024 - 1] = '"';
	for (int i = first;; i++) {
		struct err err = { 0 };
		char key[16];

		snprintf(key, sizeof(key), "k/%d", i);
		if (put(s, key, value, 0, NULL, &err) == 0)
			continue;
		if (!strstr(err.text, "No space left") || !strstr(err.hint, "nothing was written"))
			fail_msg("%s (%s)", err.text, err.hint);
		return i;
	}
}

/* Makes room; how long until a write is taken again. */
static int64_t resumes_in(struct state *s, const char *filler, const char *key)
{
	int64_t freed;

	assert_int_equal(unlink(filler), 0);
	freed = clock_now_ns();
	for (;;) {
		struct err err = { 0 };

		if (put(s, key, "1", 0, NULL, &err) == 0)
			return clock_now_ns() - freed;
		assert_non_null(strstr(err.text, "No space left"));
	}
}

static void full_disk(void **state)
{
	struct state_tuning t = { .member = { .patience_ns = NS_PER_S } };
	autofree char *filler = fs_join(*state, "filler"), *dir = fs_join(*state, "raft");
	struct state *s, *other = NULL;
	struct err err = { 0 };
	char hex[65], now[65];
	int n;

	/* Alone in its process: raft's helper threads must be in the new mount namespace too. */
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", *state, "tmpfs", 0, "size=60m") < 0)
		skip();
	s = must_open(dir, &t);
	fill_up(filler);
	n = write_until_full(s, 0);
	assert_true(n > 100);
	assert_true(n > 0);
	state_digest(s, hex);
	/* Still serving what it has; after space is made, it goes on by itself, and soon: one time of five, for the machine may
	 * stand still in the others. */
	assert_int_equal(write_until_full(s, n), n);
	state_digest(s, now);
	assert_string_equal(now, hex);
	for (int i = 0, soon = 0; !soon; i++) {
		autofree char *key = str_format("more/%d", i);

		assert_true(i < 5);
		soon = resumes_in(s, filler, key) < 1500 * NS_PER_MS;
		fill_up(filler);
		n = write_until_full(s, n);
	}
	state_digest(s, hex);
	state_close(s);
	/* Started on the full disk: it says so, or serves; but it loses nothing. */
	if (try_open(dir, &t, &other, &err) == 0)
		state_close(other);
	else if (!strstr(err.text, "No space left"))
		fail_msg("%s", err.text);
	assert_int_equal(unlink(filler), 0);
	opens_with(dir, hex);
	umount2(*state, MNT_DETACH);
}

static void test_full_disk(void **state)
{
	autofree char *self = self_path();
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		execl(self, "state_traps", "--full-disk", (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define M(f) cmocka_unit_test_setup_teardown(f, memory_dir_setup, dir_teardown)
#define T(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		M(test_lengths),	 T(test_odd_length_is_refused), T(test_sigpipe_and_sockets),
		M(test_leadership_lost), M(test_outcome_unknown),	T(test_full_disk),
	};
	const struct CMUnitTest alone[] = { T(full_disk) };

	if (argc == 2 && str_eq(argv[1], "--full-disk"))
		return cmocka_run_group_tests_name("a file system of its own", alone, NULL, NULL);
	return cmocka_run_group_tests_name("state_traps", tests, NULL, NULL);
}
