/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_parse(): what is not exactly JSON is refused, and the reader is told where. */
#include "json_text.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_length_counts),
		cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
