/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/layout: every symbol of every chunk has one place, blocks are neither too long nor needlessly short, limits hold. */
#include "cast/layout.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct layout *made(const uint32_t *lens, size_t n, uint16_t symbol_bytes)
{
	struct layout *l = NULL;
	struct err err = { 0 };

	assert_int_equal(layout_new(lens, n, symbol_bytes, &l, &err), 0);
	return l;
}

static uint32_t symbols_of(uint32_t len, uint32_t symbol_bytes)
{
	return (uint32_t)(((uint64_t)len + symbol_bytes - 1) / symbol_bytes);
}

static void block_check(const struct layout *l, uint32_t number)
{
	const struct layout_block *b = layout_block(l, number);
	uint32_t symbols = 0, s = layout_symbol_bytes(l);

	assert_in_range(b->k, 1, LAYOUT_K_MAX);
	assert_true(b->n_chunks >= 1 && b->first_chunk + b->n_chunks <= layout_chunks(l));
	if (b->n_chunks == 1)
		return;
	/* Shared: of short ones, each whole. */
	assert_int_equal(b->chunk_symbol, 0);
	for (uint32_t c = b->first_chunk; c < b->first_chunk + b->n_chunks; c++) {
		assert_true(symbols_of(layout_chunk_len(l, c), s) < LAYOUT_SHARE_BELOW);
		symbols += symbols_of(layout_chunk_len(l, c), s);
	}
	assert_int_equal(symbols, b->k);
}

/* The blocks of one chunk follow each other, are nearly equal, and hold all its symbols. */
static void chunk_check(const struct layout *l, uint32_t chunk)
{
	uint32_t n, first = layout_chunk_block(l, chunk, &n), s = layout_symbol_bytes(l);
	uint32_t symbols = symbols_of(layout_chunk_len(l, chunk), s), seen = 0, least = UINT32_MAX, most = 0;

	assert_int_equal(n, (symbols + LAYOUT_K_MAX - 1) / LAYOUT_K_MAX);
	for (uint32_t i = first; i < first + n; i++) {
		const struct layout_block *b = layout_block(l, i);

		assert_true(b->first_chunk <= chunk && chunk < b->first_chunk + b->n_chunks);
		if (b->n_chunks > 1)
			return;
		assert_int_equal(b->chunk_symbol, seen);
		seen += b->k;
		least = b->k < least ? b->k : least;
		most = b->k > most ? b->k : most;
	}
	assert_int_equal(seen, symbols);
	assert_true(most - least <= 1);
}

/* Walked in the order of blocks and symbols, the places are all bytes in their order, each once. */
static void places_check(const struct layout *l)
{
	struct layout_place p;
	uint64_t at = 0;

	for (uint32_t i = 0; i < layout_blocks(l); i++) {
		block_check(l, i);
		for (unsigned int s = 0; s < layout_block(l, i)->k; s++) {
			layout_place(l, i, (uint8_t)s, &p);
			assert_true(p.len >= 1 && p.len <= layout_symbol_bytes(l));
			assert_int_equal(layout_chunk_at(l, p.chunk) + p.offset, at);
			assert_int_equal(p.offset % layout_symbol_bytes(l), 0);
			assert_true(p.len == layout_symbol_bytes(l) || p.offset + p.len == layout_chunk_len(l, p.chunk));
			at += p.len;
		}
		layout_place(l, i, (uint8_t)layout_block(l, i)->k, &p); /* no data symbol */
		assert_int_equal(p.len, 0);
	}
	assert_int_equal(at, layout_bytes(l));
	for (uint32_t c = 0; c < layout_chunks(l); c++)
		chunk_check(l, c);
}

static void test_one_chunk(void **state)
{
	static const uint32_t symbols[] = { 1, 2, 63, 64, 65, 127, 128, 129, 130, 255, 256, 257, 745, 11915 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
		for (uint32_t less = 0; less < 2; less++) {
			uint32_t len = symbols[i] * LAYOUT_SYMBOL - less * (LAYOUT_SYMBOL - 1);
			autoclean(layout_freep) struct layout *l = made(&len, 1, LAYOUT_SYMBOL);

			assert_int_equal(layout_blocks(l), (symbols[i] + 127) / 128);
			assert_int_equal(layout_bytes(l), len);
			places_check(l);
		}
	}
}

/* 129 symbols are 65 and 64, not 128 and 1: a block of one symbol would have to be sent twice to be safe. */
static void test_equal_blocks(void **state)
{
	uint32_t len = 129 * 64;
	autoclean(layout_freep) struct layout *l = made(&len, 1, 64);

	(void)state;
	assert_int_equal(layout_block(l, 0)->k, 65);
	assert_int_equal(layout_block(l, 1)->k, 64);
	assert_int_equal(layout_block(l, 1)->chunk_symbol, 65);
}

static void test_sharing(void **state)
{
	/* In symbols: 1 + 2 + 63 + 62 fill one block; 63 begins the next and 64 shares with nobody; 5 and 6 share; 200 is cut. */
	uint32_t lens[] = { 1, 2 * 64, 62 * 64 + 1, 62 * 64, 63 * 64, 64 * 64, 5 * 64, 5 * 64 + 3, 200 * 64, 1 };
	static const struct layout_block want[] = {
		{ 0, 4, 0, 128 }, { 4, 1, 0, 63 },    { 5, 1, 0, 64 }, { 6, 2, 0, 11 },
		{ 8, 1, 0, 100 }, { 8, 1, 100, 100 }, { 9, 1, 0, 1 },
	};
	autoclean(layout_freep) struct layout *l = made(lens, ARRAY_LEN(lens), 64);
	uint32_t n;

	(void)state;
	assert_int_equal(layout_blocks(l), ARRAY_LEN(want));
	for (uint32_t i = 0; i < ARRAY_LEN(want); i++) {
		const struct layout_block *b = layout_block(l, i);

		assert_int_equal(b->first_chunk, want[i].first_chunk);
		assert_int_equal(b->n_chunks, want[i].n_chunks);
		assert_int_equal(b->chunk_symbol, want[i].chunk_symbol);
		assert_int_equal(b->k, want[i].k);
	}
	assert_int_equal(layout_chunk_block(l, 8, &n), 4);
	assert_int_equal(n, 2);
	assert_int_equal(layout_chunk_block(l, 3, &n), 0);
	assert_int_equal(n, 1);
	places_check(l);
}

static void test_many_tiny(void **state)
{
	uint32_t lens[1000];
	autoclean(layout_freep) struct layout *l = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lens); i++)
		lens[i] = 1 + (uint32_t)i % 7;
	l = made(lens, ARRAY_LEN(lens), LAYOUT_SYMBOL);
	assert_int_equal(layout_blocks(l), 8); /* 128 a block */
	places_check(l);
}

/* Lengths of all kinds, without a pattern, with each symbol size that is used. */
static void test_any_lengths(void **state)
{
	static const uint16_t sizes[] = { 64, LAYOUT_SYMBOL, LAYOUT_SYMBOL_JUMBO };
	uint64_t x = 88172645463325252ULL;

	(void)state;
	for (unsigned int round = 0; round < 60; round++) {
		uint32_t lens[200];
		autoclean(layout_freep) struct layout *l = NULL;

		for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			lens[i] = 1 + (uint32_t)((x >> 20) % (x % 3 ? 20000 : x % 2 ? 300000 : 700));
		}
		l = made(lens, 1 + x % ARRAY_LEN(lens), sizes[round % 3]);
		places_check(l);
	}
}

static void test_pieces(void **state)
{
	autoclean(layout_freep) struct layout *l = NULL, *same = NULL;
	uint32_t lens[] = { 1 << 20, 1 << 20, 1 };
	struct digest a, b;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(layout_of_pieces((2 << 20) + 1, 1 << 20, LAYOUT_SYMBOL, &l, &err), 0);
	assert_int_equal(layout_chunks(l), 3);
	assert_int_equal(layout_chunk_len(l, 1), 1 << 20);
	assert_int_equal(layout_chunk_len(l, 2), 1);
	assert_int_equal(layout_chunk_at(l, 2), 2 << 20);
	places_check(l);
	same = made(lens, 3, LAYOUT_SYMBOL);
	layout_digest(l, &a);
	layout_digest(same, &b);
	assert_int_equal(digest_cmp(&a, &b), 0);
	layout_freep(&l);
	/* A whole number of pieces has no empty one behind. */
	assert_int_equal(layout_of_pieces(3 << 20, 1 << 20, LAYOUT_SYMBOL, &l, &err), 0);
	assert_int_equal(layout_chunks(l), 3);
	assert_int_equal(layout_chunk_len(l, 2), 1 << 20);
}

static void test_digest(void **state)
{
	uint32_t one[] = { 100, 200 }, two[] = { 100, 201 }, three[] = { 200, 100 }, four[] = { 100, 200, 1 };
	autoclean(layout_freep) struct layout *l = made(one, 2, 64);
	struct digest a, b;
	struct layout *others[] = { made(two, 2, 64), made(three, 2, 64), made(four, 3, 64), made(one, 2, 128),
				    made(one, 1, 64) };

	(void)state;
	layout_digest(l, &a);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		layout_digest(others[i], &b);
		assert_int_not_equal(digest_cmp(&a, &b), 0);
		layout_drop(others[i]);
	}
	layout_drop(NULL);
}

/* The digest is part of the protocol: it may not change with how it is computed. More lengths than are hashed at a time. */
static void test_digest_stays(void **state)
{
	enum { MANY = 3000 };
	uint8_t text[20 + 8 + MANY * 4];
	autofree uint32_t *lens = mem_array(MANY, sizeof(*lens));
	autoclean(layout_freep) struct layout *l = NULL;
	struct digest a, b;

	(void)state;
	memcpy(text, "orthrus cast layout\n\0\0\0\x40\0\0\x0b\xb8", 28);
	for (size_t i = 0; i < MANY; i++) {
		lens[i] = (uint32_t)(1 + i * 7);
		text[28 + 4 * i] = 0;
		text[29 + 4 * i] = (uint8_t)(lens[i] >> 16);
		text[30 + 4 * i] = (uint8_t)(lens[i] >> 8);
		text[31 + 4 * i] = (uint8_t)lens[i];
	}
	digest_of(text, sizeof(text), &a);
	l = made(lens, MANY, 64);
	layout_digest(l, &b);
	assert_int_equal(digest_cmp(&a, &b), 0);
}

static void refused(const uint32_t *lens, size_t n, uint16_t symbol_bytes)
{
	struct layout *l = NULL;
	struct err err = { 0 };

	assert_int_equal(layout_new(lens, n, symbol_bytes, &l, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_null(l);
}

static void test_refused(void **state)
{
	static const uint16_t sizes[] = { 0, 1, 63, 65, 32, 1400, LAYOUT_SYMBOL_JUMBO + 64, 65472 };
	enum { MANY = 1 << 19 };
	autofree uint32_t *lens = mem_array(MANY, sizeof(*lens));
	autoclean(layout_freep) struct layout *l = NULL;

	(void)state;
	lens[0] = 5;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		refused(lens, 1, sizes[i]);
	refused(lens, 0, 64);
	refused(lens, 2, 64); /* the second has no bytes */
	refused(lens, LAYOUT_CHUNKS_MAX + 1, 64);
	lens[1] = LAYOUT_CHUNK_BYTES_MAX + 1;
	refused(lens, 2, 64);
	lens[1] = LAYOUT_CHUNK_BYTES_MAX;
	l = made(lens, 2, LAYOUT_SYMBOL_JUMBO);
	places_check(l);
	/* 2^19 chunks of 2^13 blocks each: one more than a u32 counts. Nothing is allocated for them. */
	for (size_t i = 0; i < MANY; i++)
		lens[i] = LAYOUT_CHUNK_BYTES_MAX;
	refused(lens, MANY, 64);
}

static void test_pieces_refused(void **state)
{
	static const struct {
		uint64_t total;
		uint32_t piece;
		uint16_t symbol;
	} bad[] = {
		{ 0, 1024, 64 },
		{ 1, 0, 64 },
		{ 1, LAYOUT_CHUNK_BYTES_MAX + 1, 64 },
		{ LAYOUT_CHUNKS_MAX + 1, 1, 64 },
		{ UINT64_MAX, LAYOUT_CHUNK_BYTES_MAX, 64 },
		{ 1, 1, 63 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct layout *l = NULL;
		struct err err = { 0 };

		assert_int_equal(layout_of_pieces(bad[i].total, bad[i].piece, bad[i].symbol, &l, &err), -1);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_null(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_chunk),      cmocka_unit_test(test_equal_blocks), cmocka_unit_test(test_sharing),
		cmocka_unit_test(test_many_tiny),      cmocka_unit_test(test_any_lengths),  cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_digest),	       cmocka_unit_test(test_digest_stays), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_pieces_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
