/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading parsed JSON into values: what is absent, of the wrong type or not asked for is named by its path. */
#include "json_text.h"

static void test_reads_every_type(void **state)
{
	static const char *const colours[] = { "red", "green", NULL };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(str_list_free) struct str_list list = { 0 };
	autofree char *s = mem_strdup("old"), *raw = NULL;
	struct json_obj child,
		o = root("{\"s\":\"x\\u00e9\",\"b\":true,\"u\":18446744073709551615,\"i\":-9223372036854775808,"
			 "\"e\":\"green\",\"l\":[\"a\",\"b\"],\"o\":{\"n\":1},\"raw\":{\"k\":[1,2.50,null,\"/\"]}}",
			 &doc);
	struct err err = { 0 };
	uint64_t u = 0;
	int64_t i = 0;
	bool b = false;
	int e = -1;

	(void)state;
	assert_int_equal(json_str(&o, "s", JSON_MUST, &s, &err), 0);
	assert_string_equal(s, "x\xc3\xa9");
	assert_int_equal(json_bool(&o, "b", JSON_MUST, &b, &err), 0);
	assert_true(b);
	assert_int_equal(json_u64(&o, "u", JSON_MUST, 0, UINT64_MAX, &u, &err), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(json_i64(&o, "i", JSON_MUST, &i, &err), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(json_enum(&o, "e", JSON_MUST, colours, &e, &err), 0);
	assert_int_equal(e, 1);
	str_list_add(&list, "old");
	assert_int_equal(json_strs(&o, "l", JSON_MUST, &list, &err), 0);
	assert_int_equal(list.len, 2);
	assert_string_equal(list.items[1], "b");
	assert_int_equal(json_obj(&o, "o", JSON_MUST, &child, &err), 1);
	assert_int_equal(json_u64(&child, "n", JSON_MUST, 0, 1, &u, &err), 0);
	assert_int_equal(json_obj_end(&child, &err), 0);
	assert_int_equal(json_raw(&o, "raw", JSON_MUST, &raw, &err), 0);
	assert_string_equal(raw, "{\"k\":[1,2.50,null,\"/\"]}");
	assert_int_equal(json_obj_end(&o, &err), 0);
}

/* Absent and null are the same: an error when the key must be there, else the value stays as it was. */
static void test_absent(void **state)
{
	static const char *const names[] = { "x", NULL };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(str_list_free) struct str_list list = { 0 };
	autofree char *s = mem_strdup("old");
	struct json_obj child, o = root("{\"nul\":null}", &doc);
	struct json_arr arr;
	struct err err = { 0 };
	uint64_t u = 7;
	int64_t i = 8;
	bool b = true;
	int e = 9;

	(void)state;
	for (int round = 0; round < 2; round++) {
		const char *key = round ? "nul" : "none";

		assert_false(json_has(&o, key));
		assert_int_equal(json_str(&o, key, JSON_MAY, &s, &err), 0);
		assert_int_equal(json_bool(&o, key, JSON_MAY, &b, &err), 0);
		assert_int_equal(json_u64(&o, key, JSON_MAY, 0, 1, &u, &err), 0);
		assert_int_equal(json_i64(&o, key, JSON_MAY, &i, &err), 0);
		assert_int_equal(json_enum(&o, key, JSON_MAY, names, &e, &err), 0);
		assert_int_equal(json_strs(&o, key, JSON_MAY, &list, &err), 0);
		assert_int_equal(json_obj(&o, key, JSON_MAY, &child, &err), 0);
		assert_int_equal(json_arr(&o, key, JSON_MAY, &arr, &err), 0);
		assert_int_equal(json_str(&o, key, JSON_MUST, &s, &err), -1);
		assert_int_equal(json_obj(&o, key, JSON_MUST, &child, &err), -1);
		assert_int_equal(json_u64(&o, key, JSON_MUST, 0, 1, &u, &err), -1);
		assert_string_equal(err.text, round ? "nul: is missing" : "none: is missing");
	}
	assert_string_equal(s, "old");
	assert_true(u == 7 && i == 8 && e == 9 && b);
	assert_int_equal(json_obj_end(&o, &err), 0);
}

static void test_wrong_types_are_named(void **state)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(str_list_free) struct str_list list = { 0 };
	autofree char *s = NULL;
	struct json_obj net,
		o = root("{\"networks\":[{\"vlan\":\"7\"},{\"vlan\":5000,\"f\":1.0,\"n\":-1,\"e\":\"blu\",\"l\":[\"a\",3]}]}",
			 &doc);
	static const char *const colours[] = { "red", "blue", NULL };
	struct json_arr a;
	struct err err = { 0 };
	uint64_t u = 0;
	bool b;
	int e;

	(void)state;
	assert_int_equal(json_arr(&o, "networks", JSON_MUST, &a, &err), 1);
	assert_int_equal(a.len, 2);
	assert_int_equal(json_arr_obj(&a, 0, &net, &err), 0);
	assert_int_equal(json_u64(&net, "vlan", JSON_MUST, 1, 4094, &u, &err), -1);
	assert_string_equal(err.text, "networks[0].vlan: is a string, but must be a whole number");
	assert_int_equal(json_arr_obj(&a, 1, &net, &err), 0);
	assert_int_equal(json_u64(&net, "vlan", JSON_MUST, 1, 4094, &u, &err), -1);
	assert_string_equal(err.text, "networks[1].vlan: 5000 is not between 1 and 4094");
	assert_int_equal(json_u64(&net, "f", JSON_MUST, 0, 9, &u, &err), -1);
	assert_string_equal(err.text, "networks[1].f: is a number with a fraction, but must be a whole number");
	assert_int_equal(json_u64(&net, "n", JSON_MUST, 0, UINT64_MAX, &u, &err), -1);
	assert_string_equal(err.text, "networks[1].n: -1 is not between 0 and 18446744073709551615");
	assert_int_equal(json_enum(&net, "e", JSON_MUST, colours, &e, &err), -1);
	assert_string_equal(err.text, "networks[1].e: \"blu\" is not one of \"red\", \"blue\"");
	assert_int_equal(json_strs(&net, "l", JSON_MUST, &list, &err), -1);
	assert_string_equal(err.text, "networks[1].l[1]: is a whole number, but must be a string");
	assert_int_equal(list.len, 0);
	assert_int_equal(json_bool(&net, "vlan", JSON_MUST, &b, &err), -1);
	assert_int_equal(json_str(&net, "vlan", JSON_MUST, &s, &err), -1);
	assert_null(s);
	assert_int_equal(json_bad(&net, "vlan", &err, "%d is taken", 7), -1);
	assert_string_equal(err.text, "networks[1].vlan: 7 is taken");
	assert_int_equal(err.kind, ERR_INVALID);
}

static void test_root_types(void **state)
{
	autoclean(json_doc_free) struct json_doc arr = { 0 }, null = { 0 };
	struct err err = { 0 };
	struct json_obj o;
	struct json_arr a;
	autofree char *s = NULL, *raw = NULL;

	(void)state;
	assert_int_equal(parse("[{\"a\":1},\"x\"]", &arr, &err), 0);
	assert_int_equal(json_root_obj(&arr, &o, &err), -1);
	assert_string_equal(err.text, "the document: is an array, but must be an object");
	assert_int_equal(json_root_arr(&arr, &a, &err), 0);
	assert_int_equal(json_arr_str(&a, 1, &s, &err), 0);
	assert_string_equal(s, "x");
	assert_int_equal(json_arr_str(&a, 0, &s, &err), -1);
	assert_int_equal(json_arr_str(&a, 2, &s, &err), -1);
	assert_int_equal(json_arr_obj(&a, 2, &o, &err), -1);
	assert_int_equal(json_arr_raw(&a, 0, &raw, &err), 0);
	assert_string_equal(raw, "{\"a\":1}");
	assert_int_equal(json_arr_raw(&a, 2, &raw, &err), -1);
	assert_int_equal(parse("null", &null, &err), 0);
	assert_int_equal(json_root_obj(&null, &o, &err), -1);
	assert_string_equal(err.text, "the document: is null, but must be an object");
}

static int read_port(struct json_obj *o, void *out, struct err *err)
{
	return json_u64(o, "port", JSON_MUST, 1, 65535, out, err) < 0 ? -1 : json_obj_end(o, err);
}

static void test_whole_texts(void **state)
{
	static const char two[] = "{\"port\":8443}{";
	struct err err = { 0 };
	uint64_t port = 0;

	(void)state;
	assert_int_equal(json_read(two, sizeof(two) - 2, read_port, &port, &err), 0);
	assert_int_equal(port, 8443);
	assert_int_equal(json_read(two, sizeof(two) - 1, read_port, &port, &err), -1);
	assert_non_null(strstr(err.text, "column 14"));
	assert_int_equal(json_read("[1]", 3, read_port, &port, &err), -1);
	assert_string_equal(err.text, "the document: is an array, but must be an object");
	assert_int_equal(json_read("{\"port\":0}", 10, read_port, &port, &err), -1);
	assert_string_equal(err.text, "port: 0 is not between 1 and 65535");
	assert_int_equal(json_read("{\"port\":1,\"x\":2}", 16, read_port, &port, &err), -1);
	assert_string_equal(err.text, "x: unknown key; known are: port");
}

static void test_long_arrays(void **state)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o = root("{\"a\":[1,2,3],\"s\":\"x\"}", &doc);
	struct err err = { 0 };
	struct json_arr a;

	(void)state;
	assert_int_equal(json_arr_max(&o, "a", JSON_MUST, 3, &a, &err), 1);
	assert_int_equal(a.len, 3);
	assert_int_equal(json_arr_max(&o, "a", JSON_MUST, 2, &a, &err), -1);
	assert_string_equal(err.text, "a: has 3 entries, at most 2");
	assert_int_equal(json_arr_max(&o, "none", JSON_MAY, 0, &a, &err), 0);
	assert_int_equal(json_arr_max(&o, "none", JSON_MUST, 0, &a, &err), -1);
	assert_int_equal(json_arr_max(&o, "s", JSON_MAY, 9, &a, &err), -1);
	assert_string_equal(err.text, "s: is a string, but must be an array");
}

static void test_integers_at_the_edge(void **state)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o = root("{\"a\":9223372036854775807,\"b\":9223372036854775808,\"c\":-1}", &doc);
	struct err err = { 0 };
	int64_t i = 0;
	uint64_t u = 0;

	(void)state;
	assert_int_equal(json_i64(&o, "a", JSON_MUST, &i, &err), 0);
	assert_true(i == INT64_MAX);
	assert_int_equal(json_i64(&o, "b", JSON_MUST, &i, &err), -1);
	assert_string_equal(err.text, "b: 9223372036854775808 is too large a number");
	assert_int_equal(json_u64(&o, "b", JSON_MUST, 0, UINT64_MAX, &u, &err), 0);
	assert_true(u == UINT64_C(9223372036854775808));
	assert_int_equal(json_i64(&o, "c", JSON_MUST, &i, &err), 0);
	assert_true(i == -1);
}

static void test_nul_in_a_string(void **state)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o = root("{\"a\":\"x\\u0000y\"}", &doc);
	struct err err = { 0 };
	autofree char *s = NULL;

	(void)state;
	assert_int_equal(json_str(&o, "a", JSON_MUST, &s, &err), -1);
	assert_string_equal(err.text, "a: holds a NUL character");
}

static void test_unread_keys(void **state)
{
	autoclean(json_doc_free) struct json_doc near = { 0 }, far = { 0 };
	struct err err = { 0 };
	autofree char *s = NULL;
	struct json_obj o = root("{\"subnet\":\"a\",\"gatway\":\"b\"}", &near);

	(void)state;
	assert_int_equal(json_str(&o, "subnet", JSON_MUST, &s, &err), 0);
	assert_int_equal(json_str(&o, "gateway", JSON_MAY, &s, &err), 0);
	assert_int_equal(json_obj_end(&o, &err), -1);
	assert_string_equal(err.text, "gatway: unknown key; known are: subnet, gateway");
	assert_string_equal(err.hint, "did you mean \"gateway\"?");
	o = root("{\"\\n\":1}", &far);
	assert_int_equal(json_str(&o, "x", JSON_MAY, &s, &err), 0);
	assert_int_equal(json_obj_end(&o, &err), -1);
	assert_string_equal(err.text, "\\x0a: unknown key; known are: x");
	assert_string_equal(err.hint, ""); /* one letter is near everything: no advice */
}

/* An object may be a map: any number of keys, in document order. */
static void test_map(void **state)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	const char *keys[200];
	struct err err = { 0 };
	struct json_obj o, child;
	size_t n;

	(void)state;
	for (int i = 0; i < 100; i++)
		buf_addf(&text, "%c\"k%d\":{}", i ? ',' : '{', 99 - i);
	buf_addc(&text, '}');
	o = root(buf_str(&text), &doc);
	assert_int_equal(json_keys(&o, keys, 10), 10);
	n = json_keys(&o, keys, ARRAY_LEN(keys));
	assert_int_equal(n, 100);
	assert_string_equal(keys[0], "k99");
	assert_string_equal(keys[99], "k0");
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(json_obj(&o, keys[i], JSON_MUST, &child, &err), 1);
		assert_string_equal(child.path, keys[i]);
		assert_int_equal(json_obj_end(&child, &err), 0);
	}
	assert_int_equal(json_obj_end(&o, &err), 0);
}

static void test_long_paths_are_cut(void **state)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };
	struct json_obj o, child;
	char key[301];

	(void)state;
	memset(key, 'k', 300);
	key[300] = '\0';
	buf_addf(&text, "{\"%s\":{\"x\":1}}", key);
	o = root(buf_str(&text), &doc);
	assert_int_equal(json_obj(&o, key, JSON_MUST, &child, &err), 1);
	assert_int_equal(strlen(child.path), JSON_PATH_MAX - 1);
	assert_string_equal(child.path + JSON_PATH_MAX - 4, "...");
	assert_int_equal(json_obj_end(&child, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_every_type),      cmocka_unit_test(test_absent),
		cmocka_unit_test(test_wrong_types_are_named), cmocka_unit_test(test_root_types),
		cmocka_unit_test(test_whole_texts),	      cmocka_unit_test(test_long_arrays),
		cmocka_unit_test(test_integers_at_the_edge),  cmocka_unit_test(test_nul_in_a_string),
		cmocka_unit_test(test_unread_keys),	      cmocka_unit_test(test_map),
		cmocka_unit_test(test_long_paths_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
