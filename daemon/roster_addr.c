/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes' addresses on the provision network, in whichever families it has. */
#include "daemon/roster.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void node_addresses(const struct site *site, const struct node *n, struct node_addrs *out)
{
	const struct site_network *net = site_provision(site);
	uint64_t number;

	*out = (struct node_addrs){ .addr4 = net->has4 ? n->addr4 : 0, .has6 = net->has6 && n->has6, .addr6 = n->addr6 };
	if (!net->has4 || !net->has6)
		return;
	if (!out->addr4 && n->has6 && net6_number(&net->net6, &n->addr6, &number) && !net4_at(&net->net4, number, &out->addr4))
		out->addr4 = 0;
	if (!n->has6 && n->addr4 && net4_number(&net->net4, n->addr4, &number))
		out->has6 = net6_at(&net->net6, number, &out->addr6);
}

/* Who has this address beside nodes: "head head1", or NULL. Caller frees. */
static char *holder(const struct site *site, const struct site_network *net, uint32_t a)
{
	for (size_t i = 0; i < site->n_heads; i++)
		if (site->heads[i].addr4 == a)
			return str_format("the head %s's", site->heads[i].name);
	for (size_t i = 0; i < site->n_vips; i++)
		if (site->vips[i].addr4 == a)
			return str_format("the service address '%s'", site->vips[i].name);
	if (net->gateway4 == a)
		return mem_strdup("the gateway's");
	if (net->pool4_first && a >= net->pool4_first && a <= net->pool4_last)
		return mem_strdup("in the pool for machines not yet known");
	return NULL;
}

static char *holder6(const struct site *site, const struct site_network *net, const struct addr6 *a)
{
	for (size_t i = 0; i < site->n_heads; i++)
		if (site->heads[i].has6 && addr6_same(&site->heads[i].addr6, a))
			return str_format("the head %s's", site->heads[i].name);
	for (size_t i = 0; i < site->n_vips; i++)
		if (site->vips[i].has6 && addr6_same(&site->vips[i].addr6, a))
			return str_format("the service address '%s'", site->vips[i].name);
	if (net->has_gateway6 && addr6_same(&net->gateway6, a))
		return mem_strdup("the gateway's");
	return site_in_pool6(net, a) ? mem_strdup("in the pool that firmware has addresses of") : NULL;
}

/* `given`: the option that it comes from; `own`: the one that gives another. */
static int is_taken(const struct node *n, const char *addr, const char *given, const char *own, const char *who, struct err *err)
{
	err_set(err, ERR_EXISTS, "%s: the address %s is %s", n->name, addr, who);
	return err_hint(
		err,
		"leave %s out of a new node to take a free one; one that is there gets another by `orthrus node set %s %s "
		"ADDRESS`",
		given, n->name, own);
}

static int is_elsewhere(const struct node *n, const char *addr, const struct site_network *net, const char *subnet,
			struct err *err)
{
	return err_set(err, ERR_INVALID, "%s: %s is no host address of the provision network '%s' (%s)", n->name, addr, net->name,
		       subnet);
}

/* A family that the network has, and the node no address in: it had the other one alone. */
static int lacks(const struct node *n, const char *family, const char *option, const struct site_network *net, struct err *err)
{
	err_set(err, ERR_INVALID, "%s: has no %s address for the provision network '%s'", n->name, family, net->name);
	return err_hint(err, "while the network has both families: `orthrus node set %s %s ADDRESS`", n->name, option);
}

/* Whose address on the provision network is it beside `n`, its own or the one that follows? NULL: nobody's. Caller frees. */
static char *neighbour4(const struct roster *r, const struct site_network *net, const struct node *n, uint32_t a)
{
	struct addr6 twin; /* who has this one and no IPv4 address of its own has `a` */
	uint64_t number;
	bool has_twin = net->has6 && net4_number(&net->net4, a, &number) && net6_at(&net->net6, number, &twin);

	for (size_t i = 0; i < r->len; i++) {
		const struct node *o = &r->nodes[i];

		if ((o->addr4 ? o->addr4 == a : has_twin && o->has6 && addr6_same(&o->addr6, &twin)) && !str_eq(o->name, n->name))
			return str_format("%s's already", o->name);
	}
	return NULL;
}

static char *neighbour6(const struct roster *r, const struct site_network *net, const struct node *n, const struct addr6 *a)
{
	uint32_t twin;
	uint64_t number;
	bool has_twin = net->has4 && net6_number(&net->net6, a, &number) && net4_at(&net->net4, number, &twin);

	for (size_t i = 0; i < r->len; i++) {
		const struct node *o = &r->nodes[i];

		if ((o->has6 ? addr6_same(&o->addr6, a) : has_twin && o->addr4 == twin) && !str_eq(o->name, n->name))
			return str_format("%s's already", o->name);
	}
	return NULL;
}

static int check_addr4(const struct roster *r, const struct site *site, const struct node *n, uint32_t a, struct err *err)
{
	const struct site_network *net = site_provision(site);
	autofree char *who = NULL;
	char addr[ADDR4_LEN], subnet[NET4_LEN];

	if (!a)
		return lacks(n, "IPv4", "--ipv4", net, err);
	addr4_print(a, addr);
	net4_print(&net->net4, subnet);
	if (!net4_has(&net->net4, a))
		return is_elsewhere(n, addr, net, subnet, err);
	who = holder(site, net, a);
	if (!who)
		who = neighbour4(r, net, n, a);
	return who ? is_taken(n, addr, n->addr4 ? "--ipv4" : "--ipv6", "--ipv4", who, err) : 0;
}

static int check_addr6(const struct roster *r, const struct site *site, const struct node *n, const struct addr6 *a,
		       struct err *err)
{
	const struct site_network *net = site_provision(site);
	autofree char *who = NULL;
	char addr[ADDR6_LEN], subnet[NET6_LEN];

	addr6_print(a, addr);
	net6_print(&net->net6, subnet);
	if (!net6_has(&net->net6, a))
		return is_elsewhere(n, addr, net, subnet, err);
	who = holder6(site, net, a);
	if (!who)
		who = neighbour6(r, net, n, a);
	return who ? is_taken(n, addr, n->has6 ? "--ipv6" : "--ipv4", "--ipv6", who, err) : 0;
}

int roster_check_addr(const struct roster *r, const struct site *site, const struct node *n, struct err *err)
{
	const struct site_network *net = site_provision(site);
	struct node_addrs a;

	node_addresses(site, n, &a);
	if (net->has4 && check_addr4(r, site, n, a.addr4, err) < 0)
		return -1;
	if (net->has6 && !a.has6)
		return lacks(n, "IPv6", "--ipv6", net, err);
	return net->has6 ? check_addr6(r, site, n, &a.addr6, err) : 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The host numbers from `from` on that nodes have, sorted: an address that follows from another has the same number. Caller
 * frees. */
static uint64_t *used_numbers(const struct roster *r, const struct site_network *net, uint64_t from, size_t *n)
{
	uint64_t *used = mem_array(2 * r->len + 1, sizeof(*used)), number;

	*n = 0;
	for (size_t i = 0; i < r->len; i++) {
		const struct node *o = &r->nodes[i];

		if (net->has4 && o->addr4 && net4_number(&net->net4, o->addr4, &number) && number >= from)
			used[(*n)++] = number;
		if (net->has6 && o->has6 && net6_number(&net->net6, &o->addr6, &number) && number >= from)
			used[(*n)++] = number;
	}
	qsort(used, *n, sizeof(*used), by_number);
	return used;
}

/* Is it somebody's who is no node? Then *last is the last number of the pool that it lies in, else it itself. */
static bool is_held(const struct site *site, const struct site_network *net, uint64_t number, uint64_t *last)
{
	autofree char *who4 = NULL, *who6 = NULL;
	uint64_t end;
	uint32_t a4;
	struct addr6 a6;

	*last = number;
	if (net->has4 && net4_at(&net->net4, number, &a4))
		who4 = holder(site, net, a4);
	if (net->has6 && net6_at(&net->net6, number, &a6))
		who6 = holder6(site, net, &a6);
	/* A pool may be most of the network: over it in one step. */
	if (who4 && net->pool4_first && a4 >= net->pool4_first && a4 <= net->pool4_last)
		*last = net->pool4_last - net->net4.base;
	else if (who6 && site_in_pool6(net, &a6) && net6_number(&net->net6, &net->pool6_last, &end))
		*last = end;
	return who4 || who6;
}

static bool exists(const struct site_network *net, uint64_t number)
{
	uint32_t a4;
	struct addr6 a6;

	return net->has4 ? net4_at(&net->net4, number, &a4) : net6_at(&net->net6, number, &a6);
}

static int next_number(const struct roster *r, const struct site *site, uint64_t from, uint64_t *out, struct err *err)
{
	const struct site_network *net = site_provision(site);
	char subnet[NET6_LEN];
	size_t n;
	autofree uint64_t *used = used_numbers(r, net, from, &n);

	for (uint64_t number = from ? from : 1, last = 0; exists(net, number); number = last + 1) {
		if (is_held(site, net, number, &last) || (n && bsearch(&number, used, n, sizeof(*used), by_number)))
			continue;
		*out = number;
		return 0;
	}
	if (net->has4)
		net4_print(&net->net4, subnet);
	else
		net6_print(&net->net6, subnet);
	err_set(err, ERR_REFUSED, "the provision network '%s' (%s) has no free address left outside of its pool", net->name,
		subnet);
	return err_hint(err, "make the pool smaller or the network larger in site.json");
}

int roster_next_addr(const struct roster *r, const struct site *site, uint32_t from, uint32_t *out, struct err *err)
{
	const struct net4 *net = &site_provision(site)->net4;
	uint64_t number;

	if (next_number(r, site, from > net->base ? from - net->base : 0, &number, err) < 0)
		return -1;
	*out = net->base + (uint32_t)number;
	return 0;
}

int roster_place(const struct roster *r, const struct site *site, uint64_t *from, struct node *n, struct err *err)
{
	const struct site_network *net = site_provision(site);
	uint64_t number;

	/* Its IPv6 address alone says which IPv4 address it would have, and that may be none. */
	if (net->has4 ? n->addr4 != 0 : n->has6)
		return 0;
	if (next_number(r, site, *from, &number, err) < 0)
		return err_wrap(err, "%s", n->name);
	if (net->has4 ? !net4_at(&net->net4, number, &n->addr4) : !net6_at(&net->net6, number, &n->addr6))
		return err_set(err, ERR_REFUSED, "%s: the provision network '%s' has no host number %llu", n->name, net->name,
			       (unsigned long long)number);
	n->has6 = n->has6 || !net->has4;
	*from = number + 1;
	return 0;
}
