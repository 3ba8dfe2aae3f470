/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold between "pair" and the rest of the site, and what is filled in there. */
#include "base/mem.h"
#include "site/problems.h"
#include "site/site.h"

static bool same_ip(const struct site_ip *a, const struct site_ip *b)
{
	if (a->six != b->six)
		return false;
	return a->six ? addr6_same(&a->addr6, &b->addr6) : a->addr4 == b->addr4;
}

static bool no_ip(const struct site_ip *a)
{
	static const struct site_ip zero4, zero6 = { .six = true };

	return same_ip(a, &zero4) || same_ip(a, &zero6);
}

static const struct site_head *head_named(const struct site *site, const char *name)
{
	for (size_t i = 0; i < site->n_heads; i++)
		if (str_eq(site->heads[i].name, name))
			return &site->heads[i];
	return NULL;
}

/* Without addresses of its own: those with the heads' host numbers, by IPv4 where both networks have it. */
static bool default_link(const struct site *site, const struct site_network *n, struct site_link *l)
{
	const struct site_network *provision = site_provision(site);
	uint64_t number;

	for (size_t i = 0; i < SITE_PAIR; i++) {
		const struct site_head *h = &site->heads[i];
		bool four = provision->has4 && h->addr4 && net4_number(&provision->net4, h->addr4, &number);

		if (!four && !(h->has6 && net6_number(&provision->net6, &h->addr6, &number)))
			return false;
		l->heads[i].six = !n->has4;
		/* One of the provision network itself may lie anywhere in it. */
		if (n == provision && four == n->has4)
			l->heads[i] = (struct site_ip){ .six = !four, .addr4 = h->addr4, .addr6 = h->addr6 };
		else if (l->heads[i].six ? !net6_at(&n->net6, number, &l->heads[i].addr6)
					 : !net4_at(&n->net4, number, &l->heads[i].addr4))
			return false;
	}
	return true;
}

/* Nobody beside the head has it, nor may get it. */
static void check_link_owner(const struct site *site, size_t i, const struct site_network *n, const char *key,
			     const struct site_ip *a, struct problems *p)
{
	char text[ADDR6_LEN];

	site_ip_print(a, text);
	if (a->six ? site_in_pool6(n, &a->addr6) : n->pool4_first && a->addr4 >= n->pool4_first && a->addr4 <= n->pool4_last)
		problems_at(p, "pair.links", i, key, "%s lies in the pool of network '%s'", text, n->name);
	for (size_t k = 0; k < site->n_vips; k++)
		if (a->six ? site->vips[k].has6 && addr6_same(&site->vips[k].addr6, &a->addr6) : site->vips[k].addr4 == a->addr4)
			problems_at(p, "pair.links", i, key, "%s is the service address '%s', which moves", text,
				    site->vips[k].name ? site->vips[k].name : "");
}

static void check_link_addresses(const struct site *site, size_t i, const struct site_network *n, struct problems *p)
{
	static const char *const keys[] = { "addresses[0]", "addresses[1]" };
	const struct site_link *l = &site->pair.links[i];
	size_t at = (size_t)(n - site->networks);

	for (size_t k = 0; k < SITE_PAIR; k++) {
		const struct site_ip *a = &l->heads[k];

		if (a->six ? !n->has6 : !n->has4)
			problems_at(p, "pair.links", i, keys[k], "network '%s' has no %s", n->name, a->six ? "ipv6" : "ipv4");
		else if (a->six ? site_check_host6(site, at, "pair.links", i, keys[k], &a->addr6, p)
				: site_check_host4(site, at, "pair.links", i, keys[k], a->addr4, p))
			check_link_owner(site, i, n, keys[k], a, p);
	}
	if (l->heads[0].six != l->heads[1].six)
		problems_at(p, "pair.links", i, "addresses", "one is IPv4, the other IPv6: they could not talk");
	else if (same_ip(&l->heads[0], &l->heads[1]))
		problems_at(p, "pair.links", i, "addresses", "both heads have the same address");
}

static void check_links(struct site *site, struct problems *p)
{
	struct site_pair *pair = &site->pair;

	if (!pair->n_links)
		pair->links[pair->n_links++] = (struct site_link){ .network = mem_strdup(site_provision(site)->name) };
	for (size_t i = 0; i < pair->n_links; i++) {
		struct site_link *l = &pair->links[i];
		const struct site_network *n = site_network(site, l->network);

		for (size_t k = 0; k < i; k++)
			if (str_eq(l->network, pair->links[k].network))
				problems_at(p, "pair.links", i, "network", "'%s' is the network of pair.links[%zu] already",
					    l->network, k);
		if (!n)
			problems_at(p, "pair.links", i, "network", "there is no network '%s'", l->network);
		else if (!l->own && !default_link(site, n, l))
			problems_at(p, "pair.links", i, "addresses",
				    "is missing; network '%s' has none with the heads' host numbers", n->name);
		else if (l->own || n->role != SITE_PROVISION) /* the heads' own were checked there */
			check_link_addresses(site, i, n, p);
	}
}

/* Where link `k` leads to witness `i`. False: that was noted. */
static bool check_witness_address(const struct site *site, size_t i, size_t k, struct problems *p)
{
	const struct site_pair *pair = &site->pair;
	const struct site_link *l = &pair->links[k];
	const struct site_ip *a = site_witness_address(&pair->witnesses[i], k);
	size_t before = p->n;
	char text[ADDR6_LEN];

	site_ip_print(a, text);
	if (no_ip(a))
		problems_at(p, "pair.witnesses", i, "addresses", "%s is no machine's address", text);
	else if (a->six != l->heads[0].six)
		problems_at(p, "pair.witnesses", i, "addresses", "%s, but the link over network '%s' is %s", text, l->network,
			    l->heads[0].six ? "IPv6" : "IPv4");
	else if (same_ip(a, &l->heads[0]) || same_ip(a, &l->heads[1]))
		problems_at(p, "pair.witnesses", i, "addresses", "%s is a head's", text);
	for (size_t m = 0; m < i && p->n == before; m++)
		if (same_ip(a, site_witness_address(&pair->witnesses[m], k)))
			problems_at(p, "pair.witnesses", i, "addresses", "%s is that of pair.witnesses[%zu] already", text, m);
	return p->n == before;
}

static void check_witness(const struct site *site, size_t i, struct problems *p)
{
	const struct site_pair *pair = &site->pair;
	const struct site_witness *w = &pair->witnesses[i];

	for (size_t k = 0; k < i; k++)
		if (str_eq(w->name, pair->witnesses[k].name))
			problems_at(p, "pair.witnesses", i, "name", "'%s' is the name of pair.witnesses[%zu] already", w->name,
				    k);
	if (head_named(site, w->name))
		problems_at(p, "pair.witnesses", i, "name", "'%s' is a head, which votes already", w->name);
	if (w->n_addresses != 1 && w->n_addresses != pair->n_links) {
		problems_at(p, "pair.witnesses", i, "addresses",
			    "has %zu elements; must be one, or one for each of the %zu links", w->n_addresses, pair->n_links);
		return;
	}
	for (size_t k = 0; k < pair->n_links; k++)
		if (!check_witness_address(site, i, k, p))
			return; /* of one address for all links it would be said of each */
}

static void check_interfaces(const struct site *site, struct problems *p)
{
	const struct site_pair *pair = &site->pair;

	for (size_t i = 0; i < pair->n_interfaces; i++) {
		const struct site_pair_interface *f = &pair->interfaces[i];
		const struct site_network *n = site_network(site, f->network);

		if (!head_named(site, f->head))
			problems_at(p, "pair.interfaces", i, "head", "there is no head '%s'", f->head);
		if (!n)
			problems_at(p, "pair.interfaces", i, "network", "there is no network '%s'", f->network);
		else if (n->role == SITE_PROVISION)
			problems_at(p, "pair.interfaces", i, "network",
				    "'%s' is the provision network, whose interface is in heads", f->network);
		for (size_t k = 0; k < i; k++)
			if (str_eq(f->head, pair->interfaces[k].head) && str_eq(f->network, pair->interfaces[k].network))
				problems_at(p, "pair.interfaces", i, "network", "pair.interfaces[%zu] says it already", k);
	}
	/* The gate is at the interface, so it must be known where. */
	for (size_t i = 0; i < site->n_vips; i++)
		for (size_t h = 0; h < SITE_PAIR; h++)
			if (site->vips[i].network && site_network(site, site->vips[i].network) &&
			    !site_head_interface(site, h, site->vips[i].network))
				problems_at(p, NULL, 0, "pair.interfaces",
					    "%s has a service address on network '%s': say which interface of it leads there",
					    site->heads[h].name ? site->heads[h].name : "", site->vips[i].network);
}

static void check_fences(const struct site *site, struct problems *p)
{
	for (size_t i = 0; i < site->pair.n_fences; i++)
		if (!head_named(site, site->pair.fences[i].head))
			problems_at(p, "pair.fences", i, "head", "there is no head '%s'", site->pair.fences[i].head);
}

void site_pair_check(struct site *site, struct problems *p)
{
	struct site_pair *pair = &site->pair;

	if (!pair->given || p->broken[PART_HEADS] || p->broken[PART_NETWORKS] || p->broken[PART_VIPS] || !site_provision(site))
		return;
	if (site->n_heads != SITE_PAIR) {
		problems_at(p, NULL, 0, "pair", "is for two heads, and there %s %zu", site->n_heads == 1 ? "is" : "are",
			    site->n_heads);
		return;
	}
	/* Of four a majority is three, as of five: the fourth would only be one more that may fail. */
	if (pair->n_witnesses == 2)
		problems_at(p, NULL, 0, "pair.witnesses", "has 2 elements; must be none, one or three: voters are an odd number");
	if (!pair->preferred)
		pair->preferred = mem_strdup(site->heads[0].name ? site->heads[0].name : "");
	else if (!head_named(site, pair->preferred))
		problems_at(p, NULL, 0, "pair.preferred", "there is no head '%s'", pair->preferred);
	check_links(site, p);
	for (size_t i = 0; i < pair->n_witnesses; i++)
		check_witness(site, i, p);
	check_interfaces(site, p);
	check_fences(site, p);
}

const char *site_head_interface(const struct site *site, size_t i, const char *network)
{
	const struct site_head *h = &site->heads[i];
	const struct site_pair *pair = &site->pair;

	if (str_eq(h->network, network))
		return h->interface;
	for (size_t k = 0; k < pair->n_interfaces; k++)
		if (str_eq(pair->interfaces[k].head, h->name) && str_eq(pair->interfaces[k].network, network))
			return pair->interfaces[k].interface;
	return NULL;
}

const struct site_ip *site_witness_address(const struct site_witness *w, size_t link)
{
	return &w->addresses[link < w->n_addresses ? link : 0];
}

/* What makes sure that this head is off: SITE_FENCE_MANUAL where a person is among it, -1 where nothing is. */
static int fencing_of(const struct site_pair *pair, const char *head)
{
	int all = -1;

	for (size_t i = 0; i < pair->n_fences; i++)
		if (str_eq(pair->fences[i].head, head) && all != SITE_FENCE_MANUAL)
			all = (int)pair->fences[i].driver;
	return all;
}

static void warn_of_head(const struct site_pair *pair, const char *head, struct str_list *out)
{
	const int how = fencing_of(pair, head);

	if (how == -1)
		str_list_addf(
			out,
			"pair: without a witness, and with nothing in pair.fences that switches %s off, nobody ever takes over "
			"when it fails; with the driver \"manual\" an administrator can say that it is off",
			head);
	if (how == SITE_FENCE_MANUAL)
		str_list_addf(
			out,
			"pair: without a witness, and with a person in pair.fences who switches %s off, nobody takes over when "
			"it fails, until an administrator says that it is off",
			head);
}

size_t site_warnings(const struct site *site, struct str_list *out)
{
	const struct site_pair *pair = &site->pair;
	size_t before = out->len;

	if (!pair->given)
		return 0;
	for (size_t i = 0; i < site->n_heads && !pair->n_witnesses; i++)
		warn_of_head(pair, site->heads[i].name, out);
	if (!site->n_vips)
		str_list_addf(out, "pair: there are no service_addresses, so it guards nothing");
	return out->len - before;
}
