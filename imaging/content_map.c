/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/content_map.h"

#include "base/mem.h"

void content_map_init(struct content_map *m, const struct tree *tree)
{
	*m = (struct content_map){ .tree = tree, .files = mem_array(tree->len, sizeof(m->files[0])) };
	for (size_t i = 0; i < tree->len; i++)
		if (tree->entries[i].stream_len)
			m->files[m->len++] = i;
}

void content_map_free(struct content_map *m)
{
	free(m->files);
	*m = (struct content_map){ 0 };
}

/* The first file that ends after stream offset `at`. */
static size_t first_after(const struct content_map *m, uint64_t at)
{
	size_t lo = 0, hi = m->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct tree_entry *e = &m->tree->entries[m->files[mid]];

		if (e->stream_at + e->stream_len <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct piece {
	uint64_t at;
	size_t len;
	content_range_fn fn;
	void *ctx;
};

/* What of the piece falls into the stretch of the stream [from, from + len) that lies at `offset` of the file. */
static int stretch(const struct piece *p, const struct tree_entry *e, uint64_t from, uint64_t len, uint64_t offset,
		   struct err *err)
{
	uint64_t begin = from > p->at ? from : p->at, end = from + len < p->at + p->len ? from + len : p->at + p->len;

	if (begin >= end)
		return 0;
	return p->fn(p->ctx, e, offset + (begin - from), (size_t)(begin - p->at), (size_t)(end - begin), err);
}

static int one_file(const struct piece *p, const struct tree_entry *e, struct err *err)
{
	uint64_t from = e->stream_at;

	if (!e->n_extents)
		return stretch(p, e, from, e->stream_len, 0, err);
	for (size_t i = 0; i < e->n_extents && from < p->at + p->len; i++) {
		if (stretch(p, e, from, e->extents[i].len, e->extents[i].offset, err) < 0)
			return -1;
		from += e->extents[i].len;
	}
	return 0;
}

int content_map_each(const struct content_map *m, uint64_t at, size_t len, content_range_fn fn, void *ctx, struct err *err)
{
	struct piece p = { .at = at, .len = len, .fn = fn, .ctx = ctx };

	for (size_t i = first_after(m, at); i < m->len; i++) {
		const struct tree_entry *e = &m->tree->entries[m->files[i]];

		if (e->stream_at >= at + len)
			break;
		if (one_file(&p, e, err) < 0)
			return -1;
	}
	return 0;
}
