/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The replicated state: JSON documents under keys, on C-raft. What state_write acknowledged survives any one machine. */
#ifndef ORTHRUS_STATE_STATE_H
#define ORTHRUS_STATE_STATE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state; /* owns a thread with raft's loop; every function below may be called from any thread */

struct state_opts {
	const char *dir;     /* e.g. /var/lib/orthrus/raft, mode 0700, created */
	uint64_t id;	     /* raft server id, not 0 */
	const char *address; /* "127.0.0.1:8444"; used once there are several voters */
};
/* Starts, bootstraps a new directory as the only voter, replays, becomes leader (a barrier passed) and returns then. A damaged
 * log is ERR_DAMAGED and nothing is started. */
int state_open(const struct state_opts *opts, struct state **out, struct err *err) WARN_UNUSED;
/* From now on writes and watches fail, and those waiting return (a write within 2 s, unless the disk is stuck); reads go on. For
 * the time until the threads that use the state have ended. */
void state_stop(struct state *s);
/* No other thread may use it any more (state_stop() first). What was acknowledged is on the disk. NULL is fine. */
void state_close(struct state *s);

/* Keys: 1-200 bytes of a-z A-Z 0-9 . _ - : and '/' ("node/n01"). Values: JSON text up to 512 KiB. version: raft's index of the
 * write that made it; 0 = absent. */
struct state_doc {
	char *key, *value;
	uint64_t version;
};
struct state_docs {
	struct state_doc *items;
	size_t len;
	uint64_t revision; /* of the whole state when it was read */
};
void state_doc_free(struct state_doc *d);
void state_docs_free(struct state_docs *l);
int state_get(struct state *s, const char *key, struct state_doc *out, struct err *err) WARN_UNUSED;	  /* ERR_NOT_FOUND */
int state_list(struct state *s, const char *prefix, struct state_docs *out, struct err *err) WARN_UNUSED; /* key order */
/* How many there are, and how many bytes their values; without copying them. */
size_t state_usage(struct state *s, const char *prefix, size_t *bytes);

/* Several writes, all or none. `expect`: the version it must have now; STATE_ANY: whatever; 0: must be absent. value NULL
 * deletes. */
#define STATE_ANY UINT64_MAX
struct state_op {
	const char *key, *value;
	uint64_t expect;
};
/* Returns after commit (durable). A failed expectation: ERR_CONFLICT naming the key, nothing written. *revision may be NULL. */
int state_write(struct state *s, const struct state_op *ops, size_t n, uint64_t *revision, struct err *err) WARN_UNUSED;

/* Every change in commit order, from one past `since`; blocks until there is one or timeout_ns passed (then len 0). Too old a
 * `since` (beyond the history kept): ERR_NOT_FOUND; list again and go on from its revision. */
struct state_change {
	char *key, *value; /* NULL: deleted */
	uint64_t revision;
};
/* revision: everything up to there was looked at; pass it as the next `since` (with a prefix, it moves on while nothing matches).
 */
struct state_changes {
	struct state_change *items;
	size_t len;
	uint64_t revision;
};
void state_changes_free(struct state_changes *l);
int state_watch(struct state *s, const char *prefix, uint64_t since, int64_t timeout_ns, struct state_changes *out,
		struct err *err) WARN_UNUSED;
/* Called (on the state's thread; must not block) after each commit. For those who keep long polls or reconcile. */
void state_on_change(struct state *s, void (*fn)(void *ctx, uint64_t revision), void *ctx);
uint64_t state_revision(struct state *s);
/* SHA-256 hex over all keys, versions and values: equal before and after means nothing changed. */
void state_digest(struct state *s, char hex[65]);
/* Write a consistent copy of all documents as one JSON text (for backups and tests). */
int state_dump(struct state *s, char **json, struct err *err) WARN_UNUSED;

#endif
