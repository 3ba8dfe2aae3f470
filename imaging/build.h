/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Make an image: a fresh system from the distribution's packages (or a directory that is there), ingested into the store. */
#ifndef ORTHRUS_IMAGING_BUILD_H
#define ORTHRUS_IMAGING_BUILD_H

#include "base/err.h"
#include "base/plan.h"
#include "base/str.h"
#include "imaging/store.h"
#include "sys/keys.h"

#include <stdint.h>

struct build {
	const char *name, *kind;	 /* of the image */
	const char *from_dir;		 /* take this tree as it is; NULL: build one */
	const char *suite;		 /* "bookworm", "trixie"; recorded also with from_dir, may be NULL then */
	const char *mirror;		 /* NULL: the one the head's own apt uses */
	const struct str_list *packages; /* beside those every node needs; may be NULL */
	const char *tmp_dir; /* where the tree is built, made when missing; what killed builds left there is removed */
	const char *store_dir;
	const char *cluster_id;
	const struct sign_key *key;
	int64_t wall_s;
	void (*line)(void *ctx, const char *text); /* what the builder says, for people; may be NULL */
	store_progress_fn progress;		   /* may be NULL */
	void *ctx;
	struct pipeline_stats *stats; /* of storing it, filled when that succeeds; may be NULL */
};

/* What packages come from: sources.list(5) lines out of the head's apt (or b->mirror). Nothing with from_dir. Refuses a suite,
 * mirror, package or image name that is not one, a from_dir that is no directory, that is, holds or
 * lies in the store, or in which a restore did not come to its end, and a store that could not take the image. */
int build_probe(const struct build *b, struct str_list *sources, struct err *err) WARN_UNUSED;
/* Pure: the steps. */
void build_plan(const struct build *b, const struct str_list *sources, struct plan *plan);
/* Perform them. *ref is "NAME/ID"; the caller frees. The temporary tree is gone afterwards. */
int build_apply(const struct build *b, const struct str_list *sources, const struct plan *plan, char **ref,
		struct err *err) WARN_UNUSED;

enum build_step { BUILD_PACKAGES = 1, BUILD_SETTLE, BUILD_INGEST };

#endif
