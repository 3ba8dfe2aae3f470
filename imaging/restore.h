/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Put an image's tree onto a file system: chunks may come in any order, metadata last. The same code in the head and in the
 * imager. */
#ifndef ORTHRUS_IMAGING_RESTORE_H
#define ORTHRUS_IMAGING_RESTORE_H

#include "base/digest.h"
#include "base/err.h"
#include "imaging/manifest.h"
#include "sys/keys.h"

#include <stddef.h>
#include <stdint.h>

struct restore;

/* The three documents as received; checks signature, digests, cluster id, name, then creates directories, files (empty, sized),
 * links below target_fd. Nothing outside target_fd can be reached. `min_sequence`: refuse an older image (anti-rollback). Copies
 * what it needs. */
struct restore_source {
	const void *manifest;
	size_t manifest_len;
	const void *manifest_sig;
	size_t manifest_sig_len;
	const void *tree;
	size_t tree_len; /* tree.zst */
	const void *chunks;
	size_t chunks_len; /* chunks.bin */
	const struct verify_key *key;
	const char *cluster_id, *name;	      /* what the order says it must be */
	const struct digest *manifest_digest; /* ditto: SHA-256 of the manifest's bytes; NULL when not known */
	uint64_t min_sequence;
};
int restore_begin(const struct restore_source *src, int target_fd, struct restore **out, struct err *err) WARN_UNUSED;
/* What must be fetched: packs in the order best read, each with the ranges that hold our chunks. */
struct restore_chunk {
	struct digest id; /* of the raw bytes */
	struct digest pack;
	uint64_t pack_offset;
	uint32_t stored_len, raw_len;
};
size_t restore_chunk_count(const struct restore *r);
const struct restore_chunk *restore_chunk_at(const struct restore *r, size_t i); /* sorted by (pack, offset) */
uint64_t restore_stored_bytes(const struct restore *r);
/* Decompress, check the hash, write to every file range. ERR_DAMAGED when the bytes are wrong (fetch it elsewhere and try again).
 */
int restore_put(struct restore *r, size_t i, const void *stored, size_t stored_len, struct err *err) WARN_UNUSED;
/* All chunks are there: hard links, owners, modes, xattrs, ACLs, capabilities, times (directories last), syncfs. */
int restore_finish(struct restore *r, struct err *err) WARN_UNUSED;
void restore_free(struct restore *r);

/* The whole from a local store: begin, put all, finish. */
struct store;
int restore_from_store(struct store *s, const char *ref, const struct verify_key *key, int target_fd,
		       struct err *err) WARN_UNUSED;

#endif
