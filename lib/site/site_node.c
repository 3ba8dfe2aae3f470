/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is different for single nodes, and which address a node has on a network that it does not boot from. */
#include "base/json.h"
#include "base/mem.h"
#include "site/interfaces.h"
#include "site/problems.h"
#include "site/site.h"
#include "site/words.h"

static int read_addr4(struct json_obj *o, uint32_t *out, struct err *err)
{
	autofree char *text = NULL;
	struct err why = { 0 };

	if (json_str(o, "ipv4", JSON_MAY, &text, err) < 0)
		return -1;
	return text && addr4_read(text, out, &why) < 0 ? json_bad(o, "ipv4", err, "%s", why.text) : 0;
}

static int read_addr6(struct json_obj *o, struct site_address *out, struct err *err)
{
	autofree char *text = NULL;
	struct err why = { 0 };

	if (json_str(o, "ipv6", JSON_MAY, &text, err) < 0)
		return -1;
	out->has6 = text != NULL;
	return text && addr6_read(text, &out->addr6, &why) < 0 ? json_bad(o, "ipv6", err, "%s", why.text) : 0;
}

static int read_address(struct json_obj *o, struct site_address *out, struct err *err)
{
	if (json_str(o, "network", JSON_MUST, &out->network, err) < 0 || read_addr4(o, &out->addr4, err) < 0 ||
	    read_addr6(o, out, err) < 0)
		return -1;
	if (!out->has6 && !json_has(o, "ipv4"))
		return json_bad(o, "ipv4", err, "is missing; an address is ipv4, ipv6 or both");
	if (json_has(o, "ipv4") && !out->addr4) /* stands for "none" */
		return json_bad(o, "ipv4", err, "0.0.0.0 is no machine's address");
	return json_obj_end(o, err);
}

int site_node_read(struct json_obj *o, void *node, struct err *err)
{
	struct site_node *n = node;
	struct json_arr a;
	int found;

	if (site_read_word(o, "name", JSON_MUST, word_machine, &n->name, err) < 0 ||
	    site_interfaces_read(o, &n->interfaces, err) < 0)
		return -1;
	found = json_arr_max(o, "addresses", JSON_MAY, 64, &a, err);
	if (found < 0)
		return -1;
	n->addresses = found ? mem_array(a.len, sizeof(*n->addresses)) : NULL;
	while (found && n->n_addresses < a.len) {
		struct json_obj e;

		if (json_arr_obj(&a, n->n_addresses++, &e, err) < 0 ||
		    read_address(&e, &n->addresses[n->n_addresses - 1], err) < 0)
			return -1;
	}
	return json_obj_end(o, err);
}

void site_node_print(const struct site_node *n, struct json_out *w)
{
	char text[ADDR6_LEN];

	json_put_obj(w, NULL);
	json_put_str(w, "name", n->name);
	site_interfaces_print(&n->interfaces, w);
	if (n->n_addresses)
		json_put_arr(w, "addresses");
	for (size_t i = 0; i < n->n_addresses; i++) {
		const struct site_address *a = &n->addresses[i];

		json_put_obj(w, NULL);
		json_put_str(w, "network", a->network);
		addr4_print(a->addr4, text);
		if (a->addr4)
			json_put_str(w, "ipv4", text);
		addr6_print(&a->addr6, text);
		if (a->has6)
			json_put_str(w, "ipv6", text);
		json_end_obj(w);
	}
	if (n->n_addresses)
		json_end_arr(w);
	json_end_obj(w);
}

void site_node_free(struct site_node *n)
{
	free(n->name);
	site_interfaces_free(&n->interfaces);
	for (size_t i = 0; i < n->n_addresses; i++)
		free(n->addresses[i].network);
	free(n->addresses);
	*n = (struct site_node){ 0 };
}

const struct site_node *site_node(const struct site *site, const char *name)
{
	for (size_t i = 0; i < site->n_nodes; i++)
		if (str_eq(site->nodes[i].name, name))
			return &site->nodes[i];
	return NULL;
}

/* The address that site.json names for this node on this network, or NULL. */
static const struct site_address *named(const struct site_node *n, const struct site_network *net)
{
	for (size_t i = 0; n && i < n->n_addresses; i++)
		if (str_eq(n->addresses[i].network, net->name))
			return &n->addresses[i];
	return NULL;
}

/* Whose the address is already, or NULL; the caller frees. Exactly one of the two is given. */
static char *holder(const struct site *site, const struct site_network *net, const char *node, uint32_t a4,
		    const struct addr6 *a6)
{
	for (size_t i = 0; i < site->n_heads; i++) {
		const struct site_head *h = &site->heads[i];

		if (a6 ? h->has6 && addr6_same(&h->addr6, a6) : h->addr4 == a4)
			return str_format("the head %s's", h->name);
	}
	for (size_t i = 0; site->pair.given && i < SITE_PAIR * site->pair.n_links; i++) {
		const struct site_ip *ip = &site->pair.links[i / SITE_PAIR].heads[i % SITE_PAIR];

		if (a6 ? ip->six && addr6_same(&ip->addr6, a6) : !ip->six && ip->addr4 == a4)
			return str_format("the head %s's (pair.links[%zu])", site->heads[i % SITE_PAIR].name, i / SITE_PAIR);
	}
	for (size_t i = 0; i < site->n_vips; i++) {
		const struct site_vip *v = &site->vips[i];

		if (a6 ? v->has6 && addr6_same(&v->addr6, a6) : v->addr4 == a4)
			return str_format("the service address '%s'", v->name);
	}
	if (a6 ? net->has_gateway6 && addr6_same(&net->gateway6, a6) : net->gateway4 == a4)
		return mem_strdup("the gateway's");
	if (a6 ? site_in_pool6(net, a6) : net->pool4_first && a4 >= net->pool4_first && a4 <= net->pool4_last)
		return mem_strdup("in the network's pool");
	for (size_t i = 0; i < site->n_nodes; i++) {
		const struct site_address *other = named(&site->nodes[i], net);

		if (other && !str_eq(site->nodes[i].name, node) &&
		    (a6 ? other->has6 && addr6_same(&other->addr6, a6) : other->addr4 == a4))
			return str_format("%s's (nodes[%zu].addresses)", site->nodes[i].name, i);
	}
	return NULL;
}

static int taken(const struct site_network *net, const char *node, const char *addr, const char *who, struct err *err)
{
	err_set(err, ERR_EXISTS, "%s: its address on the network '%s', %s, is %s", node, net->name, addr, who);
	return err_hint(err, "give it another one with nodes[].addresses in site.json");
}

static int no_host(const struct site_network *net, const char *node, const char *subnet, uint64_t host, struct err *err)
{
	err_set(err, ERR_INVALID,
		"%s: its number on the provision network is %llu, and the network '%s' (%s) has no such address", node,
		(unsigned long long)host, net->name, subnet);
	return err_hint(err, "make that subnet larger, or name an address with nodes[].addresses in site.json");
}

int site_node_addr4(const struct site *site, const struct site_network *net, const char *node, uint64_t host, uint32_t *out,
		    struct err *err)
{
	const struct site_address *own = named(site_node(site, node), net);
	uint32_t a = own && own->addr4 ? own->addr4 : 0;
	autofree char *who = NULL;
	char text[ADDR4_LEN], subnet[NET4_LEN];

	net4_print(&net->net4, subnet);
	if (!a && !net4_at(&net->net4, host, &a))
		return no_host(net, node, subnet, host, err);
	who = holder(site, net, node, a, NULL);
	addr4_print(a, text);
	if (who)
		return taken(net, node, text, who, err);
	*out = a;
	return 0;
}

int site_node_addr6(const struct site *site, const struct site_network *net, const char *node, uint64_t host, struct addr6 *out,
		    struct err *err)
{
	const struct site_address *own = named(site_node(site, node), net);
	struct addr6 a;
	autofree char *who = NULL;
	char text[ADDR6_LEN], subnet[NET6_LEN];

	net6_print(&net->net6, subnet);
	if (own && own->has6)
		a = own->addr6;
	else if (!net6_at(&net->net6, host, &a))
		return no_host(net, node, subnet, host, err);
	who = holder(site, net, node, 0, &a);
	addr6_print(&a, text);
	if (who)
		return taken(net, node, text, who, err);
	*out = a;
	return 0;
}
