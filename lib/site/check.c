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
	bool *has6;
	struct addr6 *addr6;
};

static size_t owners_of(struct site *site, struct owner *out)
{
	size_t n = 0;

	for (size_t i = 0; i < site->n_heads; i++) {
		struct site_head *h = &site->heads[i];

		out[n++] = (struct owner){ "heads", i, h->name, &h->network, h->addr4, &h->has6, &h->addr6 };
	}
	for (size_t i = 0; i < site->n_vips; i++) {
		struct site_vip *v = &site->vips[i];

		out[n++] = (struct owner){ "service_addresses", i, v->name, &v->network, v->addr4, &v->has6, &v->addr6 };
	}
	return n;
}

/* An address that is given although its network has none of that family, or the other way round. */
static void check_families(const struct site_network *n, const struct owner *o, struct problems *p)
{
	char addr[ADDR6_LEN], subnet[NET6_LEN];

	if (!n->has4 && o->addr4) {
		addr4_print(o->addr4, addr);
		problems_at(p, o->list, o->i, "ipv4", "%s, but network '%s' has no ipv4", addr, n->name);
	}
	if (n->has4 && !o->addr4) {
		net4_print(&n->net4, subnet);
		problems_at(p, o->list, o->i, "ipv4", "is missing; network '%s' is %s", n->name, subnet);
	}
	if (!n->has6 && *o->has6) {
		addr6_print(o->addr6, addr);
		problems_at(p, o->list, o->i, "ipv6", "%s, but network '%s' has no ipv6", addr, n->name);
	}
	if (n->has6 && !*o->has6 && !n->has4) {
		net6_print(&n->net6, subnet);
		problems_at(p, o->list, o->i, "ipv6", "is missing; network '%s' is %s", n->name, subnet);
	}
}

/* Without an IPv6 address of its own it has the one with the host number of its IPv4 address. */
static void default_addr6(const struct site_network *n, const struct owner *o, struct problems *p)
{
	char addr[ADDR4_LEN], subnet[NET6_LEN];
	uint64_t number;

	if (!n->has4 || !n->has6 || *o->has6 || !o->addr4 || !net4_number(&n->net4, o->addr4, &number))
		return;
	*o->has6 = net6_at(&n->net6, number, o->addr6);
	if (*o->has6)
		return;
	addr4_print(o->addr4, addr);
	net6_print(&n->net6, subnet);
	problems_at(p, o->list, o->i, "ipv6", "is missing; %s is too small for the host number of %s", subnet, addr);
}

static void check_owner_network(const struct site *site, const struct owner *o, size_t net, struct problems *p)
{
	const struct site_network *n = &site->networks[net];
	char addr[ADDR6_LEN], first[ADDR6_LEN], last[ADDR6_LEN];

	check_families(n, o, p);
	default_addr6(n, o, p);
	if (n->has4 && o->addr4 && site_check_host4(site, net, o->list, o->i, "ipv4", o->addr4, p) && n->pool4_first &&
	    o->addr4 >= n->pool4_first && o->addr4 <= n->pool4_last) {
		addr4_print(o->addr4, addr);
		addr4_print(n->pool4_first, first);
		addr4_print(n->pool4_last, last);
		problems_at(p, o->list, o->i, "ipv4", "%s lies in the pool %s-%s, which is given to unknown machines", addr,
			    first, last);
	}
	if (n->has6 && *o->has6 && site_check_host6(site, net, o->list, o->i, "ipv6", o->addr6, p) &&
	    site_in_pool6(n, o->addr6)) {
		addr6_print(o->addr6, addr);
		addr6_print(&n->pool6_first, first);
		addr6_print(&n->pool6_last, last);
		problems_at(p, o->list, o->i, "ipv6", "%s lies in the pool %s-%s, which firmware has addresses of", addr, first,
			    last);
	}
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
	if (*a->has6 && *b->has6 && addr6_same(a->addr6, b->addr6)) {
		addr6_print(a->addr6, addr);
		problems_at(p, a->list, a->i, "ipv6", "%s is the address of %s[%zu] (%s) already", addr, b->list, b->i,
			    b->name ? b->name : "");
	}
}

static void check_owners(struct site *site, struct problems *p)
{
	autofree struct owner *owners = mem_array(site->n_heads + site->n_vips, sizeof(*owners));
	size_t n = owners_of(site, owners);

	for (size_t i = 0; i < n; i++) {
		/* One that could not be read may have no address; that was reported. */
		if (owners[i].addr4 || *owners[i].has6 || !p->broken[i < site->n_heads ? PART_HEADS : PART_VIPS])
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

static void name_taken(const struct site *site, const char *list, size_t i, const char *name, struct problems *p)
{
	for (size_t k = 0; name && k < site->n_heads; k++)
		if (str_eq(name, site->heads[k].name))
			problems_at(p, list, i, "name", "'%s' is the name of heads[%zu] already", name, k);
	for (size_t k = 0; name && str_eq(list, "nodes") && k < site->n_vips; k++)
		if (str_eq(name, site->vips[k].name))
			problems_at(p, list, i, "name", "'%s' is the name of service_addresses[%zu] already", name, k);
}

/* In DNS and in hosts files a name leads to one machine; and the domain's own name is none. */
static void check_machines(const struct site *site, struct problems *p)
{
	if (site->domain && (str_eq(site->domain, "localhost") || str_ends(site->domain, ".localhost")))
		problems_at(p, NULL, 0, "cluster.domain", "'%s': names below localhost are every machine itself (RFC 6761)",
			    site->domain);
	for (size_t i = 0; i < site->n_heads; i++)
		if (site->heads[i].name && str_eq(site->heads[i].name, site->domain))
			problems_at(p, "heads", i, "name", "'%s' is the domain's own name; a head has a name in it",
				    site->domain);
	for (size_t i = 0; i < site->n_vips; i++)
		name_taken(site, "service_addresses", i, site->vips[i].name, p);
	for (size_t i = 0; i < site->n_nodes; i++) {
		name_taken(site, "nodes", i, site->nodes[i].name, p);
		if (site->nodes[i].name && str_eq(site->nodes[i].name, site->domain))
			problems_at(p, "nodes", i, "name", "'%s' is the domain's own name; a node has a name in it",
				    site->domain);
	}
}

void site_check(struct site *site, struct problems *p)
{
	site_check_networks(site, p);
	check_owners(site, p);
	check_names(site, p);
	check_machines(site, p);
	site_check_groups(site, p);
	site_relays_check(site, p);
	site_pair_check(site, p);
}
