/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between two JSON texts, in words: the member, what it was and what it becomes. Pure. */
#ifndef ORTHRUS_DAEMON_JSON_DIFF_H
#define ORTHRUS_DAEMON_JSON_DIFF_H

#include "base/plan.h"
#include "base/str.h"

/* Where a value is: "change disk layout raid1: parts[root].size from "8G" to "10G"". */
struct json_place {
	const char *thing; /* "disk layout raid1", or "" */
	const char *path;  /* "parts[root].size", or "" for the thing itself */
};

/* One step for each member that differs; nothing when none does. Elements of lists are told apart by their "name", "id" or "on".
 * NULL: it is not there. A value too long for a line is shortened, and says so. */
int json_diff(const struct json_place *at, const char *before, const char *now, struct plan *plan, struct err *err) WARN_UNUSED;
/* A step when the names that are in both lists stand in another order. */
void json_diff_order(const struct json_place *at, const struct str_list *before, const struct str_list *now, struct plan *plan);
/* A JSON value as it is shown: whole up to a line or two, else its beginning, its end and how long it is. Caller frees. */
char *json_diff_shown(const char *json);

#endif
