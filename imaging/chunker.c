/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/chunker.h"

#include "base/digest.h"

/* A byte leaves the 64-bit gear hash after 64 more bytes: starting that far before the first possible cut makes the window whole
 * there. */
#define WINDOW 64

static unsigned int log2_of(size_t power_of_two)
{
	return (unsigned int)__builtin_ctzll(power_of_two);
}

/* The `bits` highest bits: the low ones depend on the last few bytes only. */
static uint64_t top_bits(unsigned int bits)
{
	return bits == 0 ? 0 : UINT64_MAX << (64 - bits);
}

void chunker_init(struct chunker *c, size_t min, size_t avg, size_t max)
{
	unsigned int bits = log2_of(avg);

	for (unsigned int i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i;
		struct digest d;

		digest_of(&byte, 1, &d);
		c->gear[i] = 0;
		for (unsigned int j = 0; j < 8; j++)
			c->gear[i] |= (uint64_t)d.bytes[j] << (8 * j);
	}
	/* Harder to cut before the average, easier after it: lengths gather around it (FastCDC's normalised chunking, level 2).
	 */
	c->mask_before = top_bits(bits + 2);
	c->mask_after = top_bits(bits - 2);
	c->min = min;
	c->avg = avg;
	c->max = max;
}

/* The first cut in (from, to] where the hash fits `mask`, or 0. `*hash` goes on from call to call. */
static size_t scan(const struct chunker *c, const uint8_t *data, size_t from, size_t to, uint64_t mask, uint64_t *hash)
{
	uint64_t h = *hash;

	for (size_t i = from; i < to; i++) {
		h = (h << 1) + c->gear[data[i]];
		if (!(h & mask))
			return i + 1;
	}
	*hash = h;
	return 0;
}

size_t chunker_cut(const struct chunker *c, const uint8_t *data, size_t len)
{
	size_t end = len < c->max ? len : c->max, middle = end < c->avg ? end : c->avg, cut;
	uint64_t hash = 0;

	if (end <= c->min)
		return end;
	for (size_t i = c->min - WINDOW; i < c->min; i++)
		hash = (hash << 1) + c->gear[data[i]];
	cut = scan(c, data, c->min, middle, c->mask_before, &hash);
	if (!cut)
		cut = scan(c, data, middle, end, c->mask_after, &hash);
	return cut ? cut : end;
}
