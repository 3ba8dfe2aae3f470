/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/renumber.h"

#include "base/mem.h"

/* A node's own addresses, as its document has them. */
struct own {
	uint32_t addr4;
	bool has6;
	struct addr6 addr6;
};

static struct own own_of(const struct node *n)
{
	return (struct own){ .addr4 = n->addr4, .has6 = n->has6, .addr6 = n->addr6 };
}

static void set_own(struct node *n, const struct own *o)
{
	n->addr4 = o->addr4;
	n->has6 = o->has6;
	n->addr6 = o->addr6;
}

struct work {
	const struct site_network *old, *net;
	const struct site *old_site, *site;
	struct roster *roster;
	bool other4, other6; /* both sites have the family, and not the same subnet */
};

static bool outside4(const struct work *w, const struct node *n)
{
	return w->net->has4 && n->addr4 && !net4_has(&w->net->net4, n->addr4);
}

static bool outside6(const struct work *w, const struct node *n)
{
	return w->net->has6 && n->has6 && !net6_has(&w->net->net6, &n->addr6);
}

/* A family that the new site has, and in which nothing of the node's own leads to an address. */
static bool lacks(const struct work *w, const struct node *n)
{
	struct node_addrs a;

	node_addresses(w->site, n, &a);
	return (w->net->has4 && !a.addr4) || (w->net->has6 && !a.has6);
}

/* Must it have other addresses? Beside those that lie outside: what the new subnet's head, gateway or pool has taken. */
static bool must_move(const struct work *w, const struct node *n)
{
	const struct roster nobody = { 0 };
	struct err why = { 0 };

	if (outside4(w, n) || outside6(w, n) || lacks(w, n))
		return true;
	if (!(w->other4 && n->addr4) && !(w->other6 && n->has6))
		return false;
	return roster_check_addr(&nobody, w->site, n, &why) < 0;
}

/* What followed from an address of a family that goes becomes the node's own. */
static struct own with_followers(const struct work *w, const struct node *n)
{
	struct own o = own_of(n);
	struct node_addrs was;

	node_addresses(w->old_site, n, &was);
	if (!w->net->has4 && !n->has6 && was.has6) {
		o.has6 = true;
		o.addr6 = was.addr6;
	}
	if (!w->net->has6 && !n->addr4)
		o.addr4 = was.addr4;
	return o;
}

/* The same place in the new subnets. An address of a family that the old site had not is no place: it follows from the other. */
static struct own same_place(const struct work *w, const struct node *node)
{
	struct own o = with_followers(w, node);
	struct node at = { .addr4 = o.addr4, .has6 = o.has6, .addr6 = o.addr6 }, *n = &at;
	uint64_t number;

	if (outside4(w, n) &&
	    (!w->old->has4 || !net4_number(&w->old->net4, n->addr4, &number) || !net4_at(&w->net->net4, number, &o.addr4)))
		o.addr4 = 0;
	if (outside6(w, n))
		o.has6 = w->old->has6 && net6_number(&w->old->net6, &n->addr6, &number) &&
			 net6_at(&w->net->net6, number, &o.addr6);
	return o;
}

/* With `o` for its own addresses, beside those that are placed. */
static bool fits(const struct work *w, struct node *n, const struct own *o)
{
	const struct own none = { 0 };
	struct err why = { 0 };

	set_own(n, o);
	if (((w->net->has4 && n->addr4) || (w->net->has6 && n->has6)) && roster_check_addr(w->roster, w->site, n, &why) == 0)
		return true;
	set_own(n, &none);
	return false;
}

/* The next free place, keeping an IPv6 address of its own where it has one that is good. */
static int place_next(const struct work *w, struct node *n, const struct own *same, uint64_t *from, struct err *err)
{
	struct own keep = *same;
	uint64_t again = *from;

	if (w->net->has4)
		keep.addr4 = 0;
	if (keep.has6 && w->net->has4) {
		set_own(n, &keep);
		if (roster_place(w->roster, w->site, &again, n, err) < 0)
			return -1;
		keep = own_of(n);
		if (fits(w, n, &keep)) {
			*from = again;
			return 0;
		}
	}
	keep = (struct own){ .addr4 = w->net->has4 ? 0 : same->addr4 };
	set_own(n, &keep);
	return roster_place(w->roster, w->site, from, n, err);
}

static int place_all(const struct work *w, struct own *same, enum renumbered *how, struct err *err)
{
	const struct own none = { 0 };
	uint64_t from = 0;

	for (size_t i = 0; i < w->roster->len; i++) {
		struct node *n = &w->roster->nodes[i];

		how[i] = must_move(w, n) ? RENUMBER_NEXT : RENUMBER_STAYS;
		same[i] = same_place(w, n);
	}
	/* Who stays has its place for certain; who moves takes none from those that come after it. */
	for (size_t i = 0; i < w->roster->len; i++)
		if (how[i] != RENUMBER_STAYS)
			set_own(&w->roster->nodes[i], &none);
	for (size_t i = 0; i < w->roster->len; i++)
		if (how[i] != RENUMBER_STAYS && fits(w, &w->roster->nodes[i], &same[i]))
			how[i] = RENUMBER_PLACE;
	for (size_t i = 0; i < w->roster->len; i++)
		if (how[i] == RENUMBER_NEXT && place_next(w, &w->roster->nodes[i], &same[i], &from, err) < 0)
			return -1;
	return 0;
}

int renumber(const struct site *old, const struct site *site, struct roster *roster, enum renumbered *how, struct err *err)
{
	struct work w = {
		.old = site_provision(old), .net = site_provision(site), .old_site = old, .site = site, .roster = roster
	};
	autofree struct own *same = mem_array(roster->len + 1, sizeof(*same));

	w.other4 =
		w.old->has4 && w.net->has4 && (w.old->net4.base != w.net->net4.base || w.old->net4.prefix != w.net->net4.prefix);
	w.other6 = w.old->has6 && w.net->has6 &&
		   (!addr6_same(&w.old->net6.base, &w.net->net6.base) || w.old->net6.prefix != w.net->net6.prefix);
	return place_all(&w, same, how, err);
}
