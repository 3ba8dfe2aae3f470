/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/chunk_order.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int by_place(const void *a, const void *b, void *rows)
{
	const struct chunk_row *x = (const struct chunk_row *)rows + *(const size_t *)a;
	const struct chunk_row *y = (const struct chunk_row *)rows + *(const size_t *)b;
	int c = memcmp(x->pack.bytes, y->pack.bytes, DIGEST_LEN);

	if (c == 0)
		c = x->pack_offset < y->pack_offset ? -1 : x->pack_offset > y->pack_offset;
	if (c == 0)
		c = memcmp(x->id.bytes, y->id.bytes, DIGEST_LEN);
	/* Where the same chunk is needed twice, in the order of the stream. */
	return c ? c : *(const size_t *)a < *(const size_t *)b ? -1 : *(const size_t *)a > *(const size_t *)b;
}

static bool same_chunk(const struct chunk_row *a, const struct chunk_row *b)
{
	return a->pack_offset == b->pack_offset && a->stored_len == b->stored_len && a->raw_len == b->raw_len &&
	       digest_cmp(&a->pack, &b->pack) == 0 && digest_cmp(&a->id, &b->id) == 0;
}

void chunk_order_make(const struct chunk_table *t, struct chunk_order *out)
{
	out->rows = mem_array(t->len, sizeof(out->rows[0]));
	out->first = mem_array(t->len + 1, sizeof(out->first[0]));
	out->len = 0;
	for (size_t i = 0; i < t->len; i++)
		out->rows[i] = i;
	if (t->len)
		qsort_r(out->rows, t->len, sizeof(out->rows[0]), by_place, t->rows);
	for (size_t i = 0; i < t->len; i++)
		if (!i || !same_chunk(&t->rows[out->rows[i - 1]], &t->rows[out->rows[i]]))
			out->first[out->len++] = i;
	out->first[out->len] = t->len;
}

void chunk_order_free(struct chunk_order *o)
{
	free(o->rows);
	free(o->first);
	*o = (struct chunk_order){ 0 };
}
