/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes sure that the other head is off, where its silence alone does not prove it (docs/failover.md, "Without a third voter").
 * Nothing here is for the thread that keeps the lease: BMCs take seconds, and other programs are run. It is done by a process of
 * its own, which the guard forks before all else: it has no real-time priority, no memory that is locked, no thread beside it and
 * none of the guard's sockets, and ends with the guard. The guard asks it by a packet and hears by another, without ever waiting.
 */
#ifndef ORTHRUS_GUARD_FENCE_H
#define ORTHRUS_GUARD_FENCE_H

#include "base/err.h"
#include "site/site.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Only FENCE_CONFIRMED makes a takeover safe; no error, no timeout and no zero is it. */
enum fence_verdict {
	FENCE_CONFIRMED = 0x6f66, /* it was ordered to be off, and then read to be off */
	FENCE_FAILED = 0x7272,	  /* it may be on; why is in the error */
	FENCE_WAITS = 0x6d61,	  /* an administrator has to say so: CONTROL_FENCED (control.h) */
};

/* How long the guard waits before it has the other head switched off. The one that had the lease last, or may have it first, goes
 * first: of two heads that don't hear each other one stays on. */
int64_t fence_patience_ns(bool first);

struct fence {
	const struct site_fence *how; /* the caller's */
	char *password;		      /* NULL: none is needed */
};
/* All fences of one head. */
struct fence_set {
	const char *head; /* the caller's */
	struct fence *items;
	size_t len;
	int64_t timeout_ns; /* of each; 0: a minute. It ends no later than one request to a BMC after it */
};
/* The fences of head `name` of the site, which must outlive *out, with their passwords. ERR_REFUSED: somebody besides root and
 * who runs the guard may read the file of one. */
int fence_set_load(const struct site *site, const char *name, struct fence_set *out, struct err *err) WARN_UNUSED;
void fence_set_free(struct fence_set *set);

/* Blocks. CONFIRMED: each of the set's fences said so (a machine with two power supplies is off when both are). WAITS: those that
 * are no person did. An empty set: FENCE_FAILED. `stop_fd`: it gives up, and fails, when this socket was hung up; -1: none. */
enum fence_verdict fence_run(const struct fence_set *set, int stop_fd, struct err *err) WARN_UNUSED;

/* --- the process that does it */

struct fence_answer {
	uint64_t number;  /* of the question */
	uint32_t verdict; /* enum fence_verdict */
	char text[768];	  /* why not; "" when confirmed */
};
struct fence_helper {
	int fd; /* to be polled for reading; -1: none */
	pid_t pid;
};
/* Forks. To be called while there is one thread, and before anything is opened that the helper must not have: it keeps its
 * standard streams, its user and the set only; no capability. */
int fence_helper_start(const struct fence_set *set, struct fence_helper *out, struct err *err) WARN_UNUSED;
/* Both return at once and allocate nothing. Ask: false when the helper is gone or has too many questions already: that is
 * FENCE_FAILED. What is asked while it works is done afterwards, once for all questions that came. */
bool fence_helper_ask(struct fence_helper *h, uint64_t number);
/* 1: *out is its answer; 0: it has none yet; -1: it is gone. */
int fence_helper_take(struct fence_helper *h, struct fence_answer *out);
/* It is killed, with what it runs. */
void fence_helper_end(struct fence_helper *h);

#endif
