/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Systematic Cauchy Reed-Solomon over GF(256) by ISA-L; decodes by syndromes, inverting only what is missing. No I/O. */
#ifndef ORTHRUS_CAST_FEC_H
#define ORTHRUS_CAST_FEC_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define FEC_ROWS 255 /* data and parity together */

struct fec;							      /* the matrix for one k; immutable, any thread */
struct fec *fec_new(unsigned int k) __attribute__((returns_nonnull)); /* 1 to 128 */
void fec_free(struct fec *f);
/* `n` parity rows from `first_row` (0: index k) of k symbols of `len` bytes (a multiple of 64; buffers aligned to 64 are
 * fastest). */
void fec_encode(const struct fec *f, const uint8_t *const *data, unsigned int first_row, unsigned int n, uint8_t *const *parity,
		size_t len);
/* data[i], never NULL, is the place of symbol i; `have` has one byte for each: 1 there, 0 missing (to be written).
 * parity[j] with its row number rows[j] (as fec_encode(): 0 is index k), n of them, distinct, n >= number of missing; the parity
 * buffers are written over.
 * ERR_DAMAGED when n is too small or a row is out of range or there twice: nothing is written then. */
int fec_decode(const struct fec *f, uint8_t *const *data, const uint8_t *have, uint8_t *const *parity, const uint8_t *rows,
	       unsigned int n, size_t len, struct err *err) WARN_UNUSED;

#endif
