/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the dashboard knows: what the daemon and the guard last said, or why they say nothing. Pure: whoever asks brings the
 * answers. */
#ifndef ORTHRUS_TUI_DASH_STATE_H
#define ORTHRUS_TUI_DASH_STATE_H

#include "api/casts.h"
#include "api/events.h"
#include "api/guard.h"
#include "api/nodes.h"
#include "api/pending.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define DASH_EVENTS_MAX 500 /* so many of the newest are kept */

struct dash_status { /* of GET /v1/status */
	char *version;
	char *cluster, *head; /* NULL: no site is applied yet; this head is not in it */
	char *problem;	      /* what keeps nodes from booting as they should, or NULL */
	bool has_guard;	      /* `guard` came with it: of the head that was asked */
	struct guard_view guard;
};
struct dash_site { /* of GET /v1/site */
	struct str_list groups, heads;
};
/* Why somebody says nothing; both NULL: nothing was heard of it yet, and nobody has failed. */
struct dash_silence {
	char *text, *hint;
};

struct dash_arrays {			 /* of this machine, and of the nodes as they told them when they came up */
	size_t arrays, machines, broken; /* all; how many machines have any; arrays that lack a disk or do not run */
	struct str_list lines;		 /* of those that are broken or at work: "n07: md1 raid1 [U_]" */
};

struct dash_state {
	bool asked;		    /* the daemon has answered, or failed to */
	bool daemon_slow;	    /* it was asked, and has not answered for seconds */
	struct dash_silence daemon; /* text not NULL: it does not answer; the rest is what it said before */
	struct dash_status status;
	struct dash_site site;
	struct node_rows nodes;
	struct pending_rows pending;
	struct cast_views casts;
	struct event_page events;
	bool guard_asked;
	struct dash_silence guard_silence; /* text not NULL: none runs here, or it does not answer */
	struct guard_view guard;
	char *mdstat;		   /* of this machine, or NULL */
	struct dash_arrays arrays; /* of mdstat and nodes */
};
void dash_state_free(struct dash_state *s);

/* Which parts of a state are new: what else is in it is not looked at. */
enum dash_part {
	DASH_STATUS = 1 << 0,
	DASH_SITE = 1 << 1,
	DASH_NODE_ROWS = 1 << 2,
	DASH_PENDING_ROWS = 1 << 3,
	DASH_CAST_VIEWS = 1 << 4,
	DASH_EVENT_ROWS = 1 << 5, /* those that came behind the ones before */
	DASH_DAEMON = 1 << 6,	  /* that the daemon was asked, and `daemon` */
	DASH_GUARD = 1 << 7,	  /* that the guard was asked, `guard` or `guard_silence` */
	DASH_MDSTAT = 1 << 8,
};
/* What is new goes from `news` into `s`; the rest of `news` is freed. */
void dash_state_take(struct dash_state *s, struct dash_state *news, unsigned int parts);

/* The texts of the answers, into an empty part. What they took before they failed is freed with it. */
int dash_status_read(const char *json, size_t len, struct dash_status *out, struct err *err) WARN_UNUSED;
int dash_site_read(const char *json, size_t len, struct dash_site *out, struct err *err) WARN_UNUSED;
/* The answer of `orthrus head status --json` where only the guard is asked: an object with the member "guard". */
int dash_guard_read(const char *json, size_t len, struct guard_view *out, struct err *err) WARN_UNUSED;
void dash_silence_set(struct dash_silence *s, const struct err *why);

/* How many of the voters, the guard that was asked among them, can vote now and were heard lately; *all: of how many. */
size_t dash_votes(const struct guard_view *g, size_t *all);
/* One that was not heard for so long is silent: leases are renewed much more often. */
#define DASH_SILENT_US 2000000

#endif
