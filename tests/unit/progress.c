/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/sys/progress: a bar, log lines or JSON, on a time the test makes up. */
#include "sys/progress.h"

#include "base/mem.h"
#include "sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

/* A progress that writes into memory. */
struct screen {
	struct progress p;
	char *text;
	size_t len;
};

static struct screen *screen_new(enum progress_mode mode, unsigned int width)
{
	struct screen *s = mem_zalloc(sizeof(*s));

	s->p = (struct progress){ .out = open_memstream(&s->text, &s->len), .mode = mode, .width = width };
	assert_non_null(s->p.out);
	return s;
}

static void screen_free(struct screen **s)
{
	fclose((*s)->p.out);
	free((*s)->text);
	free(*s);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* 100 MiB at 10 MiB/s, told every 100 ms: a line at 5 s, and one at the end. */
static void test_lines(void **state)
{
	autoclean(screen_free) struct screen *s = screen_new(PROGRESS_LINES, 0);

	(void)state;
	for (unsigned int i = 0; i <= 99; i++)
		progress_update(&s->p, "restore", i * MIB, 100 * MIB, 7 * NS_PER_S + i * 100 * NS_PER_MS);
	progress_update(&s->p, "restore", 100 * MIB, 100 * MIB, 17 * NS_PER_S); /* shown: five seconds are over */
	progress_end(&s->p, 17 * NS_PER_S);
	assert_string_equal(s->text, "restore:  50 %  50 MiB of 100 MiB  10 MiB/s  0:05 left\n"
				     "restore: 100 %  100 MiB of 100 MiB  10 MiB/s\n");
}

/* A new stage ends the old one, and is not measured with its speed. */
static void test_stages(void **state)
{
	autoclean(screen_free) struct screen *s = screen_new(PROGRESS_LINES, 0);

	(void)state;
	progress_update(&s->p, "read", 0, 10 * MIB, 0);
	progress_update(&s->p, "read", 10 * MIB, 10 * MIB, NS_PER_S);
	progress_update(&s->p, "write", 0, 5 * MIB, NS_PER_S);
	progress_end(&s->p, 2 * NS_PER_S);
	progress_end(&s->p, 3 * NS_PER_S); /* nothing is under way */
	assert_string_equal(s->text, "read: 100 %  10 MiB of 10 MiB  10 MiB/s\nwrite:   0 %  0 B of 5 MiB\n");
}

/* What was there when resumed work began does not count as speed. */
static void test_resumed(void **state)
{
	autoclean(screen_free) struct screen *s = screen_new(PROGRESS_LINES, 0);

	(void)state;
	progress_update(&s->p, "restore", 90 * MIB, 100 * MIB, 0);
	progress_update(&s->p, "restore", 91 * MIB, 100 * MIB, NS_PER_S);
	progress_end(&s->p, NS_PER_S);
	assert_string_equal(s->text, "restore:  91 %  91 MiB of 100 MiB  1 MiB/s  0:09 left\n");
}

/* No total: no percent, no time left. A stall brings the rate down. */
static void test_unknown_total_and_stall(void **state)
{
	autoclean(screen_free) struct screen *s = screen_new(PROGRESS_LINES, 0);
	double before;

	(void)state;
	for (unsigned int i = 0; i <= 10; i++)
		progress_update(&s->p, "scan", i * MIB, 0, i * NS_PER_S);
	assert_non_null(strstr(s->text, "scan: 5 MiB  1 MiB/s\n"));
	before = s->p.per_second;
	for (unsigned int i = 11; i <= 30; i++)
		progress_update(&s->p, "scan", 10 * MIB, 0, i * NS_PER_S);
	assert_true(s->p.per_second < before / 10);
}

static void test_bar(void **state)
{
	autoclean(screen_free) struct screen *s = screen_new(PROGRESS_BAR, 80);
	autoclean(buf_free) struct buf text = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) /* a thousand updates in a second: eleven drawings */
		progress_update(&s->p, "restore", i * MIB / 10, 200 * MIB, i * NS_PER_MS);
	fflush(s->p.out);
	assert_int_equal(count(s->text, "\r"), 10);
	progress_format(&s->p, &text);
	assert_string_equal(buf_str(&text), "restore  [########----------]  49 %  99.9 MiB of 200 MiB  100 MiB/s  0:01 left");
}

/* However narrow the terminal: no line longer than it has a bar, and the last column stays free. */
static void test_widths(void **state)
{
	(void)state;
	for (unsigned int width = 20; width <= 200; width++) {
		autoclean(screen_free) struct screen *s = screen_new(PROGRESS_BAR, width);
		autoclean(buf_free) struct buf text = { 0 };

		progress_update(&s->p, "restore", 0, 3000 * MIB, 0);
		progress_update(&s->p, "restore", 1500 * MIB, 3000 * MIB, 10 * NS_PER_S);
		progress_format(&s->p, &text);
		if (strchr(buf_str(&text), '['))
			assert_true(text.len < width);
		else
			assert_true(width < 80);
		progress_end(&s->p, 11 * NS_PER_S);
		assert_int_equal(s->text[s->len - 1], '\n');
	}
}

static void test_json(void **state)
{
	autoclean(screen_free) struct screen *s = screen_new(PROGRESS_JSON, 0);

	(void)state;
	progress_update(&s->p, "restore", 0, 4 * MIB, 0);
	progress_update(&s->p, "restore", MIB, 4 * MIB, NS_PER_S);
	progress_update(&s->p, "restore", MIB, 4 * MIB, NS_PER_S + 1);
	progress_update(&s->p, "scan", 7, 0, 2 * NS_PER_S);
	progress_end(&s->p, 2 * NS_PER_S);
	assert_string_equal(s->text, /* the first stage's end was on show already */
			    "{\"progress\":{\"stage\":\"restore\",\"done_bytes\":1048576,\"total_bytes\":4194304,"
			    "\"bytes_per_second\":1048576,\"seconds_left\":3}}\n"
			    "{\"progress\":{\"stage\":\"scan\",\"done_bytes\":7,\"bytes_per_second\":0}}\n");
}

static void test_quiet(void **state)
{
	autoclean(screen_free) struct screen *s = screen_new(PROGRESS_QUIET, 0);

	(void)state;
	progress_update(&s->p, "restore", 0, MIB, 0);
	progress_update(&s->p, "restore", MIB, MIB, 100 * NS_PER_S);
	progress_end(&s->p, 100 * NS_PER_S);
	fflush(s->p.out);
	assert_int_equal(s->len, 0);
}

static void test_mode_is_chosen(void **state)
{
	FILE *file = tmpfile();
	struct progress p;

	(void)state;
	assert_non_null(file);
	progress_init(&p, file, false, false);
	assert_int_equal(p.mode, PROGRESS_LINES);
	progress_init(&p, file, true, false);
	assert_int_equal(p.mode, PROGRESS_JSON);
	progress_init(&p, file, true, true);
	assert_int_equal(p.mode, PROGRESS_QUIET);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_unknown_total_and_stall),
		cmocka_unit_test(test_bar),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_mode_is_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
