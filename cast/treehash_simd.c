/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/treehash.h: its inner loop, for vectors of 16, 8 and 4 words. */
#include "cast/treehash_priv.h"

#include <string.h>

const uint32_t treehash_iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
};
const uint8_t treehash_order[7][16] = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }, { 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8 },
	{ 3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1 }, { 10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6 },
	{ 12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4 }, { 9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7 },
	{ 11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13 }
};

#define INLINED static inline __attribute__((always_inline))

#define LANES 16
#define NAME(x) x##_16
#define TARGET __attribute__((target("avx512f")))
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#include "cast/treehash_lanes.h"

#define LANES 8
#define NAME(x) x##_8
#define TARGET __attribute__((target("avx2")))
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#include "cast/treehash_lanes.h"

#define LANES 4
#define NAME(x) x##_4
#define TARGET
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#include "cast/treehash_lanes.h"

const struct treehash_way *treehash_way(unsigned int n)
{
	static const struct treehash_way ways[] = { { "avx512", 16, hash_16 }, { "avx2", 8, hash_8 }, { "sse2", 4, hash_4 } };
	const bool has[] = { __builtin_cpu_supports("avx512f"), __builtin_cpu_supports("avx2"), true };

	for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (has[i] && n-- == 0)
			return &ways[i];
	return NULL;
}
