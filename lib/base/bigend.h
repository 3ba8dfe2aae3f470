/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers in packets: big-endian, of any number of bytes, one behind the other. */
#ifndef ORTHRUS_BASE_BIGEND_H
#define ORTHRUS_BASE_BIGEND_H

#include <stdint.h>

/* The lowest `bytes` bytes of `v`; returns where the next number goes. Whoever calls knows that there is room. */
static inline uint8_t *bigend_put(uint8_t *at, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = bytes; i-- > 0; v >>= 8)
		at[i] = (uint8_t)v;
	return at + bytes;
}

/* Reads on from *at, which is moved; whoever calls has seen that so many bytes (at most 8) are there. */
static inline uint64_t bigend_get(const uint8_t **at, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | *(*at)++;
	return v;
}

#endif
