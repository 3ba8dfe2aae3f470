/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Performs the steps of plan.h, and writes down what each found and changed. Killed at any moment and begun again (a new probe, a
 * new plan), it ends where it would have ended. */
#ifndef ORTHRUS_HEADINSTALL_APPLY_H
#define ORTHRUS_HEADINSTALL_APPLY_H

#include "base/err.h"
#include "base/plan.h"
#include "headinstall/probe.h"
#include "headinstall/record.h"

struct site;
struct head_store;
struct head_wish;

/* How a step does: "begun", then "done" or "failed"; or only "kept", of one that changes nothing and says what is left as it is.
 * What was done by an earlier run is in no plan, so that no state says it. */
typedef void (*head_say)(void *ctx, const struct plan_step *step, size_t number, size_t of, const char *state);

struct head_apply {
	struct head_record *record;
	const struct head_store *store; /* of the wish, or of the journal; NULL: no array */
	const struct head_facts *facts; /* that the plan was made of; NULL for an uninstallation */
	head_say say;			/* may be NULL */
	void *ctx;
};
/* ERR_REFUSED when an uninstallation was begun. A failed step ends it; what was done before stays. */
int head_apply(struct head_apply *a, const struct plan *plan, struct err *err) WARN_UNUSED;
/* The steps of head_plan_back(). What can't be given back is named in `kept` (appended), and the rest goes on. */
int head_undo(struct head_apply *a, const struct plan *plan, struct str_list *kept, struct err *err) WARN_UNUSED;
/* Does systemd run this machine's guard, or would it with the next start? */
bool head_guard_runs(const char *root);
/* Of the packages that an uninstallation would remove, those that others need: apt is asked. Appends. */
int head_packages_wanted(const struct head_record *r, const struct head_journal *packages, struct str_list *wanted,
			 struct err *err) WARN_UNUSED;

/* verify.c: probes again and compares: everything is as a plan would have it. ERR_FAILED names the first that is not. */
int head_verify(const struct head_probe *p, const struct site *site, const struct head_wish *wish, bool applied,
		struct err *err) WARN_UNUSED;

#endif
