/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head's querier as orthrusd sees it: whether there shall be one (cast.querier of the site), and how it does. */
#ifndef ORTHRUS_DAEMON_QUERIER_HEAD_H
#define ORTHRUS_DAEMON_QUERIER_HEAD_H

#include "base/json.h"
#include "daemon/querier_wire.h"
#include "site/site.h"

#include <stdbool.h>
#include <stdint.h>

struct helper_call;
struct querier_head;
struct querier_head_view {
	bool wanted, running;
	char interface[16];	  /* on which */
	struct querier_view view; /* while it runs; querier_text() says it in words */
	struct err problem;	  /* why it does not run, though it shall */
};

/* `helper`: who starts it for us; outlives it. NULL: we may. */
struct querier_head *querier_head_new(struct helper_call *helper) __attribute__((returns_nonnull));
/* From any thread: the site that is applied, and which head we are (NULL: none). */
void querier_head_follow(struct querier_head *h, const struct site *site, const struct site_head *self);
/* On the thread that uses the helper: does what there is to do. The time of the next turn. */
int64_t querier_head_turn(struct querier_head *h, int64_t now_ns);
/* From any thread. */
void querier_head_look(struct querier_head *h, struct querier_head_view *out);
/* The object "querier": {"state", "interface", "ipv4", "ipv6", "problem"} for the status. */
void querier_head_status(struct querier_head *h, struct json_out *w);
/* When no thread uses it; one that we started ends, a helper's with the helper's connection. NULL is fine. */
void querier_head_free(struct querier_head *h);

#endif
