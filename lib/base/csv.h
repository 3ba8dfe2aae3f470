/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comma-separated values (RFC 4180), row by row, as spreadsheets write them: quoted cells, either line end, a byte order mark. */
#ifndef ORTHRUS_BASE_CSV_H
#define ORTHRUS_BASE_CSV_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define CSV_CELLS_MAX 64
#define CSV_CELL_MAX 4096 /* bytes */

/* Points into a text that must outlive it. */
struct csv {
	const char *text;
	size_t len, at;
	size_t line;	 /* that is read next, from 1 */
	size_t row_line; /* in which the row that csv_row() gave begins */
};
void csv_init(struct csv *c, const char *text, size_t len);

/* The next row that is not empty: 1, with `cells` filled anew (its old content is freed); 0 at the end. -1: ERR_INVALID names
 * line and column (in bytes, both from 1); nothing can be read behind it. */
int csv_row(struct csv *c, struct str_list *cells, struct err *err) WARN_UNUSED;

/* Append one cell, quoted when it must be; `first` of its row: no comma before it. Rows end with "\n", which the caller appends.
 */
void csv_put(struct buf *out, const char *cell, bool first);

#endif
