/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as comma-separated values: a row that is written again is read as the same row. */
#include "base/csv.h"
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const struct str_list *cells)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(str_list_free) struct str_list again = { 0 };
	struct csv c;
	struct err err = { 0 };

	for (size_t i = 0; i < cells->len; i++)
		csv_put(&text, cells->items[i], i == 0);
	csv_init(&c, buf_str(&text), text.len);
	/* A byte order mark of its own at the beginning is taken for the file's. */
	if (str_starts(cells->items[0], "\xef\xbb\xbf"))
		return;
	if (csv_row(&c, &again, &err) != 1 || again.len != cells->len)
		abort();
	for (size_t i = 0; i < cells->len; i++)
		if (!str_eq(again.items[i], cells->items[i]))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(str_list_free) struct str_list cells = { 0 };
	autofree char *text = mem_dup(size ? (const char *)data : "", size ? size : 1);
	struct csv c;
	struct err err = { 0 };
	size_t before = 0;
	int rc;

	csv_init(&c, text, size);
	while ((rc = csv_row(&c, &cells, &err)) == 1) {
		if (c.at <= before || c.row_line >= c.line)
			abort();
		before = c.at;
		check_row(&cells);
	}
	if (rc < 0 && (err.kind != ERR_INVALID || !str_starts(err.text, "line ")))
		abort();
	return 0;
}
