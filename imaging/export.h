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

#include <stdbool.h>
#include <stdint.h>

enum export_format {
	EXPORT_DIR, /* files in a directory */
};

struct export
{
	struct store *store;
	const char *ref;    /* NAME[/ID] */
	const char *target; /* a path */
	enum export_format format;
	bool update; /* EXPORT_DIR: the directory may hold another tree, which becomes the image's */
	const struct verify_key *key;
	store_progress_fn progress; /* may be NULL */
	void *ctx;
};

/* The format that `word` names; NULL: what the target is. ERR_USAGE lists what there is. */
int export_choose(struct export *x, const char *word, struct err *err) WARN_UNUSED;
const char *export_format_name(enum export_format format);

/* What would be exported: from the image's documents, whose signature was checked. */
struct export_facts {
	char *ref; /* NAME/ID, also when only NAME was asked for */
	uint64_t entries, content_bytes;
	bool resumes;		    /* EXPORT_DIR: an export of this image that did not come to its end is completed */
	struct restore_delta delta; /* with x->update */
};
void export_facts_free(struct export_facts *f);
/* Changes nothing. ERR_REFUSED when the target is in use. */
int export_probe(const struct export *x, struct export_facts *out, struct err *err) WARN_UNUSED;
/* Pure: the steps. */
void export_plan(const struct export *x, const struct export_facts *f, struct plan *plan);
/* Do it. A directory that could not be filled is left as it is, and named. */
int export_apply(const struct export *x, const struct export_facts *f, struct err *err) WARN_UNUSED;

#endif
