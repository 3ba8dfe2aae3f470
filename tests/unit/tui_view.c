/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tui/view and tui/text: pages, their fields, and text in columns. */
#include "tui/view.h"

#include "base/mem.h"
#include "base/buf.h"
#include "base/str.h"
#include "tui/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_page(void **state)
{
	struct page *p = page_new("networks", "Networks");
	char value[] = "eth0";
	struct field *f = page_add(p, FIELD_TEXT, "interface", "Interface", value, "The interface.");

	(void)state;
	value[0] = 'x'; /* copied */
	assert_string_equal(f->value, "eth0");
	assert_string_equal(f->label, "Interface");
	assert_null(f->problem);
	for (int i = 0; i < 100; i++) {
		autofree char *key = str_format("n%d", i);

		page_add(p, FIELD_NOTE, key, NULL, NULL, NULL);
	}
	f = page_field(p, "interface");
	assert_non_null(f);
	assert_null(page_field(p, "nothing"));
	assert_null(page_field(p, NULL));
	assert_string_equal(page_field(p, "n99")->value, "");
	assert_string_equal(page_field(p, "n99")->label, "");

	assert_null(page_problem(p));
	field_refuse(page_field(p, "n7"), "wrong");
	field_refuse(f, "there is no eth0");
	assert_ptr_equal(page_problem(p), f);
	field_refuse(f, NULL);
	assert_ptr_equal(page_problem(p), page_field(p, "n7"));
	field_set(f, f->value); /* its own */
	assert_string_equal(f->value, "eth0");
	field_set(f, NULL);
	assert_string_equal(f->value, "");
	page_free(p);
	page_free(NULL);
}

static void test_set(void **state)
{
	struct page *p = page_new("disks", "Disks");
	struct field *f = page_add(p, FIELD_SET, "disks", "Disks", "", NULL);

	(void)state;
	field_choice(f, "sda", "one");
	field_choice(f, "sdb", "two");
	field_choice(f, "sd", "three");
	assert_false(field_has(f, "sda"));
	assert_false(field_has(f, ""));
	field_toggle(f, "sd");
	assert_string_equal(f->value, "sd");
	field_toggle(f, "sda");
	assert_string_equal(f->value, "sda,sd"); /* as the choices stand */
	assert_true(field_has(f, "sd"));
	assert_false(field_has(f, "sdb"));
	field_toggle(f, "sdb");
	assert_string_equal(f->value, "sda,sdb,sd");
	field_toggle(f, "sda");
	field_toggle(f, "nothing");
	assert_string_equal(f->value, "sdb,sd");
	page_free(p);
}

static void cut_to(const char *text, size_t columns, const char *want)
{
	autofree char *got = text_cut(text, columns);

	assert_string_equal(got, want);
}

static void test_cut(void **state)
{
	autofree char *ascii = text_ascii("n\xc3\xbctze \xff!");

	(void)state;
	assert_int_equal(text_columns(""), 0);
	assert_int_equal(text_columns("n\xc3\xbctze"), 5);
	assert_int_equal(text_columns("\xff\xfe"), 2);
	cut_to("abc", 3, "abc");
	cut_to("abcd", 3, "abc");
	cut_to("abcdef", 5, "ab...");
	cut_to("\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", 5, "\xc3\xbc\xc3\xbc...");
	cut_to("abc", 0, "");
	assert_string_equal(ascii, "n?tze ?!");
}

static void wraps(const char *text, size_t columns, const char *want)
{
	autoclean(str_list_free) struct str_list lines = { 0 };
	autoclean(buf_free) struct buf got = { 0 };

	text_wrap(text, columns, &lines);
	for (size_t i = 0; i < lines.len; i++) {
		assert_true(text_columns(lines.items[i]) <= (columns ? columns : 1));
		buf_addf(&got, "%s|", lines.items[i]);
	}
	assert_string_equal(buf_str(&got), want);
}

static void test_wrap(void **state)
{
	(void)state;
	wraps("", 10, "");
	wraps("one two three", 20, "one two three|");
	wraps("one two three", 8, "one two|three|");
	wraps("one two three", 7, "one two|three|");
	wraps("one two three", 3, "one|two|thr|ee|");
	wraps("one\n\ntwo\n", 10, "one||two|");
	wraps("  - point that is long", 12, "  - point|  that is|  long|");
	wraps("/a/very/long/path/name", 10, "/a/very/lo|ng/path/na|me|");
	wraps("a    b", 3, "a|b|");
	wraps("a b   ", 3, "a b|");
	wraps("          x y", 6, "x y|");
	wraps("abc", 0, "a|b|c|");
	wraps("\xc3\xbc\xc3\xbc \xc3\xbc\xc3\xbc", 3, "\xc3\xbc\xc3\xbc|\xc3\xbc\xc3\xbc|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
