/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/str: strings, numbers and sizes, read strictly. */
#include "base/str.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_compare(void **state)
{
	(void)state;
	assert_true(str_eq(NULL, NULL));
	assert_false(str_eq(NULL, ""));
	assert_false(str_eq("", NULL));
	assert_true(str_eq("a", "a"));
	assert_false(str_eq("a", "b"));
	assert_true(str_starts("abc", "ab"));
	assert_true(str_starts("abc", ""));
	assert_false(str_starts("ab", "abc"));
	assert_true(str_ends("abc", "bc"));
	assert_true(str_ends("abc", ""));
	assert_false(str_ends("bc", "abc"));
}

static void test_format(void **state)
{
	autofree char *s = str_format("%s-%03d", "n", 7), *empty = str_format("%s", "");

	(void)state;
	assert_string_equal(s, "n-007");
	assert_string_equal(empty, "");
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "0x10", "1e3", "1.0", "18446744073709551616", "99999999999999999999", "a", "1a"
	};
	struct err err = { 0 };
	uint64_t v = 7;

	(void)state;
	assert_int_equal(str_to_u64("0", 0, UINT64_MAX, &v, &err), 0);
	assert_true(v == 0);
	assert_int_equal(str_to_u64("18446744073709551615", 0, UINT64_MAX, &v, &err), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(str_to_u64("0010", 10, 10, &v, &err), 0);
	assert_true(v == 10);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(str_to_u64(bad[i], 0, UINT64_MAX, &v, &err), -1);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_non_null(strstr(err.text, bad[i]));
	}
	assert_true(v == 10); /* a failure leaves the value alone */
	assert_int_equal(str_to_u64("9", 10, 20, &v, &err), -1);
	assert_int_equal(str_to_u64("21", 10, 20, &v, &err), -1);
	assert_string_equal(err.text, "21 is not between 10 and 20");
	assert_int_equal(str_to_u64("20", 10, 20, &v, &err), 0);
}

static void test_sizes(void **state)
{
	static const char *const bad[] = { "",	 "K",  "1.5G", "-1G", "1KB", "1k", "1 G", "16384P", "18446744073709551616",
					   "G1", "1GG" };
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "0", 0 },
		     { "4096", 4096 },
		     { "1K", 1024 },
		     { "512M", UINT64_C(512) << 20 },
		     { "2G", UINT64_C(2) << 30 },
		     { "1T", UINT64_C(1) << 40 },
		     { "16383P", UINT64_C(16383) << 50 },
		     { "18446744073709551615", UINT64_MAX } };
	struct err err = { 0 };
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(str_to_bytes(good[i].text, &v, &err), 0);
		assert_true(v == good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(str_to_bytes(bad[i], &v, &err), -1);
		assert_int_equal(err.kind, ERR_INVALID);
	}
}

static void test_sizes_for_people(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} table[] = { { 0, "0 B" },
		      { 17, "17 B" },
		      { 1023, "1023 B" },
		      { 1024, "1 KiB" },
		      { 1536, "1.5 KiB" },
		      { UINT64_C(512) << 20, "512 MiB" },
		      { UINT64_C(1978) << 30, "1.9 TiB" },
		      { UINT64_MAX, "16.0 EiB" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char text[STR_BYTES_MAX];

		str_from_bytes(table[i].bytes, text);
		assert_string_equal(text, table[i].text);
	}
}

static void test_hex(void **state)
{
	const unsigned char bytes[] = { 0x00, 0x0f, 0xa5, 0xff };
	unsigned char back[4] = { 0 };
	struct err err = { 0 };
	char hex[9];

	(void)state;
	str_hex(bytes, 4, hex);
	assert_string_equal(hex, "000fa5ff");
	assert_int_equal(str_unhex("000FA5ff", back, 4, &err), 0);
	assert_memory_equal(back, bytes, 4);
	assert_int_equal(str_unhex("000fa5f", back, 4, &err), -1);
	assert_int_equal(str_unhex("000fa5ff0", back, 4, &err), -1);
	assert_int_equal(str_unhex("000fa5fg", back, 4, &err), -1);
	assert_int_equal(str_unhex("0x0fa5ff", back, 4, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	str_hex(bytes, 0, hex);
	assert_string_equal(hex, "");
	assert_int_equal(str_unhex("", back, 0, &err), 0);
}

static void test_mac(void **state)
{
	static const char *const bad[] = { "",
					   "52:54:00:12:34",
					   "52:54:00:12:34:56:",
					   "52:54:00:12:34:5g",
					   "525400123456",
					   "52.54.00.12.34.56",
					   "00:00:00:00:00:00",
					   "01:00:5e:00:00:01",
					   "ff:ff:ff:ff:ff:ff",
					   " 52:54:00:12:34:5" };
	struct err err = { 0 };
	char mac[STR_MAC_LEN];

	(void)state;
	assert_int_equal(str_to_mac("52:54:00:AB:cd:Ef", mac, &err), 0);
	assert_string_equal(mac, "52:54:00:ab:cd:ef");
	assert_int_equal(str_to_mac("52-54-00-ab-cd-ef", mac, &err), 0);
	assert_string_equal(mac, "52:54:00:ab:cd:ef");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(str_to_mac(bad[i], mac, &err), -1);
		assert_int_equal(err.kind, ERR_INVALID);
	}
	assert_string_equal(mac, "52:54:00:ab:cd:ef");
}

static void test_names(void **state)
{
	char longest[65];
	struct err err = { 0 };

	(void)state;
	memset(longest, 'a', 64);
	longest[64] = '\0';
	assert_int_equal(str_check_hostname(longest, &err), -1);
	assert_int_equal(str_check_name(longest, &err), -1);
	longest[63] = '\0';
	assert_int_equal(str_check_hostname(longest, &err), 0);
	assert_int_equal(str_check_name(longest, &err), 0);
	assert_int_equal(str_check_hostname("n01-a", &err), 0);
	assert_int_equal(str_check_hostname("0", &err), 0);
	assert_int_equal(str_check_hostname("", &err), -1);
	assert_int_equal(str_check_hostname("-a", &err), -1);
	assert_int_equal(str_check_hostname("a-", &err), -1);
	assert_int_equal(str_check_hostname("N01", &err), -1);
	assert_int_equal(str_check_hostname("a.b", &err), -1);
	assert_int_equal(str_check_hostname("a_b", &err), -1);
	assert_int_equal(str_check_name("Debian-12.5_x", &err), 0);
	assert_int_equal(str_check_name("", &err), -1);
	assert_int_equal(str_check_name(".hidden", &err), -1);
	assert_int_equal(str_check_name("..", &err), -1);
	assert_int_equal(str_check_name("-x", &err), -1);
	assert_int_equal(str_check_name("_x", &err), -1);
	assert_int_equal(str_check_name("a/b", &err), -1);
	assert_int_equal(str_check_name("a b", &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
}

/* Boundary values of RFC 3629. */
static void test_utf8(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} table[] = { { "a", 1 },
		      { "\x7f", 1 },
		      { "\xc2\x80", 2 },
		      { "\xdf\xbf", 2 },
		      { "\xe0\xa0\x80", 3 },
		      { "\xed\x9f\xbf", 3 },
		      { "\xee\x80\x80", 3 },
		      { "\xef\xbf\xbf", 3 },
		      { "\xf0\x90\x80\x80", 4 },
		      { "\xf4\x8f\xbf\xbf", 4 },
		      { "\x80", 0 },
		      { "\xc1\xbf", 0 },	 /* overlong */
		      { "\xe0\x9f\xbf", 0 },	 /* overlong */
		      { "\xf0\x8f\xbf\xbf", 0 }, /* overlong */
		      { "\xed\xa0\x80", 0 },	 /* a surrogate */
		      { "\xf4\x90\x80\x80", 0 }, /* past U+10FFFF */
		      { "\xf5\x80\x80\x80", 0 },
		      { "\xc3(", 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		size_t len = strlen(table[i].bytes);

		assert_int_equal(str_utf8_len(table[i].bytes, len), table[i].len);
		for (size_t cut = 0; cut < len && table[i].len; cut++)
			assert_int_equal(str_utf8_len(table[i].bytes, cut), 0);
	}
}

static void test_printable(void **state)
{
	autofree char *s = str_printable("a\n\x1b[0m\xff\xc3\xa9\x7f\0z", 12), *empty = str_printable("", 0);

	(void)state;
	assert_string_equal(s, "a\\x0a\\x1b[0m\\xff\xc3\xa9\\x7f\\x00z");
	assert_string_equal(empty, "");
}

/* The first and the last of each range are shown by their bytes; what stands next to a range is text. */
static void test_printable_controls(void **state)
{
	static const char *const controls[][2] = {
		{ "\x01", "\\x01" },		       /* C0 */
		{ "\x1f", "\\x1f" },		       /* its last */
		{ "\x7f", "\\x7f" },		       /* DEL */
		{ "\xc2\x80", "\\xc2\\x80" },	       /* C1 */
		{ "\xc2\x9b", "\\xc2\\x9b" },	       /* its CSI */
		{ "\xc2\x9f", "\\xc2\\x9f" },	       /* its last */
		{ "\xd8\x9c", "\\xd8\\x9c" },	       /* Arabic letter mark */
		{ "\xe2\x80\x8e", "\\xe2\\x80\\x8e" }, /* left-to-right mark */
		{ "\xe2\x80\x8f", "\\xe2\\x80\\x8f" }, /* right-to-left mark */
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" }, /* line separator */
		{ "\xe2\x80\xa9", "\\xe2\\x80\\xa9" }, /* paragraph separator */
		{ "\xe2\x80\xaa", "\\xe2\\x80\\xaa" }, /* left-to-right embedding */
		{ "\xe2\x80\xab", "\\xe2\\x80\\xab" }, /* right-to-left embedding */
		{ "\xe2\x80\xac", "\\xe2\\x80\\xac" }, /* pop directional formatting */
		{ "\xe2\x80\xad", "\\xe2\\x80\\xad" }, /* left-to-right override */
		{ "\xe2\x80\xae", "\\xe2\\x80\\xae" }, /* right-to-left override */
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" }, /* left-to-right isolate */
		{ "\xe2\x81\xa7", "\\xe2\\x81\\xa7" }, /* right-to-left isolate */
		{ "\xe2\x81\xa8", "\\xe2\\x81\\xa8" }, /* first strong isolate */
		{ "\xe2\x81\xa9", "\\xe2\\x81\\xa9" }, /* pop directional isolate */
	};
	static const char *const text[] = {
		" ",
		"~",
		"\xc2\xa0",
		"\xc3\x80",
		"\xc3\x9f",
		"\xd8\x9b",
		"\xd8\x9d",
		"\xd9\x9c",
		"\xe2\x80\x8d",
		"\xe2\x80\x90",
		"\xe2\x80\xa2",
		"\xe2\x80\xa7",
		"\xe2\x80\xaf",
		"\xe2\x81\xa5",
		"\xe2\x81\xaa",
		"\xe2\x82\xa8",
		"\xe3\x80\x8e",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		autofree char *in = str_format("a%sz", controls[i][0]), *want = str_format("a%sz", controls[i][1]);
		autofree char *shown = str_printable(in, strlen(in));

		assert_string_equal(shown, want);
	}
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		autofree char *shown = str_printable(text[i], strlen(text[i]));

		assert_string_equal(shown, text[i]);
	}
}

static void test_list(void **state)
{
	autoclean(str_list_free) struct str_list l = { 0 };
	char text[] = "one";

	(void)state;
	assert_false(str_list_has(&l, "one"));
	str_list_add(&l, text);
	text[0] = 'X'; /* the list has its own copy */
	for (int i = 0; i < 100; i++) {
		str_list_addf(&l, "n%d", i);
		assert_null(l.items[l.len]); /* usable as argv at any moment */
	}
	assert_int_equal(l.len, 101);
	assert_true(str_list_has(&l, "one"));
	assert_true(str_list_has(&l, "n99"));
	assert_false(str_list_has(&l, "n100"));
	str_list_free(&l);
	assert_int_equal(l.len, 0);
	assert_null(l.items);
}

static void test_nearest(void **state)
{
	static const char *const known[] = { "install", "list", "show", "x" };
	char longest[100];

	(void)state;
	assert_string_equal(str_nearest("instal", known, 4), "install");
	assert_string_equal(str_nearest("isntall", known, 4), "install");
	assert_string_equal(str_nearest("lst", known, 4), "list");
	assert_string_equal(str_nearest("inst", known, 4), "install"); /* begun, however much is missing */
	assert_string_equal(str_nearest("show", known, 4), "show");
	assert_null(str_nearest("in", known, 4));
	assert_null(str_nearest("remove", known, 4));
	assert_null(str_nearest("q", known, 4)); /* one letter is near everything */
	assert_null(str_nearest("install", known, 0));
	memset(longest, 'a', 99);
	longest[99] = '\0';
	assert_null(str_nearest(longest, known, 4));
	assert_null(str_nearest("abc", (const char *const[]){ longest }, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_sizes_for_people),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_printable),
		cmocka_unit_test(test_printable_controls),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
