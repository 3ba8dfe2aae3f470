/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Put an image's tree onto a file system: chunks may come in any order, metadata last. The same code in the head and in the
 * imager. */
#ifndef ORTHRUS_IMAGING_RESTORE_H
#define ORTHRUS_IMAGING_RESTORE_H

#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"
#include "imaging/manifest.h"
#include "sys/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct restore;
struct restore_hand;

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
	const char *cluster_id, *name, *id;   /* what the order says it must be; NULL: any */
	const struct digest *manifest_digest; /* ditto: SHA-256 of the manifest's bytes; NULL when not known */
	uint64_t min_sequence;
	/* The target may hold another tree (mostly an older one of the same image): what matches is kept, chunks whose bytes are
	 * there need not be put, and what is not in the image is removed, but nothing that is mounted below: where the image has
	 * files there, it is refused (ERR_REFUSED).
	 * Without it, a name that is there already and no directory is refused (ERR_EXISTS) before anything is made. */
	bool update;
	/* A file in the target notes which chunks are durable: begun again after a kill, the restore goes on there. It is gone
	 * when the restore is finished. */
	bool resumable;
	/* Write past the page cache where it can be. Chunks must come faster than a network brings them to make that worth it:
	 * the page cache fills whole stripes of a RAID 5 or 6 from pieces that come one by one. */
	bool direct;
	/* A local store's packs: an update looks whether all that it needs is there before it removes anything. NULL: elsewhere.
	 */
	const char *packs;
	uint64_t checkpoint_bytes; /* how much is put between two such notes; 0: the usual */
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
/* Is it there already (kept by an update, durable before a kill, or put)? */
bool restore_chunk_done(struct restore *r, size_t i);

/* What one thread needs to put chunks. Hands work side by side; a chunk is put by one at a time. Free it before the restore. */
struct restore_hand *restore_hand_new(struct restore *r) __attribute__((returns_nonnull));
void restore_hand_free(struct restore_hand *h);
static inline void restore_hand_freep(struct restore_hand **h)
{
	restore_hand_free(*h);
}
/* Decompress, check the hash, write to every file range. ERR_DAMAGED when the bytes are wrong (fetch it elsewhere and try again).
 * One that is done is passed over. */
int restore_put(struct restore_hand *h, size_t i, const void *stored, size_t stored_len, struct err *err) WARN_UNUSED;
/* All chunks are there: hard links, owners, modes, xattrs, ACLs, capabilities, times (directories last), syncfs. */
int restore_finish(struct restore *r, struct err *err) WARN_UNUSED;
void restore_free(struct restore *r);

/* What an update would do to the target. Changes nothing. */
struct restore_delta {
	struct str_list removed;		/* topmost names that go, a directory with '/' at its end */
	uint64_t missing_chunks, missing_bytes; /* to be fetched; bytes as stored */
	uint64_t kept_bytes;			/* content that is right */
};
void restore_delta_free(struct restore_delta *d);
int restore_compare(const struct restore_source *src, int target_fd, struct restore_delta *out, struct err *err) WARN_UNUSED;

/* Does the target hold a restore that did not come to its end? */
bool restore_is_unfinished(int target_fd);

/* From a local store, resumable: begin, put all by several threads, finish. */
struct store;
struct restore_how {
	const struct verify_key *key;
	bool update;
	uint64_t checkpoint_bytes; /* 0: the usual */
	void (*progress)(void *ctx, const char *stage, uint64_t done_bytes,
			 uint64_t total_bytes); /* one call at a time; or NULL */
	void *ctx;
};
int restore_from_store(struct store *s, const char *ref, const struct restore_how *how, int target_fd,
		       struct err *err) WARN_UNUSED;
int restore_compare_store(struct store *s, const char *ref, const struct verify_key *key, int target_fd,
			  struct restore_delta *out, struct err *err) WARN_UNUSED;

#endif
