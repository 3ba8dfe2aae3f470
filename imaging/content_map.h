/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a piece of the content stream to the ranges of files it fills. Pure. */
#ifndef ORTHRUS_IMAGING_CONTENT_MAP_H
#define ORTHRUS_IMAGING_CONTENT_MAP_H

#include "base/err.h"
#include "imaging/tree.h"

#include <stddef.h>
#include <stdint.h>

struct content_map {
	const struct tree *tree; /* must outlive the map */
	size_t *files;		 /* entries that have content, in stream order */
	size_t len;
};
void content_map_init(struct content_map *m, const struct tree *tree);
void content_map_free(struct content_map *m);

/* `skip` bytes into the piece come `len` bytes of the file `entry`, at `offset` in it. Return -1 to stop. */
typedef int (*content_range_fn)(void *ctx, const struct tree_entry *entry, uint64_t offset, size_t skip, size_t len,
				struct err *err);
/* Call `fn` for every range of [at, at + len), in order. */
int content_map_each(const struct content_map *m, uint64_t at, size_t len, content_range_fn fn, void *ctx,
		     struct err *err) WARN_UNUSED;

#endif
