/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image store: packs, trees, chunk tables and signed manifests on disk (docs/image-format.md). */
#ifndef ORTHRUS_IMAGING_STORE_H
#define ORTHRUS_IMAGING_STORE_H

#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"
#include "imaging/manifest.h"
#include "imaging/pipeline.h"
#include "imaging/tree.h"
#include "sys/keys.h"

#include <stdbool.h>
#include <stdint.h>

/* An open store directory, e.g. /srv/orthrus/store. It and packs/, images/ and sequence/ in it may be symbolic links, for example
 * to another volume; nothing below them may. Nobody but root and the group of orthrusd gets in: root's store_open() sees to it.
 */
struct store;

int store_open(const char *path, bool create, struct store **out, struct err *err) WARN_UNUSED;
void store_close(struct store *s);

/* An image is named "NAME" (its newest) or "NAME/ID" (ID is "<utc>-<kind>", e.g. "20261121T053000Z-golden"). */
struct store_image {
	char *name, *id;
	struct manifest manifest; /* not verified: for listings */
	uint64_t stored_bytes;	  /* of its chunks, shared ones counted */
};
struct store_images {
	struct store_image *items;
	size_t len;
};
void store_images_free(struct store_images *l);
int store_list(struct store *s, struct store_images *out, struct err *err) WARN_UNUSED; /* by name, then id */
/* "NAME" or "NAME/ID" -> the directory's full path, name and id (new strings). ERR_NOT_FOUND lists what there is. */
int store_find(struct store *s, const char *ref, char **name, char **id, char **dir, struct err *err) WARN_UNUSED;

/* Can the image's documents be read, and can every pack it needs be opened as nodes get it, and is long enough? What is in them
 * is not looked at. ERR_DAMAGED names the first file that can't. */
int store_check_opens(struct store *s, const char *name, const char *id, struct err *err) WARN_UNUSED;

/* Progress of long work; total 0 when unknown. May be NULL. */
typedef void (*store_progress_fn)(void *ctx, const char *stage, uint64_t done_bytes, uint64_t total_bytes);

/* Could an image of this name be stored? What would stop it is better said before a long build than after it. Changes nothing. */
int store_check_place(struct store *s, const char *name, struct err *err) WARN_UNUSED;

/* A tree that comes from elsewhere than a directory: fill `tree` (zero at first) in path order with what tree_decode accepts, and
 * hand the content of each regular file to ingest_put() in the same order, after its entry was added. */
struct ingest_sink;
typedef int (*ingest_source_fn)(void *ctx, struct tree *tree, struct ingest_sink *sink, struct err *err);
/* The next bytes of the content stream: copied. An error is final. */
int ingest_put(struct ingest_sink *sink, const void *data, size_t len, struct err *err) WARN_UNUSED;

struct ingest {
	const char *source_dir;	 /* the tree; its root is '/' of the image. NULL: `source` gives it */
	ingest_source_fn source; /* else NULL */
	void *source_ctx;
	const char
		*snapshot; /* how the tree was held still: "directory" (also when NULL), "lvm", "btrfs", "two-pass", "archive" */
	bool crash_consistent;	 /* it is the state of one instant */
	const char *name, *kind; /* image name; "golden", "nightly", ... */
	const char *cluster_id;
	const char *suite;	 /* recorded; may be NULL */
	const char *layout_json; /* layout.json's content, or NULL */
	int64_t wall_s;		 /* the time in the id and the manifest */
	const struct sign_key *key;
	uint64_t total_bytes; /* of content, for the progress; 0: a directory is counted, else not known */
	store_progress_fn progress;
	void *ctx;
	struct pipeline_stats *stats; /* filled when it succeeds; may be NULL */
};
/* Read the tree, write packs, then tree, chunk table, boot.json, manifest, signature last. *ref = "NAME/ID" (caller frees). All
 * or nothing: of one that fails no pack stays that no other image uses. */
int store_ingest(struct store *s, const struct ingest *in, char **ref, struct err *err) WARN_UNUSED;

/* Every byte of one image against manifest and signature; what is hurt is named. ERR_DAMAGED when anything is. `files` gets the
 * paths hurt. */
int store_verify(struct store *s, const char *ref, const struct verify_key *key, store_progress_fn progress, void *ctx,
		 struct str_list *files, struct err *err) WARN_UNUSED;

/* What a deletion frees. */
struct store_freed {
	uint64_t bytes;
	struct err kept; /* set: why all packs stay */
};
/* What deleting the image would free. */
int store_delete_frees(struct store *s, const char *ref, struct store_freed *freed, struct err *err) WARN_UNUSED;
/* The first half of a deletion, a matter of milliseconds: when it returns 0 the image is gone for everybody who looks, for good,
 * and no byte of it is removed yet. To be called under whatever keeps others from choosing the image meanwhile. *lock keeps
 * writers out until store_unlock, after store_sweep. ERR_CONFLICT at once while somebody else writes, or reads this image from
 * the store; then nothing was changed. */
int store_take_out(struct store *s, const char *ref, int *lock, struct err *err) WARN_UNUSED;
/* The second half, long: remove what was taken out and the packs that no image needs. Only with the lock held. Without it, or cut
 * off, the next writer or store_finish_deletes does it. Who has a pack open goes on reading it. */
int store_sweep(struct store *s, struct store_freed *freed, struct err *err) WARN_UNUSED;
int store_delete(struct store *s, const char *ref, struct err *err) WARN_UNUSED; /* both halves */
/* Let go at once, even where a child that was just forked has a copy of the fd. -1 is fine. */
void store_unlock(const int *lock);
/* Finish deletions that were cut off, if there are any and nobody writes (who writes does it too). */
int store_finish_deletes(struct store *s, struct err *err) WARN_UNUSED;

/* Copy the files and symlinks at or below any of `prefixes` ("boot/vmlinuz-", "usr/lib/modules/") out to `dir`. Verified chunk by
 * chunk. */
int store_extract(struct store *s, const char *ref, const struct verify_key *key, const char *const *prefixes, const char *dir,
		  struct err *err) WARN_UNUSED;

#endif
