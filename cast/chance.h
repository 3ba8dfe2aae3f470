/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random numbers for who may not throw dice: a seeded generator (splitmix64), and the random times of RFC 5401. Pure. */
#ifndef ORTHRUS_CAST_CHANCE_H
#define ORTHRUS_CAST_CHANCE_H

#include <stdint.h>
#include <string.h>

static inline uint64_t chance_next(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}
/* From 0 to below 1. */
static inline double chance_unit(uint64_t *state)
{
	return (double)(chance_next(state) >> 11) * 0x1p-53;
}
/* The natural logarithm of x >= 1, to six digits: no libm for one function. */
static inline double chance_ln(double x)
{
	uint64_t bits;
	double m, t, t2;
	int e;

	memcpy(&bits, &x, sizeof(bits));
	e = (int)(bits >> 52) - 1023;
	bits = (bits & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u;
	memcpy(&m, &bits, sizeof(m));
	t = (m - 1) / (m + 1);
	t2 = t * t;
	return e * 0.6931471805599453 + 2 * t * (1 + t2 * (1. / 3 + t2 * (1. / 5 + t2 * (1. / 7 + t2 * (1. / 9 + t2 / 11)))));
}
/* A random part (0 to 1) of the longest time that one of `crowd` waits: truncated exponential, few early and most late
 * (RFC 5401 section 4.1, with lambda = ln(crowd) + 1, so that e^lambda = e * crowd). */
static inline double chance_backoff(uint64_t *state, uint32_t crowd)
{
	double top = 2.718281828459045 * (crowd > 0 ? crowd : 1);

	return chance_ln(1 + chance_unit(state) * (top - 1)) / chance_ln(top);
}

#endif
