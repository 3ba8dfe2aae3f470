/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/nodeset: the canonical short form, the order of names, and the speed. */
#include "base/nodeset.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void test_fold(void **state)
{
	static const struct {
		const char *text, *folded;
	} table[] = {
		{ "n1", "n1" },
		{ "n1,n2,n3", "n[1-3]" },
		{ "n1,n2", "n[1-2]" },
		{ "n1,n3", "n[1,3]" },
		{ "n3,n1,n2,n7", "n[1-3,7]" },
		{ "n[9-11]", "n[9-11]" },
		{ "n08,n09,n10,n11", "n[08-11]" },
		{ "n8,n9,n10", "n[8-10]" },
		{ "n099,n100,n101", "n[099-101]" },
		{ "n99,n0100", "n[99,0100]" }, /* padded differently: no range */
		{ "n[1-3],n[01-03]", "n[1-3,01-03]" },
		{ "n[98-102],n[098-102]", "n[98-102,098-099]" },
		{ "n0,n00,n000,n1,n01", "n[0-1,00-01,000]" },
		{ "login,n1", "login,n1" },
		{ "n1-ib,n1,n2,n2-ib", "n[1-2],n[1-2]-ib" },
		{ "rack1n01,rack1n02,rack2n01,rack2n02", "rack[1-2]n[01-02]" },
		{ "r[1-4]n[1-3]!r2n3", "r[1,3-4]n[1-3],r2n[1-2]" },
		{ "r1n1,r2n2", "r1n1,r2n2" },
		{ "r[1-2]c[1-2]n[1-2]", "r[1-2]c[1-2]n[1-2]" },
		{ "r[1-2]c[1-2]n[1-2],r3c1n1", "r[1-2]c[1-2]n[1-2],r3c1n1" },
		{ "1,2,3", "[1-3]" },
		{ "1.2.3.4,1.2.3.5", "1.2.3.[4-5]" },
		{ "n[1-2][3-4]", "n[13-14,23-24]" },
		{ "x123456789012345678,x123456789012345679", "x123456789012345678,x123456789012345679" }, /* 18 digits are text */
		{ "x99999999999999998,x99999999999999999", "x[99999999999999998-99999999999999999]" },
		{ "a1b1c1d1e1f1g1h1i1,a1b1c1d1e1f1g1h1i2",
		  "a1b1c1d1e1f1g1h1i1,a1b1c1d1e1f1g1h1i2" }, /* the ninth number is text */
		{ "r1n01,r1n1,r01n1,r01n01", "r[1,01]n[1,01]" },
		{ "a^a", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		autoclean(nodeset_free) struct nodeset set = { 0 };
		autoclean(buf_free) struct buf text = { 0 };
		struct err err = { 0 };

		assert_int_equal(nodeset_parse(table[i].text, NULL, NULL, &set, &err), 0);
		nodeset_fold(&set, &text);
		assert_string_equal(buf_str(&text), table[i].folded);
	}
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13; /* xorshift32 (Marsaglia 2003): the same numbers in every run */
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* A thousand random sets: folding gives one text whatever the order of adding, and the text gives the set back. */
static void test_fold_is_canonical_and_loses_nothing(void **state)
{
	static const char *const forms[] = { "n%u", "n%02u", "n%03u", "r%ux%u", "r%02ux%u", "a%ub%uc%u", "a%u-b" };
	uint32_t seed = 2463534242u;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		autoclean(nodeset_free) struct nodeset set = { 0 }, reversed = { 0 }, back = { 0 };
		autoclean(buf_free) struct buf one = { 0 }, two = { 0 }, text = { 0 };
		size_t n = 1 + next_random(&seed) % 60;
		struct err err = { 0 };

		for (size_t i = 0; i < n; i++) {
			const char *form = forms[next_random(&seed) % ARRAY_LEN(forms)];
			unsigned int max = round % 2 ? 4 : 120, a = next_random(&seed) % max, b = next_random(&seed) % max;

			buf_clear(&text);
			for (const char *p = form; *p; p++) {
				if (*p != '%') {
					buf_addc(&text, *p);
					continue;
				}
				buf_addf(&text, "%0*u", p[1] == '0' ? p[2] - '0' : 0, a);
				p = strchr(p, 'u');
				a = b;
			}
			assert_int_equal(nodeset_add(&set, buf_str(&text), &err), 0);
		}
		for (size_t i = nodeset_count(&set); i-- > 0;)
			assert_int_equal(nodeset_add(&reversed, nodeset_get(&set, i), &err), 0);
		nodeset_fold(&set, &one);
		nodeset_fold(&reversed, &two);
		assert_string_equal(buf_str(&one), buf_str(&two));
		if (nodeset_parse(buf_str(&one), NULL, NULL, &back, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(nodeset_count(&back), nodeset_count(&set));
		for (size_t i = 0; i < nodeset_count(&set); i++)
			assert_string_equal(nodeset_get(&back, i), nodeset_get(&set, i));
	}
}

/* A total order: of any three names, compared in every way, the answers agree. */
static void test_cmp_is_an_order(void **state)
{
	static const char *const names[] = { "",
					     "a",
					     "a0",
					     "a00",
					     "a1",
					     "a01",
					     "a001",
					     "a1b",
					     "a01b",
					     "a1b1",
					     "a1b01",
					     "a01b1",
					     "a2",
					     "a10",
					     "a10b",
					     "a-1",
					     "a.1",
					     "ab",
					     "A1",
					     "n9",
					     "n10",
					     "1",
					     "01",
					     "10",
					     "a1-b",
					     "a1:",
					     "a1_",
					     "a1.",
					     "a123456789012345678901234567890",
					     "a123456789012345678901234567891" };

	(void)state;
	assert_true(nodeset_cmp("n2", "n10") < 0);
	assert_true(nodeset_cmp("n2", "n02") < 0);
	assert_true(nodeset_cmp("n02", "n3") < 0);
	assert_true(nodeset_cmp("n1a", "n12") < 0);
	assert_true(nodeset_cmp("r1n2", "r01n1") > 0); /* numbers count before their zeros */
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		for (size_t j = 0; j < ARRAY_LEN(names); j++) {
			int ij = nodeset_cmp(names[i], names[j]), ji = nodeset_cmp(names[j], names[i]);

			assert_true((ij == 0) == (i == j));
			assert_true((ij < 0) == (ji > 0));
			for (size_t k = 0; k < ARRAY_LEN(names); k++)
				if (ij < 0 && nodeset_cmp(names[j], names[k]) < 0)
					assert_true(nodeset_cmp(names[i], names[k]) < 0);
		}
	}
}

/* With AddressSanitizer every memory access costs more: only a gross slip shows then. */
#ifdef __SANITIZE_ADDRESS__
#define LIMIT_MS 1000
#else
#define LIMIT_MS 50
#endif

static double ms_since(clock_t begin)
{
	return (double)(clock() - begin) * 1000 / CLOCKS_PER_SEC;
}

/* The product's promise: 100,000 names expand, and fold, in 50 ms of one processor. */
static void test_speed(void **state)
{
	static const char *const texts[] = { "n[1-100000]", "n[000001-100000]", "rack[1-100]n[1-1000]",
					     "a[1-10]b[1-100]c[1-100]-ib", "n[1-200000/2]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		double expand = 1e9, fold = 1e9;

		for (int round = 0; round < 5; round++) {
			autoclean(nodeset_free) struct nodeset set = { 0 };
			autoclean(buf_free) struct buf text = { 0 };
			struct err err = { 0 };
			clock_t begin = clock();
			double ms;

			assert_int_equal(nodeset_parse(texts[i], NULL, NULL, &set, &err), 0);
			assert_int_equal(nodeset_count(&set), 100000);
			ms = ms_since(begin);
			expand = ms < expand ? ms : expand;
			begin = clock();
			nodeset_fold(&set, &text);
			ms = ms_since(begin);
			fold = ms < fold ? ms : fold;
			if (!strchr(texts[i], '/'))
				assert_string_equal(buf_str(&text), texts[i]);
		}
		printf("%s: expand %.1f ms, fold %.1f ms\n", texts[i], expand, fold);
		assert_true(expand < LIMIT_MS);
		assert_true(fold < LIMIT_MS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_fold_is_canonical_and_loses_nothing),
		cmocka_unit_test(test_cmp_is_an_order),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
