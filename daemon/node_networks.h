/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the site's interfaces and what a machine said of itself to the networks of one node. */
#ifndef ORTHRUS_DAEMON_NODE_NETWORKS_H
#define ORTHRUS_DAEMON_NODE_NETWORKS_H

#include "daemon/model.h"
#include "installer/order_network.h"
#include "site/site.h"

/* The node's networks, the provision network first. With `machine` (NULL: it did not report yet) MAC addresses and drivers are
 * looked up: ERR_REFUSED names what is meant but not there, what would be in two places, and what several interfaces fit though
 * it is for one, and that a node has no MAC address yet. Names and paths are looked up by the node itself. The caller frees *out.
 */
int node_networks(const struct site *site, const struct node *n, const struct machine *machine, struct order_networks *out,
		  struct err *err) WARN_UNUSED;
/* The same without the interfaces: which addresses it has where. */
int node_networks_addresses(const struct site *site, const struct node *n, struct order_networks *out,
			    struct err *err) WARN_UNUSED;
/* Whether every static address can be given: the node's number fits the subnets, and nobody has the address. */
int node_networks_check(const struct site *site, const struct node *n, struct err *err) WARN_UNUSED;

#endif
