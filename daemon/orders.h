/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The orders that stand: taken back, or made to fit a new site. */
#ifndef ORTHRUS_DAEMON_ORDERS_H
#define ORTHRUS_DAEMON_ORDERS_H

#include "base/plan.h"
#include "daemon/change.h"
#include "installer/order.h"

#define ORDERS_PER_WRITE 64 /* an order is a few KiB, a write at most 1 MiB */

/* The order goes. What was installed before it is what counts again, unless the installation had begun to
 * erase it: then the node has failed. Changes `r`. */
void order_withdraw(struct change *c, const char *node, struct run *r);

/* What a new site means for each order that stands: layout and name were approved with it, so an order where these change is
 * withdrawn; in the others what the site says (time, keys, addresses) is brought up to date. Says so in `plan`. ERR_REFUSED when
 * a node is being installed by a layout that would change: its disks can't be given back. `nodes`: as they shall be. */
struct standing_orders {
	struct standing_order {
		bool withdraw;
		struct order order; /* as it should be */
	} * items;		    /* those that must change */
	size_t len;
};
struct roster;
int orders_follow(struct daemon *d, const struct site *site, const struct roster *nodes, struct standing_orders *out,
		  struct plan *plan, struct err *err) WARN_UNUSED;
void standing_orders_free(struct standing_orders *l);
/* Before the site is written, so that no order outlives the layout that it was approved with; committed when it returns 0. */
int orders_withdraw(struct change *c, const struct standing_orders *l, struct err *err) WARN_UNUSED;
/* After it; whatever a failure leaves is found by the next orders_follow. */
int orders_refresh(struct change *c, const struct standing_orders *l, struct err *err) WARN_UNUSED;

#endif
