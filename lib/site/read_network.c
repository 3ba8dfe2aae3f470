/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "base/mem.h"
#include "site/problems.h"
#include "site/site.h"
#include "site/words.h"

#include <string.h>

/* An IPv4 address; *out stays as it is when the key is absent. */
static int read_addr4(struct json_obj *o, const char *key, enum json_need need, uint32_t *out, struct err *err)
{
	autofree char *text = NULL;
	struct err why = { 0 };

	if (json_str(o, key, need, &text, err) < 0)
		return -1;
	if (text && addr4_read(text, out, &why) < 0)
		return json_bad(o, key, err, "%s", why.text);
	if (text && *out == 0) /* stands for "none" in struct site */
		return json_bad(o, key, err, "0.0.0.0 is no machine's address");
	return 0;
}

/* The same for IPv6; *has says whether there is one. */
static int read_addr6(struct json_obj *o, const char *key, enum json_need need, bool *has, struct addr6 *out, struct err *err)
{
	static const struct addr6 none = { { 0 } };
	autofree char *text = NULL;
	struct err why = { 0 };

	if (json_str(o, key, need, &text, err) < 0)
		return -1;
	if (text && addr6_read(text, out, &why) < 0)
		return json_bad(o, key, err, "%s", why.text);
	*has = text != NULL;
	if (*has && memcmp(out->bytes, none.bytes, sizeof(none.bytes)) == 0)
		return json_bad(o, key, err, ":: is no machine's address");
	return 0;
}

static int read_pool(struct json_obj *ipv4, struct site_network *n, struct err *err)
{
	struct json_obj o;
	int found = json_obj(ipv4, "pool", JSON_MAY, &o, err);

	if (found <= 0)
		return found;
	if (read_addr4(&o, "first", JSON_MUST, &n->pool4_first, err) < 0 ||
	    read_addr4(&o, "last", JSON_MUST, &n->pool4_last, err) < 0) {
		n->pool4_first = n->pool4_last = 0; /* half a pool would only make for another complaint */
		return -1;
	}
	return json_obj_end(&o, err);
}

static int read_ipv4(struct json_obj *network, struct site_network *n, struct err *err)
{
	autofree char *subnet = NULL;
	struct err why = { 0 };
	struct json_obj o;
	int found = json_obj(network, "ipv4", JSON_MAY, &o, err);

	if (found <= 0)
		return found;
	if (json_str(&o, "subnet", JSON_MUST, &subnet, err) < 0)
		return -1;
	if (net4_read(subnet, &n->net4, &why) < 0)
		return json_bad(&o, "subnet", err, "%s", why.text);
	n->has4 = true;
	if (read_addr4(&o, "gateway", JSON_MAY, &n->gateway4, err) < 0 || read_pool(&o, n, err) < 0)
		return -1;
	return json_obj_end(&o, err);
}

static int read_pool6(struct json_obj *ipv6, struct site_network *n, struct err *err)
{
	struct json_obj o;
	bool has_first, has_last;
	int found = json_obj(ipv6, "pool", JSON_MAY, &o, err);

	if (found <= 0)
		return found;
	if (read_addr6(&o, "first", JSON_MUST, &has_first, &n->pool6_first, err) < 0 ||
	    read_addr6(&o, "last", JSON_MUST, &has_last, &n->pool6_last, err) < 0)
		return -1;
	n->has_pool6 = true;
	return json_obj_end(&o, err);
}

static int read_ipv6(struct json_obj *network, struct site_network *n, struct err *err)
{
	autofree char *subnet = NULL;
	struct err why = { 0 };
	struct json_obj o;
	int found = json_obj(network, "ipv6", JSON_MAY, &o, err);

	if (found <= 0)
		return found;
	if (json_str(&o, "subnet", JSON_MUST, &subnet, err) < 0)
		return -1;
	if (net6_read(subnet, &n->net6, &why) < 0)
		return json_bad(&o, "subnet", err, "%s", why.text);
	n->has6 = true;
	if (read_addr6(&o, "gateway", JSON_MAY, &n->has_gateway6, &n->gateway6, err) < 0 || read_pool6(&o, n, err) < 0)
		return -1;
	return json_obj_end(&o, err);
}

static int read_bond(struct json_obj *network, struct site_network *n, struct err *err)
{
	static const char *const modes[] = { "active-backup", "802.3ad", NULL };
	struct json_obj o;
	int found = json_obj(network, "bond", JSON_MAY, &o, err), mode = 0;

	if (found <= 0)
		return found;
	if (json_enum(&o, "mode", JSON_MUST, modes, &mode, err) < 0 ||
	    site_read_words(&o, "ports", word_interface, &n->bond_ports, err) < 0)
		return -1;
	if (n->bond_ports.len == 0)
		return json_bad(&o, "ports", err, "must name at least one interface");
	n->bond_mode = mem_strdup(modes[mode]);
	return json_obj_end(&o, err);
}

static int read_network(struct json_obj *o, void *item, struct err *err)
{
	static const char *const roles[] = {
		[SITE_PROVISION] = "provision", [SITE_COMPUTE] = "compute", [SITE_BMC] = "bmc", [SITE_OUTSIDE] = "outside", NULL,
	};
	struct site_network *n = item;
	uint64_t vlan = 0, mtu = 0;
	int role = SITE_PROVISION;

	if (site_read_word(o, "name", JSON_MUST, str_check_name, &n->name, err) < 0 ||
	    json_enum(o, "role", JSON_MUST, roles, &role, err) < 0)
		return -1;
	n->role = (enum site_role)role;
	if (read_ipv4(o, n, err) < 0 || read_ipv6(o, n, err) < 0 || json_u64(o, "vlan", JSON_MAY, 1, 4094, &vlan, err) < 0 ||
	    json_u64(o, "mtu", JSON_MAY, 576, 9216, &mtu, err) < 0 || read_bond(o, n, err) < 0 ||
	    site_read_words(o, "dns", word_address, &n->dns, err) < 0)
		return -1;
	n->vlan = (unsigned int)vlan;
	n->mtu = (unsigned int)mtu;
	return json_obj_end(o, err);
}

static int read_head(struct json_obj *o, void *item, struct err *err)
{
	struct site_head *h = item;

	if (site_read_word(o, "name", JSON_MUST, word_machine, &h->name, err) < 0 ||
	    site_read_word(o, "interface", JSON_MUST, word_interface, &h->interface, err) < 0 ||
	    json_str(o, "network", JSON_MAY, &h->network, err) < 0 || read_addr4(o, "ipv4", JSON_MAY, &h->addr4, err) < 0 ||
	    read_addr6(o, "ipv6", JSON_MAY, &h->has6, &h->addr6, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

/* One that is a host name is in hosts files beside those of machines. */
static int check_vip_name(const char *s, struct err *err)
{
	struct err no_host = { 0 };

	if (str_check_name(s, err) < 0)
		return -1;
	return str_check_hostname(s, &no_host) == 0 ? word_machine(s, err) : 0;
}

static int read_vip(struct json_obj *o, void *item, struct err *err)
{
	struct site_vip *v = item;

	if (site_read_word(o, "name", JSON_MUST, check_vip_name, &v->name, err) < 0 ||
	    json_str(o, "network", JSON_MAY, &v->network, err) < 0 || read_addr4(o, "ipv4", JSON_MAY, &v->addr4, err) < 0 ||
	    read_addr6(o, "ipv6", JSON_MAY, &v->has6, &v->addr6, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

void site_read_networks(struct json_obj *o, struct site *site, struct problems *p)
{
	void *items;

	site->n_networks =
		site_read_list(o, "networks", JSON_MUST, PART_NETWORKS, &items, sizeof(*site->networks), read_network, p);
	site->networks = items;
}

void site_read_heads(struct json_obj *o, struct site *site, struct problems *p)
{
	void *items;

	site->n_heads = site_read_list(o, "heads", JSON_MUST, PART_HEADS, &items, sizeof(*site->heads), read_head, p);
	site->heads = items;
}

void site_read_vips(struct json_obj *o, struct site *site, struct problems *p)
{
	void *items;

	site->n_vips = site_read_list(o, "service_addresses", JSON_MAY, PART_VIPS, &items, sizeof(*site->vips), read_vip, p);
	site->vips = items;
}
