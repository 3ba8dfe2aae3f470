/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan: a list of typed steps, made by a pure planner, printed for people, and performed later by an apply.c. */
#ifndef ORTHRUS_BASE_PLAN_H
#define ORTHRUS_BASE_PLAN_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

enum plan_effect {
	PLAN_READS,    /* changes nothing */
	PLAN_WRITES,   /* changes something that can be made again or taken back */
	PLAN_DESTROYS, /* data that was there is gone afterwards */
};

/* One step. `type` is an enum of the domain that made the plan; `arg` is the domain's struct for it. */
struct plan_step {
	int type;
	enum plan_effect effect;
	char *name; /* short, stable, unique in the plan: "partition:serial-QM00001"; the journal's key */
	char *text; /* one sentence that can be read aloud: "partition QEMU HARDDISK, serial QM00001, 5 GiB: ..." */
	void *arg;
	void (*arg_free)(void *arg);
};

struct plan {
	struct plan_step *steps;
	size_t len, cap;
};

/* Append; copies name, takes `text` (a new string) and `arg`. Returns the step for further filling; valid until the next append.
 */
struct plan_step *plan_add(struct plan *plan, int type, enum plan_effect effect, const char *name, char *text, void *arg,
			   void (*arg_free)(void *));
void plan_free(struct plan *plan);
/* SHA-256 over type, effect, name and text of every step in order: two plans with one digest do the same things. */
void plan_digest(const struct plan *plan, struct digest *out);
/* Numbered lines; destructive ones are marked with '!'. */
void plan_print(const struct plan *plan, struct buf *out);
/* {"digest":..,"steps":[{"name":..,"effect":"destroys","text":..}]} as the value of `key`. */
void plan_to_json(const struct plan *plan, struct json_out *w, const char *key);

enum plan_event { PLAN_BEGIN, PLAN_DONE, PLAN_FAILED, PLAN_SKIPPED, PLAN_UNDONE };
const char *plan_event_name(enum plan_event ev);

/* How to perform a domain's steps. `undo` may be NULL: such a step can't be taken back. */
struct plan_ops {
	int (*perform)(void *ctx, const struct plan_step *step, struct err *err);
	int (*undo)(void *ctx, const struct plan_step *step, struct err *err);
	/* Told before and after every step; must make PLAN_BEGIN and PLAN_DONE durable before it returns. May be NULL. */
	int (*note)(void *ctx, const struct plan_step *step, enum plan_event ev, const struct err *cause, struct err *err);
	/* True when the journal says that the step was done before (resume). May be NULL. */
	bool (*was_done)(void *ctx, const struct plan_step *step);
};

/* Perform the steps in order, skipping those done before; stops at the first failure, whose error is wrapped with the step's
 * name. */
int plan_run(const struct plan *plan, const struct plan_ops *ops, void *ctx, struct err *err) WARN_UNUSED;
/* Take back, last first, what was_done says was done and `undo` can; goes on after a failure, returns -1 with the first one. */
int plan_undo(const struct plan *plan, const struct plan_ops *ops, void *ctx, struct err *err) WARN_UNUSED;

#endif
