/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image_fixture.h"

#include "imaging/chunker.h"

/* Cuts of the first 24 MiB of noise(.., 1), worked out by another program from the description in docs/image-format.md. */
static const size_t golden[] = { 1109169, 1330255, 1069925, 1178895, 836098,  1211903, 1074600, 1161299,
				 903650,  1486351, 1074684, 1120734, 1113973, 1178274, 615800,	1297808,
				 760726,  1532199, 1086765, 1352735, 1301328, 1368653 };

static size_t cut_all(const struct chunker *c, const uint8_t *data, size_t len, size_t *cuts, size_t max)
{
	size_t n = 0;

	for (size_t at = 0; at < len; n++) {
		size_t cut = chunker_cut(c, data + at, len - at);

		assert_true(cut > 0 && cut <= len - at && n < max);
		cuts[n] = cut;
		at += cut;
	}
	return n;
}

static void test_golden(void **state)
{
	autofree uint8_t *data = noise((size_t)24 << 20, 1);
	struct chunker c;
	size_t cuts[128], n;

	(void)state;
	chunker_init(&c, CHUNK_MIN, CHUNK_AVG, CHUNK_MAX);
	n = cut_all(&c, data, (size_t)24 << 20, cuts, ARRAY_LEN(cuts));
	assert_int_equal(n, ARRAY_LEN(golden));
	assert_memory_equal(cuts, golden, sizeof(golden));
}

/* What is seen beyond `max` bytes must not matter: a reader with a smaller window cuts the same. */
static void test_window_does_not_matter(void **state)
{
	autofree uint8_t *data = noise((size_t)9 << 20, 2);
	struct chunker c;

	(void)state;
	chunker_init(&c, CHUNK_MIN, CHUNK_AVG, CHUNK_MAX);
	for (size_t at = 0; at + CHUNK_MAX <= ((size_t)9 << 20);) {
		size_t a = chunker_cut(&c, data + at, ((size_t)9 << 20) - at), b = chunker_cut(&c, data + at, CHUNK_MAX);

		assert_int_equal(a, b);
		at += a;
	}
}

static void test_limits(void **state)
{
	autofree uint8_t *zeros = mem_zalloc(1 << 20);
	struct chunker c;
	size_t cuts[8192], n;

	(void)state;
	chunker_init(&c, 256, 1024, 4096);
	/* Whatever the bytes are, the lengths keep to their limits; only the last may be short. */
	n = cut_all(&c, zeros, 1 << 20, cuts, ARRAY_LEN(cuts));
	for (size_t i = 0; i + 1 < n; i++)
		assert_true(cuts[i] >= 256 && cuts[i] <= 4096);
	assert_int_equal(chunker_cut(&c, zeros, 0), 0);
	assert_int_equal(chunker_cut(&c, zeros, 1), 1);
	assert_int_equal(chunker_cut(&c, zeros, 256), 256);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		autofree uint8_t *data = noise(1 << 20, seed);
		size_t sum = 0;

		n = cut_all(&c, data, 1 << 20, cuts, ARRAY_LEN(cuts));
		for (size_t i = 0; i < n; i++) {
			assert_true((cuts[i] >= 256 || i + 1 == n) && cuts[i] <= 4096);
			sum += cuts[i];
		}
		assert_int_equal(sum, 1 << 20);
		/* The average is what was asked for, within a third. */
		assert_in_range(n, 1024 * 2 / 3, 1024 * 4 / 3);
	}
}

/* One byte more near the front: nearly all cuts stay with their content. */
static void test_insertion_is_local(void **state)
{
	size_t len = 1 << 20, n, m, same = 0, cuts[4096], moved[4096];
	autofree uint8_t *data = noise(len, 7);
	autofree uint8_t *more = mem_zalloc(len + 1);
	struct chunker c;

	(void)state;
	chunker_init(&c, 256, 1024, 4096);
	memcpy(more, data, 5000);
	more[5000] = 0x5a;
	memcpy(more + 5001, data + 5000, len - 5000);
	n = cut_all(&c, data, len, cuts, ARRAY_LEN(cuts));
	m = cut_all(&c, more, len + 1, moved, ARRAY_LEN(moved));
	for (size_t i = 1, a = len - cuts[n - 1], b = len + 1 - moved[m - 1]; i < n && i < m && a + 1 == b; i++, same++) {
		a -= cuts[n - 1 - i];
		b -= moved[m - 1 - i];
	}
	assert_true(same > n * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_window_does_not_matter),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_insertion_is_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
