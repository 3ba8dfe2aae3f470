/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What another site means for the addresses of the nodes that there are. Pure. */
#ifndef ORTHRUS_DAEMON_RENUMBER_H
#define ORTHRUS_DAEMON_RENUMBER_H

#include "base/plan.h"
#include "daemon/roster.h"

enum renumbered {
	RENUMBER_STAYS, /* the node's document is as it was */
	RENUMBER_PLACE, /* other addresses, the same host number */
	RENUMBER_NEXT,	/* its place is somebody else's in the new network, or is not there: the next free one */
};

/* Where the provision network's subnet is another one than in `old`, nodes whose own addresses do not fit it get others, in
 * `roster` itself: the same host number (site/addr.h) where that is free, and when all that have theirs are placed, the next free
 * one. Whoever fits stays where it is, and where a subnet is the same nobody moves, so that a pool drawn over nodes by mistake is
 * refused by roster_check() as ever. how[] has an entry for each node. ERR_REFUSED: there is no place for all; `roster` may be
 * changed then. */
int renumber(const struct site *old, const struct site *site, struct roster *roster, enum renumbered *how,
	     struct err *err) WARN_UNUSED;

/* What is different for one node. */
struct address_change {
	bool any;
	bool leased;   /* the IPv4 address on the provision network, which the installed system has by DHCP */
	bool in_files; /* another one, or that one where it is static: in files that only an installation writes */
};
/* A step for each address on any network that a node gets, loses or has instead of another one: `was` by the site `old`, `is` by
 * `site`, both the same nodes in the same order. More than a few are folded: nodes whose addresses follow each other, before and
 * after, are one step. changes[] has an entry for each node. */
int address_changes(const struct site *old, const struct site *site, const struct roster *was, const struct roster *is,
		    const enum renumbered *how, struct address_change *changes, struct plan *plan, struct err *err) WARN_UNUSED;

#endif
