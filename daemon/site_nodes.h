/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nodes that there are, under a site that is to be applied: whether they fit it, and what it means for them. */
#ifndef ORTHRUS_DAEMON_SITE_NODES_H
#define ORTHRUS_DAEMON_SITE_NODES_H

#include "daemon/change.h"
#include "daemon/renumber.h"

struct site_nodes {
	struct roster was, is; /* the same nodes: as the state has them, and as they shall be */
	enum renumbered *how;  /* one entry for each node */
};
void site_nodes_free(struct site_nodes *n);
/* Each node in its place in `site`; `old` NULL: nothing was applied before. `back_to` is the revision that the site was (0: it is
 * a new one): nodes get the addresses back that they had with it. ERR_REFUSED: a node would lose what it needs, or has no place.
 */
int site_nodes_fit(struct daemon *d, const struct site *old, const struct site *site, uint64_t back_to, struct site_nodes *out,
		   struct err *err) WARN_UNUSED;
/* The addresses that change, and what becomes of machines that run: steps of `plan`. ERR_REFUSED: one that is being installed
 * would get another address, or these are more changes than one write of the state holds. */
int site_nodes_say(struct daemon *d, const struct site *old, const struct site *site, const struct site_nodes *n,
		   struct plan *plan, struct err *err) WARN_UNUSED;
/* The nodes' documents, in the same change as the site. */
int site_nodes_write(struct change *c, const struct site_nodes *n, const char *who, struct err *err) WARN_UNUSED;

#endif
