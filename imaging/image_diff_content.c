/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/image_diff_content.h"

#include "base/mem.h"

#include <string.h>

void diff_rows_init(struct diff_rows *r, const struct chunk_table *table)
{
	*r = (struct diff_rows){ .table = table, .at = mem_array(table->len + 1, sizeof(r->at[0])) };
	for (size_t i = 0; i < table->len; i++)
		r->at[i + 1] = r->at[i] + table->rows[i].raw_len;
}

void diff_rows_free(struct diff_rows *r)
{
	free(r->at);
	*r = (struct diff_rows){ 0 };
}

size_t diff_rows_find(const struct diff_rows *r, uint64_t at)
{
	size_t lo = 0, hi = r->table->len;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->at[mid] <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Going through one file from its beginning, stretch by stretch. */
struct cursor_in {
	const struct diff_rows *rows;
	const struct tree_entry *e;
	size_t extent;	/* the one that comes next, or that we are in */
	uint64_t begun; /* data bytes of the extents before it */
};

/* From offset `p` of the file on: where its data is in the stream (or DIFF_HOLE), and how far that is so. */
static uint64_t stretch_at(struct cursor_in *c, uint64_t p, uint64_t *len)
{
	const struct tree_entry *e = c->e;
	const struct tree_extent *x;

	*len = e->size - p;
	if (!e->n_extents)
		return e->stream_len ? e->stream_at + p : DIFF_HOLE;
	while (c->extent < e->n_extents && p >= e->extents[c->extent].offset + e->extents[c->extent].len)
		c->begun += e->extents[c->extent++].len;
	if (c->extent == e->n_extents)
		return DIFF_HOLE;
	x = &e->extents[c->extent];
	if (p < x->offset) {
		*len = x->offset - p;
		return DIFF_HOLE;
	}
	*len = x->offset + x->len - p;
	return e->stream_at + c->begun + (p - x->offset);
}

enum proof { PROOF_SAME, PROOF_OTHER, PROOF_NONE };

/* Two pieces of data: cut *len so that both lie in one chunk each, and say what the ids of these tell. */
static enum proof prove(const struct diff_rows *a, uint64_t a_at, const struct diff_rows *b, uint64_t b_at, uint64_t *len)
{
	size_t i = diff_rows_find(a, a_at), j = diff_rows_find(b, b_at);
	const struct chunk_row *x = &a->table->rows[i], *y = &b->table->rows[j];
	uint64_t a_skip = a_at - a->at[i], b_skip = b_at - b->at[j];
	bool same_id = memcmp(&x->id, &y->id, sizeof(x->id)) == 0;

	if (x->raw_len - a_skip < *len)
		*len = x->raw_len - a_skip;
	if (y->raw_len - b_skip < *len)
		*len = y->raw_len - b_skip;
	if (same_id && a_skip == b_skip)
		return PROOF_SAME;
	/* Whole chunks of one length with two ids can't hold the same. */
	if (!same_id && !a_skip && !b_skip && *len == x->raw_len && *len == y->raw_len)
		return PROOF_OTHER;
	return PROOF_NONE;
}

/* Without `read` what is not proved counts as PROOF_NONE. */
static int go_through(const struct diff_rows *a_rows, const struct tree_entry *a, const struct diff_rows *b_rows,
		      const struct tree_entry *b, image_diff_read_fn read, void *ctx, enum proof *out, struct err *err)
{
	struct cursor_in ca = { .rows = a_rows, .e = a }, cb = { .rows = b_rows, .e = b };

	*out = PROOF_SAME;
	for (uint64_t p = 0, len; p < a->size; p += len) {
		enum proof here = PROOF_NONE;
		uint64_t b_len, a_at = stretch_at(&ca, p, &len), b_at = stretch_at(&cb, p, &b_len);
		bool same;

		if (b_len < len)
			len = b_len;
		if (a_at == DIFF_HOLE && b_at == DIFF_HOLE)
			continue;
		if (a_at != DIFF_HOLE && b_at != DIFF_HOLE)
			here = prove(a_rows, a_at, b_rows, b_at, &len);
		if (here == PROOF_NONE && read) {
			if (read(ctx, a_at, b_at, len, &same, err) < 0)
				return -1;
			here = same ? PROOF_SAME : PROOF_OTHER;
		}
		if (here != PROOF_SAME)
			*out = here;
		if (here == PROOF_OTHER)
			return 0;
	}
	return 0;
}

int image_diff_content(const struct diff_rows *a_rows, const struct tree_entry *a, const struct diff_rows *b_rows,
		       const struct tree_entry *b, image_diff_read_fn read, void *ctx, bool *same, struct err *err)
{
	enum proof proof;

	/* All ids first: a proof at the end of a long file saves reading its beginning. */
	if (go_through(a_rows, a, b_rows, b, NULL, NULL, &proof, err) < 0 ||
	    (proof == PROOF_NONE && go_through(a_rows, a, b_rows, b, read, ctx, &proof, err) < 0))
		return -1;
	*same = proof == PROOF_SAME;
	return 0;
}

bool image_diff_same_holes(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->stream_len != b->stream_len || a->n_extents != b->n_extents)
		return false;
	return !a->n_extents || memcmp(a->extents, b->extents, a->n_extents * sizeof(a->extents[0])) == 0;
}
