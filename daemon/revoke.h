/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What machines have because they are nodes, and lose when they are that no more: each thing by itself, said before, and looked
 * at afterwards. */
#ifndef ORTHRUS_DAEMON_REVOKE_H
#define ORTHRUS_DAEMON_REVOKE_H

#include "base/plan.h"
#include "daemon/change.h"
#include "daemon/ident.h"

struct revoke_node {
	char *name, *group;
	struct ident ident;
	struct str_list macs;
	struct str_list given; /* secrets */
	char *host_key;	       /* NULL: it never showed one */
	bool has_bmc;
};
struct revoke_secret {
	char *name;
	char *who;    /* the nodes that know it, folded */
	bool several; /* of them */
	bool rotated; /* it is new afterwards; else somebody gave it, or it shall stay */
};
/* The nodes of one change: `struct revoke r = { .d = d, .keep_secrets = keep };` keep_secrets: what is made here is not rotated.
 */
struct revoke {
	struct daemon *d;
	bool keep_secrets;
	struct revoke_node *nodes;
	size_t n_nodes, cap_nodes;
	struct revoke_secret *secrets;
	size_t n_secrets, cap_secrets;
};
void revoke_free(struct revoke *r);
/* Looks at what one more node has. */
int revoke_add(struct revoke *r, const struct node *n, struct err *err) WARN_UNUSED;
/* After the last one: which secrets they know. */
int revoke_look(struct revoke *r, struct err *err) WARN_UNUSED;
/* One step for each thing that they will lose. MAC addresses that are in `still` (or NULL) are the node's as before. */
void revoke_say(const struct revoke *r, const struct str_list *still, struct plan *plan);
/* Into the change: all but the documents of the nodes themselves and "ident/NODE". */
int revoke_put(const struct revoke *r, struct change *c, struct err *err) WARN_UNUSED;
/* After the commit, and after the machine followed: what is in force is said as confirmed, what is not is a step "problem". MAC
 * addresses that are in `still` (or NULL) are another machine's now. */
void revoke_confirm(const struct revoke *r, const struct str_list *still, struct plan *plan);

#endif
