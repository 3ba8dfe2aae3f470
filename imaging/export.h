/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Take an image out of the store as a tree or an archive that other programs read. Nothing leaves unverified: signature first,
 * then every chunk. */
#ifndef ORTHRUS_IMAGING_EXPORT_H
#define ORTHRUS_IMAGING_EXPORT_H

#include "base/err.h"
#include "base/plan.h"
#include "imaging/restore.h"
#include "imaging/store.h"
#include "sys/keys.h"
#include "sys/scratch.h"

#include <stdbool.h>
#include <stdint.h>

enum export_format {
	EXPORT_DIR,	 /* files in a directory */
	EXPORT_PAX,	 /* tar(1), POSIX.1-2001 */
	EXPORT_CPIO,	 /* newc */
	EXPORT_SQUASHFS, /* by tar2sqfs(1) */
	EXPORT_OCI,	 /* an image layout of one layer: a directory, or a tar of it */
};
enum export_filter { EXPORT_PLAIN, EXPORT_GZIP, EXPORT_ZSTD };

struct export
{
	struct store *store;
	const char *ref;    /* NAME[/ID] */
	const char *target; /* a path; "-" is standard output */
	enum export_format format;
	enum export_filter filter; /* of EXPORT_PAX and EXPORT_CPIO */
	bool as_tar;		   /* of EXPORT_OCI */
	bool update;		   /* of EXPORT_DIR: the directory may hold another tree, which becomes the image's */
	bool force;		   /* a file at the target is replaced */
	const struct verify_key *key;
	store_progress_fn progress; /* may be NULL */
	void *ctx;
	bool names_all;		 /* the plan of an update names all that goes, however much it is */
	struct scratch *scratch; /* who removes what is begun when a signal ends the program; NULL: nobody */
};

/* Pure. Format and filter by `word` and the target's suffix; `word` NULL: by the suffix alone, without a known one EXPORT_DIR.
 * ERR_USAGE lists what there is, also for the suffix of an archive or a disk image that is none of these. */
int export_choose(struct export *x, const char *word, struct err *err) WARN_UNUSED;
const char *export_format_name(enum export_format format);

/* What an image has that the format can't hold. */
enum export_loss { LOST_SOCKETS, LOST_XATTRS, LOST_ACLS, LOST_FLAGS, LOST_NANOSECONDS, LOST_TIMES, LOST_HOLES, LOST_KINDS };
struct export_lost {
	uint64_t count;
	char *first; /* path of the first entry; NULL when there is none */
};
/* "%llu sockets" and the like. */
const char *export_loss_name(enum export_loss kind);

/* What would be exported: from the image's documents, whose signature was checked. */
struct export_facts {
	char *ref;     /* NAME/ID, also when only NAME was asked for */
	char *created; /* of the manifest */
	uint64_t entries, content_bytes;
	bool replaces;		    /* there is a file at the target */
	bool resumes;		    /* EXPORT_DIR: an export of this image that did not come to its end is completed */
	bool updates;		    /* with x->update: another tree is there, which becomes the image's */
	struct restore_delta delta; /* of it */
	struct export_lost lost[LOST_KINDS];
};
void export_facts_free(struct export_facts *f);
/* Changes nothing. ERR_REFUSED when the target is in use, is, holds or lies in the image store, or the format can't hold the
 * image's content. */
int export_probe(const struct export *x, struct export_facts *out, struct err *err) WARN_UNUSED;
/* Pure: the steps. One that is PLAN_DESTROYS is for the user to confirm. */
void export_plan(const struct export *x, const struct export_facts *f, struct plan *plan);
/* Do it. A file or an image layout appears whole or not at all; a directory that could not be filled is left as it is, and named.
 */
int export_apply(const struct export *x, const struct export_facts *f, struct err *err) WARN_UNUSED;

#endif
