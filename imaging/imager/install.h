/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out one order from the first step to the last, telling console and head about each. */
#ifndef ORTHRUS_IMAGER_INSTALL_H
#define ORTHRUS_IMAGER_INSTALL_H

#include "base/err.h"
#include "imaging/imager/head.h"
#include "raidsetup/raidsetup.h"

struct install_run;
struct install_opts;
/* What is done to this machine: a table, so that a test can try what depends on it without disks. */
struct install_work {
	/* Which disks there are, tested. Inventory, approval and disk test ask in the same way, so that they see the same bad
	 * places. */
	int (*look)(struct disks *out, struct err *err);
	/* Any step but the disk test. */
	int (*perform)(struct install_run *run, const struct plan_step *step, struct err *err);
	int (*undo_boot)(const char *target, struct raid_ctx *raid, const struct raid_result *result, struct err *err);
	void (*release)(const char *target);
	/* diskless.h. */
	int (*diskless)(const struct install_opts *opts, struct head *head, const struct head_answer *answer, struct err *err);
	/* rescue.h, for this machine. */
	bool (*rescue_is_here)(const char *root);
	int (*rescue)(const char *root, struct head *head, const char *node, const struct disks *disks, struct err *err);
};
extern const struct install_work install_work;

struct install_opts {
	const char *target;		 /* where the new system is mounted meanwhile, "/target" */
	const char *trust_dir;		 /* ca.crt, sign.pub, cluster-id */
	const struct install_work *work; /* &install_work */
	int64_t pause_ns;		 /* between two tries; 0: 5 s */
	int64_t say_ns;			 /* how often the fingerprint is said while we wait for approval; 0: 1 min */
};
/* 0: installed, the head knows, disks are at rest. -1: everything is unmounted, the arrays are stopped and the disks don't boot;
 * what of this could not be done is reported on the console. The head knows why and what of it could not be done, or it withdrew
 * the installation itself. */
int install_run(const struct install_opts *opts, struct head *head, const struct order *order, struct err *err) WARN_UNUSED;

/* After a failure of the step that makes the disks boot, or of one behind it: they don't boot any more. Unmounts what is below
 * `target` and stops the arrays. Goes on after a failure; says on the console what was done and what was not. */
int install_undo_boot(const char *target, struct raid_ctx *raid, const struct raid_result *result, struct err *err) WARN_UNUSED;

/* Unmount what is mounted at or below `target` and stop all arrays: after a failure, and before anything else when the imager was
 * started again. What can't be undone is reported on the console. */
void install_release(const char *target);

#endif
