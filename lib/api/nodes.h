/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nodes as the head's daemon tells them (GET /v1/nodes): for the command line and for the dashboard. Pure. */
#ifndef ORTHRUS_API_NODES_H
#define ORTHRUS_API_NODES_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct node_row {
	char *name, *group, *ipv4, *ipv6, *state, *step, *image, *error, *hint; /* NULL: none; never of name, group and state */
	struct str_list macs;
	uint64_t percent;
	char *mdstat; /* /proc/mdstat when it last came up, or NULL */
	char *raw;    /* all of it, as the daemon sent it */
};
struct node_rows {
	struct node_row *items; /* by name, in natural order */
	size_t len;
};
/* The text of the answer; `out` is empty before, and is to be freed also after an error. */
int node_rows_read(const char *json, size_t len, struct node_rows *out, struct err *err) WARN_UNUSED;
void node_rows_free(struct node_rows *rows);
const struct node_row *node_rows_find(const struct node_rows *rows, const char *name); /* or NULL */
/* What it does or lacks: why it failed, the step of its installation; NULL: nothing to say. The caller frees it. */
char *node_row_doing(const struct node_row *r);

#endif
