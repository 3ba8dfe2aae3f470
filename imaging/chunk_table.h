/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chunks.bin: which chunks make the content stream, in order, and where each is stored. Pure. */
#ifndef ORTHRUS_IMAGING_CHUNK_TABLE_H
#define ORTHRUS_IMAGING_CHUNK_TABLE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define CHUNK_RAW_MAX ((uint32_t)16 << 20) /* longer ones are refused whatever the manifest says */

struct chunk_row {
	struct digest id;   /* SHA-256 of the raw bytes */
	struct digest pack; /* the pack's name */
	uint64_t pack_offset;
	uint32_t raw_len, stored_len;
};

/* Rows in stream order; a chunk that occurs twice has two rows. */
struct chunk_table {
	struct chunk_row *rows;
	size_t len, cap;
	uint64_t raw_bytes; /* sum of raw_len: the length of the content stream */
};

void chunk_table_add(struct chunk_table *t, const struct chunk_row *row);
void chunk_table_free(struct chunk_table *t);
void chunk_table_encode(const struct chunk_table *t, struct buf *out);
/* Refuses (ERR_DAMAGED) a wrong magic, version or length, an empty chunk, one longer than `raw_max`, a frame longer than zstd can
 * make it, an offset that overflows. `out` must be zero; free it also after an error. */
int chunk_table_decode(const void *data, size_t len, uint32_t raw_max, struct chunk_table *out, struct err *err) WARN_UNUSED;
/* Merkle tree hash of the ids in order (RFC 6962, section 2.1; the leaf's data is the id). */
void chunk_table_root(const struct chunk_table *t, struct digest *out);

#endif
