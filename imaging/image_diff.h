/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What two images differ in, entry by entry. Pure but for the callback that reads: where the ids of chunks prove that content is
 * the same or is not, nothing is read. */
#ifndef ORTHRUS_IMAGING_IMAGE_DIFF_H
#define ORTHRUS_IMAGING_IMAGE_DIFF_H

#include "base/err.h"
#include "imaging/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_docs;

enum diff_kind {
	DIFF_ADDED,
	DIFF_REMOVED,
	DIFF_CHANGED,
	DIFF_RENAMED, /* another name of an inode that other names kept: item.a had the old one, item.b has the new one */
};

/* What can have changed. Another type is DIFF_TYPE alone but for mode, owner and time. */
enum {
	DIFF_TYPE = 1 << 0,
	DIFF_MODE = 1 << 1,
	DIFF_OWNER = 1 << 2,
	DIFF_MTIME = 1 << 3,
	DIFF_XATTRS = 1 << 4, /* ACLs and capabilities too */
	DIFF_FLAGS = 1 << 5,
	DIFF_SIZE = 1 << 6,
	DIFF_CONTENT = 1 << 7,
	DIFF_HOLES = 1 << 8, /* the same bytes, but other stretches of them are holes */
	DIFF_TARGET = 1 << 9,
	DIFF_DEVICE = 1 << 10,
	DIFF_LINKS = 1 << 11, /* the set of names that are this inode */
	/* What files hold, and what there is. */
	DIFF_SUBSTANCE = DIFF_TYPE | DIFF_SIZE | DIFF_CONTENT | DIFF_TARGET | DIFF_DEVICE,
};
/* Their words, in the order of the bits; NULL at the end. */
extern const char *const image_diff_words[];

struct diff_item {
	enum diff_kind kind;
	const struct tree_entry *a, *b;		    /* the names in either tree; NULL where there is none */
	const struct tree_entry *a_inode, *b_inode; /* what has their attributes */
	unsigned int what;
};
struct image_diff {
	struct diff_item *items; /* in path order */
	size_t len, cap;
	uint64_t n_added, n_removed, n_changed, n_renamed, n_same;
	/* Data (holes not counted; of an inode with several names once): in B only, in A only, of files with other content as
	 * they are in B. */
	uint64_t added_bytes, removed_bytes, changed_bytes;
	/* Chunks that B needs and A does not have: what a delta restore moves. */
	uint64_t delta_chunks, delta_stored_bytes, delta_raw_bytes;
};
void image_diff_free(struct image_diff *d);

#define DIFF_HOLE UINT64_MAX
/* Are `len` bytes of the content streams from `a_at` and `b_at` on the same? DIFF_HOLE for either (not for both) stands for
 * zeros. */
typedef int (*image_diff_read_fn)(void *ctx, uint64_t a_at, uint64_t b_at, uint64_t len, bool *same, struct err *err);
/* At and below `path` ("" for all; without '/' in front). Only differences in `mask`. The entries are pointed to, not copied.
 * `out` must be zero; free it also after an error. ERR_NOT_FOUND when neither has the path. */
int image_diff(const struct image_docs *a, const struct image_docs *b, const char *path, unsigned int mask,
	       image_diff_read_fn read, void *ctx, struct image_diff *out, struct err *err) WARN_UNUSED;

#endif
