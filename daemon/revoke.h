/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine has because it is a node, and loses when it is one no more: each thing by itself, said before, and looked at
 * afterwards. */
#ifndef ORTHRUS_DAEMON_REVOKE_H
#define ORTHRUS_DAEMON_REVOKE_H

#include "base/plan.h"
#include "daemon/change.h"
#include "daemon/ident.h"

struct revoke {
	struct daemon *d;
	char *node;
	struct ident ident;
	struct str_list macs;
	char *host_key;		 /* NULL: it never showed one */
	struct str_list rotated; /* secrets that it knew and that are new now */
	struct str_list known;	 /* that it knows still: somebody gave them, or they shall stay */
	bool keep_secrets, has_bmc;
};
void revoke_free(struct revoke *r);
/* Looks at what the node has; `r` is zero. keep_secrets: what is made here is not rotated. */
int revoke_look(struct daemon *d, const struct node *n, bool keep_secrets, struct revoke *r, struct err *err) WARN_UNUSED;
/* One step for each thing that it will lose. */
void revoke_say(const struct revoke *r, struct plan *plan);
/* Into the change: all but the documents of the node itself and "ident/NODE". */
int revoke_put(struct revoke *r, struct change *c, struct err *err) WARN_UNUSED;
/* After the commit, and after the machine followed: what is in force is said as confirmed, what is not is a step "problem". MAC
 * addresses that are in `still` (or NULL) are another machine's now. */
void revoke_confirm(const struct revoke *r, const struct str_list *still, struct plan *plan);

#endif
