/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/mem: allocation that never returns NULL, and things that go away at scope exit. */
#include "base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

static void test_zeroed(void **state)
{
	autofree unsigned char *p = mem_zalloc(1000);
	autofree uint64_t *a = mem_array(100, sizeof(*a));

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
	for (size_t i = 0; i < 100; i++)
		assert_true(a[i] == 0);
}

static void test_aligned(void **state)
{
	(void)state;
	for (size_t size = 0; size < 10000; size += 999) {
		autofree unsigned char *p = mem_aligned(4096, size);

		assert_true((uintptr_t)p % 4096 == 0);
		memset(p, 1, size);
	}
}

static void test_nothing_is_something(void **state)
{
	autofree void *a = mem_zalloc(0), *b = mem_array(0, 8), *c = mem_array(8, 0), *d = mem_grow(NULL, 0, 8),
		      *e = mem_dup("x", 0);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	assert_non_null(d);
	assert_non_null(e);
}

static void test_room_doubles_and_keeps(void **state)
{
	autofree int *a = NULL;
	size_t cap = 0, grown = 0;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		size_t before = cap;

		a = mem_room(a, i, &cap, sizeof(*a));
		assert_true(cap > i);
		grown += cap != before;
		a[i] = (int)i;
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(a[i], i);
	assert_true(grown < 12);
}

static void test_copies(void **state)
{
	const char text[] = "orthrus";
	autofree char *whole = mem_strdup(text), *part = mem_strndup(text, 4), *longer = mem_strndup(text, 100),
		      *bytes = mem_dup(text, 3);

	(void)state;
	assert_string_equal(whole, "orthrus");
	assert_ptr_not_equal(whole, text);
	assert_string_equal(part, "orth");
	assert_string_equal(longer, "orthrus");
	assert_memory_equal(bytes, "ort", 3);
}

static char *make(void)
{
	autofree char *p = mem_strdup("kept");

	return steal(p);
}

static int open_null(void)
{
	autoclose int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return steal_fd(fd);
}

static void test_scope_exit(void **state)
{
	autofree char *p = make();
	int fd = open_null(), seen;

	(void)state;
	assert_string_equal(p, "kept");
	assert_true(fcntl(fd, F_GETFD) >= 0);
	{
		autoclose int inner = fd;

		seen = inner;
	}
	assert_int_equal(seen, fd);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* closed when the inner scope ended */
}

/* Run `fn` in a child whose stderr is away; how did it end? */
static int child_signal(void (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		dup2(null, STDERR_FILENO);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static volatile size_t huge = SIZE_MAX / 2; /* volatile: the compiler would see the overflow */

static void overflow_array(void)
{
	free(mem_array(huge, 4));
}

static void overflow_grow(void)
{
	free(mem_grow(NULL, huge, 4));
}

static void test_overflow_ends_the_process(void **state)
{
	(void)state;
	assert_int_not_equal(child_signal(overflow_array), 0);
	assert_int_not_equal(child_signal(overflow_grow), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed),
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_nothing_is_something),
		cmocka_unit_test(test_room_doubles_and_keeps),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_scope_exit),
		cmocka_unit_test(test_overflow_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
