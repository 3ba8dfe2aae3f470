/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image of a store as the list of its chunks as they are stored, each read by its number: what a cast sends. */
#ifndef ORTHRUS_IMAGING_CHUNK_SOURCE_H
#define ORTHRUS_IMAGING_CHUNK_SOURCE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct store;
struct verify_key;

/* The numbers are those of restore_chunk_at() of the same image: both come from the signed chunks.bin. */
struct chunk_source;
/* Checks the manifest's signature and the table; no pack is opened yet. The store may be closed afterwards. */
int chunk_source_open(struct store *s, const char *name, const char *id, const struct verify_key *key, struct chunk_source **out,
		      struct err *err) WARN_UNUSED;
size_t chunk_source_count(const struct chunk_source *s);
const uint32_t *chunk_source_lens(const struct chunk_source *s); /* one for each; good as long as the source */
/* The stored bytes, all of them, into `to`; not looked at: whoever gets them checks them. From any thread. */
int chunk_source_read(struct chunk_source *s, size_t chunk, void *to, struct err *err) WARN_UNUSED;
void chunk_source_close(struct chunk_source *s);

#endif
