/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zstd (RFC 8878) with every length known before a byte is unpacked: one frame, its content size in the header, nothing after it.
 */
#ifndef ORTHRUS_IMAGING_CODEC_H
#define ORTHRUS_IMAGING_CODEC_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define CODEC_NAME "zstd-3"

struct codec; /* compressor and decompressor state, for one thread */
struct codec *codec_new(void) __attribute__((returns_nonnull));
void codec_free(struct codec *c);
static inline void codec_freep(struct codec **c)
{
	codec_free(*c);
}

/* The most bytes that `raw_len` bytes can become. */
size_t codec_bound(size_t raw_len);
/* Replaces the content of `out`. */
int codec_pack(struct codec *c, const void *raw, size_t raw_len, struct buf *out, struct err *err) WARN_UNUSED;
/* `stored` must be exactly one frame that holds exactly `raw_len` bytes, else ERR_DAMAGED. `raw` takes raw_len. */
int codec_unpack(struct codec *c, const void *stored, size_t stored_len, void *raw, size_t raw_len, struct err *err) WARN_UNUSED;
/* The length that the frame says it unpacks to; more than `max` is ERR_DAMAGED (a bomb). */
int codec_raw_len(const void *stored, size_t stored_len, uint64_t max, size_t *raw_len, struct err *err) WARN_UNUSED;

#endif
