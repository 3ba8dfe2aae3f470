/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that is talked with: what it says arrives whole, it is written to, its end and its silence are noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/spawn_stream.h"

#include <signal.h>
#include <string.h>

static void open_shell(struct spawn_stream *st, const char *script)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct err err = { 0 };

	assert_int_equal(spawn_stream_open(&(struct spawn){ .argv = argv }, st, &err), 0);
}

static void test_much_is_read_whole(void **state)
{
	autoclean(spawn_stream_free) struct spawn_stream st = { 0 };
	autofree uint8_t *data = mem_zalloc(100000);
	struct err err = { 0 };
	uint64_t sum = 0;
	ssize_t n;

	(void)state;
	open_shell(&st, "head -c 9000000 /dev/zero; echo last words >&2; exit 7");
	while ((n = spawn_stream_read(&st, data, 100000, 60 * NS_PER_S, &err)) > 0)
		sum += (uint64_t)n;
	assert_int_equal(n, 0);
	assert_int_equal(sum, 9000000);
	spawn_stream_close(&st, 60 * NS_PER_S);
	assert_int_equal(st.status, 7);
	assert_string_equal(buf_str(&st.said), "last words\n");
}

static void test_it_is_written_to(void **state)
{
	autoclean(spawn_stream_free) struct spawn_stream st = { 0 };
	char answer[100];
	struct err err = { 0 };

	(void)state;
	open_shell(&st, "read a; echo \"$a to you\"; read b || echo gone >&2");
	assert_int_equal(spawn_stream_write(&st, "hello\n", 6, 60 * NS_PER_S, &err), 0);
	assert_int_equal(spawn_stream_read(&st, answer, sizeof(answer), 60 * NS_PER_S, &err), 13);
	assert_memory_equal(answer, "hello to you\n", 13);
	spawn_stream_close(&st, 60 * NS_PER_S); /* ends its input */
	assert_int_equal(st.status, 0);
	assert_string_equal(buf_str(&st.said), "gone\n");
}

/* More on standard error than anybody reads: the last of it is kept, and the program is not held up. */
static void test_much_is_said(void **state)
{
	autoclean(spawn_stream_free) struct spawn_stream st = { 0 };
	char answer[10];
	struct err err = { 0 };

	(void)state;
	open_shell(&st, "seq 1 200000 >&2; echo done");
	assert_int_equal(spawn_stream_read(&st, answer, sizeof(answer), 60 * NS_PER_S, &err), 5);
	spawn_stream_close(&st, 60 * NS_PER_S);
	assert_true(st.said.len < 70000 && str_ends(buf_str(&st.said), "\n200000\n"));
}

static int count(void *ctx, struct err *err)
{
	(void)err;
	++*(unsigned int *)ctx;
	return 0;
}

static void test_silence_has_an_end(void **state)
{
	autoclean(spawn_stream_free) struct spawn_stream st = { 0 };
	unsigned int beats = 0;
	char answer[10];
	struct err err = { 0 };

	(void)state;
	open_shell(&st, "trap '' TERM; while :; do sleep 1; done");
	st.idle = count;
	st.ctx = &beats;
	st.idle_ns = NS_PER_S / 10;
	assert_int_equal(spawn_stream_read(&st, answer, sizeof(answer), NS_PER_S, &err), -1);
	assert_non_null(strstr(err.text, "said nothing for 1 s"));
	assert_true(beats >= 2);
	spawn_stream_close(&st, NS_PER_S / 10);
	assert_int_equal(st.status, 128 + SIGKILL);
}

static void test_what_is_not_there(void **state)
{
	autoclean(spawn_stream_free) struct spawn_stream st = { 0 };
	const char *const argv[] = { "no-such-program", NULL };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(spawn_stream_open(&(struct spawn){ .argv = argv }, &st, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
}

/* What a library's caller does about SIGPIPE is its own affair: here it would end the test. */
static void test_who_does_not_read(void **state)
{
	autoclean(spawn_stream_free) struct spawn_stream st = { 0 };
	autofree char *much = mem_zalloc(1000000);
	const char *const argv[] = { "true", NULL };
	const struct spawn s = { .argv = argv, .input = much, .input_len = 1000000 };
	struct err err = { 0 };

	(void)state;
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(spawn_run(&s, NULL, &err), 0);
	assert_int_equal(spawn_stream_open(&(struct spawn){ .argv = argv }, &st, &err), 0);
	assert_int_equal(spawn_stream_write(&st, much, 1000000, 60 * NS_PER_S, &err), -1);
	assert_non_null(strstr(err.text, "write to true"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_much_is_read_whole), cmocka_unit_test(test_it_is_written_to),
		cmocka_unit_test(test_much_is_said),	   cmocka_unit_test(test_silence_has_an_end),
		cmocka_unit_test(test_what_is_not_there),  cmocka_unit_test(test_who_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
