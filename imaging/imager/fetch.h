/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Brings an image from the head onto the mounted file systems: documents first, then chunks in large ranges, each one proven. */
#ifndef ORTHRUS_IMAGER_FETCH_H
#define ORTHRUS_IMAGER_FETCH_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct restore;

/* Where bytes come from. `len` 0: the whole file, at most `max` bytes; else exactly `len` from `first`. Appends to `out`. It
 * tries again by itself when a connection breaks; what it gives up on is final. */
struct fetch_source {
	int (*get)(void *ctx, const char *path, uint64_t first, uint64_t len, size_t max, struct buf *out, struct err *err);
	void *ctx;
};

struct fetch_docs {
	struct buf manifest, signature, tree, chunks;
};
int fetch_docs(const struct fetch_source *s, const char *name, const char *id, struct fetch_docs *out,
	       struct err *err) WARN_UNUSED;
void fetch_docs_free(struct fetch_docs *d);

/* All chunks of `r` that are not there yet, in the order of their packs. One that is not what it should be is fetched again,
 * alone, three times; then ERR_DAMAGED names chunk and pack. */
int fetch_chunks(const struct fetch_source *s, struct restore *r,
		 void (*progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes), void *ctx, struct err *err) WARN_UNUSED;

/* Stored bytes of the chunks that are there. */
uint64_t fetch_there(struct restore *r);

#endif
