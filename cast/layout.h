/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How chunks are cut into blocks of symbols: the same on both sides, from the same lengths. Pure. docs/cast.md. */
#ifndef ORTHRUS_CAST_LAYOUT_H
#define ORTHRUS_CAST_LAYOUT_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYOUT_K_MAX 128	 /* symbols of a block */
#define LAYOUT_SHARE_BELOW 64	 /* chunks of fewer symbols share blocks with their neighbours */
#define LAYOUT_SYMBOL 1408	 /* bytes; MTU 1500 */
#define LAYOUT_SYMBOL_JUMBO 8896 /* MTU 9000 */
#define LAYOUT_CHUNKS_MAX ((size_t)1 << 24)
#define LAYOUT_CHUNK_BYTES_MAX ((uint32_t)64 << 20)

struct layout_block {
	uint32_t first_chunk, n_chunks; /* the chunks that have symbols in it: one, or several that lie in it wholly */
	uint32_t chunk_symbol;		/* of the first chunk: number of its symbol that is symbol 0 of this block */
	uint16_t k;
};

struct layout; /* immutable; may be read by any thread */
/* ERR_INVALID: no chunk, a length of 0 or above the limits, more blocks than a u32 counts. `symbol_bytes`: a multiple of 64 from
 * 64 to 8896. */
int layout_new(const uint32_t *lens, size_t n_chunks, uint16_t symbol_bytes, struct layout **out, struct err *err) WARN_UNUSED;
/* Of pieces of `piece_bytes`, the last one shorter. `total_bytes` 0 is ERR_INVALID. */
int layout_of_pieces(uint64_t total_bytes, uint32_t piece_bytes, uint16_t symbol_bytes, struct layout **out,
		     struct err *err) WARN_UNUSED;
void layout_drop(struct layout *l); /* layout_free() is that of lib/site, whose layouts are of disks */
static inline void layout_freep(struct layout **l)
{
	layout_drop(*l);
}

uint16_t layout_symbol_bytes(const struct layout *l);
uint32_t layout_chunks(const struct layout *l);
uint32_t layout_chunk_len(const struct layout *l, uint32_t chunk);
uint64_t layout_chunk_at(const struct layout *l, uint32_t chunk); /* sum of the lengths before it */
uint64_t layout_bytes(const struct layout *l);			  /* sum of all lengths */
uint32_t layout_blocks(const struct layout *l);
const struct layout_block *layout_block(const struct layout *l, uint32_t block);
/* The first block with symbols of the chunk, and how many have some. */
uint32_t layout_chunk_block(const struct layout *l, uint32_t chunk, uint32_t *n_blocks);
/* Where data symbol `index` of `block` lies: chunk, offset in it, and how many of its bytes are content (the rest is zero). */
struct layout_place {
	uint32_t chunk, offset;
	uint16_t len;
};
void layout_place(const struct layout *l, uint32_t block, uint8_t index, struct layout_place *out);
void layout_digest(const struct layout *l, struct digest *out); /* over symbol size and lengths */

#endif
