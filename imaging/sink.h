/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a stream of bytes goes: a chain of links that count, hash, compress and write. */
#ifndef ORTHRUS_IMAGING_SINK_H
#define ORTHRUS_IMAGING_SINK_H

#include "base/digest.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct sink {
	int (*put)(struct sink *s, const void *data, size_t len, struct err *err);
	int (*end)(struct sink *s, struct err *err); /* all was put: pass on what is kept back; ends the next link too */
	void (*free)(struct sink *s);		     /* this link and all behind it */
};
int sink_put(struct sink *s, const void *data, size_t len, struct err *err) WARN_UNUSED;
int sink_end(struct sink *s, struct err *err) WARN_UNUSED;
void sink_free(struct sink *s);
static inline void sink_freep(struct sink **s)
{
	sink_free(*s);
}

/* Each takes `next`, which is freed with it. */
struct sink *sink_fd(int fd, const char *name); /* the end of a chain; `fd` stays open; `name` must outlive it */
struct sink *sink_zstd(struct sink *next);	/* level 3, on all processors */
struct sink *sink_gzip(struct sink *next);	/* without a time in it */
/* SHA-256 and length of what passed, valid after the end; `next` NULL: only that. */
struct sink_sum {
	struct digest digest;
	uint64_t bytes;
};
struct sink *sink_digest(struct sink *next, struct sink_sum *sum);

#endif
