/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of the audit log as acts: what began, and how it ended, in one. Pure. */
#ifndef ORTHRUS_CMD_AUDIT_ACTS_H
#define ORTHRUS_CMD_AUDIT_ACTS_H

#include "base/audit_line.h"
#include "base/json.h"

#include <stdbool.h>

struct audit_act {
	struct audit_line
		line; /* AUDIT_BEGIN, AUDIT_REFUSED, AUDIT_REFUSALS, AUDIT_NOTE; AUDIT_END whose begin is not among the lines */
	bool ended;
	struct audit_line end; /* when it did */
};
struct audit_acts {
	struct audit_act *items;
	size_t len, cap;
};
void audit_acts_free(struct audit_acts *a);
/* The next line, in order. What is no line is kept as a note that says so. */
void audit_acts_add(struct audit_acts *a, const char *text);

/* Which acts are shown; NULL: whatever it is. */
struct audit_filter {
	const char *since; /* UTC, or the beginning of it: "2026-11-21" */
	const char *who;   /* what who or from holds */
	const char *node;
};
bool audit_act_fits(const struct audit_act *a, const struct audit_filter *f);
/* "2026-11-21", "2026-11-21T05:30", "2026-11-21T05:30:00Z" */
bool audit_is_time(const char *text);
/* "done", "refused (409): ...", "begun, no end is written"; the caller frees */
char *audit_act_result(const struct audit_act *a);
void audit_act_json(const struct audit_act *a, struct json_out *w);

#endif
