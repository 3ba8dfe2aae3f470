/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "site/init_layout.h"
#include "site/site.h"

#include <string.h>

/* The provision network, and this head in it. */
struct addresses {
	bool has4, has6;
	char subnet4[NET4_LEN], subnet6[NET6_LEN], head4[ADDR6_LEN], head6[ADDR6_LEN];
	char pool_first[ADDR6_LEN], pool_last[ADDR6_LEN]; /* "": none */
	struct net4 net4;
};

static bool said(const char *s)
{
	return s && *s;
}

static void put_ipv4(struct json_out *w, const struct site_seed *seed, const struct addresses *a)
{
	json_put_obj(w, "ipv4");
	json_put_str(w, "subnet", a->subnet4);
	if (said(seed->gateway))
		json_put_str(w, "gateway", seed->gateway);
	if (a->pool_first[0]) {
		json_put_obj(w, "pool");
		json_put_str(w, "first", a->pool_first);
		json_put_str(w, "last", a->pool_last);
		json_end_obj(w);
	}
	json_end_obj(w);
}

static void put_network(struct json_out *w, const struct site_seed *seed, const struct addresses *a)
{
	json_put_arr(w, "networks");
	json_put_obj(w, NULL);
	json_put_str(w, "name", "provision");
	json_put_str(w, "role", "provision");
	if (a->has4)
		put_ipv4(w, seed, a);
	if (a->has6) {
		json_put_obj(w, "ipv6");
		json_put_str(w, "subnet", a->subnet6);
		json_end_obj(w);
	}
	json_end_obj(w);
	json_end_arr(w);
}

static void put_head(struct json_out *w, const char *name, const char *interface, const struct addresses *a)
{
	json_put_arr(w, "heads");
	json_put_obj(w, NULL);
	json_put_str(w, "name", name);
	json_put_str(w, "interface", interface);
	json_put_str(w, "network", "provision");
	if (a->head4[0])
		json_put_str(w, "ipv4", a->head4);
	if (a->head6[0])
		json_put_str(w, "ipv6", a->head6);
	json_end_obj(w);
	json_end_arr(w);
}

static void put_service(struct json_out *w, const char *address)
{
	if (!said(address))
		return;
	json_put_arr(w, "service_addresses");
	json_put_obj(w, NULL);
	json_put_str(w, "name", "svc");
	json_put_str(w, "network", "provision");
	json_put_str(w, strchr(address, ':') ? "ipv6" : "ipv4", address);
	json_end_obj(w);
	json_end_arr(w);
}

static void put_nodes(struct json_out *w, const struct site_seed *seed, const char *layout)
{
	autofree char *layouts = str_format("[%s]", layout);
	autofree char *name = site_init_layout_name(seed);

	json_put_arr(w, "images");
	json_put_obj(w, NULL);
	json_put_str(w, "name", "compute");
	json_put_str(w, "suite", seed->suite ? seed->suite : "bookworm");
	if (seed->packages && seed->packages->len)
		json_put_strs(w, "packages", seed->packages);
	json_end_obj(w);
	json_end_arr(w);
	json_put_raw(w, "disk_layouts", layouts);
	json_put_arr(w, "groups");
	json_put_obj(w, NULL);
	json_put_str(w, "name", "compute");
	json_put_str(w, "image", "compute");
	json_put_str(w, "layout", name);
	json_end_obj(w);
	json_end_arr(w);
}

static const char *cluster_of(const struct site_seed *seed)
{
	return seed->cluster ? seed->cluster : "cluster";
}

static void put_time(struct json_out *w, const struct site_seed *seed)
{
	json_put_obj(w, "time");
	if (said(seed->timezone))
		json_put_str(w, "zone", seed->timezone);
	if (seed->ntp && seed->ntp->len)
		json_put_strs(w, "servers", seed->ntp);
	json_end_obj(w);
}

static void put_machines(struct json_out *w, const struct site_seed *seed)
{
	json_put_obj(w, "enrol");
	json_put_bool(w, "trust_mac", seed->trust_mac);
	json_end_obj(w);
	json_put_obj(w, "netboot");
	if (said(seed->unknown))
		json_put_str(w, "unknown", seed->unknown);
	json_end_obj(w);
	json_put_obj(w, "console");
	if (!str_eq(seed->serial, "off"))
		json_put_str(w, "serial", said(seed->serial) ? seed->serial : "ttyS0,115200");
	json_end_obj(w);
	if (seed->admin_keys && seed->admin_keys->len)
		json_put_strs(w, "admin_ssh_keys", seed->admin_keys);
}

static void put_site(const struct site_seed *seed, const struct addresses *a, const char *layout, struct json_out *w)
{
	const char *cluster = cluster_of(seed);
	autofree char *domain = seed->domain ? mem_strdup(seed->domain) : str_format("%s.internal", cluster);

	json_put_obj(w, NULL);
	json_put_u64(w, "format", 1);
	json_put_obj(w, "cluster");
	json_put_str(w, "name", cluster);
	json_put_str(w, "domain", domain);
	json_end_obj(w);
	put_time(w, seed);
	put_network(w, seed, a);
	put_head(w, seed->head_name ? seed->head_name : "head1", seed->interface ? seed->interface : "eth0", a);
	put_service(w, seed->service_address);
	put_nodes(w, seed, layout);
	put_machines(w, seed);
	json_end_obj(w);
}

/* A prefix of its own for this cluster: fd, 40 bits that nobody else has, and subnet 0 (RFC 4193, 3.1). */
static void own_prefix(const struct site_seed *seed, struct net6 *out)
{
	autofree char *text = str_format("orthrus unique local prefix\n%s\n%s\n", cluster_of(seed), seed->unique);
	struct digest d;

	digest_of(text, strlen(text), &d);
	*out = (struct net6){ .base = { .bytes = { 0xfd } }, .prefix = 64 };
	memcpy(out->base.bytes + 1, d.bytes, 5);
}

static int find_subnet6(const struct site_seed *seed, struct addresses *a, struct err *err)
{
	struct net6 net;

	a->has6 = seed->ipv6 ? !str_eq(seed->ipv6, "off") : seed->unique != NULL;
	if (!a->has6)
		return 0;
	if (!seed->ipv6)
		own_prefix(seed, &net);
	else if (net6_read(seed->ipv6, &net, err) < 0)
		return err_wrap(err, "IPv6");
	if (net.prefix > 64)
		return err_set(err, ERR_INVALID, "IPv6: %s has no /64 in it, which the provision network needs", seed->ipv6);
	net.prefix = 64;
	net6_print(&net, a->subnet6);
	return 0;
}

/* The head's address, unless another is given, is the first one; what is wrong with it is said by the reader, with the path in
 * the file. With both families the other is left to the reader too: it has the same host number. */
static int find_head(const struct site_seed *seed, struct addresses *a, struct err *err)
{
	const char *given = seed->head_addr;
	struct net4 net4;
	struct net6 net6;
	struct addr6 first6;
	bool six = given && strchr(given, ':');

	if (given && strlen(given) >= sizeof(a->head6))
		return err_set(err, ERR_INVALID, "the head's address: '%.80s' is none", given);
	if (given)
		memcpy(six ? a->head6 : a->head4, given, strlen(given) + 1);
	if (a->has4 && !a->head4[0]) {
		if (net4_read(a->subnet4, &net4, err) < 0)
			return err_wrap(err, "subnet");
		addr4_print(net4.base + 1, a->head4);
	}
	if (a->has4 || !a->has6 || a->head6[0])
		return 0;
	if (net6_read(a->subnet6, &net6, err) < 0)
		return -1;
	if (net6_at(&net6, 1, &first6))
		addr6_print(&first6, a->head6);
	return 0;
}

static uint32_t address_of(const char *text)
{
	struct err ignored;
	uint32_t a = 0;

	return said(text) && !strchr(text, ':') && addr4_read(text, &a, &ignored) == 0 ? a : 0;
}

/* At the subnet's end, far from where nodes are, and below whatever has an address there already. */
static int own_pool(const struct site_seed *seed, struct addresses *a, struct err *err)
{
	const uint32_t taken[] = { address_of(a->head4), address_of(seed->gateway), address_of(seed->service_address) };
	uint32_t last = net4_broadcast(&a->net4) - 1, hosts = last - a->net4.base, size = hosts / 4 < 510 ? hosts / 4 : 510;

	for (size_t i = 0; size && i < ARRAY_LEN(taken); i++)
		if (taken[i] && taken[i] <= last && taken[i] > last - size) {
			last = taken[i] - 1;
			i = (size_t)-1; /* the others again */
		}
	if (!size || last < a->net4.base + size)
		return err_set(err, ERR_INVALID, "pool: %s has no room for machines that are not known yet; take a larger subnet",
			       a->subnet4);
	addr4_print(last - size + 1, a->pool_first);
	addr4_print(last, a->pool_last);
	return 0;
}

static int find_pool(const struct site_seed *seed, struct addresses *a, struct err *err)
{
	const char *dash = said(seed->pool) ? strchr(seed->pool, '-') : NULL;
	size_t len = dash ? (size_t)(dash - seed->pool) : 0;

	if (!said(seed->pool))
		return a->has4 && str_eq(seed->unknown, "discover") ? own_pool(seed, a, err) : 0;
	if (str_eq(seed->pool, "off"))
		return 0;
	if (!dash || len >= sizeof(a->pool_first) || strlen(dash + 1) >= sizeof(a->pool_last))
		return err_set(err, ERR_INVALID, "pool: '%.80s' is not FIRST-LAST, like 10.1.254.1-10.1.255.254", seed->pool);
	if (!a->has4)
		return err_set(err, ERR_INVALID, "pool: %.80s, but the network has no IPv4", seed->pool);
	memcpy(a->pool_first, seed->pool, len);
	memcpy(a->pool_last, dash + 1, strlen(dash + 1) + 1);
	return 0;
}

int site_init(const struct site_seed *seed, struct site *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 }, layout = { 0 };
	const char *subnet = seed->subnet ? seed->subnet : "10.1.0.0/16";
	struct addresses a = { .has4 = !str_eq(subnet, "off") };
	struct json_out w;

	if (a.has4) {
		if (net4_read(subnet, &a.net4, err) < 0)
			return err_wrap(err, "subnet");
		net4_print(&a.net4, a.subnet4);
	}
	if (find_subnet6(seed, &a, err) < 0)
		return -1;
	if (!a.has4 && !a.has6)
		return err_set(err, ERR_INVALID, "a network has IPv4, IPv6 or both: both are off");
	if (!a.has4 && said(seed->gateway))
		return err_set(err, ERR_INVALID, "gateway: %.80s, but the network has no IPv4", seed->gateway);
	if (find_head(seed, &a, err) < 0 || find_pool(seed, &a, err) < 0 || site_init_layout(seed, &layout, err) < 0)
		return -1;
	json_out_init(&w, &text, false);
	put_site(seed, &a, buf_str(&layout), &w);
	return site_read(buf_str(&text), text.len, "new site", out, err);
}
