/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chunks of a table, each once, in the order of the packs that hold them: as they are read, restored and cast. Pure. */
#ifndef ORTHRUS_IMAGING_CHUNK_ORDER_H
#define ORTHRUS_IMAGING_CHUNK_ORDER_H

#include "imaging/chunk_table.h"

#include <stddef.h>

/* Sender and receivers of an image make this list each from their own copy of chunks.bin: the numbers of its chunks must be the
 * same everywhere, so nobody else sorts. */
struct chunk_order {
	size_t *rows;  /* all rows of the table, sorted by pack, offset and id, then by their place in the stream */
	size_t *first; /* chunk i is the rows rows[first[i]] .. rows[first[i + 1] - 1], which differ in nothing */
	size_t len;    /* how many chunks */
};
void chunk_order_make(const struct chunk_table *t, struct chunk_order *out);
void chunk_order_free(struct chunk_order *o);

#endif
