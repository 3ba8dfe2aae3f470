/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last step of making an image: its documents, signed, appear in the store all at once. */
#ifndef ORTHRUS_IMAGING_IMAGE_WRITE_H
#define ORTHRUS_IMAGING_IMAGE_WRITE_H

#include "base/buf.h"
#include "base/err.h"
#include "imaging/chunk_table.h"
#include "imaging/store.h"
#include "imaging/tree.h"

/* All packs of `table` must be durable. Writes the documents into a directory with a temporary name, makes them durable, and
 * gives it its real name: a reader finds the whole image or none. *ref is "NAME/ID". Only with the store's lock held. */
int image_write(const struct store *s, const struct ingest *in, const struct tree *tree, const struct chunk_table *table,
		const struct buf *boot, char **ref, struct err *err) WARN_UNUSED;

struct image_document {
	const char *name;
	const void *data; /* NULL: there is none */
	size_t len;
};
/* The second half of it, for documents that are signed already. */
int image_publish(const struct store *s, const char *name, const char *id, const struct image_document *docs, size_t n,
		  struct err *err) WARN_UNUSED;

#endif
