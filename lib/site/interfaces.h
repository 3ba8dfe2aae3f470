/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of a node's interfaces is on which network, by group and where a single node differs (docs/man/site.json.5). Pure. */
#ifndef ORTHRUS_SITE_INTERFACES_H
#define ORTHRUS_SITE_INTERFACES_H

#include "base/err.h"
#include "site/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_obj;
struct json_out;
struct site;
struct site_network;

/* Where a node's address on a network comes from. STATIC: reckoned from its number on the provision network, or named. */
enum site_addressing { SITE_STATIC, SITE_DHCP, SITE_NO_ADDRESS };

/* Interfaces of a node: those that all that is set fits. */
struct site_match {
	bool boot;		    /* those whose MAC addresses the head knows the node by; stands alone */
	char *mac;		    /* canonical; stands alone */
	char *name, *path, *driver; /* shell patterns, as Name=, Path= and Driver= in systemd.network(5) */
};

struct site_bond {
	char *mode;		   /* NULL: no bond; else as in systemd.netdev(5): "active-backup" or "802.3ad" */
	char *lacp_rate, *hash;	   /* of 802.3ad: LACPTransmitRate= and TransmitHashPolicy=; NULL: slow, layer2 */
	bool has_primary;	   /* of active-backup: the port that is used when it can be */
	struct site_match primary; /* one of the bond's ports */
};

/* One network of a node, and what carries it: physical interfaces, a bond of them, or a VLAN on one of these. */
struct site_interface {
	char *name;    /* NULL, or what others name in `on`; of a bond, the device's name too */
	char *network; /* NULL: carries VLANs only */
	struct site_match *match;
	size_t n_match;
	struct site_bond bond;
	char *on; /* NULL, or the `name` that this network is on as a VLAN */
	enum site_addressing addresses;
	bool addresses_given; /* else STATIC, and DHCP on the provision network */
	bool default_route;
};
struct site_interfaces {
	struct site_interface *items;
	size_t len;
	bool given; /* an empty list says something too */
};

/* An address that is not reckoned from the node's number. */
struct site_address {
	char *network;
	uint32_t addr4; /* 0: none */
	bool has6;
	struct addr6 addr6;
};

/* What is different for one node; it need not be known yet. */
struct site_node {
	char *name;
	struct site_interfaces interfaces;
	struct site_address *addresses;
	size_t n_addresses;
};

/* The list that holds for a node: its own, else that of the nearest group that has one, else an empty one. The provision network
 * is in it or goes without saying: it is then on the interfaces that the node boots from. Never NULL. */
const struct site_interfaces *site_interfaces(const struct site *site, const char *group, const char *node);
const struct site_node *site_node(const struct site *site, const char *name); /* NULL: nothing is different for it */
/* The network whose router a node with this list uses for all that lies elsewhere: the one that says so, else the provision
 * network if it has a router, else the only other that has one. NULL: none. *two: several could be meant. */
const struct site_network *site_default_network(const struct site *site, const struct site_interfaces *l, bool *two);

/* A node's address on a network that is not the provision network: the one that site.json names for it, else the one with the
 * same `host` number, counted from the subnet's base. ERR_INVALID when the subnet has no such host, ERR_EXISTS when it is a
 * head's, service address, gateway, in the pool, or was given to another node by name. */
int site_node_addr4(const struct site *site, const struct site_network *net, const char *node, uint64_t host, uint32_t *out,
		    struct err *err) WARN_UNUSED;
int site_node_addr6(const struct site *site, const struct site_network *net, const char *node, uint64_t host, struct addr6 *out,
		    struct err *err) WARN_UNUSED;

/* Private to lib/site: of the object that has "interfaces". */
int site_interfaces_read(struct json_obj *o, struct site_interfaces *out, struct err *err) WARN_UNUSED;
void site_interfaces_print(const struct site_interfaces *l, struct json_out *w);
void site_interfaces_free(struct site_interfaces *l);
int site_node_read(struct json_obj *o, void *node, struct err *err) WARN_UNUSED;
void site_node_print(const struct site_node *n, struct json_out *w);
void site_node_free(struct site_node *n);

#endif
