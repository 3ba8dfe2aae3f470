/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/fold: who said the same is named together; the order they are shown in; many that all differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fold.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

static void says(struct fold *f, const char *node, const char *text, size_t len)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	buf_add(&b, text, len);
	assert_int_equal(fold_add(f, node, &b, &err), 0);
	assert_null(b.data); /* taken */
}

static void has(struct fold *f, size_t i, const char *who, const char *text, size_t len)
{
	autoclean(buf_free) struct buf names = { 0 };

	assert_true(i < f->len);
	fold_who(&f->entries[i].who, &names);
	assert_string_equal(buf_str(&names), who);
	assert_int_equal(f->entries[i].text.len, len);
	assert_memory_equal(buf_str(&f->entries[i].text), text, len);
}

static void test_same_is_told_once(void **state)
{
	autoclean(fold_free) struct fold f = { 0 };

	(void)state;
	says(&f, "n10", "b", 1);
	says(&f, "n2", "b", 1);
	for (int i = 1; i <= 65; i++) {
		autofree char *name = str_format("r%03d", i);

		if (i != 33)
			says(&f, name, "a\n", 2);
	}
	says(&f, "r033", "a", 1); /* byte for byte: a line's end is one */
	says(&f, "r070", "a\0x", 3);
	says(&f, "r071", "a\0y", 3);
	assert_int_equal(f.len, 5);
	assert_int_equal(f.bytes, 1 + 2 + 1 + 3 + 3);
	fold_sort(&f);
	has(&f, 0, "r[001-032,034-065] (64)", "a\n", 2);
	has(&f, 1, "n[2,10] (2)", "b", 1);
	has(&f, 2, "r033 (1)", "a", 1);
	has(&f, 3, "r070 (1)", "a\0x", 3);
	has(&f, 4, "r071 (1)", "a\0y", 3);
}

static void test_nothing_and_a_bad_name(void **state)
{
	autoclean(fold_free) struct fold f = { 0 };
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	(void)state;
	fold_sort(&f);
	assert_int_equal(f.len, 0);
	says(&f, "n1", "", 0);
	has(&f, 0, "n1 (1)", "", 0);
	assert_int_equal(fold_add(&f, "n[1-2]", &b, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
}

static void test_many_that_differ(void **state)
{
	autoclean(fold_free) struct fold f = { 0 };
	char text[16], name[16];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 5000; i++) {
			size_t len = (size_t)snprintf(text, sizeof(text), "%d", i);

			snprintf(name, sizeof(name), "%c%04d", round ? 'b' : 'a', i);
			says(&f, name, text, len);
		}
	assert_int_equal(f.len, 5000);
	fold_sort(&f);
	has(&f, 4321, "a4321,b4321 (2)", "4321", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_is_told_once),
		cmocka_unit_test(test_nothing_and_a_bad_name),
		cmocka_unit_test(test_many_that_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
