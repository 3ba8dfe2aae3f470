/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/err: an error says what, why and what next, and never overflows. */
#include "base/err.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The story of one error: the cause sets it, callers put context in front, the kind and the next step survive. */
static void test_goes_up(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(err_errno(&err, ENOSPC, "write %s", "/boot/vmlinuz"), -1);
	assert_int_equal(err_hint(&err, "free %d MiB", 5), -1);
	assert_int_equal(err_wrap(&err, "restore %s", "n07"), -1);
	assert_string_equal(err.text, "restore n07: write /boot/vmlinuz: No space left on device");
	assert_string_equal(err.hint, "free 5 MiB");
	assert_int_equal(err.kind, ERR_FAILED);
	assert_int_equal(err_set(&err, ERR_REFUSED, "no"), -1);
	assert_string_equal(err.text, "no");
	assert_string_equal(err.hint, ""); /* a new error has no old advice */
	assert_int_equal(err.kind, ERR_REFUSED);
}

static void test_errno_kinds(void **state)
{
	struct err err = { 0 };

	(void)state;
	err_errno(&err, ENOENT, "open x");
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	err_errno(&err, EEXIST, "mkdir x");
	assert_int_equal(err.kind, ERR_EXISTS);
	err_errno(&err, EIO, "read x");
	assert_int_equal(err.kind, ERR_FAILED);
	err_hint(&err, "old");
	err_errno(&err, EIO, "read y");
	assert_string_equal(err.hint, "");
}

static void test_wrap_of_nothing_is_a_failure(void **state)
{
	struct err err = { 0 };

	(void)state;
	err_wrap(&err, "context");
	assert_int_equal(err.kind, ERR_FAILED);
	assert_int_equal(strncmp(err.text, "context", 7), 0);
}

static void test_long_texts_are_cut(void **state)
{
	struct err err = { 0 };
	char big[4096];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_set(&err, ERR_FAILED, "%s", big);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	err_errno(&err, EIO, "%s", big);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	err_wrap(&err, "outer");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strncmp(err.text, "outer: xxx", 10), 0);
	err_wrap(&err, "%s", big);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	err_hint(&err, "%s", big);
	assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
}

/* The text may be given its own old value: "%s again". */
static void test_set_from_itself_through_a_copy(void **state)
{
	struct err err = { 0 };
	struct err copy;

	(void)state;
	err_set(&err, ERR_INVALID, "first");
	copy = err;
	err_set(&err, ERR_FAILED, "second, after %s", copy.text);
	assert_string_equal(err.text, "second, after first");
}

static void test_exit_codes(void **state)
{
	static const struct {
		enum err_kind kind;
		int code;
	} table[] = { { ERR_NONE, 0 },	    { ERR_FAILED, 1 }, { ERR_USAGE, 2 },    { ERR_REFUSED, 3 }, { ERR_PARTIAL, 4 },
		      { ERR_NOT_FOUND, 1 }, { ERR_EXISTS, 1 }, { ERR_CONFLICT, 1 }, { ERR_INVALID, 2 }, { ERR_DAMAGED, 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		assert_int_equal(err_exit_code(table[i].kind), table[i].code);
}

/* The words of error documents: each kind has one, and the word leads back. */
static void test_kind_names(void **state)
{
	(void)state;
	for (int kind = ERR_FAILED; kind <= ERR_DAMAGED; kind++) {
		const char *name = err_kind_name((enum err_kind)kind);

		assert_true(name[0] >= 'a' && name[0] <= 'z');
		assert_int_equal(err_kind_of(name), kind);
		for (int other = ERR_FAILED; other < kind; other++)
			assert_string_not_equal(name, err_kind_name((enum err_kind)other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes_up),
		cmocka_unit_test(test_errno_kinds),
		cmocka_unit_test(test_wrap_of_nothing_is_a_failure),
		cmocka_unit_test(test_long_texts_are_cut),
		cmocka_unit_test(test_set_from_itself_through_a_copy),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_kind_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
