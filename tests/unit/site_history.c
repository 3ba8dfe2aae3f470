/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which site is brought back: one undo after the other goes further back, and a new site begins anew from there. */
#include "base/mem.h"
#include "daemon/site_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

/* restores[i] of revision first + i; the next undo goes to `before`. */
static void goes_back_to(uint64_t first, const uint64_t *restores, size_t n, uint64_t before)
{
	struct site_revision items[16] = { 0 };
	const struct site_revisions l = { .items = items, .len = n };

	for (size_t i = 0; i < n; i++)
		items[i] = (struct site_revision){ .number = first + i, .restores = restores[i] };
	assert_int_equal(site_history_before(&l), before);
}

static void test_each_undo_goes_further_back(void **state)
{
	(void)state;
	goes_back_to(1, NULL, 0, 0);
	goes_back_to(1, (uint64_t[]){ 0 }, 1, 0);
	goes_back_to(1, (uint64_t[]){ 0, 0, 0 }, 3, 2);
	goes_back_to(1, (uint64_t[]){ 0, 0, 0, 2 }, 4, 1);
	goes_back_to(1, (uint64_t[]){ 0, 0, 0, 2, 1 }, 5, 0);
	/* A new one after it is taken back to what was there before it, and then further. */
	goes_back_to(1, (uint64_t[]){ 0, 0, 0, 2, 1, 0 }, 6, 5);
	goes_back_to(1, (uint64_t[]){ 0, 0, 0, 2, 1, 0, 5 }, 7, 0);
	goes_back_to(1, (uint64_t[]){ 0, 0, 0, 2, 0, 4 }, 6, 1);
	/* Forward again. */
	goes_back_to(1, (uint64_t[]){ 0, 0, 0, 2, 3 }, 5, 2);
}

/* The oldest are kept no more: what points to them is taken for what it says. */
static void test_the_oldest_are_gone(void **state)
{
	(void)state;
	goes_back_to(30, (uint64_t[]){ 0, 0 }, 2, 30);
	goes_back_to(30, (uint64_t[]){ 12, 0 }, 2, 30);
	goes_back_to(30, (uint64_t[]){ 0, 12 }, 2, 0);
	/* What points forward points nowhere. */
	goes_back_to(1, (uint64_t[]){ 0, 9, 3 }, 3, 2);
}

static void test_origin(void **state)
{
	struct site_revision items[] = {
		{ .number = 1 }, { .number = 2 }, { .number = 3, .restores = 1 }, { .number = 4, .restores = 3 }
	};
	const struct site_revisions l = { .items = items, .len = 4 };

	(void)state;
	assert_int_equal(site_history_origin(&l, 2), 2);
	assert_int_equal(site_history_origin(&l, 3), 1);
	assert_int_equal(site_history_origin(&l, 4), 1);
	assert_int_equal(site_history_origin(&l, 9), 9);
}

static void test_reasons(void **state)
{
	char text[SITE_REASON_MAX + 2];
	struct err err = { 0 };

	(void)state;
	assert_int_equal(site_reason_check(NULL, &err), 0);
	assert_int_equal(site_reason_check("", &err), 0);
	assert_int_equal(site_reason_check("für Anna", &err), 0);
	assert_int_equal(site_reason_check("two\nlines", &err), -1);
	assert_int_equal(site_reason_check("\xff", &err), -1);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(site_reason_check(text, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	text[SITE_REASON_MAX] = '\0';
	assert_int_equal(site_reason_check(text, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_undo_goes_further_back),
		cmocka_unit_test(test_the_oldest_are_gone),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
