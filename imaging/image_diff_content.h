/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is the content of two files the same? By the ids of their chunks where these prove it, else by reading. Pure but for that. */
#ifndef ORTHRUS_IMAGING_IMAGE_DIFF_CONTENT_H
#define ORTHRUS_IMAGING_IMAGE_DIFF_CONTENT_H

#include "base/err.h"
#include "imaging/chunk_table.h"
#include "imaging/image_diff.h"
#include "imaging/tree.h"

#include <stdbool.h>
#include <stdint.h>

/* One image's chunks with where each begins in the stream. */
struct diff_rows {
	const struct chunk_table *table;
	uint64_t *at; /* of each row, and of the end */
};
void diff_rows_init(struct diff_rows *r, const struct chunk_table *table);
void diff_rows_free(struct diff_rows *r);
/* The row in which stream offset `at` lies. */
size_t diff_rows_find(const struct diff_rows *r, uint64_t at);

/* `a` and `b` are regular files of the same size. */
int image_diff_content(const struct diff_rows *a_rows, const struct tree_entry *a, const struct diff_rows *b_rows,
		       const struct tree_entry *b, image_diff_read_fn read, void *ctx, bool *same, struct err *err) WARN_UNUSED;
/* Do both have their holes at the same places? */
bool image_diff_same_holes(const struct tree_entry *a, const struct tree_entry *b);

#endif
