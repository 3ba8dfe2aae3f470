/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "base/mem.h"
#include "site/problems.h"
#include "site/site.h"

#include <string.h>

static void put_addr4(struct json_out *w, const char *key, uint32_t a)
{
	char text[ADDR4_LEN];

	addr4_print(a, text);
	json_put_str(w, key, text);
}

static void put_addr6(struct json_out *w, const char *key, const struct addr6 *a)
{
	char text[ADDR6_LEN];

	addr6_print(a, text);
	json_put_str(w, key, text);
}

static void put_optional(struct json_out *w, const char *key, const char *value)
{
	if (value)
		json_put_str(w, key, value);
}

static void print_ipv4(const struct site_network *n, struct json_out *w)
{
	char subnet[NET4_LEN];

	net4_print(&n->net4, subnet);
	json_put_obj(w, "ipv4");
	json_put_str(w, "subnet", subnet);
	if (n->gateway4)
		put_addr4(w, "gateway", n->gateway4);
	if (n->pool4_first) {
		json_put_obj(w, "pool");
		put_addr4(w, "first", n->pool4_first);
		put_addr4(w, "last", n->pool4_last);
		json_end_obj(w);
	}
	json_end_obj(w);
}

static void print_ipv6(const struct site_network *n, struct json_out *w)
{
	char subnet[NET6_LEN];

	net6_print(&n->net6, subnet);
	json_put_obj(w, "ipv6");
	json_put_str(w, "subnet", subnet);
	if (n->has_gateway6)
		put_addr6(w, "gateway", &n->gateway6);
	if (n->has_pool6) {
		json_put_obj(w, "pool");
		put_addr6(w, "first", &n->pool6_first);
		put_addr6(w, "last", &n->pool6_last);
		json_end_obj(w);
	}
	json_end_obj(w);
}

static void print_network(const struct site_network *n, struct json_out *w)
{
	static const char *const roles[] = {
		[SITE_PROVISION] = "provision",
		[SITE_COMPUTE] = "compute",
		[SITE_BMC] = "bmc",
		[SITE_OUTSIDE] = "outside",
	};

	json_put_obj(w, NULL);
	json_put_str(w, "name", n->name);
	json_put_str(w, "role", roles[n->role]);
	if (n->has4)
		print_ipv4(n, w);
	if (n->has6)
		print_ipv6(n, w);
	if (n->vlan)
		json_put_u64(w, "vlan", n->vlan);
	if (n->mtu)
		json_put_u64(w, "mtu", n->mtu);
	if (n->bond_mode) {
		json_put_obj(w, "bond");
		json_put_str(w, "mode", n->bond_mode);
		json_put_strs(w, "ports", &n->bond_ports);
		json_end_obj(w);
	}
	json_put_strs(w, "dns", &n->dns);
	json_end_obj(w);
}

static void print_addresses(const struct site *site, struct json_out *w)
{
	json_put_arr(w, "heads");
	for (size_t i = 0; i < site->n_heads; i++) {
		const struct site_head *h = &site->heads[i];

		json_put_obj(w, NULL);
		json_put_str(w, "name", h->name);
		json_put_str(w, "interface", h->interface);
		json_put_str(w, "network", h->network);
		if (h->addr4)
			put_addr4(w, "ipv4", h->addr4);
		if (h->has6)
			put_addr6(w, "ipv6", &h->addr6);
		json_end_obj(w);
	}
	json_end_arr(w);
	json_put_arr(w, "service_addresses");
	for (size_t i = 0; i < site->n_vips; i++) {
		const struct site_vip *v = &site->vips[i];

		json_put_obj(w, NULL);
		json_put_str(w, "name", v->name);
		json_put_str(w, "network", v->network);
		if (v->addr4)
			put_addr4(w, "ipv4", v->addr4);
		if (v->has6)
			put_addr6(w, "ipv6", &v->addr6);
		json_end_obj(w);
	}
	json_end_arr(w);
}

static void print_images(const struct site *site, struct json_out *w)
{
	json_put_arr(w, "images");
	for (size_t i = 0; i < site->n_images; i++) {
		const struct site_image *m = &site->images[i];

		json_put_obj(w, NULL);
		json_put_str(w, "name", m->name);
		json_put_str(w, "suite", m->suite);
		put_optional(w, "mirror", m->mirror);
		json_put_strs(w, "packages", &m->packages);
		json_end_obj(w);
	}
	json_end_arr(w);
}

static bool same_list(const struct str_list *a, const struct str_list *b)
{
	bool same = a->len == b->len;

	for (size_t i = 0; same && i < a->len; i++)
		same = str_eq(a->items[i], b->items[i]);
	return same;
}

static void print_bmc(const char *protocol, const char *user, struct json_out *w)
{
	if (!protocol && !user)
		return;
	json_put_obj(w, "bmc");
	put_optional(w, "protocol", protocol);
	put_optional(w, "user", user);
	json_end_obj(w);
}

/* What a group has from its parent is not said again, so that it still follows the parent when that is edited. */
static void print_group(const struct site *site, const struct site_group *g, struct json_out *w)
{
	static const struct site_group nothing = { 0 };
	const struct site_group *up = site_group(site, g->extends);

	if (!up)
		up = &nothing;
	json_put_obj(w, NULL);
	json_put_str(w, "name", g->name);
	put_optional(w, "extends", g->extends);
	put_optional(w, "image", str_eq(g->image, up->image) ? NULL : g->image);
	put_optional(w, "layout", str_eq(g->layout, up->layout) ? NULL : g->layout);
	put_optional(w, "network", str_eq(g->network, up->network) ? NULL : g->network);
	if (!same_list(&g->kernel_args, &up->kernel_args))
		json_put_strs(w, "kernel_args", &g->kernel_args);
	put_optional(w, "boot", str_eq(g->boot, up->boot) ? NULL : g->boot);
	print_bmc(str_eq(g->bmc_protocol, up->bmc_protocol) ? NULL : g->bmc_protocol,
		  str_eq(g->bmc_user, up->bmc_user) ? NULL : g->bmc_user, w);
	site_interfaces_print(&g->interfaces, w);
	json_end_obj(w);
}

static void print_keys(const struct site *site, struct json_out *w)
{
	const char *p = site->admin_keys ? site->admin_keys : "";

	json_put_arr(w, "admin_ssh_keys");
	while (*p) {
		size_t len = strcspn(p, "\n");
		autofree char *key = mem_strndup(p, len);

		json_put_str(w, NULL, key);
		p += len + (p[len] == '\n');
	}
	json_end_arr(w);
}

static void print_small(const struct site *site, struct json_out *w)
{
	json_put_obj(w, "enrol");
	json_put_bool(w, "trust_mac", site->trust_mac);
	json_end_obj(w);
	json_put_obj(w, "netboot");
	json_put_str(w, "unknown", site->discover ? "discover" : "disk");
	json_end_obj(w);
	json_put_obj(w, "api");
	json_put_u64(w, "port", site->api_port);
	json_end_obj(w);
	site_cast_print(&site->cast, w);
	site_pair_print(&site->pair, w);
	json_put_obj(w, "console");
	put_optional(w, "serial", site->serial_console);
	json_end_obj(w);
	print_keys(site, w);
}

void site_print(const struct site *site, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, true);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "format", site->format);
	json_put_obj(&w, "cluster");
	json_put_str(&w, "name", site->cluster);
	json_put_str(&w, "domain", site->domain);
	json_end_obj(&w);
	json_put_obj(&w, "time");
	json_put_str(&w, "zone", site->timezone);
	json_put_strs(&w, "servers", &site->ntp);
	json_end_obj(&w);
	json_put_arr(&w, "networks");
	for (size_t i = 0; i < site->n_networks; i++)
		print_network(&site->networks[i], &w);
	json_end_arr(&w);
	print_addresses(site, &w);
	print_images(site, &w);
	json_put_arr(&w, "disk_layouts");
	for (size_t i = 0; i < site->n_layouts; i++)
		layout_print(&site->layouts[i], &w, NULL);
	json_end_arr(&w);
	json_put_arr(&w, "groups");
	for (size_t i = 0; i < site->n_groups; i++)
		print_group(site, &site->groups[i], &w);
	json_end_arr(&w);
	json_put_arr(&w, "nodes");
	for (size_t i = 0; i < site->n_nodes; i++)
		site_node_print(&site->nodes[i], &w);
	json_end_arr(&w);
	print_small(site, &w);
	json_end_obj(&w);
}
