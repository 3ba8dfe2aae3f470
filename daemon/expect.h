/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which node a machine that arrives may be, by what it says of itself. Nothing vouches for that: it is a proposal for whoever
 * approves the machine's key. Pure. */
#ifndef ORTHRUS_DAEMON_EXPECT_H
#define ORTHRUS_DAEMON_EXPECT_H

#include "base/naming.h"
#include "daemon/roster.h"

/* By any of its MAC addresses; or, of a node that has no MAC address yet, by its serial number or by a switch port that one of
 * its cards heard. 1: *node, in the roster; 0: nobody expects it. -1: ERR_CONFLICT, it looks like two nodes at once; ERR_REFUSED,
 * it is not what its node must be: the text names both. */
int expect_match(const struct roster *r, const struct machine *m, const struct node **node, struct err *err) WARN_UNUSED;

#define EXPECT_PORTS_MAX 64
/* The switch ports that its cards heard, for naming_name(); they point into `m`. How many. */
size_t expect_ports(const struct machine *m, struct naming_port out[EXPECT_PORTS_MAX]);

/* The machine becomes this node's: the MAC address that it booted with is added when the node has none. */
void expect_take(struct node *n, const struct machine *m);

#endif
