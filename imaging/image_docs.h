/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image's documents, believed only after all of them were checked against one another and the signature. Pure but for the key.
 */
#ifndef ORTHRUS_IMAGING_IMAGE_DOCS_H
#define ORTHRUS_IMAGING_IMAGE_DOCS_H

#include "base/err.h"
#include "imaging/chunk_table.h"
#include "imaging/content_map.h"
#include "imaging/manifest.h"
#include "imaging/restore.h"
#include "imaging/tree.h"

struct image_docs {
	struct manifest manifest;
	struct tree tree;
	struct chunk_table table;
	struct content_map map;
};
void image_docs_free(struct image_docs *d);
/* Signature, then the manifest and whose it is; nothing of the other documents. Free `out` with manifest_free(). */
int image_docs_manifest(const struct restore_source *src, struct manifest *out, struct err *err) WARN_UNUSED;
/* Signature first, then manifest, then the digests of the others, then their content. src->key must not be NULL; cluster_id, name
 * and manifest_digest are compared when they are not. ERR_DAMAGED names the document; what is intact but not what was asked for
 * is ERR_REFUSED. */
int image_docs_check(const struct restore_source *src, struct image_docs *out, struct err *err) WARN_UNUSED;

#endif
