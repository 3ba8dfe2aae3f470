/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the lists of interfaces, and what is different for single nodes, fit the site's networks. */
#include "base/mem.h"
#include "site/interfaces.h"
#include "site/problems.h"
#include "site/site.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MTU_DEFAULT 1500

/* "groups[2]" or "nodes[0]", whose list is looked at. */
struct place {
	const struct site *site;
	const char *list;
	size_t at;
	const struct site_interfaces *l;
	struct problems *p;
};

static void PRINTF_LIKE(4, 5) bad(const struct place *w, size_t i, const char *key, const char *fmt, ...)
{
	autofree char *path = str_format("interfaces[%zu].%s", i, key);
	char why[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	problems_at(w->p, w->list, w->at, path, "%s", why);
}

static const struct site_interface *named(const struct site_interfaces *l, const char *name)
{
	for (size_t i = 0; name && i < l->len; i++)
		if (str_eq(l->items[i].name, name))
			return &l->items[i];
	return NULL;
}

static unsigned int mtu_of(const struct site_network *n)
{
	return n->mtu ? n->mtu : MTU_DEFAULT;
}

static void check_network(const struct place *w, size_t i)
{
	const struct site_interface *it = &w->l->items[i];
	const struct site_network *n = site_network(w->site, it->network);
	bool carries = false;

	for (size_t k = 0; k < w->l->len; k++) {
		carries = carries || (it->name && str_eq(w->l->items[k].on, it->name));
		if (k < i && it->network && str_eq(it->network, w->l->items[k].network))
			bad(w, i, "network", "'%s' is interfaces[%zu]'s already; a node is on a network once", it->network, k);
		if (k < i && it->name && str_eq(it->name, w->l->items[k].name))
			bad(w, i, "name", "'%s' is the name of interfaces[%zu] already", it->name, k);
	}
	if (!it->network && !it->on && !carries)
		bad(w, i, "network", "is missing, and no VLAN is on this interface: it would be for nothing");
	if (it->network && !n)
		bad(w, i, "network", "there is no network '%s' in networks", it->network);
	if (n && n->role == SITE_BMC)
		bad(w, i, "network", "'%s' has the role \"bmc\": management controllers are on it, not nodes", it->network);
}

/* A VLAN: what it is on, and whether its packets get through there. */
static void check_vlan(const struct place *w, size_t i)
{
	const struct site_interface *it = &w->l->items[i], *under = named(w->l, it->on);
	const struct site_network *n = site_network(w->site, it->network), *native = NULL;

	if (it->n_match || it->bond.mode)
		bad(w, i, it->n_match ? "match" : "bond", "this network is on '%s', whose interfaces are said there", it->on);
	if (!under || under == it)
		bad(w, i, "on", "no other of these interfaces has the name '%s'", it->on);
	else if (under->on)
		bad(w, i, "on", "'%s' is on '%s' itself; a VLAN can't be on a VLAN", it->on, under->on);
	if (!n) {
		if (!it->network)
			bad(w, i, "network", "is missing; it says which VLAN is meant");
		return;
	}
	if (n->role == SITE_PROVISION)
		bad(w, i, "on", "'%s' is the provision network: firmware boots without a VLAN tag", n->name);
	if (!n->vlan)
		bad(w, i, "on", "the network '%s' has no vlan; its packets can't be told apart on '%s'", n->name, it->on);
	native = under ? site_network(w->site, under->network) : NULL;
	if (native && mtu_of(n) > mtu_of(native))
		bad(w, i, "on", "the network '%s' has MTU %u and can't pass '%s', which has the %u of its network '%s'", n->name,
		    mtu_of(n), it->on, mtu_of(native), native->name);
	for (size_t k = 0; k < i; k++) {
		const struct site_network *other = site_network(w->site, w->l->items[k].network);

		if (w->l->items[k].on && other && other != n && n->vlan && other->vlan == n->vlan)
			bad(w, i, "network", "VLAN %u is that of interfaces[%zu] ('%s') too; a node has each VLAN once", n->vlan,
			    k, other->name);
	}
}

static void check_ports(const struct place *w, size_t i)
{
	const struct site_interface *it = &w->l->items[i];
	const struct site_network *n = site_network(w->site, it->network);

	if (!it->n_match && !(n && n->role == SITE_PROVISION))
		bad(w, i, "match", "is missing; it says which of a node's interfaces are meant");
	if (it->bond.mode && !it->name)
		bad(w, i, "name", "is missing; a bond has one, like bond0");
	if (it->bond.mode && it->name && (str_starts(it->name, "vlan") || str_eq(it->name, "bonding_masters")))
		bad(w, i, "name", "'%s' can't be a bond's name: VLANs are called so", it->name);
}

static void check_addresses(const struct place *w, size_t i)
{
	const struct site_interface *it = &w->l->items[i];
	const struct site_network *n = site_network(w->site, it->network);

	if (!it->network && it->addresses_given)
		bad(w, i, "addresses", "there is no network here that could have addresses");
	if (n && n->role == SITE_PROVISION && it->addresses_given && it->addresses == SITE_NO_ADDRESS)
		bad(w, i, "addresses", "a node needs its address on the provision network, '%s'", n->name);
	if (!it->default_route)
		return;
	for (size_t k = 0; k < i; k++)
		if (w->l->items[k].default_route)
			bad(w, i, "default_route", "interfaces[%zu] has the default route already", k);
	if (!it->network)
		bad(w, i, "default_route", "there is no network here that could have a router");
	else if (n && !n->gateway4 && !n->has_gateway6 && it->addresses != SITE_DHCP)
		bad(w, i, "default_route", "the network '%s' has no gateway", n->name);
	else if (n && it->addresses == SITE_NO_ADDRESS)
		bad(w, i, "default_route", "there is no way to a router without an address");
}

static bool same_match(const struct site_match *a, const struct site_match *b)
{
	return a->boot == b->boot && str_eq(a->mac, b->mac) && str_eq(a->name, b->name) && str_eq(a->path, b->path) &&
	       str_eq(a->driver, b->driver);
}

/* One interface can't be in two places. Patterns that overlap are found when a node's interfaces are known. */
static void check_twice(const struct place *w, size_t i)
{
	const struct site_interface *it = &w->l->items[i];

	for (size_t m = 0; m < it->n_match; m++) {
		autofree char *key = str_format("match[%zu]", m);

		for (size_t k = 0; k <= i; k++)
			for (size_t o = 0; o < (k < i ? w->l->items[k].n_match : m); o++)
				if (same_match(&it->match[m], &w->l->items[k].match[o]))
					bad(w, i, key, "is the same as interfaces[%zu].match[%zu]", k, o);
	}
}

/* The interfaces that nodes boot from are the provision network's, said or not. */
static void check_boot(const struct place *w)
{
	const struct site_network *provision = site_provision(w->site);
	const struct site_interface *own = NULL;

	for (size_t i = 0; provision && i < w->l->len; i++)
		if (str_eq(w->l->items[i].network, provision->name))
			own = &w->l->items[i];
	for (size_t i = 0; provision && i < w->l->len; i++)
		for (size_t m = 0; m < w->l->items[i].n_match; m++)
			if (w->l->items[i].match[m].boot && &w->l->items[i] != own && (!own || !own->n_match))
				bad(w, i, "match", "what nodes boot from is on the provision network, '%s'", provision->name);
}

static void check_list(const struct site *site, const char *list, size_t at, const struct site_interfaces *l, struct problems *p)
{
	const struct place w = { .site = site, .list = list, .at = at, .l = l, .p = p };
	bool two = false;

	for (size_t i = 0; i < l->len; i++) {
		check_network(&w, i);
		if (l->items[i].on)
			check_vlan(&w, i);
		else
			check_ports(&w, i);
		check_addresses(&w, i);
		check_twice(&w, i);
	}
	check_boot(&w);
	if (!site_default_network(site, l, &two) && two)
		problems_at(p, list, at, "interfaces",
			    "several networks here have a gateway; say \"default_route\": true on the one that leads elsewhere");
}

static void check_address(const struct site *site, size_t at, size_t i, struct problems *p)
{
	const struct site_node *n = &site->nodes[at];
	const struct site_address *a = &n->addresses[i];
	const struct site_network *net = site_network(site, a->network);
	autofree char *key = str_format("addresses[%zu].%s", i, !net || net->role == SITE_PROVISION ? "network" : "ipv4");
	autofree char *key6 = str_format("addresses[%zu].ipv6", i);
	struct err err = { 0 };
	struct addr6 a6;
	uint32_t a4;
	char subnet[NET6_LEN], text[ADDR6_LEN];

	if (!net) {
		problems_at(p, "nodes", at, key, "there is no network '%s' in networks", a->network);
		return;
	}
	if (net->role == SITE_PROVISION) {
		problems_at(p, "nodes", at, key, "the address on the provision network is the node's own: `orthrus node set`");
		return;
	}
	for (size_t k = 0; k < i; k++)
		if (str_eq(a->network, n->addresses[k].network))
			problems_at(p, "nodes", at, key, "addresses[%zu] is on '%s' already", k, a->network);
	net4_print(&net->net4, subnet);
	addr4_print(a->addr4, text);
	if (a->addr4 && !net->has4)
		problems_at(p, "nodes", at, key, "the network '%s' has no ipv4", net->name);
	else if (a->addr4 && !net4_has(&net->net4, a->addr4))
		problems_at(p, "nodes", at, key, "%s is not a machine's address in the subnet %s of '%s'", text, subnet,
			    net->name);
	else if (a->addr4 && site_node_addr4(site, net, n->name, 0, &a4, &err) < 0)
		problems_at(p, "nodes", at, key, "%s", err.text);
	net6_print(&net->net6, subnet);
	addr6_print(&a->addr6, text);
	if (a->has6 && !net->has6)
		problems_at(p, "nodes", at, key6, "the network '%s' has no ipv6", net->name);
	else if (a->has6 && !net6_has(&net->net6, &a->addr6))
		problems_at(p, "nodes", at, key6, "%s is not a machine's address in the subnet %s of '%s'", text, subnet,
			    net->name);
	else if (a->has6 && site_node_addr6(site, net, n->name, 0, &a6, &err) < 0)
		problems_at(p, "nodes", at, key6, "%s", err.text);
}

void site_check_interfaces(const struct site *site, struct problems *p)
{
	/* What is missing may be what could not be read. */
	if (p->broken[PART_NETWORKS] || p->broken[PART_GROUPS] || p->broken[PART_NODES])
		return;
	for (size_t i = 0; i < site->n_groups; i++)
		check_list(site, "groups", i, &site->groups[i].interfaces, p);
	for (size_t i = 0; i < site->n_nodes; i++) {
		for (size_t k = 0; k < i; k++)
			if (str_eq(site->nodes[i].name, site->nodes[k].name))
				problems_at(p, "nodes", i, "name", "'%s' is the name of nodes[%zu] already", site->nodes[i].name,
					    k);
		check_list(site, "nodes", i, &site->nodes[i].interfaces, p);
		for (size_t k = 0; k < site->nodes[i].n_addresses; k++)
			check_address(site, i, k, p);
	}
}
