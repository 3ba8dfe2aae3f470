/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parity row r has at column j the coefficient 1 / ((k + r) ^ j): a Cauchy matrix, of which every square piece can be inverted.
 */
#include "cast/fec.h"

#include "base/mem.h"
#include "cast/layout.h"

#include <isa-l/erasure_code.h>

#include <stdbool.h>
#include <string.h>

#define AT_ONCE 6      /* rows that ISA-L computes while it reads the data once */
#define TABLE_BYTES 32 /* for each coefficient */

struct fec {
	unsigned int k;
	uint8_t matrix[]; /* FEC_ROWS rows of k */
};

/* What is multiplied in one go. Tables are made for each call: all of them would be half a megabyte for each k. */
struct product {
	uint8_t coefficients[AT_ONCE * LAYOUT_K_MAX];
	uint8_t tables[AT_ONCE * LAYOUT_K_MAX * TABLE_BYTES];
};

struct fec *fec_new(unsigned int k)
{
	struct fec *f = mem_zalloc(sizeof(*f) + (size_t)FEC_ROWS * k);

	f->k = k;
	gf_gen_cauchy1_matrix(f->matrix, FEC_ROWS, (int)k);
	return f;
}

void fec_free(struct fec *f)
{
	free(f);
}

/* `rows` sums of `n` sources with the coefficients of `p`. */
static void multiply(struct product *p, unsigned int n, unsigned int rows, uint8_t **from, uint8_t **to, size_t len)
{
	ec_init_tables((int)n, (int)rows, p->coefficients, p->tables);
	ec_encode_data((int)len, (int)n, (int)rows, p->tables, from, to);
}

void fec_encode(const struct fec *f, const uint8_t *const *data, unsigned int first_row, unsigned int n, uint8_t *const *parity,
		size_t len)
{
	struct product p;
	uint8_t *from[LAYOUT_K_MAX], *to[AT_ONCE];

	for (unsigned int i = 0; i < f->k; i++)
		from[i] = (uint8_t *)(uintptr_t)data[i]; /* ISA-L only reads it, without saying so */
	for (unsigned int done = 0, now; done < n; done += now) {
		now = n - done < AT_ONCE ? n - done : AT_ONCE;
		memcpy(p.coefficients, f->matrix + (size_t)(f->k + first_row + done) * f->k, (size_t)now * f->k);
		memcpy(to, parity + done, now * sizeof(*to));
		multiply(&p, f->k, now, from, to, len);
	}
}

static int rows_check(const struct fec *f, const uint8_t *rows, unsigned int n, unsigned int missing, struct err *err)
{
	bool seen[FEC_ROWS] = { false };

	if (n < missing)
		return err_set(err, ERR_DAMAGED, "%u symbols are missing, and only %u parity rows are there", missing, n);
	for (unsigned int i = 0; i < n; i++) {
		if (rows[i] >= FEC_ROWS - f->k)
			return err_set(err, ERR_DAMAGED, "there is no parity row %u for %u symbols", rows[i], f->k);
		if (seen[rows[i]])
			return err_set(err, ERR_DAMAGED, "parity row %u is there twice", rows[i]);
		seen[rows[i]] = true;
	}
	return 0;
}

/* What the missing symbols add to each parity row: the row as it came, less what the symbols that are there add. In place. */
static void syndromes(const struct fec *f, uint8_t **there, const uint8_t *columns, unsigned int n_there, uint8_t *const *parity,
		      const uint8_t *rows, unsigned int n, size_t len)
{
	autofree uint8_t *sums = mem_aligned(64, AT_ONCE * len);
	struct product p;
	uint8_t *to[AT_ONCE];

	for (unsigned int i = 0; i < AT_ONCE; i++)
		to[i] = sums + i * len;
	for (unsigned int done = 0, now; done < n; done += now) {
		now = n - done < AT_ONCE ? n - done : AT_ONCE;
		for (unsigned int i = 0; i < now; i++)
			for (unsigned int j = 0; j < n_there; j++)
				p.coefficients[i * n_there + j] = f->matrix[(f->k + rows[done + i]) * f->k + columns[j]];
		multiply(&p, n_there, now, there, to, len);
		for (unsigned int i = 0; i < now; i++) {
			uint8_t *sum = parity[done + i];

			for (size_t b = 0; b < len; b++)
				sum[b] ^= to[i][b];
		}
	}
}

/* The inverse of the Cauchy matrix 1 / (x[i] + y[j]) of order n, in n * n steps: element (i, j) is
 * prod (x[j] + y[m]) (x[m] + y[i]) / ((x[j] + y[i]) prod (x[j] + x[m], m != j) prod (y[i] + y[m], m != i)).
 * gf_invert_matrix() takes n * n * n. */
static void cauchy_invert(const uint8_t *x, const uint8_t *y, unsigned int n, uint8_t *out)
{
	uint8_t of_row[LAYOUT_K_MAX], of_column[LAYOUT_K_MAX];

	for (unsigned int i = 0; i < n; i++) {
		uint8_t xy = 1, yx = 1, xx = 1, yy = 1;

		for (unsigned int m = 0; m < n; m++) {
			xy = gf_mul(xy, x[i] ^ y[m]);
			yx = gf_mul(yx, y[i] ^ x[m]);
			if (m != i) {
				xx = gf_mul(xx, x[i] ^ x[m]);
				yy = gf_mul(yy, y[i] ^ y[m]);
			}
		}
		of_column[i] = gf_mul(xy, gf_inv(xx));
		of_row[i] = gf_mul(yx, gf_inv(yy));
	}
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < n; j++)
			out[i * n + j] = gf_mul(gf_mul(of_row[i], of_column[j]), gf_inv(x[j] ^ y[i]));
}

/* The missing symbols from as many syndromes. */
static void solve(const struct fec *f, uint8_t **gone, const uint8_t *columns, uint8_t **from, const uint8_t *rows,
		  unsigned int n, size_t len)
{
	autofree uint8_t *inverse = mem_array(n, n);
	struct product p;
	uint8_t x[LAYOUT_K_MAX];

	for (unsigned int i = 0; i < n; i++)
		x[i] = (uint8_t)(f->k + rows[i]);
	cauchy_invert(x, columns, n, inverse);
	for (unsigned int done = 0, now; done < n; done += now) {
		now = n - done < AT_ONCE ? n - done : AT_ONCE;
		memcpy(p.coefficients, inverse + (size_t)done * n, (size_t)now * n);
		multiply(&p, n, now, from, gone + done, len);
	}
}

int fec_decode(const struct fec *f, uint8_t *const *data, const uint8_t *have, uint8_t *const *parity, const uint8_t *rows,
	       unsigned int n, size_t len, struct err *err)
{
	uint8_t *there[LAYOUT_K_MAX], *gone[LAYOUT_K_MAX], *from[LAYOUT_K_MAX];
	uint8_t there_at[LAYOUT_K_MAX], gone_at[LAYOUT_K_MAX];
	unsigned int n_there = 0, n_gone = 0;

	for (unsigned int i = 0; i < f->k; i++) {
		if (have[i]) {
			there_at[n_there] = (uint8_t)i;
			there[n_there++] = data[i];
		} else {
			gone_at[n_gone] = (uint8_t)i;
			gone[n_gone++] = data[i];
		}
	}
	if (rows_check(f, rows, n, n_gone, err) < 0)
		return -1;
	if (n_gone == 0)
		return 0;
	memcpy(from, parity, n_gone * sizeof(*from));
	if (n_there)
		syndromes(f, there, there_at, n_there, parity, rows, n_gone, len);
	solve(f, gone, gone_at, from, rows, n_gone, len);
	return 0;
}
