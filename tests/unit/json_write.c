/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing JSON: what is written is read again as it was. */
#include "json_text.h"

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

static void test_errors(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };
	struct json_out w;

	(void)state;
	err_set(&err, ERR_REFUSED, "node \"n01\" is being installed");
	err_hint(&err, "wait for it");
	json_out_init(&w, &b, false);
	json_put_arr(&w, NULL);
	json_put_err(&w, NULL, &err);
	json_put_err(&w, NULL, &(const struct err){ 0 });
	json_end_arr(&w);
	assert_string_equal(buf_str(&b), "[{\"kind\":\"refused\",\"text\":\"node \\\"n01\\\" is being installed\","
					 "\"hint\":\"wait for it\"},{\"kind\":\"none\",\"text\":\"\",\"hint\":\"\"}]");
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
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
