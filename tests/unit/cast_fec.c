/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/fec: any k of all symbols give the block, for each k and each kind of loss; wrong rows are refused before anything is
 * written. */
#include "cast/fec.h"

#include "base/mem.h"
#include "cast/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A block with all its parity, and a copy to lose symbols of. */
struct block {
	struct fec *fec;
	unsigned int k, n_rows;
	size_t len;
	uint8_t *whole, *parity, *copy, *came;
	uint64_t x;
};

static uint64_t chance(struct block *b)
{
	b->x ^= b->x << 13;
	b->x ^= b->x >> 7;
	b->x ^= b->x << 17;
	return b->x;
}

static void block_new(struct block *b, unsigned int k, size_t len)
{
	const uint8_t *data[LAYOUT_K_MAX];
	uint8_t *rows[FEC_ROWS];

	*b = (struct block){ .k = k, .n_rows = FEC_ROWS - k, .len = len, .x = 88172645463325252ULL + k * 77 + len };
	b->fec = fec_new(k);
	b->whole = mem_aligned(64, k * len);
	b->copy = mem_aligned(64, k * len);
	b->parity = mem_aligned(64, b->n_rows * len);
	b->came = mem_aligned(64, b->n_rows * len);
	for (size_t i = 0; i < k * len; i++)
		b->whole[i] = (uint8_t)(chance(b) >> 24);
	for (unsigned int i = 0; i < k; i++)
		data[i] = b->whole + i * len;
	for (unsigned int i = 0; i < b->n_rows; i++)
		rows[i] = b->parity + i * len;
	fec_encode(b->fec, data, 0, b->n_rows, rows, len);
}

static void block_free(struct block *b)
{
	fec_free(b->fec);
	free(b->whole);
	free(b->copy);
	free(b->parity);
	free(b->came);
}

/* Decodes with the symbols that `have` says and the `n` rows, after overwriting what is missing. */
static int decode(struct block *b, const uint8_t *have, const uint8_t *rows, unsigned int n, struct err *err)
{
	uint8_t *data[LAYOUT_K_MAX], *parity[FEC_ROWS];

	memcpy(b->copy, b->whole, b->k * b->len);
	for (unsigned int i = 0; i < b->k; i++) {
		data[i] = b->copy + i * b->len;
		if (!have[i])
			memset(data[i], 0xa5, b->len);
	}
	for (unsigned int i = 0; i < n; i++) {
		parity[i] = b->came + (i % b->n_rows) * b->len;
		if (rows[i] < b->n_rows)
			memcpy(parity[i], b->parity + rows[i] * b->len, b->len);
	}
	return fec_decode(b->fec, data, have, parity, rows, n, b->len, err);
}

static void recovered(struct block *b, const uint8_t *have, const uint8_t *rows, unsigned int n)
{
	struct err err = { 0 };

	assert_int_equal(decode(b, have, rows, n, &err), 0);
	assert_memory_equal(b->copy, b->whole, b->k * b->len);
}

/* `e` symbols and `e` rows by chance. */
static void any_loss(struct block *b, unsigned int e)
{
	uint8_t have[LAYOUT_K_MAX], rows[FEC_ROWS];

	memset(have, 1, sizeof(have));
	for (unsigned int lost = 0; lost < e;) {
		unsigned int i = (unsigned int)(chance(b) >> 20) % b->k;

		lost += have[i];
		have[i] = 0;
	}
	for (unsigned int i = 0; i < b->n_rows; i++)
		rows[i] = (uint8_t)i;
	for (unsigned int i = 0; i < e; i++) {
		unsigned int j = i + (unsigned int)(chance(b) >> 20) % (b->n_rows - i);
		uint8_t t = rows[i];

		rows[i] = rows[j];
		rows[j] = t;
	}
	recovered(b, have, rows, e);
}

/* Each k; one lost symbol, a few, half, all; up to as many as there are rows. */
static void test_each_k(void **state)
{
	(void)state;
	for (unsigned int k = 1; k <= LAYOUT_K_MAX; k++) {
		struct block b;
		unsigned int most;

		block_new(&b, k, 64);
		most = k < b.n_rows ? k : b.n_rows;
		any_loss(&b, 0);
		any_loss(&b, 1);
		for (unsigned int e = 1; e <= most; e += e < 14 ? 1 : 7)
			any_loss(&b, e);
		any_loss(&b, most);
		block_free(&b);
	}
}

/* A small block: each way to lose symbols, with each set of rows that is just enough. */
static void test_each_pattern(void **state)
{
	enum { K = 4, ROWS = 6 };
	struct block b;

	(void)state;
	block_new(&b, K, 64);
	for (unsigned int lost = 0; lost < 1 << K; lost++) {
		uint8_t have[K];

		for (unsigned int i = 0; i < K; i++)
			have[i] = !(lost >> i & 1);
		for (unsigned int set = 0; set < 1 << ROWS; set++) {
			uint8_t rows[ROWS];
			unsigned int n = 0;

			for (unsigned int i = 0; i < ROWS; i++)
				if (set >> i & 1)
					rows[n++] = (uint8_t)(i * 50); /* the last row of all is 250 */
			if (n >= (unsigned int)__builtin_popcount(lost))
				recovered(&b, have, rows, n);
		}
	}
	block_free(&b);
}

/* Bursts at the beginning, in the middle and at the end; rows backwards; the symbols sizes that are used, and an odd one. */
static void test_bursts(void **state)
{
	static const size_t lens[] = { 64, 192, LAYOUT_SYMBOL, LAYOUT_SYMBOL_JUMBO };
	static const unsigned int lengths[] = { 1, 3, 6, 7, 12, 45, 127 };

	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(lens); l++) {
		struct block b;

		block_new(&b, LAYOUT_K_MAX, lens[l]);
		for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
			unsigned int e = lengths[i], begins[] = { 0, (b.k - e) / 2, b.k - e };
			uint8_t have[LAYOUT_K_MAX], rows[FEC_ROWS];

			for (size_t s = 0; s < ARRAY_LEN(begins); s++) {
				memset(have, 1, sizeof(have));
				memset(have + begins[s], 0, e);
				for (unsigned int j = 0; j < b.n_rows; j++)
					rows[j] = (uint8_t)(b.n_rows - 1 - j);
				recovered(&b, have, rows, e);
				recovered(&b, have, rows, b.n_rows); /* more than needed */
			}
		}
		block_free(&b);
	}
}

/* Rows made one by one, or from any first one, are the same rows; and a sum of data is the sum of the rows. */
static void test_encode_parts(void **state)
{
	struct block b;
	const uint8_t *data[LAYOUT_K_MAX];
	uint8_t *to[FEC_ROWS];

	(void)state;
	block_new(&b, 100, 128);
	for (unsigned int i = 0; i < b.k; i++)
		data[i] = b.whole + i * b.len;
	for (unsigned int first = 0; first < b.n_rows; first += 9) {
		for (unsigned int n = 0; n <= 13 && first + n <= b.n_rows; n++) {
			memset(b.came, 0, b.n_rows * b.len);
			for (unsigned int i = 0; i < n; i++)
				to[i] = b.came + i * b.len;
			fec_encode(b.fec, data, first, n, to, b.len);
			assert_memory_equal(b.came, b.parity + first * b.len, n * b.len);
			for (size_t i = n * b.len; i < b.n_rows * b.len; i++)
				assert_int_equal(b.came[i], 0);
		}
	}
	block_free(&b);
}

/* The matrix is part of the protocol: row r has 1 / ((k + r) ^ j) for symbol j, in GF(256) with 0x11d. */
static void test_matrix_stays(void **state)
{
	static const uint8_t inverse_of_4_to_9[] = { 71, 167, 122, 186, 173, 157 };
	struct fec *f = fec_new(4);
	uint8_t data[4][64] = { { 0 } }, row[64];
	const uint8_t *from[4] = { data[0], data[1], data[2], data[3] };
	uint8_t *to[1] = { row };

	(void)state;
	for (unsigned int r = 0; r < 4; r++) {
		for (unsigned int j = 0; j < 4; j++) {
			memset(data, 0, sizeof(data));
			memset(data[j], 1, sizeof(data[j]));
			fec_encode(f, from, r, 1, to, sizeof(row));
			assert_int_equal(row[0], inverse_of_4_to_9[((4 + r) ^ j) - 4]);
			assert_int_equal(row[63], row[0]);
		}
	}
	fec_free(f);
}

/* A row whose bytes are wrong gives wrong symbols, no error: digests find that out. The symbols that are there stay. */
static void test_wrong_parity(void **state)
{
	struct block b;
	uint8_t have[8] = { 1, 0, 1, 1, 0, 1, 1, 1 }, rows[] = { 3, 9 };
	struct err err = { 0 };

	(void)state;
	block_new(&b, 8, 64);
	b.parity[3 * 64 + 5] ^= 1;
	assert_int_equal(decode(&b, have, rows, 2, &err), 0);
	assert_memory_not_equal(b.copy, b.whole, 8 * 64);
	for (unsigned int i = 0; i < 8; i++)
		if (have[i])
			assert_memory_equal(b.copy + i * 64, b.whole + i * 64, 64);
	block_free(&b);
}

static void refused(struct block *b, const uint8_t *have, const uint8_t *rows, unsigned int n)
{
	struct err err = { 0 };

	memset(b->came, 0x77, b->n_rows * b->len);
	assert_int_equal(decode(b, have, rows, n, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	for (unsigned int i = 0; i < b->k; i++)
		for (size_t j = 0; !have[i] && j < b->len; j++)
			assert_int_equal(b->copy[i * b->len + j], 0xa5); /* not written */
	for (unsigned int i = 0; i < n && i < b->n_rows; i++)
		if (rows[i] < b->n_rows)
			assert_memory_equal(b->came + i * b->len, b->parity + rows[i] * b->len, b->len);
}

static void test_refused(void **state)
{
	uint8_t have[LAYOUT_K_MAX], rows[FEC_ROWS];
	struct block b;

	(void)state;
	block_new(&b, LAYOUT_K_MAX, 64);
	memset(have, 1, sizeof(have));
	have[3] = have[77] = 0;
	refused(&b, have, rows, 0);
	rows[0] = 5;
	refused(&b, have, rows, 1);
	rows[1] = 5;
	refused(&b, have, rows, 2); /* twice */
	rows[1] = (uint8_t)b.n_rows;
	refused(&b, have, rows, 2); /* one past the last */
	rows[1] = 255;
	refused(&b, have, rows, 2);
	rows[1] = 6;
	rows[2] = 6;
	refused(&b, have, rows, 3); /* one that is not even needed */
	rows[2] = 7;
	recovered(&b, have, rows, 3);
	rows[0] = (uint8_t)(b.n_rows - 1);
	recovered(&b, have, rows, 2);
	memset(have, 0, sizeof(have)); /* 128 missing, and 127 rows */
	for (unsigned int i = 0; i < b.n_rows; i++)
		rows[i] = (uint8_t)i;
	refused(&b, have, rows, b.n_rows);
	block_free(&b);
	fec_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_k),	     cmocka_unit_test(test_each_pattern), cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_encode_parts), cmocka_unit_test(test_matrix_stays), cmocka_unit_test(test_wrong_parity),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
