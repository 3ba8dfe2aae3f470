/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All nodes together: what one may not take from another. Pure, but for roster_load. */
#ifndef ORTHRUS_DAEMON_ROSTER_H
#define ORTHRUS_DAEMON_ROSTER_H

#include "daemon/daemon.h"

struct roster {
	struct node *nodes; /* by name */
	size_t len, cap;
};
int roster_load(struct daemon *d, struct roster *out, struct err *err) WARN_UNUSED;
void roster_free(struct roster *r);
void roster_add(struct roster *r, struct node *n); /* takes the content of n, which is empty then */
struct node *roster_find(const struct roster *r, const char *name);

/* Everything that must hold for one node beside the others: name, group, image, layout, MACs and address, each against the site
 * and against every other node. The error names what is wrong. An entry of the same name in the roster is `n`'s own. */
int roster_check(const struct roster *r, const struct site *site, const struct node *n, struct err *err) WARN_UNUSED;
/* The lowest address of the provision network at or after `from` (0: the first) that nobody has: no head, service address,
 * gateway or node, and not in the dynamic pool. */
int roster_next_addr(const struct roster *r, const struct site *site, uint32_t from, uint32_t *out, struct err *err) WARN_UNUSED;

/* What a node gets, its own or its group's; NULL when neither says. */
const char *node_image(const struct site *site, const struct node *n);
const struct layout *node_layout(const struct site *site, const struct node *n);

#endif
