/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "site/problems.h"
#include "site/site.h"

#include <string.h>

#define MAX_HEADS 2

/* What a head and a service address have in common: something that answers on an address. */
struct owner {
	const char *list; /* "heads" */
	size_t i;
	const char *name;
	char **network;
	uint32_t addr4;
	bool has6;
	struct addr6 addr6;
};

static size_t owners_of(struct site *site, struct owner *out)
{
	size_t n = 0;

	for (size_t i = 0; i < site->n_heads; i++) {
		struct site_head *h = &site->heads[i];

		out[n++] = (struct owner){ "heads", i, h->name, &h->network, h->addr4, h->has6, h->addr6 };
	}
	for (size_t i = 0; i < site->n_vips; i++) {
		struct site_vip *v = &site->vips[i];

		out[n++] = (struct owner){ "service_addresses", i, v->name, &v->network, v->addr4, v->has6, v->addr6 };
	}
	return n;
}

static void check_subnets(const struct site *site, size_t i, struct problems *p)
{
	const struct site_network *n = &site->networks[i];
	char mine[NET6_LEN], other[NET6_LEN];

	for (size_t k = 0; k < i; k++) {
		const struct site_network *m = &site->networks[k];

		if (n->name && str_eq(n->name, m->name))
			problems_at(p, "networks", i, "name", "'%s' is the name of networks[%zu] already", n->name, k);
		if (n->has4 && m->has4 && net4_overlap(&n->net4, &m->net4)) {
			net4_print(&n->net4, mine);
			net4_print(&m->net4, other);
			problems_at(p, "networks", i, "ipv4.subnet", "%s overlaps %s of networks[%zu] (%s)", mine, other, k,
				    m->name ? m->name : "");
		}
		if (n->has6 && m->has6 && net6_overlap(&n->net6, &m->net6)) {
			net6_print(&n->net6, mine);
			net6_print(&m->net6, other);
			problems_at(p, "networks", i, "ipv6.subnet", "%s overlaps %s of networks[%zu] (%s)", mine, other, k,
				    m->name ? m->name : "");
		}
	}
}

/* `a` must be a host's address in network `i`'s IPv4 subnet. */
static bool check_host4(const struct site *site, size_t i, const char *list, size_t at, const char *key, uint32_t a,
			struct problems *p)
{
	const struct net4 *net = &site->networks[i].net4;
	char addr[ADDR4_LEN], subnet[NET4_LEN];

	if (net4_has(net, a))
		return true;
	addr4_print(a, addr);
	net4_print(net, subnet);
	if (a == net->base)
		problems_at(p, list, at, key, "%s is the address of the subnet %s itself, not a machine's", addr, subnet);
	else if (a == net4_broadcast(net))
		problems_at(p, list, at, key, "%s is the broadcast address of the subnet %s, not a machine's", addr, subnet);
	else
		problems_at(p, list, at, key, "%s is outside the subnet %s", addr, subnet);
	return false;
}

static void check_pool(const struct site *site, size_t i, struct problems *p)
{
	const struct site_network *n = &site->networks[i];
	char first[ADDR4_LEN], last[ADDR4_LEN], gateway[ADDR4_LEN];

	if (!n->pool4_first && !n->pool4_last)
		return;
	/* "|": both are looked at, whatever the first one is like. */
	if (!check_host4(site, i, "networks", i, "ipv4.pool.first", n->pool4_first, p) |
	    !check_host4(site, i, "networks", i, "ipv4.pool.last", n->pool4_last, p))
		return;
	addr4_print(n->pool4_first, first);
	addr4_print(n->pool4_last, last);
	addr4_print(n->gateway4, gateway);
	if (n->pool4_first > n->pool4_last)
		problems_at(p, "networks", i, "ipv4.pool", "first, %s, is behind last, %s", first, last);
	else if (n->gateway4 >= n->pool4_first && n->gateway4 <= n->pool4_last)
		problems_at(p, "networks", i, "ipv4.gateway", "%s lies in the pool %s-%s, which is given to unknown machines",
			    gateway, first, last);
}

static void check_network(const struct site *site, size_t i, struct problems *p)
{
	static const struct addr6 none = { { 0 } };
	const struct site_network *n = &site->networks[i];
	char addr[ADDR6_LEN], subnet[NET6_LEN];
	bool gateway6 = false;

	check_subnets(site, i, p);
	for (size_t k = 0; k < sizeof(none.bytes); k++)
		gateway6 |= n->gateway6.bytes[k] != 0;
	if (!n->has4 && !n->has6 && !p->broken[PART_NETWORKS])
		problems_at(p, "networks", i, "ipv4", "is missing; a network has ipv4, ipv6 or both");
	if (n->has4 && n->gateway4)
		check_host4(site, i, "networks", i, "ipv4.gateway", n->gateway4, p);
	if (n->has4)
		check_pool(site, i, p);
	if (n->has6 && gateway6 && !net6_has(&n->net6, &n->gateway6)) {
		addr6_print(&n->gateway6, addr);
		net6_print(&n->net6, subnet);
		problems_at(p, "networks", i, "ipv6.gateway", "%s is not a machine's address in the subnet %s", addr, subnet);
	}
	if (n->has6 && n->mtu && n->mtu < 1280)
		problems_at(p, "networks", i, "mtu", "%u is too small for IPv6, which needs at least 1280", n->mtu);
}

static void check_provision(const struct site *site, struct problems *p)
{
	size_t first = site->n_networks;

	for (size_t i = 0; i < site->n_networks; i++) {
		const struct site_network *n = &site->networks[i];

		if (n->role != SITE_PROVISION)
			continue;
		if (first < site->n_networks) {
			problems_at(p, "networks", i, "role",
				    "\"provision\" is the role of networks[%zu] already; only one may have it", first);
			continue;
		}
		first = i;
		if (!n->has4)
			problems_at(p, "networks", i, "ipv4", "is missing; nodes boot over the provision network by IPv4");
		else if (site->discover && !n->pool4_first)
			problems_at(p, NULL, 0, "netboot.unknown",
				    "\"discover\" needs addresses for unknown machines: networks[%zu].ipv4.pool is missing", i);
	}
	if (first == site->n_networks)
		problems_at(p, NULL, 0, "networks", "no network has the role \"provision\": the one that nodes boot from");
}

static void check_owner_network(const struct site *site, const struct owner *o, size_t net, struct problems *p)
{
	const struct site_network *n = &site->networks[net];
	char addr[ADDR6_LEN], subnet[NET6_LEN], last[ADDR4_LEN];

	if (!n->has4) {
		problems_at(p, o->list, o->i, "network", "network '%s' has no IPv4 subnet for its address", n->name);
	} else if (check_host4(site, net, o->list, o->i, "ipv4", o->addr4, p) && n->pool4_first && o->addr4 >= n->pool4_first &&
		   o->addr4 <= n->pool4_last) {
		addr4_print(o->addr4, addr);
		addr4_print(n->pool4_first, subnet);
		addr4_print(n->pool4_last, last);
		problems_at(p, o->list, o->i, "ipv4", "%s lies in the pool %s-%s, which is given to unknown machines", addr,
			    subnet, last);
	}
	if (!o->has6)
		return;
	addr6_print(&o->addr6, addr);
	net6_print(&n->net6, subnet);
	if (!n->has6)
		problems_at(p, o->list, o->i, "ipv6", "%s, but network '%s' has no ipv6", addr, n->name);
	else if (!net6_has(&n->net6, &o->addr6))
		problems_at(p, o->list, o->i, "ipv6", "%s is not a machine's address in the subnet %s", addr, subnet);
}

static void check_owner(const struct site *site, const struct owner *o, struct problems *p)
{
	const struct site_network *provision = site_provision(site);
	const struct site_network *n;

	if (!*o->network && provision && provision->name)
		*o->network = mem_strdup(provision->name);
	if (!*o->network || p->broken[PART_NETWORKS])
		return;
	n = site_network(site, *o->network);
	if (!n)
		problems_at(p, o->list, o->i, "network", "there is no network '%s'", *o->network);
	else if (str_eq(o->list, "heads") && provision && n != provision)
		problems_at(p, o->list, o->i, "network", "'%s' is not the provision network; a head serves nodes on '%s'",
			    *o->network, provision->name);
	else
		check_owner_network(site, o, (size_t)(n - site->networks), p);
}

static void check_same(const struct owner *a, const struct owner *b, struct problems *p)
{
	char addr[ADDR6_LEN];

	if (a->name && str_eq(a->list, b->list) && str_eq(a->name, b->name))
		problems_at(p, a->list, a->i, "name", "'%s' is the name of %s[%zu] already", a->name, b->list, b->i);
	if (a->addr4 && a->addr4 == b->addr4) {
		addr4_print(a->addr4, addr);
		problems_at(p, a->list, a->i, "ipv4", "%s is the address of %s[%zu] (%s) already", addr, b->list, b->i,
			    b->name ? b->name : "");
	}
	if (a->has6 && b->has6 && memcmp(a->addr6.bytes, b->addr6.bytes, sizeof(a->addr6.bytes)) == 0) {
		addr6_print(&a->addr6, addr);
		problems_at(p, a->list, a->i, "ipv6", "%s is the address of %s[%zu] (%s) already", addr, b->list, b->i,
			    b->name ? b->name : "");
	}
}

static void check_owners(struct site *site, struct problems *p)
{
	autofree struct owner *owners = mem_array(site->n_heads + site->n_vips, sizeof(*owners));
	size_t n = owners_of(site, owners);

	for (size_t i = 0; i < n; i++) {
		/* One that could not be read has no address; that was reported. */
		if (owners[i].addr4)
			check_owner(site, &owners[i], p);
		for (size_t k = 0; k < i; k++)
			check_same(&owners[i], &owners[k], p);
	}
	if (site->n_heads == 0 && !p->broken[PART_HEADS])
		problems_at(p, NULL, 0, "heads", "is empty; a cluster has 1 or %d heads", MAX_HEADS);
	if (site->n_heads > MAX_HEADS)
		problems_at(p, NULL, 0, "heads", "has %zu elements; a cluster has 1 or %d heads", site->n_heads, MAX_HEADS);
}

static void check_names(struct site *site, struct problems *p)
{
	for (size_t i = 0; i < site->n_images; i++)
		for (size_t k = 0; site->images[i].name && k < i; k++)
			if (str_eq(site->images[i].name, site->images[k].name))
				problems_at(p, "images", i, "name", "'%s' is the name of images[%zu] already",
					    site->images[i].name, k);
	for (size_t i = 0; i < site->n_layouts; i++)
		for (size_t k = 0; site->layouts[i].name && k < i; k++)
			if (str_eq(site->layouts[i].name, site->layouts[k].name))
				problems_at(p, "disk_layouts", i, "name", "'%s' is the name of disk_layouts[%zu] already",
					    site->layouts[i].name, k);
}

void site_check(struct site *site, struct problems *p)
{
	for (size_t i = 0; i < site->n_networks; i++)
		check_network(site, i, p);
	if (!p->broken[PART_NETWORKS])
		check_provision(site, p);
	check_owners(site, p);
	check_names(site, p);
	site_check_groups(site, p);
}
