/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Documents of the state as structs, kept by version: of 5,000 nodes, each request that looks at all reads only what changed
 * since. */
#ifndef ORTHRUS_DAEMON_PARSED_H
#define ORTHRUS_DAEMON_PARSED_H

#include "base/err.h"
#include "headfailover/state/state.h"

#include <stddef.h>

struct parsed; /* owns its structs; every function below may be called from any thread */

struct parsed_kind {
	size_t size; /* of the struct */
	int (*read)(const char *json, void *out, struct err *err);
	void (*copy)(void *to, const void *from); /* `to` is zeroed, and owns what it gets */
	void (*free)(void *item);
};
extern const struct parsed_kind parsed_nodes, parsed_runs; /* struct node, struct run (model.h) */

/* `kind` is kept by reference. Free with parsed_free; NULL is fine. */
struct parsed *parsed_new(const struct parsed_kind *kind);
void parsed_free(struct parsed *p);

/* What `doc` says, as a struct of its own in `out` (zeroed by the caller, freed by it). Errors are kind->read's; nothing is kept
 * then. */
int parsed_get(struct parsed *p, const struct state_doc *doc, void *out, struct err *err) WARN_UNUSED;
/* Forgets what is not in `docs`, which are in the order of their keys as state_list() gives them. */
void parsed_keep(struct parsed *p, const struct state_docs *docs);
/* How many are kept. */
size_t parsed_len(struct parsed *p);

#endif
