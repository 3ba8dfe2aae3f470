/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The networks of an order: what is made of a node's interfaces, and the addresses they get. */
#ifndef ORTHRUS_INSTALLER_ORDER_NETWORK_H
#define ORTHRUS_INSTALLER_ORDER_NETWORK_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "site/site.h"

#include <stdbool.h>
#include <stddef.h>

/* Physical interfaces: one by its MAC address, or those that all the patterns fit (systemd.network(5): Name=, Path=, Driver=). */
struct order_port {
	char *mac; /* canonical, or NULL */
	char *name, *path, *driver;
	bool primary; /* of an active-backup bond: used when it can be */
};

/* One device of the node. It is a VLAN when `vlan` is set, a bond when `bond_mode` is, else its ports as they are. */
struct order_network {
	char *name; /* of the network; NULL: the device carries VLANs only */
	enum site_role role;
	char *device;		  /* a bond's or VLAN's name; of other ports only what `on` refers to */
	struct order_port *ports; /* none for a VLAN */
	size_t n_ports;
	char *on;			    /* a VLAN's: the `device` it is on */
	unsigned int vlan;		    /* 1 to 4094; 0: none */
	unsigned int mtu;		    /* 0: the device's own */
	char *bond_mode, *lacp_rate, *hash; /* systemd.netdev(5); the last two NULL where the mode has none */
	bool dhcp4, dhcp6;		    /* DHCPv4; router advertisements, and DHCPv6 as they say */
	struct str_list addresses;	    /* static: "10.2.0.11/16", "fd00:2::b/64" */
	struct str_list gateways;	    /* addresses of routers, at most one of each family */
	struct str_list dns;		    /* addresses of name servers beside the head's */
	bool default_route;		    /* whether a router that a server or an advertisement names is used */
};
struct order_networks {
	struct order_network *items; /* a VLAN stands behind what it is on */
	size_t len;
};

/* Of the open object's "networks", which may be absent: an order of before there were any. */
int order_networks_read(struct json_obj *o, struct order_networks *out, struct err *err) WARN_UNUSED;
void order_networks_print(const struct order_networks *l, struct json_out *w); /* nothing when there are none */
void order_networks_free(struct order_networks *l);

#endif
