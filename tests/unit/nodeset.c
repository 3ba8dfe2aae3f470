/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/nodeset: the notation and the operators; nodeset_fold.c has the canonical short form. */
#include "base/nodeset.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int groups(void *ctx, const char *name, struct nodeset *out, struct err *err)
{
	static const char *const all[] = { "n3", "n1", "n2", "gpu1" };

	(void)ctx;
	if (str_eq(name, "*")) {
		for (size_t i = 0; i < ARRAY_LEN(all); i++)
			if (nodeset_add(out, all[i], err) < 0)
				return -1;
		return 0;
	}
	if (str_eq(name, "gpu"))
		return nodeset_add(out, "gpu1", err);
	if (str_eq(name, "empty"))
		return 0;
	if (str_starts(name, "rack"))
		return nodeset_add(out, name + 4, err);
	return err_set(err, ERR_NOT_FOUND, "there is no such group; known are gpu, empty");
}

/* "a b c": every name, in order. */
static char *names_of(struct nodeset *set)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < nodeset_count(set); i++)
		buf_addf(&b, "%s%s", i ? " " : "", nodeset_get(set, i));
	return buf_steal(&b);
}

static void test_expand(void **state)
{
	static const struct {
		const char *text, *names;
	} table[] = {
		{ "n1", "n1" },
		{ "login", "login" },
		{ "n[1-3]", "n1 n2 n3" },
		{ "n[1-3,7]", "n1 n2 n3 n7" },
		{ "n[7,1-3]", "n1 n2 n3 n7" },
		{ "n[9-11]", "n9 n10 n11" },
		{ "n[09-11]", "n09 n10 n11" },
		{ "n[001-003,010]", "n001 n002 n003 n010" },
		{ "n[098-101]", "n098 n099 n100 n101" },
		{ "n[1-9/2]", "n1 n3 n5 n7 n9" },
		{ "n[1-9/3]", "n1 n4 n7" },
		{ "n[0-5/9]", "n0" },
		{ "n[00-02]", "n00 n01 n02" },
		{ "r[1-2]n[1-2]", "r1n1 r1n2 r2n1 r2n2" },
		{ "r[1-2]n[01-02]-ib", "r1n01-ib r1n02-ib r2n01-ib r2n02-ib" },
		{ "n[1-2][0-1]", "n10 n11 n20 n21" },
		{ "[1-2]a", "1a 2a" },
		{ "a.b_c-d:e", "a.b_c-d:e" },
		{ "b,a,b,a", "a b" },
		{ " a , b ", "a b" },
		{ "n[1-5]!n[2-3]", "n1 n4 n5" },
		{ "n[1-5]&n[4-9]", "n4 n5" },
		{ "n[1-3]^n[3-4]", "n1 n2 n4" },
		{ "n1,n2!n1,n1", "n1 n2" }, /* from left to right: ((n1,n2)!n1),n1 */
		{ "a!a", "" },
		{ "@gpu", "gpu1" },
		{ "@*", "gpu1 n1 n2 n3" },
		{ "@*!@gpu", "n1 n2 n3" },
		{ "@empty,a", "a" },
		{ "@rack[1-2],x", "1 2 x" },
		{ "n2,n02,n10,n1,n002", "n1 n2 n02 n002 n10" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		autoclean(nodeset_free) struct nodeset set = { 0 };
		autofree char *names = NULL;
		struct err err = { 0 };

		if (nodeset_parse(table[i].text, groups, NULL, &set, &err) < 0)
			fail_msg("%s: %s", table[i].text, err.text);
		names = names_of(&set);
		assert_string_equal(names, table[i].names);
	}
}

static void test_errors_name_the_position(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
		{ "", "position 1 of '': the text ends where a node name should be" },
		{ "  ", "position 3 of '  ': the text ends where a node name should be" },
		{ "a,", "position 3 of 'a,': the text ends where a node name should be" },
		{ ",a", "position 1 of ',a': ',' stands where a node name should be" },
		{ "a,,b", "position 3 of 'a,,b': ',' stands where a node name should be" },
		{ "a b", "position 3 of 'a b': 'b' stands where one of , ! & ^ or the end should be" },
		{ "a]", "position 2 of 'a]': ']' stands where one of , ! & ^ or the end should be" },
		{ "a/b", "position 2 of 'a/b': '/' stands where one of , ! & ^ or the end should be" },
		{ "n[", "position 3 of 'n[': the text ends where a number should be" },
		{ "n[]", "position 3 of 'n[]': ']' stands where a number should be" },
		{ "n[a]", "position 3 of 'n[a]': 'a' stands where a number should be" },
		{ "n[1", "position 4 of 'n[1': the text ends where ',', '-' or ']' should be" },
		{ "n[1-]", "position 5 of 'n[1-]': ']' stands where a number should be" },
		{ "n[1,]", "position 5 of 'n[1,]': ']' stands where a number should be" },
		{ "n[1 ,2]", "position 4 of 'n[1 ,2]': ' ' stands where ',', '-' or ']' should be" },
		{ "n[5-3]", "position 3 of 'n[5-3]': a range that runs backwards" },
		{ "n[1-9/0]", "position 7 of 'n[1-9/0]': a step of 0" },
		{ "n[01-010]", "position 3 of 'n[01-010]': a range whose ends are padded to 2 and 3 digits" },
		{ "n[1-010]", "position 3 of 'n[1-010]': a range whose ends are padded to 1 and 3 digits" },
		{ "n[123456789012345678]", "position 3 of 'n[123456789012345678]': a number of more than 17 digits" },
		{ "n[1-1000001]", "position 2 of 'n[1-1000001]': more than 1000000 numbers in one pair of brackets" },
		{ "x,n[1-1000][1-1001]", "position 3 of 'x,n[1-1000][1-1001]': the text makes more than 1000000 names" },
		{ "n[1-99999999999999999][1-9]", "position 2 of 'n[1-99999999999999999][1-9]': "
						 "more than 1000000 numbers in one pair of brackets" },
		{ "@", "position 2 of '@': the text ends where the name of a group should be" },
		{ "@nope", "position 1: group '@nope': there is no such group; known are gpu, empty" },
		{ "a,@**", "position 5 of 'a,@**': '*' stands where one of , ! & ^ or the end should be" },
		{ "\xc3\xa9", "position 1 of '\xc3\xa9': '\xc3\xa9' stands where a node name should be" },
		{ "\x1b[0m", "position 1 of '\\x1b[0m': '\\x1b' stands where a node name should be" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct nodeset set = { 0 };
		struct err err = { 0 };

		if (nodeset_parse(table[i].text, groups, NULL, &set, &err) == 0)
			fail_msg("accepted: %s", table[i].text);
		assert_string_equal(err.text, table[i].error);
		assert_null(set.names);
	}
}

/* "n1 n2": the names as they are written. */
static char *written(const char *text)
{
	autoclean(nodeset_free) struct nodeset set = { 0 };
	autofree size_t *places = NULL;
	struct buf b = { 0 };
	struct err err = { 0 };

	if (nodeset_parse_written(text, groups, NULL, &set, &places, &err) < 0) {
		assert_null(places);
		return mem_strdup(err.text);
	}
	for (size_t want = 0; want < nodeset_count(&set); want++)
		for (size_t i = 0; i < nodeset_count(&set); i++)
			if (nodeset_index(&set, nodeset_get(&set, i)) == i && places[i] == want)
				buf_addf(&b, "%s%s", b.len ? " " : "", nodeset_get(&set, i));
	return buf_steal(&b);
}

static void test_written_order(void **state)
{
	static const char *const cases[][2] = {
		{ "n2,n1", "n2 n1" },
		{ "n[01-03]", "n01 n02 n03" },
		{ "n[9,1-2]", "n9 n1 n2" },
		{ "r[2,1]n[2,1]", "r2n2 r2n1 r1n2 r1n1" },
		{ "n1,n10,n2,n1", "n1 n10 n2" },
		{ "gpu1,@*", "gpu1 n1 n2 n3" },
		{ "n9,@*!n2", "n9 gpu1 n1 n3" },
		{ "n[1-4]&n3,n2,n4", "n2 n3 n4" },
		{ "n3,n1^n1,n7", "n3 n7" },
		{ "n1!n1", "" },
		{ "@empty", "" },
		{ "@[rack,x]", "position 3 of '@[rack,x]': 'r' stands where a number should be" },
	};

	struct nodeset none = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *got = written(cases[i][0]);

		assert_string_equal(got, cases[i][1]);
	}
	assert_true(nodeset_index(&none, "n1") == SIZE_MAX);
}

static void test_without_groups(void **state)
{
	struct nodeset set = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(nodeset_parse("@x", NULL, NULL, &set, &err), -1);
	assert_string_equal(err.text, "position 1 of '@x': groups like '@x' are not known here");
	assert_int_equal(err.kind, ERR_INVALID);
}

static void test_limits(void **state)
{
	autoclean(buf_free) struct buf ops = { 0 }, name = { 0 };
	struct nodeset set = { 0 };
	struct err err = { 0 };

	(void)state;
	buf_adds(&ops, "a");
	for (int i = 0; i < NODESET_OPS_MAX; i++)
		buf_adds(&ops, "&a");
	assert_int_equal(nodeset_parse(buf_str(&ops), NULL, NULL, &set, &err), 0);
	nodeset_free(&set);
	buf_adds(&ops, "^a");
	assert_int_equal(nodeset_parse(buf_str(&ops), NULL, NULL, &set, &err), -1);
	assert_non_null(strstr(err.text, "more than 256 of the operators"));
	for (int i = 0; i < NODESET_NAME_MAX - 1; i++)
		buf_addc(&name, 'x');
	buf_adds(&name, "[9]");
	assert_int_equal(nodeset_parse(buf_str(&name), NULL, NULL, &set, &err), 0);
	nodeset_free(&set);
	buf_clear(&name);
	for (int i = 0; i < NODESET_NAME_MAX - 1; i++)
		buf_addc(&name, 'x');
	buf_adds(&name, "[9-10]");
	assert_int_equal(nodeset_parse(buf_str(&name), NULL, NULL, &set, &err), -1);
	assert_non_null(strstr(err.text, "a name of more than 253 characters"));
	assert_int_equal(nodeset_parse("n[1-600000],m[1-600000]", NULL, NULL, &set, &err), -1);
	assert_non_null(strstr(err.text, "position 13 "));
	assert_int_equal(nodeset_parse("n[1-1000000]", NULL, NULL, &set, &err), 0);
	assert_int_equal(nodeset_add(&set, "n7", &err), 0); /* there already */
	assert_int_equal(nodeset_add(&set, "one-more", &err), -1);
	assert_non_null(strstr(err.text, "more than 1000000 names"));
	assert_int_equal(nodeset_count(&set), 1000000);
	nodeset_free(&set);
}

static void test_add(void **state)
{
	static const char *const bad[] = { "", "a b", "a[1]", "@a", "a,b", "*", "a/b", "\xc3\xa9", "a\n" };
	autoclean(nodeset_free) struct nodeset set = { 0 };
	struct err err = { 0 };
	char text[] = "n10";

	(void)state;
	assert_int_equal(nodeset_count(&set), 0);
	assert_null(nodeset_get(&set, 0));
	assert_false(nodeset_has(&set, "n10"));
	assert_int_equal(nodeset_add(&set, text, &err), 0);
	text[0] = 'x'; /* the set has its own copy */
	assert_int_equal(nodeset_add(&set, "n9", &err), 0);
	assert_int_equal(nodeset_add(&set, "n10", &err), 0);
	assert_int_equal(nodeset_add(&set, "n10", &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(nodeset_add(&set, bad[i], &err), -1);
		assert_int_equal(err.kind, ERR_INVALID);
	}
	assert_int_equal(nodeset_count(&set), 2);
	assert_string_equal(nodeset_get(&set, 0), "n9");
	assert_string_equal(nodeset_get(&set, 1), "n10");
	assert_null(nodeset_get(&set, 2));
	assert_true(nodeset_has(&set, "n9"));
	assert_false(nodeset_has(&set, "n09"));
	assert_false(nodeset_has(&set, "n"));
	assert_false(nodeset_has(&set, "z"));
}

static void test_operators_use_up_the_right_side(void **state)
{
	struct nodeset a = { 0 }, b = { 0 };
	struct err err = { 0 };
	void (*const ops[])(struct nodeset *, struct nodeset *) = { nodeset_difference, nodeset_intersection, nodeset_xor };
	static const char *const results[] = { "n[1-2]", "n3", "n[1-2,4]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		autoclean(buf_free) struct buf text = { 0 };

		assert_int_equal(nodeset_parse("n[3,1-2]", NULL, NULL, &a, &err), 0);
		assert_int_equal(nodeset_parse("n[4,3]", NULL, NULL, &b, &err), 0);
		ops[i](&a, &b);
		nodeset_fold(&a, &text);
		assert_string_equal(buf_str(&text), results[i]);
		assert_null(b.names);
		nodeset_free(&a);
	}
	assert_int_equal(nodeset_parse("n[1-2]", NULL, NULL, &b, &err), 0);
	assert_int_equal(nodeset_union(&a, &b, &err), 0);
	assert_int_equal(nodeset_count(&a), 2);
	assert_null(b.names);
	nodeset_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_errors_name_the_position),
		cmocka_unit_test(test_written_order),
		cmocka_unit_test(test_without_groups),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_operators_use_up_the_right_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
