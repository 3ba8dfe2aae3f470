/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alone: its RESULT is a time */
/* Both ways of AES-256-GCM give the published answers and the same bytes as each other; what was touched does not open. */
#include "base/mem.h"
#include "base/str.h"
#include "cast/seal.h"
#include "sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

/* "The Galois/Counter Mode of Operation" (McGrew, Viega), test cases 14 and 16. */
static const struct {
	const char *key, *nonce, *aad, *plain, *sealed, *tag;
} golden[] = {
	{ "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
	  "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919" },
	{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
	  "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b"
	  "39",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f6"
	  "62",
	  "76fc6ece0f4e1768cddf8853bb2d551b" },
};

static size_t unhex(const char *hex, uint8_t *out)
{
	struct err err = { 0 };
	const size_t n = strlen(hex) / 2;

	assert_int_equal(str_unhex(hex, out, n, &err), 0);
	return n;
}

static void check_golden(bool mb)
{
	for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
		uint8_t key[SEAL_KEY], nonce[SEAL_NONCE], aad[64], plain[64], sealed[64], tag[SEAL_TAG], out[64], made[SEAL_TAG];
		struct seal_job job = { .nonce = nonce, .aad = aad, .in = plain, .out = out, .tag = made };
		struct seal *s;

		unhex(golden[i].key, key);
		unhex(golden[i].nonce, nonce);
		unhex(golden[i].sealed, sealed);
		unhex(golden[i].tag, tag);
		job.aad_len = unhex(golden[i].aad, aad);
		job.len = unhex(golden[i].plain, plain);
		s = seal_new_by(key, mb);
		assert_true(s || mb);
		if (!s)
			return;
		seal_close_many(s, &job, 1);
		assert_memory_equal(out, sealed, job.len);
		assert_memory_equal(made, tag, SEAL_TAG);
		job.in = out; /* in place */
		seal_open_many(s, &job, 1);
		assert_true(job.ok);
		assert_memory_equal(out, plain, job.len);
		seal_free(s);
	}
}

static void test_golden(void **state)
{
	(void)state;
	check_golden(false);
	check_golden(true);
	seal_free(NULL);
}

#define MANY 40
#define SYMBOL 1408

struct packets {
	uint8_t nonce[MANY][SEAL_NONCE], aad[MANY][24], plain[MANY][SYMBOL], sealed[MANY][SYMBOL], tag[MANY][SEAL_TAG];
	uint8_t back[MANY][SYMBOL];
	struct seal_job jobs[MANY];
};

static struct packets *packets_new(size_t len)
{
	struct packets *p = mem_zalloc(sizeof(*p));

	for (size_t i = 0; i < MANY; i++) {
		p->nonce[i][11] = (uint8_t)i;
		memset(p->aad[i], (int)i, sizeof(p->aad[i]));
		for (size_t j = 0; j < SYMBOL; j++)
			p->plain[i][j] = (uint8_t)(i * 3 + j * 7);
		p->jobs[i] = (struct seal_job){ .nonce = p->nonce[i],
						.aad = p->aad[i],
						.aad_len = sizeof(p->aad[i]),
						.in = p->plain[i],
						.out = p->sealed[i],
						.len = len,
						.tag = p->tag[i] };
	}
	return p;
}

static void open_them(struct packets *p, struct seal *s)
{
	memset(p->back, 0xee, sizeof(p->back));
	for (size_t i = 0; i < MANY; i++) {
		p->jobs[i].in = p->sealed[i];
		p->jobs[i].out = p->back[i];
	}
	seal_open_many(s, p->jobs, MANY);
}

/* What one way seals the other opens: with the library that a processor lacks, a cluster of both would be of no use. */
static void test_alike(void **state)
{
	static const size_t lens[] = { 0, 1, 15, 16, 64, 255, 256, 257, 767, 768, 1407, 1408 };
	const uint8_t key[SEAL_KEY] = { 9, 8, 7 };

	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(lens); l++) {
		struct seal *ssl = seal_new_by(key, false), *mb = seal_new_by(key, true), *best = seal_new(key);
		autofree struct packets *a = packets_new(lens[l]), *b = packets_new(lens[l]);

		seal_close_many(ssl, a->jobs, MANY);
		seal_close_many(best, b->jobs, MANY);
		assert_memory_equal(a->sealed, b->sealed, sizeof(a->sealed));
		assert_memory_equal(a->tag, b->tag, sizeof(a->tag));
		open_them(a, mb ? mb : best);
		open_them(b, ssl);
		for (size_t i = 0; i < MANY; i++) {
			assert_true(a->jobs[i].ok && b->jobs[i].ok);
			assert_memory_equal(a->back[i], a->plain[i], lens[l]);
			assert_memory_equal(b->back[i], a->plain[i], lens[l]);
		}
		seal_free(ssl);
		seal_free(mb);
		seal_free(best);
	}
}

static void touched(bool mb)
{
	const uint8_t key[SEAL_KEY] = { 1 }, zeros[SYMBOL] = { 0 };
	struct seal *s = seal_new_by(key, mb);
	autofree struct packets *p = packets_new(SYMBOL);

	if (!s)
		return;
	seal_close_many(s, p->jobs, MANY);
	p->sealed[3][0] ^= 1;
	p->sealed[4][SYMBOL - 1] ^= 0x80;
	p->tag[5][15] ^= 1;
	p->aad[6][23] ^= 1;
	p->nonce[7][0] ^= 1;
	open_them(p, s);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(p->jobs[i].ok, i < 3 || i > 7);
		assert_memory_equal(p->back[i], i < 3 || i > 7 ? p->plain[i] : zeros, SYMBOL);
	}
	seal_free(s);
}

static void test_touched(void **state)
{
	(void)state;
	touched(false);
	touched(true);
}

static void test_speed(void **state)
{
	const uint8_t key[SEAL_KEY] = { 1 };
	struct seal *s = seal_new(key);
	autofree struct packets *p = packets_new(SYMBOL);
	const int64_t begin = clock_now_ns();

	(void)state;
	for (int i = 0; i < 500; i++)
		seal_close_many(s, p->jobs, MANY);
	printf("RESULT cast_seal mb_per_s=%.0f\n", 500.0 * MANY * SYMBOL * 1e3 / (double)(clock_now_ns() - begin));
	seal_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_golden), cmocka_unit_test(test_alike),
					    cmocka_unit_test(test_touched), cmocka_unit_test(test_speed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
