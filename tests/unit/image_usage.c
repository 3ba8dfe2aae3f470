/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alone: its RESULT is a time */
/* Who uses what of a store: sums that a count by hand gives too, and a hundred images of a hundred thousand chunks in seconds. */
#include "image_fixture.h"

#include "imaging/chunk_table.h"
#include "imaging/usage.h"
#include "sys/clock.h"

#define MIB ((size_t)1 << 20)

static void free_count(struct usage_count **c)
{
	usage_count_free(*c);
}

static void row(struct chunk_table *t, uint8_t pack, uint64_t offset, uint32_t stored)
{
	struct chunk_row r = { .pack_offset = offset, .raw_len = 1, .stored_len = stored };

	memset(r.pack.bytes, pack, DIGEST_LEN);
	chunk_table_add(t, &r);
}

static void expect(const struct usage_count *c, size_t image, uint64_t unique, uint64_t shared)
{
	uint64_t u, s;

	usage_count_image(c, image, &u, &s);
	assert_int_equal(u, unique);
	assert_int_equal(s, shared);
}

static void test_count(void **state)
{
	autoclean(free_count) struct usage_count *c = usage_count_new();
	autoclean(chunk_table_free) struct chunk_table a = { 0 };
	autoclean(chunk_table_free) struct chunk_table b = { 0 };
	autoclean(chunk_table_free) struct chunk_table bad = { 0 };
	autoclean(chunk_table_free) struct chunk_table none = { 0 };
	struct digest pack = { { 0 } };

	(void)state;
	row(&a, 1, 0, 10);
	row(&a, 1, 0, 10); /* twice in the stream, once in the store */
	row(&a, 1, 10, 100);
	row(&a, 2, 0, 1000);
	OK(usage_count_add(c, &a, err));
	expect(c, 0, 1110, 0);
	row(&b, 1, 10, 100);
	row(&b, 1, 10, 100);
	row(&b, 3, 0, 10000); /* another pack at the same offset is another place */
	OK(usage_count_add(c, &b, err));
	expect(c, 0, 1010, 100);
	expect(c, 1, 10000, 100);
	OK(usage_count_add(c, &b, err));
	expect(c, 0, 1010, 100);
	expect(c, 1, 0, 10100);
	expect(c, 2, 0, 10100);
	assert_int_equal(usage_count_used(c), 11110);
	row(&bad, 4, 0, 5);
	row(&bad, 4, (uint64_t)1 << 32, 5);
	FAILS(ERR_DAMAGED, "row 1", usage_count_add(c, &bad, err));
	OK(usage_count_add(c, &none, err));
	expect(c, 3, 0, 0);
	assert_int_equal(usage_count_used(c), 11110);
	memset(pack.bytes, 3, DIGEST_LEN);
	assert_true(usage_count_has_pack(c, &pack));
	memset(pack.bytes, 4, DIGEST_LEN);
	assert_false(usage_count_has_pack(c, &pack));
}

/* Each image shares 99 % with the one before. */
static void test_many(void **state)
{
	enum { IMAGES = 100, CHUNKS = 100000, OWN = 1000 };
	autoclean(free_count) struct usage_count *c = usage_count_new();
	int64_t began = clock_now_ns();
	uint64_t unique, shared;

	(void)state;
	for (size_t i = 0; i < IMAGES; i++) {
		autoclean(chunk_table_free) struct chunk_table t = { 0 };

		for (size_t k = i * OWN; k < i * OWN + CHUNKS; k++) {
			struct chunk_row r = { .pack_offset = k % 100 * 1000, .raw_len = 1, .stored_len = 1000 };
			uint64_t pack = (k / 100 + 1) * UINT64_C(0x9e3779b97f4a7c15);

			memcpy(r.pack.bytes, &pack, sizeof(pack));
			chunk_table_add(&t, &r);
		}
		OK(usage_count_add(c, &t, err));
	}
	usage_count_image(c, 0, &unique, &shared);
	assert_int_equal(unique, OWN * 1000);
	assert_int_equal(shared, (CHUNKS - OWN) * 1000);
	usage_count_image(c, 50, &unique, &shared);
	assert_int_equal(unique, 0);
	assert_int_equal(usage_count_used(c), (uint64_t)(CHUNKS + (IMAGES - 1) * OWN) * 1000);
	printf("RESULT image-usage images=%d chunks=%d seconds=%.2f\n", IMAGES, CHUNKS, (double)(clock_now_ns() - began) / 1e9);
}

static void test_store(void **state)
{
	struct fixture *f = *state;
	autoclean(store_images_free) struct store_images l = { 0 };
	autoclean(store_usage_free) struct store_usage u = { 0 };
	autoclean(store_usage_free) struct store_usage damaged = { 0 };
	autofree char *a = NULL, *b = NULL, *dir = NULL, *chunks = NULL, *stray = NULL;
	char hex[DIGEST_HEX_LEN];

	put_noise(f->tree, "big", 9 * MIB, 1);
	a = take_image(f, "one");
	put_noise(f->tree, "own", MIB, 2);
	b = take_image(f, "two");
	/* A pack that nobody uses, as a build that was killed leaves one. */
	memset(hex, 'a', sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	stray = str_format("packs/%s.pack", hex);
	put_noise(f->store_dir, stray, 12345, 7);
	OK(store_list(f->store, &l, err));
	OK(store_usage(f->store, &l, &u, err));
	assert_true(u.known && u.images[0].known && u.images[1].known);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(u.images[i].unique_bytes + u.images[i].shared_bytes, l.items[i].stored_bytes);
	assert_int_equal(u.images[0].shared_bytes, u.images[1].shared_bytes);
	assert_true(u.images[0].shared_bytes > 4 * MIB && u.images[1].unique_bytes > MIB);
	assert_int_equal(u.used_bytes, u.images[0].unique_bytes + u.images[1].unique_bytes + u.images[0].shared_bytes);
	assert_int_equal(u.unused_bytes, 12345);
	assert_int_equal(u.removable_bytes, 12345);
	assert_int_equal(u.packs_bytes, u.used_bytes + 12345);
	assert_true(u.disk_bytes > u.packs_bytes);
	/* What an image uses that can't be read is not known, and so what is unused is not. */
	dir = str_format("images/%s", b);
	chunks = store_file(f, dir, "chunks.bin");
	flip_bit(chunks, 100);
	OK(store_usage(f->store, &l, &damaged, err));
	assert_false(damaged.known || damaged.images[1].known);
	assert_true(damaged.images[0].known);
	assert_int_equal(damaged.images[0].unique_bytes, l.items[0].stored_bytes);
	assert_int_equal(damaged.unused_bytes, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_count), cmocka_unit_test(test_many), TEST(test_store) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
