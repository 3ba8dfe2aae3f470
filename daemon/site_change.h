/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A site takes the place of the one that is applied: what that means is looked at whole, then it is done in one write, or not at
 * all. */
#ifndef ORTHRUS_DAEMON_SITE_CHANGE_H
#define ORTHRUS_DAEMON_SITE_CHANGE_H

#include "daemon/change.h"
#include "daemon/orders.h"
#include "daemon/site_history.h"
#include "daemon/site_nodes.h"
#include "installer/templates.h"

struct site_wanted {
	const char *text; /* of the site */
	size_t len;
	uint64_t restores;	  /* the revision that it was; 0: it was given */
	const char *who, *reason; /* reason may be NULL */
	bool diff;		  /* show the lines of files that change */
};
struct site_change {
	const struct site_wanted *wanted;
	struct site old, site;
	bool had; /* a site was applied before: old */
	uint64_t version;
	struct templates templates;
	struct site_nodes nodes;
	struct standing_orders orders;
	struct plan plan; /* of enum site_step_kind */
	bool changes;	  /* there is something to do */
};
void site_change_free(struct site_change *s);
/* The site that is applied now: had, old, version. */
int site_change_begin(struct daemon *d, struct site_change *s, struct err *err) WARN_UNUSED;
/* The rest: what would fail when it is applied is refused here, and nothing is touched. *wanted must live as long as *s. */
int site_change_look(struct daemon *d, const struct site_wanted *wanted, struct site_change *s, struct err *err) WARN_UNUSED;
/* Does it, in one write, and then what follows for orders that stand; where that is cut short, site_change_resume() goes on, and
 * the error says so. */
int site_change_apply(struct change *c, const struct site_change *s, struct err *err) WARN_UNUSED;
/* Orders that were to follow a site and do not yet. Before nodes are served. */
int site_change_resume(struct daemon *d, struct err *err) WARN_UNUSED;

/* site_facts.c: what is to be known for site_steps(). Points into *s. */
struct site_facts;
int site_facts_gather(struct daemon *d, const struct site_change *s, struct site_facts *out, struct err *err) WARN_UNUSED;

#endif
