/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/json: what is not exactly right is refused, and the reader is told where. */
#include "base/json.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct json_doc *doc, struct err *err)
{
	return json_parse(text, strlen(text), doc, err);
}

/* The object of a text that must be right. */
static struct json_obj root(const char *text, struct json_doc *doc)
{
	struct err err = { 0 };
	struct json_obj o;

	if (parse(text, doc, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	assert_int_equal(json_root_obj(doc, &o, &err), 0);
	return o;
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
		{ "", "line 1, column 1: the text ends where a value should be" },
		{ " \n ", "line 2, column 2: the text ends where a value should be" },
		{ "{} x", "line 1, column 4: 'x' stands where the end of the text should be" },
		{ "{}{}", "line 1, column 3: '{' stands where the end of the text should be" },
		{ "{\"a\":1,\n \"b\":2,\n \"a\":3}", "line 3, column 2: the key \"a\" was given before in the same object" },
		{ "{\"a\":1,\"\\u0061\":2}", "line 1, column 8: the key \"a\" was given before in the same object" },
		{ "{\"b\":[{\"a\":1,\"c\":2,\"a\":3}]}", "line 1, column 20: the key \"a\" was given before in the same object" },
		{ "{\"\xc3\xa9\":x}", "line 1, column 6: 'x' stands where a value should be" },
		{ "{\"a\\u0000\":1}", "line 1, column 4: a key with a NUL" },
		{ "[1,]", "line 1, column 4: ']' stands where a value should be" },
		{ "[1 2]", "line 1, column 4: '2' stands where ',' or ']' should be" },
		{ "{\"a\":1,}", "line 1, column 8: '}' stands where a key in double quotes should be" },
		{ "{\"a\" 1}", "line 1, column 6: '1' stands where ':' after the key should be" },
		{ "{a:1}", "line 1, column 2: 'a' stands where a key in double quotes should be" },
		{ "{'a':1}", "line 1, column 2: ''' stands where a key in double quotes should be" },
		{ "[1", "line 1, column 3: the text ends where ',' or ']' should be" },
		{ "\"abc", "line 1, column 1: a string that does not end" },
		{ "\"a\nb\"", "line 1, column 3: a control character (0x0a) in a string must be written as \\u000a" },
		{ "\"\\x\"", "line 1, column 3: 'x' stands where one of \"\\/bfnrtu after the backslash should be" },
		{ "\"\\u12g4\"", "line 1, column 6: 'g' stands where a hex digit of \\uXXXX should be" },
		{ "\"\\ud800\"", "line 1, column 2: half of a surrogate pair" },
		{ "\"\\udc00\"", "line 1, column 2: half of a surrogate pair" },
		{ "\"\\ud800\\ud800\"", "line 1, column 2: half of a surrogate pair" },
		{ "\"\xff\"", "line 1, column 2: a byte (0xff) that is not UTF-8" },
		{ "\"\xc3\"", "line 1, column 2: a byte (0xc3) that is not UTF-8" },
		{ "\"\xed\xa0\x80\"", "line 1, column 2: a byte (0xed) that is not UTF-8" },
		{ "\xef\xbb\xbf{}", "line 1, column 1: '\xef\xbb\xbf' stands where a value should be" },
		{ "01", "line 1, column 1: a number with a leading 0" },
		{ "-", "line 1, column 2: the text ends where a digit should be" },
		{ "+1", "line 1, column 1: '+' stands where a value should be" },
		{ ".5", "line 1, column 1: '.' stands where a value should be" },
		{ "1.", "line 1, column 3: the text ends where a digit after the point should be" },
		{ "1e", "line 1, column 3: the text ends where a digit of the exponent should be" },
		{ "0x10", "line 1, column 2: 'x' stands where the end of the text should be" },
		{ "18446744073709551616", "line 1, column 1: a whole number that does not fit 64 bits" },
		{ "-9223372036854775809", "line 1, column 1: a whole number that does not fit 64 bits" },
		{ "NaN", "line 1, column 1: 'N' stands where a value should be" },
		{ "Infinity", "line 1, column 1: 'I' stands where a value should be" },
		{ "True", "line 1, column 1: 'T' stands where a value should be" },
		{ "truer", "line 1, column 5: 'r' stands where the end of the text should be" },
		{ "tru", "line 1, column 1: 't' stands where a value should be" },
		{ "/* c */ {}", "line 1, column 1: '/' stands where a value should be" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		autoclean(json_doc_free) struct json_doc doc = { 0 };
		struct err err = { 0 };

		if (parse(table[i].text, &doc, &err) == 0)
			fail_msg("accepted: %s", table[i].text);
		assert_string_equal(err.text, table[i].error);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_null(doc.root);
	}
}

static void test_accepts(void **state)
{
	static const char *const table[] = { "{}",
					     " [ ] ",
					     "0",
					     "-0",
					     "-0.0e-0",
					     "1E+5",
					     "18446744073709551615",
					     "-9223372036854775808",
					     "1e999",
					     "true",
					     "null",
					     "\"\\ud83d\\ude00 \\u0000 \\\" \\/ \xf0\x9f\x98\x80\"",
					     "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}",
					     "\r\n\t {\"\":\"\"}\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		autoclean(json_doc_free) struct json_doc doc = { 0 };
		struct err err = { 0 };

		if (parse(table[i], &doc, &err) < 0)
			fail_msg("%s: %s", table[i], err.text);
	}
}

/* The text need not end in NUL, and a NUL in it is a byte like others. */
static void test_length_counts(void **state)
{
	static const char text[] = "123456";
	struct json_doc doc = { 0 };
	struct err err = { 0 };

	(void)state;
	for (size_t len = 1; len <= 6; len++) {
		assert_int_equal(json_parse(text, len, &doc, &err), 0);
		json_doc_free(&doc);
	}
	assert_int_equal(json_parse("{}\0", 3, &doc, &err), -1);
	assert_string_equal(err.text, "line 1, column 3: '\\x00' stands where the end of the text should be");
	assert_int_equal(json_parse("\"a\0b\"", 5, &doc, &err), -1);
	assert_int_equal(json_parse(text, SIZE_MAX, &doc, &err), -1);
}

static void test_depth(void **state)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	char text[2 * (JSON_DEPTH_MAX + 1)];
	struct err err = { 0 };

	(void)state;
	memset(text, '[', sizeof(text) / 2);
	memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
	assert_int_equal(json_parse(text, sizeof(text), &doc, &err), -1);
	assert_non_null(strstr(err.text, "more than 32 levels"));
	assert_int_equal(json_parse(text + 1, sizeof(text) - 2, &doc, &err), 0);
}

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

static void test_writes(void **state)
{
	static const char pretty[] = "{\n"
				     "  \"s\": \"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa9\",\n"
				     "  \"bad\": \"\xef\xbf\xbdx\",\n"
				     "  \"none\": null,\n"
				     "  \"u\": 18446744073709551615,\n"
				     "  \"i\": -9223372036854775808,\n"
				     "  \"t\": true,\n"
				     "  \"f\": 1.500,\n"
				     "  \"inf\": null,\n"
				     "  \"raw\": {\"x\":1},\n"
				     "  \"empty\": {},\n"
				     "  \"list\": [\n"
				     "    \"a\",\n"
				     "    []\n"
				     "  ],\n"
				     "  \"strs\": [\n"
				     "    \"x\"\n"
				     "  ]\n"
				     "}\n";
	static const char compact[] = "{\"s\":\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa9\",\"bad\":\"\xef\xbf\xbdx\",\"none\":null,"
				      "\"u\":18446744073709551615,\"i\":-9223372036854775808,\"t\":true,\"f\":1.500,\"inf\":null,"
				      "\"raw\":{\"x\":1},\"empty\":{},\"list\":[\"a\",[]],\"strs\":[\"x\"]}";

	(void)state;
	for (int round = 0; round < 2; round++) {
		autoclean(json_doc_free) struct json_doc doc = { 0 };
		autoclean(str_list_free) struct str_list strs = { 0 };
		autoclean(buf_free) struct buf b = { 0 };
		struct err err = { 0 };
		struct json_out w;

		str_list_add(&strs, "x");
		json_out_init(&w, &b, round);
		json_put_obj(&w, NULL);
		json_put_str(&w, "s", "a\"\\\n\x01\x7f\xc3\xa9");
		json_put_str(&w, "bad", "\xffx");
		json_put_str(&w, "none", NULL);
		json_put_u64(&w, "u", UINT64_MAX);
		json_put_i64(&w, "i", INT64_MIN);
		json_put_bool(&w, "t", true);
		json_put_f64(&w, "f", 1.5);
		json_put_f64(&w, "inf", 1.0 / 0.0);
		json_put_raw(&w, "raw", "{\"x\":1}");
		json_put_obj(&w, "empty");
		json_end_obj(&w);
		json_put_arr(&w, "list");
		json_put_str(&w, NULL, "a");
		json_put_arr(&w, NULL);
		json_end_arr(&w);
		json_end_arr(&w);
		json_put_strs(&w, "strs", &strs);
		json_end_obj(&w);
		assert_string_equal(buf_str(&b), round ? pretty : compact);
		assert_int_equal(json_parse(b.data, b.len, &doc, &err), 0);
	}
}

/* Every string that is UTF-8 comes back as it was. */
static void test_round_trip(void **state)
{
	char all[256 + 32];
	size_t n = 0;

	(void)state;
	for (int c = 1; c < 128; c++)
		all[n++] = (char)c;
	memcpy(all + n, "\xc2\x80\xdf\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf", 12);
	{
		autoclean(json_doc_free) struct json_doc doc = { 0 };
		autoclean(buf_free) struct buf b = { 0 };
		autofree char *back = NULL;
		struct err err = { 0 };
		struct json_out w;
		struct json_obj o;

		json_out_init(&w, &b, false);
		json_put_obj(&w, NULL);
		json_put_str(&w, all, all);
		json_end_obj(&w);
		assert_int_equal(json_parse(b.data, b.len, &doc, &err), 0);
		assert_int_equal(json_root_obj(&doc, &o, &err), 0);
		assert_int_equal(json_str(&o, all, JSON_MUST, &back, &err), 0);
		assert_string_equal(back, all);
		assert_int_equal(json_obj_end(&o, &err), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_length_counts),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_reads_every_type),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_wrong_types_are_named),
		cmocka_unit_test(test_root_types),
		cmocka_unit_test(test_integers_at_the_edge),
		cmocka_unit_test(test_nul_in_a_string),
		cmocka_unit_test(test_unread_keys),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_long_paths_are_cut),
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
