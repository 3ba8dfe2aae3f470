/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/treehash_priv.h"

#include "base/mem.h"

#include <stdbool.h>

#define TREEHASH_GROUP 64 /* leaves whose digests are held at once */

struct treehash {
	struct treehash_mb *mb;
};

/* The library promises messages of up to 65,534 bytes; that a leaf is right is seen here, not believed. */
static bool proven(struct treehash_mb *mb)
{
	autofree uint8_t *data = mem_zalloc(2 * (size_t)TREEHASH_LEAF);
	struct digest by_mb[2], d;

	for (size_t i = 0; i < 2 * (size_t)TREEHASH_LEAF; i++)
		data[i] = (uint8_t)(i ^ i >> 8);
	data[TREEHASH_LEAF] ^= 1;
	treehash_mb_leaves(mb, data, 2, by_mb);
	for (size_t i = 0; i < 2; i++) {
		digest_of(data + i * TREEHASH_LEAF, TREEHASH_LEAF, &d);
		if (digest_cmp(&d, &by_mb[i]) != 0)
			return false;
	}
	return true;
}

struct treehash *treehash_new(void)
{
	struct treehash *t = mem_zalloc(sizeof(*t));

	t->mb = treehash_mb_new();
	if (t->mb && !proven(t->mb)) {
		treehash_mb_free(t->mb);
		t->mb = NULL;
	}
	return t;
}

void treehash_free(struct treehash *t)
{
	if (!t)
		return;
	treehash_mb_free(t->mb);
	free(t);
}

/* Lanes that stay empty cost as much as full ones: below some half of them, one leaf after the other is faster. */
static size_t by_lanes(const struct treehash *t, size_t leaves)
{
	const size_t lanes = t->mb ? treehash_mb_lanes(t->mb) : 1;

	if (!t->mb)
		return 0;
	return leaves % lanes * 2 >= lanes ? leaves : leaves - leaves % lanes;
}

void treehash_of(struct treehash *t, const void *data, size_t len, struct digest *out)
{
	struct digest_ctx *top = digest_new();
	const uint8_t *p = data;

	while (len) {
		struct digest leaves[TREEHASH_GROUP];
		const size_t whole = len / TREEHASH_LEAF < TREEHASH_GROUP ? len / TREEHASH_LEAF : TREEHASH_GROUP;
		size_t n = by_lanes(t, whole);

		if (n)
			treehash_mb_leaves(t->mb, p, n, leaves);
		for (; n < whole; n++)
			digest_of(p + n * TREEHASH_LEAF, TREEHASH_LEAF, &leaves[n]);
		p += whole * TREEHASH_LEAF;
		len -= whole * TREEHASH_LEAF;
		if (len && len < TREEHASH_LEAF && n < TREEHASH_GROUP) {
			digest_of(p, len, &leaves[n++]);
			len = 0;
		}
		digest_add(top, leaves, n * sizeof(leaves[0]));
	}
	digest_end(top, out);
}
