/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "cast.relays" of site.json: which subnets casts are brought into, and by whom. */
#include "base/json.h"
#include "base/mem.h"
#include "site/problems.h"
#include "site/site.h"
#include "site/words.h"

#include <string.h>

static int read_relay(struct json_obj *o, struct site_relay *r, struct err *err)
{
	autofree char *text4 = NULL, *text6 = NULL;
	struct err why = { 0 };

	if (json_str(o, "network", JSON_MUST, &r->network, err) < 0 ||
	    site_read_word(o, "machine", JSON_MUST, word_machine, &r->machine, err) < 0 ||
	    json_str(o, "ipv4", JSON_MAY, &text4, err) < 0 || json_str(o, "ipv6", JSON_MAY, &text6, err) < 0 ||
	    json_str(o, "from", JSON_MAY, &r->from, err) < 0)
		return -1;
	if (text4 && addr4_read(text4, &r->addr4, &why) < 0)
		return json_bad(o, "ipv4", err, "%s", why.text);
	if (text6 && addr6_read(text6, &r->addr6, &why) < 0)
		return json_bad(o, "ipv6", err, "%s", why.text);
	r->has6 = text6 != NULL;
	return json_obj_end(o, err);
}

int site_relays_read(struct json_obj *cast, struct site_cast *c, struct err *err)
{
	struct json_arr a;
	int found = json_arr_max(cast, "relays", JSON_MAY, SITE_RELAYS_MAX, &a, err);

	if (found <= 0)
		return found;
	c->relays = mem_array(a.len ? a.len : 1, sizeof(*c->relays));
	for (; c->n_relays < a.len; c->n_relays++) {
		struct site_relay r = { 0 };
		struct json_obj o;
		int rc = json_arr_obj(&a, c->n_relays, &o, err);

		rc = rc < 0 ? rc : read_relay(&o, &r, err);
		c->relays[c->n_relays] = r;
		if (rc < 0) {
			c->n_relays++;
			return -1;
		}
	}
	return 0;
}

void site_relays_free(struct site_cast *c)
{
	for (size_t i = 0; i < c->n_relays; i++) {
		free(c->relays[i].network);
		free(c->relays[i].machine);
		free(c->relays[i].from);
	}
	free(c->relays);
	c->relays = NULL;
	c->n_relays = 0;
}

void site_relays_print(const struct site_cast *c, struct json_out *w)
{
	char addr[ADDR6_LEN];

	if (!c->n_relays)
		return;
	json_put_arr(w, "relays");
	for (size_t i = 0; i < c->n_relays; i++) {
		const struct site_relay *r = &c->relays[i];

		json_put_obj(w, NULL);
		json_put_str(w, "network", r->network);
		json_put_str(w, "machine", r->machine);
		if (r->addr4) {
			addr4_print(r->addr4, addr);
			json_put_str(w, "ipv4", addr);
		}
		if (r->has6) {
			addr6_print(&r->addr6, addr);
			json_put_str(w, "ipv6", addr);
		}
		if (r->from)
			json_put_str(w, "from", r->from);
		json_end_obj(w);
	}
	json_end_arr(w);
}

const struct site_relay *site_relay(const struct site_cast *c, const char *network)
{
	for (size_t i = 0; i < c->n_relays; i++)
		if (network && str_eq(c->relays[i].network, network))
			return &c->relays[i];
	return NULL;
}

const struct site_relay *site_relay_first(const struct site_cast *c, const struct site_relay *r)
{
	for (size_t i = 0; r && r->from && i < c->n_relays; i++)
		r = site_relay(c, r->from);
	return r;
}

static void print_address(bool six, uint32_t a4, const struct addr6 *a6, char out[ADDR6_LEN])
{
	if (six)
		addr6_print(a6, out);
	else
		addr4_print(a4, out);
}

static void add_relay(bool six, const struct site_relay *r, struct str_list *out)
{
	char text[ADDR6_LEN];

	print_address(six, r->addr4, &r->addr6, text);
	str_list_add(out, text);
}

void site_relay_role(const struct site *site, const struct site_relay *r, struct site_relay_role *out)
{
	const struct site_cast *c = &site->cast;
	const bool six = !site_provision(site)->has4;
	const struct site_relay *before = site_relay(c, r->from);
	struct addr6 group6;
	char text[ADDR6_LEN];

	*out = (struct site_relay_role){ .port = c->port };
	site_cast_group6(c, 0, &group6);
	print_address(six, site_cast_group4(c, 0), &group6, out->group);
	print_address(six, r->addr4, &r->addr6, out->address);
	if (before)
		add_relay(six, before, &out->from);
	for (size_t i = 0; !before && i < site->n_heads; i++) {
		print_address(six, site->heads[i].addr4, &site->heads[i].addr6, text);
		str_list_add(&out->from, text);
	}
	for (size_t i = 0; i < c->n_relays; i++)
		if (c->relays[i].from && str_eq(c->relays[i].from, r->network))
			add_relay(six, &c->relays[i], &out->to);
}

void site_relay_role_free(struct site_relay_role *role)
{
	str_list_free(&role->from);
	str_list_free(&role->to);
}

void site_relay_words(const struct site_relay_role *role, struct buf *out)
{
	buf_addf(out, "--address %s --port %llu --group %s", role->address, (unsigned long long)role->port, role->group);
	for (size_t i = 0; i < role->from.len; i++)
		buf_addf(out, " --from %s", role->from.items[i]);
	for (size_t i = 0; i < role->to.len; i++)
		buf_addf(out, " --to %s", role->to.items[i]);
}

static void check_address(const struct site *site, size_t i, size_t network, struct problems *p)
{
	const struct site_relay *r = &site->cast.relays[i];
	const struct site_network *n = &site->networks[network], *provision = site_provision(site);

	if (r->addr4 && !n->has4)
		problems_at(p, "cast.relays", i, "ipv4", "networks[%zu] (%s) has no IPv4", network, n->name);
	else if (r->addr4)
		site_check_host4(site, network, "cast.relays", i, "ipv4", r->addr4, p);
	if (r->has6 && !n->has6)
		problems_at(p, "cast.relays", i, "ipv6", "networks[%zu] (%s) has no IPv6", network, n->name);
	else if (r->has6)
		site_check_host6(site, network, "cast.relays", i, "ipv6", &r->addr6, p);
	/* Casts go by IPv4 where the provision network has it. */
	if (provision && provision->has4 && !r->addr4)
		problems_at(p, "cast.relays", i, "ipv4", "is missing; casts go by IPv4, since network '%s' has it",
			    provision->name);
	if (provision && !provision->has4 && !r->has6)
		problems_at(p, "cast.relays", i, "ipv6", "is missing; casts go by IPv6, since network '%s' has no IPv4",
			    provision->name);
}

static void check_network(const struct site *site, size_t i, struct problems *p)
{
	const struct site_relay *r = &site->cast.relays[i];
	const struct site_network *n = site_network(site, r->network);

	if (!n)
		problems_at(p, "cast.relays", i, "network", "there is no network '%s'", r->network);
	else if (n->role == SITE_PROVISION)
		problems_at(p, "cast.relays", i, "network", "'%s' is the provision network, which the heads reach themselves",
			    r->network);
	else
		check_address(site, i, (size_t)(n - site->networks), p);
}

static void check_from(const struct site *site, size_t i, struct problems *p)
{
	const struct site_cast *c = &site->cast;
	const struct site_relay *r = &c->relays[i], *first;

	if (!r->from)
		return;
	if (!site_relay(c, r->from)) {
		problems_at(p, "cast.relays", i, "from", "no relay is for network '%s'; without \"from\" the head sends to it",
			    r->from);
		return;
	}
	first = site_relay_first(c, r);
	if (first && first->from && site_relay(c, first->from))
		problems_at(p, "cast.relays", i, "from", "'%s' gets its packets from here again: they would go round and round",
			    r->from);
}

void site_relays_check(const struct site *site, struct problems *p)
{
	const struct site_cast *c = &site->cast;

	if (p->broken[PART_OTHER]) /* what is missing here may be what could not be read */
		return;
	for (size_t i = 0; i < c->n_relays; i++) {
		const struct site_relay *r = &c->relays[i];

		for (size_t k = 0; k < i; k++)
			if (str_eq(r->network, c->relays[k].network))
				problems_at(p, "cast.relays", i, "network", "'%s' has a relay already: cast.relays[%zu]",
					    r->network, k);
		if (!p->broken[PART_NETWORKS])
			check_network(site, i, p);
		check_from(site, i, p);
	}
}
