/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alone: its RESULT is a time */
/* The digest of a piece is BLAKE3, whatever the processor has: the published vectors, and every way against the others for
 * lengths around every edge. */
#include "base/mem.h"
#include "cast/treehash_priv.h"
#include "sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

/* test_vectors.json of BLAKE3 1.5: so many bytes 0, 1 ... 250, 0, 1 ... */
static const struct {
	size_t len;
	const char *hash;
} vectors[] = {
	{ 0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" },
	{ 1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213" },
	{ 1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11" },
	{ 1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7" },
	{ 1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444" },
	{ 2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a" },
	{ 2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030" },
	{ 3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2" },
	{ 3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3" },
	{ 4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969" },
	{ 4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995" },
	{ 5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833" },
	{ 5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff" },
	{ 7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817" },
	{ 8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b" },
	{ 16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4" },
	{ 31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47" },
	{ 102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085" },
};

static uint8_t *bytes(size_t n)
{
	uint8_t *data = mem_zalloc(n);

	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i % 251);
	return data;
}

static void test_vectors(void **state)
{
	autofree uint8_t *data = bytes(102400);
	struct treehash *t = treehash_new();

	(void)state;
	for (unsigned int way = 0; treehash_use(t, way); way++) {
		for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
			char text[2 * DIGEST_LEN + 1];
			struct digest d;

			treehash_of(t, data, vectors[i].len, &d);
			for (size_t j = 0; j < DIGEST_LEN; j++)
				snprintf(text + 2 * j, 3, "%02x", d.bytes[j]);
			assert_string_equal(text, vectors[i].hash);
		}
	}
	assert_null(treehash_way(3));
	treehash_free(t);
	treehash_free(NULL);
}

static void test_ways(void **state)
{
	static const size_t chunks[] = { 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65, 130, 1024, 1500 };
	autofree uint8_t *data = bytes((size_t)1501 * TREEHASH_CHUNK);
	struct treehash *t = treehash_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		for (int d = -1; d <= 1; d++) {
			const size_t len = chunks[i] * TREEHASH_CHUNK + (size_t)d;
			struct digest a, b;

			assert_true(treehash_use(t, 0));
			treehash_of(t, data, len, &a);
			for (unsigned int way = 1; treehash_use(t, way); way++) {
				treehash_of(t, data, len, &b);
				assert_int_equal(digest_cmp(&a, &b), 0);
			}
		}
	}
	treehash_free(t);
}

static void test_speed(void **state)
{
	const size_t len = (size_t)1 << 20;
	autofree uint8_t *data = mem_zalloc(len);
	struct treehash *t = treehash_new();
	struct digest d;

	(void)state;
	for (unsigned int way = 0; treehash_use(t, way); way++) {
		const int64_t begin = clock_now_ns();

		for (int i = 0; i < 64; i++)
			treehash_of(t, data, len, &d);
		printf("RESULT cast_treehash %s_mb_per_s=%.0f\n", treehash_way(way)->name,
		       64.0 * (double)len * 1e3 / (double)(clock_now_ns() - begin));
	}
	treehash_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_vectors), cmocka_unit_test(test_ways),
					    cmocka_unit_test(test_speed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
