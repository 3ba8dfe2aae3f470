/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/problems.h"
#include "site/site.h"

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

bool site_check_host4(const struct site *site, size_t i, const char *list, size_t at, const char *key, uint32_t a,
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

bool site_check_host6(const struct site *site, size_t i, const char *list, size_t at, const char *key, const struct addr6 *a,
		      struct problems *p)
{
	const struct net6 *net = &site->networks[i].net6;
	char addr[ADDR6_LEN], subnet[NET6_LEN];

	if (net6_has(net, a))
		return true;
	addr6_print(a, addr);
	net6_print(net, subnet);
	problems_at(p, list, at, key, "%s is not a machine's address in the subnet %s", addr, subnet);
	return false;
}

bool site_in_pool6(const struct site_network *n, const struct addr6 *a)
{
	return n->has_pool6 && addr6_cmp(a, &n->pool6_first) >= 0 && addr6_cmp(a, &n->pool6_last) <= 0;
}

static void check_pool(const struct site *site, size_t i, struct problems *p)
{
	const struct site_network *n = &site->networks[i];
	char first[ADDR4_LEN], last[ADDR4_LEN], gateway[ADDR4_LEN];

	if (!n->pool4_first && !n->pool4_last)
		return;
	/* "|": both are looked at, whatever the first one is like. */
	if (!site_check_host4(site, i, "networks", i, "ipv4.pool.first", n->pool4_first, p) |
	    !site_check_host4(site, i, "networks", i, "ipv4.pool.last", n->pool4_last, p))
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

static void check_pool6(const struct site *site, size_t i, struct problems *p)
{
	const struct site_network *n = &site->networks[i];
	char first[ADDR6_LEN], last[ADDR6_LEN], gateway[ADDR6_LEN];

	if (!n->has_pool6 || (!site_check_host6(site, i, "networks", i, "ipv6.pool.first", &n->pool6_first, p) |
			      !site_check_host6(site, i, "networks", i, "ipv6.pool.last", &n->pool6_last, p)))
		return;
	addr6_print(&n->pool6_first, first);
	addr6_print(&n->pool6_last, last);
	addr6_print(&n->gateway6, gateway);
	if (addr6_cmp(&n->pool6_first, &n->pool6_last) > 0)
		problems_at(p, "networks", i, "ipv6.pool", "first, %s, is behind last, %s", first, last);
	else if (n->has_gateway6 && site_in_pool6(n, &n->gateway6))
		problems_at(p, "networks", i, "ipv6.gateway", "%s lies in the pool %s-%s, which firmware has addresses of",
			    gateway, first, last);
}

/* Far from where nodes are: their host numbers are those of an IPv4 subnet, or count from 1. */
static void default_pool6(struct site_network *n)
{
	if (n->has6 && !n->has_pool6 && n->role == SITE_PROVISION)
		n->has_pool6 =
			net6_at(&n->net6, 0xb00700000000, &n->pool6_first) && net6_at(&n->net6, 0xb0070000ffff, &n->pool6_last);
}

static void check_network(struct site *site, size_t i, struct problems *p)
{
	struct site_network *n = &site->networks[i];

	default_pool6(n);
	check_subnets(site, i, p);
	if (!n->has4 && !n->has6 && !p->broken[PART_NETWORKS])
		problems_at(p, "networks", i, "ipv4", "is missing; a network has ipv4, ipv6 or both");
	if (n->has4 && n->gateway4)
		site_check_host4(site, i, "networks", i, "ipv4.gateway", n->gateway4, p);
	if (n->has4)
		check_pool(site, i, p);
	if (n->has6 && n->has_gateway6)
		site_check_host6(site, i, "networks", i, "ipv6.gateway", &n->gateway6, p);
	if (n->has6)
		check_pool6(site, i, p);
	if (n->has6 && n->mtu && n->mtu < 1280)
		problems_at(p, "networks", i, "mtu", "%u is too small for IPv6, which needs at least 1280", n->mtu);
}

/* What boots over IPv6 learns its prefix from router advertisements and its address from DHCPv6; both work with a /64 only. */
static void check_boots(const struct site *site, size_t i, struct problems *p)
{
	const struct site_network *n = &site->networks[i];
	char subnet[NET6_LEN];

	if (n->has6 && n->net6.prefix != 64) {
		net6_print(&n->net6, subnet);
		problems_at(p, "networks", i, "ipv6.subnet",
			    "%s: nodes boot over this network, so that its prefix has to be a /64", subnet);
	}
	if (!site->discover)
		return;
	if (n->has4 && !n->pool4_first)
		problems_at(p, NULL, 0, "netboot.unknown",
			    "\"discover\" needs addresses for unknown machines: networks[%zu].ipv4.pool is missing", i);
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
		check_boots(site, i, p);
	}
	if (first == site->n_networks)
		problems_at(p, NULL, 0, "networks", "no network has the role \"provision\": the one that nodes boot from");
}

void site_check_networks(struct site *site, struct problems *p)
{
	for (size_t i = 0; i < site->n_networks; i++)
		check_network(site, i, p);
	if (!p->broken[PART_NETWORKS])
		check_provision(site, p);
}
