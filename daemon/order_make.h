/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From wishes to an order: one node, one verified image, one plan for its disks. */
#ifndef ORTHRUS_DAEMON_ORDER_MAKE_H
#define ORTHRUS_DAEMON_ORDER_MAKE_H

#include "daemon/daemon.h"
#include "installer/order.h"

/* An image of the store whose manifest was verified, ready to be ordered. */
struct order_image {
	char *name, *id, *manifest_digest;
	uint64_t sequence;
};
/* `ref` is "NAME" (its newest) or "NAME/ID". Checks the signature with the cluster's key, the cluster's identity and the name. */
int order_image_find(struct daemon *d, const char *ref, struct order_image *out, struct err *err) WARN_UNUSED;
void order_image_free(struct order_image *i);

/* Pure: what of an order the site and the node's document say: all but image, identifiers and the files of templates. `m` NULL:
 * the machine has not told of itself. ERR_REFUSED: no layout, or no MAC address. */
int order_wish(const struct site *site, const struct node *n, const struct machine *m, struct order *out,
	       struct err *err) WARN_UNUSED;
/* `install_id` is 32 hex digits. Without `disks` (not seen yet) the order has no plan_digest. */
int order_make(struct daemon *d, const struct site *site, const struct node *n, const struct order_image *image,
	       const char *install_id, const struct disks *disks, struct order *out, struct err *err) WARN_UNUSED;

#endif
