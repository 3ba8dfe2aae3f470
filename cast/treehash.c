/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BLAKE3 (its specification, section 2): chunks of 1 KiB are hashed by themselves, then the results in pairs,
 * until one is left. That one and what is shorter than a chunk are computed with one lane, in plain C. */
#include "cast/treehash_priv.h"

#include "base/mem.h"

#include <string.h>

#define WORDS 8 /* of a chaining value */

struct treehash {
	const struct treehash_way *way;
	uint32_t *values; /* of the chunks */
	size_t room;	  /* chunks */
};

struct treehash *treehash_new(void)
{
	struct treehash *t = mem_zalloc(sizeof(*t));

	t->way = treehash_way(0);
	return t;
}

bool treehash_use(struct treehash *t, unsigned int n)
{
	const struct treehash_way *way = treehash_way(n);

	if (way)
		t->way = way;
	return way != NULL;
}

void treehash_free(struct treehash *t)
{
	if (!t)
		return;
	free(t->values);
	free(t);
}

static uint32_t turned(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

static void mix(uint32_t *v, const uint32_t *m, const uint8_t *order, unsigned int i)
{
	uint32_t *const a = &v[i % 4], *const b = &v[4 + (i + i / 4) % 4], *const c = &v[8 + (i + i / 4 * 2) % 4],
			*const d = &v[12 + (i + i / 4 * 3) % 4];

	*a += m[order[2 * i]] + *b;
	*d = turned(*d ^ *a, 16);
	*c += *d;
	*b = turned(*b ^ *c, 12);
	*a += m[order[2 * i + 1]] + *b;
	*d = turned(*d ^ *a, 8);
	*c += *d;
	*b = turned(*b ^ *c, 7);
}

/* One block; the result takes the place of `h`. */
static void compress(uint32_t h[WORDS], const uint8_t *block, size_t len, uint64_t counter, uint32_t flags)
{
	uint32_t v[16], m[16] = { 0 };

	if (len)
		memcpy(m, block, len);
	memcpy(v, h, WORDS * sizeof(*h));
	memcpy(v + 8, treehash_iv, 4 * sizeof(*v));
	v[12] = (uint32_t)counter;
	v[13] = (uint32_t)(counter >> 32);
	v[14] = (uint32_t)len;
	v[15] = flags;
	for (unsigned int r = 0; r < 7; r++)
		for (unsigned int i = 0; i < 8; i++)
			mix(v, m, treehash_order[r], i);
	for (unsigned int i = 0; i < WORDS; i++)
		h[i] = v[i] ^ v[8 + i];
}

/* A chunk that is not whole, or is all there is. */
static void last_chunk(const uint8_t *data, size_t len, uint64_t counter, uint32_t flags, uint32_t h[WORDS])
{
	uint32_t first = TREEHASH_FIRST;

	memcpy(h, treehash_iv, sizeof(treehash_iv));
	for (; len > TREEHASH_BLOCK; data += TREEHASH_BLOCK, len -= TREEHASH_BLOCK, first = 0)
		compress(h, data, TREEHASH_BLOCK, counter, first);
	compress(h, data, len, counter, first | TREEHASH_LAST | flags);
}

/* `n` messages, one behind the other, each of job->blocks. `out` may be where the messages are: nothing is written there that is
 * read later. */
static void many(const struct treehash *t, const struct treehash_job *job, const uint8_t *data, size_t n, uint32_t *out)
{
	const size_t each = job->blocks * TREEHASH_BLOCK;
	const unsigned int lanes = t->way->lanes;
	const uint8_t *in[TREEHASH_LANES_MAX];
	uint32_t values[TREEHASH_LANES_MAX * WORDS];

	for (size_t at = 0; at < n; at += lanes) {
		const size_t now = n - at < lanes ? n - at : lanes;

		/* Lanes that nobody needs do what the last one does. */
		for (size_t i = 0; i < lanes; i++)
			in[i] = data + (at + (i < now ? i : now - 1)) * each;
		t->way->hash(job, in, at, values);
		memcpy(out + at * WORDS, values, now * WORDS * sizeof(*out));
	}
}

/* Neighbours become one, until two are left; whoever has no neighbour goes on as it is. */
static void pair(const struct treehash *t, size_t n)
{
	const struct treehash_job job = { .blocks = 1, .flags = TREEHASH_PARENT };

	for (; n > 2; n = n / 2 + n % 2) {
		many(t, &job, (const uint8_t *)t->values, n / 2, t->values);
		if (n % 2)
			memmove(t->values + n / 2 * WORDS, t->values + (n - 1) * WORDS, WORDS * sizeof(*t->values));
	}
}

void treehash_of(struct treehash *t, const void *data, size_t len, struct digest *out)
{
	const struct treehash_job job = {
		.blocks = TREEHASH_CHUNK / TREEHASH_BLOCK, .first = TREEHASH_FIRST, .last = TREEHASH_LAST, .counted = true
	};
	const size_t whole = len / TREEHASH_CHUNK, rest = len % TREEHASH_CHUNK, n = whole + (rest > 0);
	const uint8_t *p = data;
	uint32_t h[WORDS];

	if (n <= 1) {
		last_chunk(p, len, 0, TREEHASH_ROOT, h);
	} else {
		if (n > t->room) {
			free(t->values);
			t->values = mem_aligned(64, n * WORDS * sizeof(*t->values));
			t->room = n;
		}
		many(t, &job, p, whole, t->values);
		if (rest)
			last_chunk(p + len - rest, rest, whole, 0, t->values + whole * WORDS);
		pair(t, n);
		memcpy(h, treehash_iv, sizeof(h));
		compress(h, (const uint8_t *)t->values, TREEHASH_BLOCK, 0, TREEHASH_PARENT | TREEHASH_ROOT);
	}
	memcpy(out->bytes, h, sizeof(out->bytes)); /* little-endian, as all that Orthrus runs on */
}
