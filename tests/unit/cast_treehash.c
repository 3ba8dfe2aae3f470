/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alone: its RESULT is a time */
/* The digest of a piece is the same whatever the processor has: compared with its definition, for lengths around every edge. */
#include "base/mem.h"
#include "cast/treehash.h"
#include "sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

static void by_definition(const uint8_t *data, size_t len, struct digest *out)
{
	struct digest_ctx *top = digest_new();

	for (size_t at = 0; at < len; at += TREEHASH_LEAF) {
		struct digest leaf;

		digest_of(data + at, len - at < TREEHASH_LEAF ? len - at : TREEHASH_LEAF, &leaf);
		digest_add(top, leaf.bytes, sizeof(leaf.bytes));
	}
	digest_end(top, out);
}

static void test_lengths(void **state)
{
	static const size_t leaves[] = { 0, 1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 63, 64, 65, 130 };
	const size_t room = (size_t)131 * TREEHASH_LEAF;
	autofree uint8_t *data = mem_zalloc(room);
	struct treehash *t = treehash_new();

	(void)state;
	for (size_t i = 0; i < room; i++)
		data[i] = (uint8_t)(i * 31 + (i >> 11));
	for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
		for (int d = -1; d <= 1; d++) {
			const size_t len = leaves[i] || d >= 0 ? leaves[i] * TREEHASH_LEAF + (size_t)d : 0;
			struct digest a, b;

			treehash_of(t, data, len, &a);
			by_definition(data, len, &b);
			assert_int_equal(digest_cmp(&a, &b), 0);
		}
	}
	treehash_free(t);
	treehash_free(NULL);
}

static void test_speed(void **state)
{
	const size_t len = (size_t)1 << 20;
	autofree uint8_t *data = mem_zalloc(len);
	struct treehash *t = treehash_new();
	const int64_t begin = clock_now_ns();
	struct digest d;

	(void)state;
	for (int i = 0; i < 64; i++)
		treehash_of(t, data, len, &d);
	printf("RESULT cast_treehash mb_per_s=%.0f\n", 64.0 * (double)len * 1e3 / (double)(clock_now_ns() - begin));
	treehash_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lengths), cmocka_unit_test(test_speed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
