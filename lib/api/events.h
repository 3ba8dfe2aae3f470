/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened, as the head's daemon tells it (GET /v1/events). Pure. */
#ifndef ORTHRUS_API_EVENTS_H
#define ORTHRUS_API_EVENTS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct event_row {
	uint64_t number;
	char *at, *level, *kind; /* level: "info", "warning", "error" */
	char *node;		 /* or NULL */
	char *text;		 /* printable */
	char *raw;		 /* as the daemon sent it */
};
struct event_page {
	struct event_row *items; /* the oldest first */
	size_t len;
	uint64_t last; /* to go on behind */
};
/* The text of the answer; `out` is empty before, and is to be freed also after an error. */
int event_page_read(const char *json, size_t len, struct event_page *out, struct err *err) WARN_UNUSED;
void event_page_free(struct event_page *page);
/* What is in `more` comes behind what is in `page`, of which the newest `keep` stay; `more` is empty then. */
void event_page_join(struct event_page *page, struct event_page *more, size_t keep);

#endif
