/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/keywords: the examples of RFC 1751, every value back again, slips noticed. */
#include "base/keywords.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void check(uint64_t key, const char *words)
{
	uint8_t fp[KEYWORDS_BYTES], back[KEYWORDS_BYTES];
	char out[KEYWORDS_LEN];
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(fp); i++)
		fp[i] = (uint8_t)(key >> (56 - 8 * i));
	keywords_of(fp, out);
	if (words)
		assert_string_equal(out, words);
	assert_int_equal(keywords_read(out, back, &err), 0);
	assert_memory_equal(fp, back, sizeof(fp));
}

/* RFC 1751, appendix A. */
static void test_examples(void **state)
{
	(void)state;
	check(0xEB33F77EE73D4053, "TIDE ITCH SLOW REIN RULE MOT");
	check(0xCCAC2AED591056BE, "RASH BUSH MILK LOOK BAD BRIM");
	check(0x4F90FD441C534766, "AVID GAFF BAIT ROT POD LOVE");
	check(0xEFF81F9BFBC65350, "TROD MUTE TAIL WARM CHAR KONG");
	check(0x920CDD7416DE8009, "HAAG CITY BORE O TEAL AWL");
}

static void test_all_values_come_back(void **state)
{
	uint64_t x = 1;

	(void)state;
	check(0, "A A A A A A");
	check(UINT64_MAX, NULL);
	for (int i = 0; i < 20000; i++) {
		x = x * 6364136223846793005 + 1442695040888963407; /* Knuth's MMIX */
		check(x, NULL);
	}
}

static void test_as_people_write(void **state)
{
	static const char *const same[] = { "tide itch slow rein rule mot", "TIDE-ITCH-SLOW-REIN-RULE-MOT",
					    "  Tide, itch, slow, rein, rule, mot.\n", "TIDE ITCH 51OW REIN RU1E M0T" };
	static const uint8_t want[] = { 0xEB, 0x33, 0xF7, 0x7E, 0xE7, 0x3D, 0x40, 0x53 };

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		uint8_t fp[KEYWORDS_BYTES];
		struct err err = { 0 };

		assert_int_equal(keywords_read(same[i], fp, &err), 0);
		assert_memory_equal(fp, want, sizeof(want));
	}
}

static void refused(const char *text, const char *why)
{
	uint8_t fp[KEYWORDS_BYTES];
	struct err err = { 0 };

	assert_int_equal(keywords_read(text, fp, &err), -1);
	assert_non_null(strstr(err.text, why));
}

static void test_slips(void **state)
{
	(void)state;
	refused("", "these are 0");
	refused("TIDE ITCH SLOW REIN RULE", "these are 5");
	refused("TIDE ITCH SLOW REIN RULE MOT MOT", "more");
	refused("TIDE ITCH SLOW REIN RULE XYZZ", "'XYZZ'");
	refused("TIDE ITCH SLOW REIN RULE WONDERFULLY", "'WONDERFULLY'");
	refused("TIDE ITCH SLOW REIN RULE MOP", "misread");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_all_values_come_back),
		cmocka_unit_test(test_as_people_write),
		cmocka_unit_test(test_slips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
