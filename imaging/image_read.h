/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Look into an image of a store: its documents, verified, and what its files hold, each chunk checked before a byte of it is
 * handed out. */
#ifndef ORTHRUS_IMAGING_IMAGE_READ_H
#define ORTHRUS_IMAGING_IMAGE_READ_H

#include "base/err.h"
#include "imaging/store.h"
#include "imaging/tree.h"
#include "sys/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_docs;
struct image_read;

/* `ref`: "NAME" (its newest) or "NAME/ID". */
int image_read_open(struct store *s, const char *ref, const struct verify_key *key, struct image_read **out,
		    struct err *err) WARN_UNUSED;
void image_read_close(struct image_read *r); /* NULL is fine */
/* These live as long as `r`. */
const char *image_read_ref(const struct image_read *r); /* "NAME/ID" */
const struct image_docs *image_read_docs(const struct image_read *r);
const struct tree *image_read_tree(const struct image_read *r);

/* The entry at `path`, from the image's root whether or not it begins with '/'. Symbolic links on the way are followed inside the
 * image, as they would be in a system that has it as its root; one at the end of the path when `follow`, or when a '/' comes
 * after it. ERR_NOT_FOUND names what is missing. */
int image_read_find(const struct image_read *r, const char *path, bool follow, const struct tree_entry **out,
		    struct err *err) WARN_UNUSED;
/* The entry that has type and attributes: `e` itself, or for a further name the first one. */
const struct tree_entry *image_read_inode(const struct image_read *r, const struct tree_entry *e);
/* How many names it has in the tree; for a directory, as file systems count it: 2 and its subdirectories. */
uint32_t image_read_links(const struct image_read *r, const struct tree_entry *e);

/* Bytes of the content stream from `at` on: *data points at least one and at most `max` of them (*len) in a checked chunk, valid
 * until the next call. `at` must be inside the stream. */
int image_read_piece(struct image_read *r, uint64_t at, size_t max, const uint8_t **data, size_t *len,
		     struct err *err) WARN_UNUSED;

/* The content of a file, in order: `data` NULL is a hole of `len` bytes. Return -1 to stop. */
typedef int (*image_read_fn)(void *ctx, const uint8_t *data, uint64_t len, struct err *err);
int image_read_file(struct image_read *r, const struct tree_entry *e, image_read_fn fn, void *ctx, struct err *err) WARN_UNUSED;

#endif
