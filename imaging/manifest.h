/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The signed description of an image (manifest.json). The signature is over the exact bytes; read only after it was checked. */
#ifndef ORTHRUS_IMAGING_MANIFEST_H
#define ORTHRUS_IMAGING_MANIFEST_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct manifest {
	uint64_t format;			  /* 1 */
	char *cluster_id, *name, *kind, *suite;	  /* suite may be NULL */
	char *created;				  /* UTC, "2026-11-21T05:30:00Z" */
	uint64_t sequence;			  /* grows with every image of this name: an older one can be refused */
	uint64_t chunk_min, chunk_avg, chunk_max; /* bytes */
	char *codec;				  /* "zstd-3" */
	struct digest tree, chunks;		  /* of the files tree.zst and chunks.bin */
	struct digest root;			  /* Merkle root over the chunk ids */
	struct digest boot;			  /* of boot.json */
	bool has_layout;
	struct digest layout; /* of layout.json, when there is one */
	uint64_t entries, content_bytes, n_chunks, stored_bytes;
	char *snapshot; /* "directory", "lvm", "btrfs", "two-pass", "archive" */
	bool crash_consistent;
	char *signer; /* key id */
};
int manifest_read(const void *json, size_t len, struct manifest *out, struct err *err) WARN_UNUSED;
void manifest_print(const struct manifest *m, struct buf *out);
void manifest_free(struct manifest *m);
/* The id of an image, "20261121T053000Z-golden", out of its `created` and `kind`. The signature covers both: an older image that
 * somebody puts in the place of a newer one has another id than its directory. The caller frees. */
char *manifest_id(const char *created, const char *kind);

#endif
