/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the daemon and the guard how things are, for the dashboard. Waits for answers: never call it where keys are waited for. */
#ifndef ORTHRUS_TUI_DASH_ASK_H
#define ORTHRUS_TUI_DASH_ASK_H

#include "tui/dash_state.h"

#include <stdatomic.h>
#include <stdint.h>

struct dash_opts;
struct http_client;

struct dash_ask { /* of one thread at a time; zeroed but for opts */
	const struct dash_opts *opts;
	atomic_bool stop; /* from any thread: nobody waits for the answer any more */
	struct http_client *client;
	uint64_t since;	  /* the last event that was seen */
	bool begun;	  /* `since` is known */
	bool active;	  /* something is cast or installed: it changes without events */
	int64_t whole_ns; /* when all was asked last, and... */
	int64_t took_ns;  /* ...how long that took: thousands of nodes are not asked for all the time */
};
void dash_ask_free(struct dash_ask *a);

/* The daemon: waits up to a second for something to happen, unless NOW. `news` is empty before; returns which of its parts are
 * there (enum dash_part). Without a daemon the answer is DASH_DAEMON and why. */
unsigned int dash_ask_daemon(struct dash_ask *a, bool now, struct dash_state *news);
/* The guard of this machine: within two seconds. With --api it is nobody's here: returns 0, and the daemon's status has the guard
 * there. */
unsigned int dash_ask_guard(const struct dash_opts *opts, struct dash_state *news);

#endif
