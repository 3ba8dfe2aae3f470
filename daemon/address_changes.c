/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses nodes have by another site, in words. */
#include "daemon/renumber.h"

#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/api.h"
#include "daemon/node_networks.h"

#include <stdlib.h>
#include <string.h>

#define ONE_BY_ONE 8 /* so many are shown each for itself */

/* One address of a node; an IPv4 address is in the last four bytes. */
struct address {
	char *network;
	bool six, provision, leased;
	struct addr6 at;
};
struct addresses {
	struct address *items;
	size_t len, cap;
};

static void addresses_free(struct addresses *l)
{
	for (size_t i = 0; i < l->len; i++)
		free(l->items[i].network);
	free(l->items);
	*l = (struct addresses){ 0 };
}

static struct address *add(struct addresses *l, const char *network, bool six)
{
	l->items = mem_room(l->items, l->len, &l->cap, sizeof(*l->items));
	l->items[l->len] = (struct address){ .network = mem_strdup(network), .six = six };
	return &l->items[l->len++];
}

static void add4(struct addresses *l, const struct site_network *net, uint32_t a, bool leased)
{
	struct address *x = add(l, net->name, false);

	x->provision = net->role == SITE_PROVISION;
	x->leased = leased;
	for (size_t i = 0; i < 4; i++)
		x->at.bytes[12 + i] = (uint8_t)(a >> (24 - 8 * i));
}

static void add6(struct addresses *l, const struct site_network *net, const struct addr6 *a)
{
	struct address *x = add(l, net->name, true);

	x->provision = net->role == SITE_PROVISION;
	x->at = *a;
}

/* "10.3.0.5/16" of an interface's files. */
static int add_static(struct addresses *l, const struct site_network *net, const char *text, struct err *err)
{
	autofree char *plain = mem_strndup(text, strcspn(text, "/"));
	struct addr6 a6;
	uint32_t a4;

	if (strchr(plain, ':')) {
		if (addr6_read(plain, &a6, err) < 0)
			return -1;
		add6(l, net, &a6);
		return 0;
	}
	if (addr4_read(plain, &a4, err) < 0)
		return -1;
	add4(l, net, a4, false);
	return 0;
}

static int addresses_of(const struct site *site, const struct node *n, struct addresses *out, struct err *err)
{
	autoclean(order_networks_free) struct order_networks l = { 0 };
	struct node_addrs own;

	if (node_networks_addresses(site, n, &l, err) < 0)
		return -1;
	node_addresses(site, n, &own);
	if (own.addr4)
		add4(out, site_provision(site), own.addr4, l.items[0].dhcp4);
	if (own.has6)
		add6(out, site_provision(site), &own.addr6);
	for (size_t i = 1; i < l.len; i++)
		for (size_t k = 0; l.items[i].name && k < l.items[i].addresses.len; k++)
			if (add_static(out, site_network(site, l.items[i].name), l.items[i].addresses.items[k], err) < 0)
				return -1;
	return 0;
}

/* What one node has instead of what, in one family of one network. */
struct move {
	const char *node;
	size_t at;		/* of the node in the roster */
	struct address was, is; /* network NULL: none */
	bool next;
};
struct moves {
	struct move *items;
	size_t len, cap;
};

static void moves_free(struct moves *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->items[i].was.network);
		free(l->items[i].is.network);
	}
	free(l->items);
}

static void add_move(struct moves *l, struct move m)
{
	l->items = mem_room(l->items, l->len, &l->cap, sizeof(*l->items));
	l->items[l->len++] = m;
}

/* The provision network is the same one under another name. */
static bool same_kind(const struct address *a, const struct address *b)
{
	return a->six == b->six && (a->provision ? b->provision : !b->provision && str_eq(a->network, b->network));
}

/* What was and is not here any more is used up: the rest is new. */
static void compare(struct moves *out, const struct move *of, struct addresses *was, struct addresses *is)
{
	for (size_t i = 0; i < was->len; i++) {
		struct address *old = &was->items[i], *now = NULL;
		struct move m = *of;

		for (size_t k = 0; k < is->len && !now; k++)
			if (is->items[k].network && same_kind(old, &is->items[k]))
				now = &is->items[k];
		if (now && addr6_same(&old->at, &now->at)) {
			free(steal(now->network));
			continue;
		}
		m.was = *old;
		old->network = NULL;
		if (now) {
			m.is = *now;
			now->network = NULL;
		}
		add_move(out, m);
	}
	for (size_t k = 0; k < is->len; k++) {
		struct move m = *of;

		if (!is->items[k].network)
			continue;
		m.is = is->items[k];
		is->items[k].network = NULL;
		add_move(out, m);
	}
}

static const struct address *either(const struct move *m)
{
	return m->is.network ? &m->is : &m->was;
}

/* Network by network, IPv4 first, and in each the nodes as people count them. */
static int by_network(const void *a, const void *b)
{
	const struct move *x = a, *y = b;
	const struct address *p = either(x), *q = either(y);
	int order = q->provision - p->provision;

	if (!order)
		order = strcmp(p->network, q->network);
	if (!order)
		order = p->six - q->six;
	return order ? order : nodeset_cmp(x->node, y->node);
}

static bool is_next(const struct address *a, const struct address *b)
{
	struct addr6 one;

	if (!a->network || !b->network)
		return !a->network && !b->network;
	return addr6_plus(&a->at, 1, &one) && addr6_same(&one, &b->at);
}

static bool follows(const struct move *a, const struct move *b)
{
	return same_kind(either(a), either(b)) && str_eq(either(a)->network, either(b)->network) && a->next == b->next &&
	       is_next(&a->was, &b->was) && is_next(&a->is, &b->is);
}

/* "10.1.0.5" or "10.1.0.5-10.1.0.68"; "" for none. Caller frees. */
static char *range(const struct address *first, const struct address *last)
{
	char text[2][ADDR6_LEN];
	const struct address *ends[] = { first, last };

	if (!first->network)
		return mem_strdup("");
	for (size_t i = 0; i < 2; i++) {
		const uint8_t *b = ends[i]->at.bytes + 12;

		if (ends[i]->six)
			addr6_print(&ends[i]->at, text[i]);
		else
			addr4_print((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3], text[i]);
	}
	return first == last ? mem_strdup(text[0]) : str_format("%s-%s", text[0], text[1]);
}

static int say_run(const struct move *m, size_t n, struct plan *plan, struct err *err)
{
	const struct address *kind = either(m);
	autofree char *was = range(&m->was, &m[n - 1].was), *is = range(&m->is, &m[n - 1].is);
	autofree char *step = str_format("address:%s:%s:%s", m->node, kind->network, kind->six ? "ipv6" : "ipv4");
	autoclean(nodeset_free) struct nodeset names = { 0 };
	autoclean(buf_free) struct buf folded = { 0 };
	const char *es = n > 1 ? "es" : "", *s = n > 1 ? "" : "s";

	for (size_t i = 0; i < n; i++)
		if (nodeset_add(&names, m[i].node, err) < 0)
			return -1;
	nodeset_fold(&names, &folded);
	if (!m->is.network)
		api_step(plan, step, "%s: lose%s the address%s %s on network %s", buf_str(&folded), s, es, was, kind->network);
	else if (!m->was.network)
		api_step(plan, step, "%s: get%s the address%s %s on network %s", buf_str(&folded), s, es, is, kind->network);
	else
		api_step(plan, step, "%s: address%s on network %s from %s to %s%s", buf_str(&folded), es, kind->network, was, is,
			 m->next ? n > 1 ? ", the next free ones" : ", the next free one" : "");
	return 0;
}

static int say_moves(struct moves *l, struct plan *plan, struct err *err)
{
	bool fold = l->len > ONE_BY_ONE;

	if (l->len)
		qsort(l->items, l->len, sizeof(*l->items), by_network);
	for (size_t i = 0, n; i < l->len; i += n) {
		for (n = 1; fold && i + n < l->len && follows(&l->items[i + n - 1], &l->items[i + n]); n++)
			;
		if (say_run(&l->items[i], n, plan, err) < 0)
			return -1;
	}
	return 0;
}

static void note(struct address_change *c, const struct move *m)
{
	c->any = true;
	/* A family that comes: an installed system does not ask for a lease in it. */
	if (either(m)->provision && m->was.network && m->was.leased && (!m->is.network || m->is.leased))
		c->leased = true;
	else
		c->in_files = true;
}

int address_changes(const struct site *old, const struct site *site, const struct roster *was, const struct roster *is,
		    const enum renumbered *how, struct address_change *changes, struct plan *plan, struct err *err)
{
	autoclean(moves_free) struct moves moves = { 0 };

	for (size_t i = 0; i < is->len; i++) {
		autoclean(addresses_free) struct addresses before = { 0 };
		autoclean(addresses_free) struct addresses now = { 0 };
		const struct move of = { .node = is->nodes[i].name, .at = i };

		struct err unknown = { 0 };

		/* That it did not fit the old site does not keep it from the new one: then all that it has is new. */
		if (addresses_of(old, &was->nodes[i], &before, &unknown) < 0)
			addresses_free(&before);
		if (addresses_of(site, &is->nodes[i], &now, err) < 0)
			return -1;
		compare(&moves, &of, &before, &now);
	}
	for (size_t i = 0; i < moves.len; i++) {
		struct move *m = &moves.items[i];

		m->next = either(m)->provision && how[m->at] == RENUMBER_NEXT;
		note(&changes[m->at], m);
	}
	return say_moves(&moves, plan, err);
}
