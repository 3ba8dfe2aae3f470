/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Make an image of an archive. It is believed in nothing: what could reach outside the tree, or fill the disk, is refused by its
 * name and no image is stored. Nothing is unpacked to where its names could mean anything: docs/image-format.md, tree_check.h. */
#ifndef ORTHRUS_IMAGING_IMPORT_H
#define ORTHRUS_IMAGING_IMPORT_H

#include "base/err.h"
#include "base/plan.h"
#include "imaging/store.h"
#include "sys/keys.h"

#include <stdbool.h>
#include <stdint.h>

#define IMPORT_MAX_BYTES ((uint64_t)64 << 30)
/* Each takes about half a KiB of memory while its archive is read; a whole machine has mostly less than a million. */
#define IMPORT_MAX_ENTRIES ((uint64_t)2 << 20)

struct import {
	const char *source;	 /* a tar or cpio archive (also compressed by gzip, zstd, xz), a squashfs, an OCI image layout (a
				    directory or a tar of it); "-": standard input */
	const char *name, *kind; /* of the image */
	const char *suite;	 /* recorded; may be NULL */
	const char *store_dir, *tmp_dir; /* both made when missing */
	uint64_t max_bytes;		 /* sizes of all files together, holes counted too */
	uint64_t max_entries;
	bool allow_devices; /* character and block devices are taken */
	const char *cluster_id;
	const struct sign_key *key;
	int64_t wall_s;
	store_progress_fn progress; /* may be NULL */
	void *ctx;
	struct pipeline_stats *stats; /* of storing it, filled when that succeeds; may be NULL */
};

/* What was in the archive and is not in the image, or the other way round. */
enum import_note_kind {
	NOTE_XATTRS, /* extended attributes of kinds that images do not keep, or that no file of this type can have */
	NOTE_ACLS,   /* access control lists that name users by name, or that the kernel would not take */
	NOTE_FLAGS,  /* inode flags */
	NOTE_MADE,   /* directories that have no entry */
	NOTE_WORDS,  /* libarchive or sqfs2tar had something to say; `words` has the first */
	NOTE_KINDS,
};
struct import_note {
	uint64_t count;
	char *first;
};
struct import_notes {
	struct import_note of[NOTE_KINDS];
	char *words;
};
void import_notes_free(struct import_notes *n);
/* "%llu directories were made ..." and the like. */
const char *import_note_name(enum import_note_kind kind);

/* Changes nothing: is there something to read, and could the image be stored? ERR_INVALID says what can be imported. */
int import_probe(const struct import *im, struct err *err) WARN_UNUSED;
/* Pure. */
void import_plan(const struct import *im, struct plan *plan);
/* *ref is "NAME/ID"; the caller frees it and `notes`. */
int import_apply(const struct import *im, struct import_notes *notes, char **ref, struct err *err) WARN_UNUSED;

#endif
