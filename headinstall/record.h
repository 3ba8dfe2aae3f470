/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was written down of this machine's installation, on disk: the directory HEAD_RECORD_DIR, held by a lock. */
#ifndef ORTHRUS_HEADINSTALL_RECORD_H
#define ORTHRUS_HEADINSTALL_RECORD_H

#include "base/digest.h"
#include "base/err.h"
#include "headinstall/journal.h"
#include "headinstall/tree.h"

#include <stdbool.h>

struct head_record {
	struct head_tree tree;
	struct head_journal j; /* `before` and `journal`, settled */
	bool leaving;	       /* an uninstallation was begun */
	bool broken;	       /* what the journal on disk has is not known */
	char *root, *originals;
	int lock_fd, fd;
	struct digest read[2]; /* what was read of `before` and `journal` */
};
/* Read it; with `write`, made when absent, and locked (ERR_CONFLICT: another holds it). Without, nothing is written, and none
 * there is an empty one. */
int head_record_open(const char *root, bool write, struct head_record *out, struct err *err) WARN_UNUSED;
/* One that was read is written to from now on. ERR_CONFLICT when it is another by now: what was planned by it does not hold. */
int head_record_begin(struct head_record *r, struct err *err) WARN_UNUSED;
void head_record_close(struct head_record *r);

/* `before`: all that is watched, and every package. */
int head_record_before(struct head_record *r, struct err *err) WARN_UNUSED;
/* What changed since was changed by us, or (`foreign`) by somebody else: paths, packages and accounts. Not `durable`: only r->j
 * has it, for a look. */
int head_record_changes(struct head_record *r, bool foreign, bool durable, struct err *err) WARN_UNUSED;
/* At the beginning: what a step that was cut off did, else what others did since. */
int head_record_catch_up(struct head_record *r, bool durable, struct err *err) WARN_UNUSED;
/* Append lines; on disk when it returns 0, and in r->j. */
int head_record_note(struct head_record *r, const struct buf *lines, struct err *err) WARN_UNUSED;
int head_record_step(struct head_record *r, const char *step, bool done, struct err *err) WARN_UNUSED;
/* Does the step change what is watched? Of one that does not (an image is built, for hours), whatever changes meanwhile, or until
 * the next run when it was killed, is somebody else's. */
bool head_record_watches(const char *step);
/* It is not done, and what it had changed is written down: what changes from here on is somebody else's, who puts right what it
 * failed of. */
int head_record_failed(struct head_record *r, const char *step, struct err *err) WARN_UNUSED;
/* These paths, which a step of ours writes. */
int head_record_own(struct head_record *r, const char *path, struct err *err) WARN_UNUSED;

/* record_leaving.c: an uninstallation begins, or goes on. */
int head_record_leave(struct head_record *r, struct err *err) WARN_UNUSED;
/* How it was when packages began to be removed: written before they are, and read when it goes on, with what changed since it
 * failed. */
int head_record_leaving(struct head_record *r, struct head_journal *out, struct err *err) WARN_UNUSED;
/* It failed, and the machine is the administrator's again until it goes on. */
int head_record_leaving_failed(struct head_record *r, struct err *err) WARN_UNUSED;
/* The directory is gone. */
int head_record_forget(struct head_record *r, struct err *err) WARN_UNUSED;
/* What an uninstallation that was killed in its last moment has left of the directory, if anything, is gone. */
int head_record_sweep(const char *root, bool *left, struct err *err) WARN_UNUSED;
/* Were packages begun to be installed here, and not to their end? For a probe. */
bool head_began_packages(const char *root);

#endif
