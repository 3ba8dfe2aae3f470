/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/sys/fanout: how many at a time, all output of each, limits, floods, programs that ignore SIGTERM, stopping, what can't be
 * started; and nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/fanout.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 40

struct rig {
	struct loop *loop;
	struct fanout *fanout;
	const char *scripts[MANY]; /* each is `bash -c`'s; NULL: the first */
	const char *argv[4];
	const char *program;
	size_t max_bytes;    /* of each; 0: all */
	const char *stop_at; /* stop when this was said */
	bool twice;	     /* and then once more */
	bool settles;	     /* who says something does not count any more */
	struct buf out[MANY];
	size_t bytes[MANY];
	struct fanout_result ends[MANY];
	char *why[MANY];
	int ended[MANY];
	size_t now, most, n_ended;
	int all;
	bool order_broken;
	int64_t took_ns;
};

static int prepare(void *ctx, size_t i, struct spawn *s, struct err *err)
{
	struct rig *r = ctx;
	const char *script = r->scripts[i] ? r->scripts[i] : r->scripts[0];

	if (str_eq(script, "unprepared"))
		return err_set(err, ERR_FAILED, "number %zu is not to be", i);
	r->argv[0] = str_eq(script, "absent") ? "no-such-program" : "bash";
	r->argv[1] = "-c";
	r->argv[2] = script;
	s->argv = r->argv;
	if (++r->now > r->most)
		r->most = r->now;
	if (fanout_begun(r->fanout) != i + 1)
		r->order_broken = true;
	return 0;
}

static bool output(void *ctx, size_t i, bool is_stderr, const char *data, size_t len)
{
	struct rig *r = ctx;

	assert_int_equal(r->ended[i], 0);
	r->bytes[i] += len;
	if (r->out[i].len < 65536)
		buf_add(&r->out[i], is_stderr ? "!" : "", is_stderr ? 1 : 0), buf_add(&r->out[i], data, len);
	if (r->settles) {
		fanout_settled(r->fanout, i);
		fanout_settled(r->fanout, i);
	}
	if (r->stop_at && strstr(buf_str(&r->out[i]), r->stop_at)) {
		fanout_stop(r->fanout);
		if (r->twice)
			fanout_stop(r->fanout);
		r->stop_at = NULL;
	}
	return !r->max_bytes || r->bytes[i] <= r->max_bytes;
}

static void ended(void *ctx, size_t i, const struct fanout_result *result)
{
	struct rig *r = ctx;

	r->ended[i]++;
	r->ends[i] = *result;
	r->n_ended++;
	if (result->why)
		r->why[i] = mem_strdup(result->why->text);
	if (result->how != FANOUT_UNBEGUN && r->now)
		r->now--;
}

static void all_ended(void *ctx)
{
	struct rig *r = ctx;

	r->all++;
	loop_stop(r->loop);
}

static size_t open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void go(struct rig *r, size_t n, size_t at_a_time, int64_t timeout_ns, int64_t grace_ns)
{
	struct fanout_opts opts = { .n = n,
				    .at_a_time = at_a_time,
				    .timeout_ns = timeout_ns,
				    .grace_ns = grace_ns,
				    .prepare = prepare,
				    .output = output,
				    .ended = ended,
				    .all_ended = all_ended,
				    .ctx = r };
	size_t files = open_files();
	struct err err = { 0 };
	int64_t begin = clock_now_ns();

	assert_int_equal(loop_new(&r->loop, &err), 0);
	assert_int_equal(fanout_start(r->loop, &opts, &r->fanout, &err), 0);
	loop_run(r->loop);
	r->took_ns = clock_now_ns() - begin;
	loop_free(r->loop);
	fanout_free(r->fanout);
	assert_int_equal(r->all, 1);
	assert_int_equal(r->n_ended, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(r->ended[i], 1);
	/* No child, no file descriptor is left. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(open_files(), files);
}

static void done(struct rig *r)
{
	for (size_t i = 0; i < MANY; i++) {
		buf_free(&r->out[i]);
		free(r->why[i]);
	}
}

static void test_all_of_all(void **state)
{
	/* More than a pipe holds, written at once before the end; both ways; an exit code each. */
	struct rig r = { .scripts = { "head -c 300000 /dev/zero | tr '\\0' x; echo END >&2; exit 7" } };

	(void)state;
	go(&r, MANY, 8, 0, NS_PER_S);
	assert_true(r.most <= 8);
	assert_true(r.most >= 2);
	assert_false(r.order_broken);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(r.bytes[i], 300004);
		assert_int_equal(r.ends[i].how, FANOUT_EXITED);
		assert_int_equal(r.ends[i].status, 7);
		assert_true(r.ends[i].took_ns > 0);
	}
	done(&r);
}

static void test_one_that_hangs_holds_up_nobody(void **state)
{
	struct rig r = { .scripts = { "echo x", "sleep 300", "trap '' TERM; echo deaf; while :; do sleep 300; done", "echo x" } };

	(void)state;
	go(&r, 8, 4, NS_PER_S, 200 * NS_PER_MS);
	assert_true(r.took_ns < 60 * NS_PER_S);
	assert_int_equal(r.ends[1].how, FANOUT_TIMEOUT);
	assert_int_equal(r.ends[1].status, 128 + SIGTERM);
	assert_int_equal(r.ends[2].how, FANOUT_TIMEOUT);
	assert_int_equal(r.ends[2].status, 128 + SIGKILL);
	assert_true(r.ends[2].took_ns >= 1200 * NS_PER_MS);
	assert_string_equal(buf_str(&r.out[2]), "deaf\n");
	for (size_t i = 3; i < 8; i++) {
		assert_int_equal(r.ends[i].how, FANOUT_EXITED);
		assert_string_equal(buf_str(&r.out[i]), "x\n");
	}
	done(&r);
}

static void test_a_flood_is_ended(void **state)
{
	struct rig r = { .scripts = { "yes", "echo calm", "head -c 2000 /dev/zero; exit 0" }, .max_bytes = 1000 };

	(void)state;
	go(&r, 3, 3, 0, 300 * NS_PER_MS);
	assert_int_equal(r.ends[0].how, FANOUT_REFUSED);
	assert_true(r.bytes[0] < 1000 + 65537); /* one piece past the limit, and no more is told */
	assert_int_equal(r.ends[1].how, FANOUT_EXITED);
	/* Also of one that has ended by then: too much is too much. */
	assert_int_equal(r.ends[2].how, FANOUT_REFUSED);
	done(&r);
}

static void test_ended_but_a_grandchild_keeps_the_pipe(void **state)
{
	struct rig r = { .scripts = { "sleep 5 & echo $!; exit 3" } };
	int64_t pid;

	(void)state;
	go(&r, 1, 1, 0, NS_PER_S);
	assert_true(r.took_ns < 4 * NS_PER_S);
	assert_int_equal(r.ends[0].status, 3);
	pid = strtol(buf_str(&r.out[0]), NULL, 10);
	assert_true(pid > 1);
	kill((pid_t)pid, SIGKILL);
	done(&r);
}

static void test_stop(void **state)
{
	struct rig r = { .scripts = { "sleep 300", "echo now; sleep 300" }, .stop_at = "now" };

	(void)state;
	go(&r, 6, 2, 0, 10 * NS_PER_S);
	assert_true(r.took_ns < 9 * NS_PER_S);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(r.ends[i].how, i < 2 ? FANOUT_STOPPED : FANOUT_UNBEGUN);
	done(&r);
}

/* One at a time, but those that have settled run side by side: the first waits for the last. */
static void test_settled_ones_do_not_count(void **state)
{
	char dir[] = "/tmp/fanout.XXXXXX";
	autofree char *first = NULL, *last = NULL;
	struct rig r = { .settles = true };

	(void)state;
	assert_non_null(mkdtemp(dir));
	first = str_format("echo x; until [ -e %s/go ] || [ ! -e %s ]; do sleep 0.01; done", dir, dir);
	last = str_format("touch %s/go; echo x; until [ ! -e %s ]; do sleep 0.01; done", dir, dir);
	r.scripts[0] = first;
	r.scripts[4] = last;
	r.scripts[5] = "echo x; exit 5";
	r.scripts[6] = str_format("rm -r %s; exit 6", dir);
	go(&r, 7, 1, 60 * NS_PER_S, NS_PER_S);
	free((void *)(uintptr_t)r.scripts[6]);
	assert_false(r.order_broken);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(r.ends[i].how, FANOUT_EXITED);
		assert_int_equal(r.ends[i].status, i >= 5 ? i : 0);
	}
	done(&r);
}

static void test_stop_twice_is_at_once(void **state)
{
	struct rig r = { .scripts = { "trap '' TERM; echo now; while :; do sleep 300; done" }, .stop_at = "now", .twice = true };

	(void)state;
	go(&r, 1, 1, 0, 300 * NS_PER_S);
	assert_int_equal(r.ends[0].how, FANOUT_STOPPED);
	assert_int_equal(r.ends[0].status, 128 + SIGKILL);
	done(&r);
}

static void test_what_cannot_be_started(void **state)
{
	struct rig r = { .scripts = { "absent", "unprepared", "echo x" } };

	(void)state;
	go(&r, 3, 1, 0, NS_PER_S);
	assert_int_equal(r.ends[0].how, FANOUT_UNSTARTED);
	assert_non_null(strstr(r.why[0], "no-such-program"));
	assert_int_equal(r.ends[1].how, FANOUT_UNSTARTED);
	assert_string_equal(r.why[1], "number 1 is not to be");
	assert_int_equal(r.ends[2].how, FANOUT_EXITED);
	done(&r);
}

/* The loop is ended under them: no callback, and nothing is left. */
static void test_free_while_they_run(void **state)
{
	struct rig r = { .scripts = { "sleep 300" } };
	struct fanout_opts opts = {
		.n = 2, .at_a_time = 2, .prepare = prepare, .output = output, .ended = ended, .all_ended = all_ended, .ctx = &r
	};
	size_t files = open_files();
	struct err err = { 0 };

	(void)state;
	assert_int_equal(loop_new(&r.loop, &err), 0);
	assert_int_equal(fanout_start(r.loop, &opts, &r.fanout, &err), 0);
	loop_stop(r.loop);
	loop_run(r.loop);
	loop_free(r.loop);
	fanout_free(r.fanout);
	fanout_free(NULL);
	assert_int_equal(r.all, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(open_files(), files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_all),
		cmocka_unit_test(test_one_that_hangs_holds_up_nobody),
		cmocka_unit_test(test_a_flood_is_ended),
		cmocka_unit_test(test_ended_but_a_grandchild_keeps_the_pipe),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_settled_ones_do_not_count),
		cmocka_unit_test(test_stop_twice_is_at_once),
		cmocka_unit_test(test_what_cannot_be_started),
		cmocka_unit_test(test_free_while_they_run),
	};

	struct loop *first = NULL;
	struct err err = { 0 };

	alarm(120);
	/* What the loop's library opens once for the whole process is no leak. */
	if (loop_new(&first, &err) < 0)
		return 1;
	loop_free(first);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
