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
/* Gives `n` its place on the provision network, where it has none of its own yet: the addresses with the lowest host number at or
 * after *from (0: the first) that nobody has in any family of the network: no head, service address, gateway or node, and not in
 * a pool. Only one of the two is written into `n`; the other one follows from it (node_addresses). *from is then where the next
 * search may begin. */
int roster_place(const struct roster *r, const struct site *site, uint64_t *from, struct node *n, struct err *err) WARN_UNUSED;
/* The same for an IPv4 address alone, at or after `from` (0: the first). */
int roster_next_addr(const struct roster *r, const struct site *site, uint32_t from, uint32_t *out, struct err *err) WARN_UNUSED;

/* A node's addresses on the provision network: its own, and in a family where it has none of its own the one with the same host
 * number (site/addr.h). So a network that gets IPv6 gives every node an address that is known beforehand, and keeps it. */
struct node_addrs {
	uint32_t addr4; /* 0: the network has no IPv4, or none follows */
	bool has6;
	struct addr6 addr6;
};
/* roster_check() of the addresses alone. */
int roster_check_addr(const struct roster *r, const struct site *site, const struct node *n, struct err *err) WARN_UNUSED;
void node_addresses(const struct site *site, const struct node *n, struct node_addrs *out);

/* What a node gets, its own or its group's; NULL when neither says. */
const char *node_image(const struct site *site, const struct node *n);
/* What a node that is new in its group does when it netboots (groups[].boot). */
enum node_boot node_first_boot(const struct site *site, const struct node *n);
const struct layout *node_layout(const struct site *site, const struct node *n);

#endif
