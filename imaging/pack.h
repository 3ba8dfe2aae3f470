/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packs: files of stored chunks, immutable, named by the SHA-256 of their bytes; an index beside each says what is in it. */
#ifndef ORTHRUS_IMAGING_PACK_H
#define ORTHRUS_IMAGING_PACK_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define PACK_FULL                                                                                                                \
	((size_t)32 << 20) /* a pack is closed when it holds this much: with the largest chunk added, 16-64 MiB always holds */
#define PACK_FILE_MAX ((size_t)64 << 20)

struct pack_entry {
	struct digest id; /* SHA-256 of the raw bytes */
	uint64_t offset;
	uint32_t raw_len, stored_len;
};
struct pack_index {
	struct pack_entry *entries; /* in order of offset */
	size_t len, cap;
};
void pack_index_free(struct pack_index *x);
/* Pure. The index file: header with the pack's name and length, entries, SHA-256 of all before it. */
void pack_index_encode(const struct pack_index *x, const struct digest *pack, uint64_t pack_bytes, struct buf *out);
/* Checks the closing digest, that the index is of `pack`, and that entries follow one another and fill the pack (ERR_DAMAGED).
 * `out` must be zero; free it also after an error. */
int pack_index_decode(const void *data, size_t len, const struct digest *pack, struct pack_index *out, uint64_t *pack_bytes,
		      struct err *err) WARN_UNUSED;
/* Read and decode DIR/<pack>.idx. */
int pack_index_load(const char *dir, const struct digest *pack, struct pack_index *out, uint64_t *pack_bytes,
		    struct err *err) WARN_UNUSED;

/* Reads chunks of packs in `dir`; keeps the last pack open. Zero but for `dir` and fd -1 at first. */
struct pack_reader {
	const char *dir;
	int fd;
	struct digest pack; /* that fd is open on */
};
void pack_reader_close(struct pack_reader *r);
/* `len` stored bytes at `offset` into `out` (replaced). Not checked in any way. */
int pack_read(struct pack_reader *r, const struct digest *pack, uint64_t offset, uint32_t len, struct buf *out,
	      struct err *err) WARN_UNUSED;

/* DIR/<hex>.pack or .idx; the caller frees. */
char *pack_path(const char *dir, const struct digest *pack, const char *suffix);

#endif
