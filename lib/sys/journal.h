/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was done of a plan, written down so that it outlives a power cut: one JSON line per event, for plan_run() and plan_undo().
 */
#ifndef ORTHRUS_SYS_JOURNAL_H
#define ORTHRUS_SYS_JOURNAL_H

#include "base/digest.h"
#include "base/err.h"
#include "base/plan.h"

#include <stdbool.h>

struct journal;

/* Open `path` (made when absent, mode 0600) for the plan with this digest. Events of other plans in it are kept and ignored. A
 * torn last line, which a power cut leaves, is cut off: nobody was told that it is durable. A bad line elsewhere is ERR_DAMAGED.
 * Held with a lock until journal_close(): opened by another, ERR_CONFLICT. */
int journal_open(const char *path, const struct digest *plan, struct journal **out, struct err *err) WARN_UNUSED;
void journal_close(struct journal **j); /* `autoclean(journal_close) struct journal *j = NULL;` */

/* For plan_ops.note: on disk (fdatasync) when it returns, except for PLAN_SKIPPED, which is not written. After a failed write the
 * journal refuses every further note: it does not know what is on the disk. */
int journal_note(struct journal *j, const struct plan_step *step, enum plan_event ev, const struct err *cause,
		 struct err *err) WARN_UNUSED;
/* For plan_ops.was_done: the last word on this step was PLAN_DONE. */
bool journal_was_done(const struct journal *j, const struct plan_step *step);
/* The last word was PLAN_BEGIN or PLAN_FAILED: nobody knows how far the step came. */
bool journal_was_begun(const struct journal *j, const struct plan_step *step);

#endif
