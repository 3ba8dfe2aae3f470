/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was installed before an order: kept until the installation begins to erase it, and in force again when it does not. */
#ifndef ORTHRUS_DAEMON_PRIOR_H
#define ORTHRUS_DAEMON_PRIOR_H

#include "daemon/change.h"
#include "installer/order.h"

/* `next`, the run of a new order, remembers what `now` says; `boot` is what was chosen by hand. */
void prior_keep(const struct run *now, enum node_boot boot, struct run *next);
/* The first step that writes begins: nothing of it is left to come back, its key is good no more. */
int prior_gone(struct change *c, const char *node, struct run *r, struct err *err) WARN_UNUSED;
/* The order ends before that: state, image and boot target are again what they were. */
void prior_back(struct change *c, const char *node, struct run *r);
/* Ditto for an order that the node or its disks refused: one that ran nothing has failed. The order's document is deleted too. */
void prior_refused(struct change *c, const char *node, struct run *r, const char *step, const char *why, const char *hint);

/* The digest of what an administrator is shown before an installation, with the contents of the disks: the same for every try.
 * Lower-case hex. */
int shown_digest(const struct order *order, const struct disks *disks, char hex[DIGEST_HEX_LEN], struct err *err) WARN_UNUSED;

#endif
