/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each image costs: the stored bytes that it alone needs, and those it shares. From the chunk tables, not verified. */
#ifndef ORTHRUS_IMAGING_USAGE_H
#define ORTHRUS_IMAGING_USAGE_H

#include "base/err.h"
#include "imaging/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_usage {
	bool known;	       /* its chunk table could be read */
	uint64_t unique_bytes; /* stored bytes of chunks that no other image uses */
	uint64_t shared_bytes; /* of chunks that another one uses too */
};
struct store_usage {
	struct image_usage *images; /* in the order of the list */
	size_t len;
	bool known;		  /* all of them could be read; else unique_bytes are upper bounds and unused_bytes is 0 */
	uint64_t used_bytes;	  /* of chunks that any image uses, each counted once */
	uint64_t packs_bytes;	  /* of all packs */
	uint64_t unused_bytes;	  /* in packs, but of no image */
	uint64_t removable_bytes; /* of that, in packs that no image uses at all: these go with the next deletion */
	uint64_t disk_bytes;	  /* what the store takes on disk, all its files */
};
void store_usage_free(struct store_usage *u);
int store_usage(struct store *s, const struct store_images *list, struct store_usage *out, struct err *err) WARN_UNUSED;

/* The count itself, for stores of any size: pure. A chunk is known by its place in a pack, so two copies of it are two. */
struct chunk_table;
struct usage_count;
struct usage_count *usage_count_new(void) __attribute__((returns_nonnull));
void usage_count_free(struct usage_count *c);
/* The table of the next image: 0, 1, 2 ... ERR_DAMAGED when an offset is in no pack that can be; nothing is counted then. */
int usage_count_add(struct usage_count *c, const struct chunk_table *t, struct err *err) WARN_UNUSED;
/* Of the image'th table added. */
void usage_count_image(const struct usage_count *c, size_t image, uint64_t *unique_bytes, uint64_t *shared_bytes);
bool usage_count_has_pack(const struct usage_count *c, const struct digest *pack);
uint64_t usage_count_used(const struct usage_count *c);

#endif
