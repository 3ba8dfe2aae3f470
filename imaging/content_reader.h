/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image's content stream read from the store front to back, each chunk compared with the signed chunk table before a byte of
 * it is seen. Takes the memory of one chunk. */
#ifndef ORTHRUS_IMAGING_CONTENT_READER_H
#define ORTHRUS_IMAGING_CONTENT_READER_H

#include "base/err.h"
#include "imaging/chunk_table.h"
#include "imaging/codec.h"
#include "imaging/pack.h"

#include <stddef.h>
#include <stdint.h>

struct content_reader {
	const struct chunk_table *table; /* must outlive the reader */
	struct pack_reader packs;
	struct codec *codec;
	struct buf stored;
	uint8_t *raw; /* the row last unpacked */
	size_t row;   /* its number */
	uint64_t row_at;
	bool loaded;
};
/* `chunk_max`: of the manifest. */
void content_reader_init(struct content_reader *r, const struct chunk_table *table, uint64_t chunk_max, const char *packs_dir);
void content_reader_free(struct content_reader *r);
/* Some bytes of the stream from `at` on, at least one; valid until the next call. `at` never goes back behind the chunk of the
 * call before. */
int content_read(struct content_reader *r, uint64_t at, const uint8_t **data, size_t *len, struct err *err) WARN_UNUSED;

#endif
