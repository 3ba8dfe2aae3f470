/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where each chunk of the store is: what a writer looks into before it stores a chunk again. */
#ifndef ORTHRUS_IMAGING_CHUNK_INDEX_H
#define ORTHRUS_IMAGING_CHUNK_INDEX_H

#include "base/digest.h"
#include "base/err.h"
#include "imaging/pack.h"

#include <stddef.h>
#include <stdint.h>

struct chunk_place {
	struct pack_entry chunk;
	uint32_t pack; /* number in chunk_index.packs */
};
struct chunk_index {
	struct digest *packs; /* the name of a pack still being filled is not known: zero until then */
	size_t n_packs, packs_cap;
	struct chunk_place *slots; /* open addressing by the id's first bytes; raw_len 0 is a free one */
	size_t used, size;
};
void chunk_index_free(struct chunk_index *x);
/* Every pack of `dir` whose index is whole; one that is damaged is left out with a line in the log (its chunks are stored anew).
 */
int chunk_index_load(struct chunk_index *x, const char *dir, struct err *err) WARN_UNUSED;
uint32_t chunk_index_add_pack(struct chunk_index *x, const struct digest *name);
/* Replaces what is known of the same id. */
void chunk_index_put(struct chunk_index *x, const struct pack_entry *chunk, uint32_t pack);
/* Valid until the next put; NULL when not known. */
const struct chunk_place *chunk_index_find(const struct chunk_index *x, const struct digest *id);

#endif
