/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cuts a stream where its content says so, so that an inserted byte moves one cut and not all that follow. Pure. */
#ifndef ORTHRUS_IMAGING_CHUNKER_H
#define ORTHRUS_IMAGING_CHUNKER_H

#include <stddef.h>
#include <stdint.h>

#define CHUNK_MIN ((size_t)256 << 10)
#define CHUNK_AVG ((size_t)1 << 20)
#define CHUNK_MAX ((size_t)4 << 20)

/* The rule is part of the image format (docs/image-format.md, "Chunks"): changing it loses all sharing with images that exist. */
struct chunker {
	uint64_t gear[256];
	uint64_t mask_before, mask_after; /* of the rolling hash, before and after the average length */
	size_t min, avg, max;
};

/* `avg` must be a power of two, 64 <= min <= avg <= max. */
void chunker_init(struct chunker *c, size_t min, size_t avg, size_t max);

/* Length of the first chunk of `data`. `len` must be at least `max`, or all that is left of the stream (then it may be shorter);
 * 0 only for len 0. */
size_t chunker_cut(const struct chunker *c, const uint8_t *data, size_t len);

#endif
