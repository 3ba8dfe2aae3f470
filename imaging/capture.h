/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image of a machine that runs, over ssh, or of a directory here: read by GNU tar through a small script that is told to bash
 * on standard input (capture_agent.sh), and ingested as it comes. docs/capture.md says how it is held still, and what that is
 * worth. */
#ifndef ORTHRUS_IMAGING_CAPTURE_H
#define ORTHRUS_IMAGING_CAPTURE_H

#include "base/err.h"
#include "base/plan.h"
#include "base/str.h"
#include "imaging/store.h"
#include "sys/keys.h"

#include <stdbool.h>
#include <stdint.h>

struct capture {
	const char *name, *kind;	    /* of the image */
	const char *from;		    /* "[USER@]HOST:/DIR" or a directory here */
	const struct str_list *excludes;    /* patterns on paths in the tree; may be NULL */
	const struct str_list *ssh_options; /* for ssh -o; may be NULL */
	const char *suite;		    /* recorded; NULL: what the tree says of itself */
	bool keep_identity;		    /* else what belongs to the one machine is left out */
	bool live;			    /* take no snapshot even if one can be made */
	const char *tmp_dir;		    /* for what has to be kept until it is known to have stayed the same */
	const char *store_dir;
	const char *cluster_id;
	const struct sign_key *key;
	int64_t wall_s;
	void (*line)(void *ctx, const char *text); /* what people should know meanwhile; may be NULL */
	store_progress_fn progress;		   /* may be NULL */
	void *ctx;
};

struct capture_facts; /* what there is to take, and how */
void capture_facts_free(struct capture_facts *f);
static inline void capture_facts_freep(struct capture_facts **f)
{
	capture_facts_free(*f);
}

/* Ask the machine: what is mounted where, what can be held still. Changes nothing there. Refuses what could not be captured. */
int capture_probe(const struct capture *c, struct capture_facts **out, struct err *err) WARN_UNUSED;
/* Pure: the steps, and what is left out. */
void capture_plan(const struct capture *c, const struct capture_facts *f, struct plan *plan);

struct capture_result {
	char *ref;	      /* "NAME/ID" */
	const char *snapshot; /* as in the manifest */
	bool crash_consistent;
	struct str_list changed; /* still changed when they were read for the last time; as many as are told */
	uint64_t n_changed;
	struct pipeline_stats stats; /* of storing it */
};
void capture_result_free(struct capture_result *r);
/* Perform them. Nothing of it is left on the machine afterwards, nor in the store unless the image is whole. */
int capture_apply(const struct capture *c, const struct capture_facts *f, struct capture_result *out,
		  struct err *err) WARN_UNUSED;

#endif
