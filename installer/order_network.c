/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/order_network.h"

#include "base/mem.h"
#include "installer/check.h"
#include "site/words.h"

#include <stdlib.h>
#include <string.h>

#define NETWORKS_MAX 64
#define PORTS_MAX 64
#define ADDRESSES_MAX 64

typedef int (*check_fn)(const char *s, struct err *err);

static const char *const roles[] = {
	[SITE_PROVISION] = "provision", [SITE_COMPUTE] = "compute", [SITE_BMC] = "bmc", [SITE_OUTSIDE] = "outside", NULL,
};
static const char *const modes[] = { "active-backup", "802.3ad", NULL };

static int read_word(struct json_obj *o, const char *key, enum json_need need, check_fn check, char **out, struct err *err)
{
	struct err why = { 0 };

	if (json_str(o, key, need, out, err) < 0)
		return -1;
	return *out && check(*out, &why) < 0 ? json_bad(o, key, err, "%s", why.text) : 0;
}

static int read_words(struct json_obj *o, const char *key, size_t max, check_fn check, struct str_list *out, struct err *err)
{
	struct err why = { 0 };

	if (json_strs(o, key, JSON_MAY, out, err) < 0)
		return -1;
	if (out->len > max)
		return json_bad(o, key, err, "has %zu entries, at most %zu are allowed", out->len, max);
	for (size_t i = 0; i < out->len; i++)
		if (check(out->items[i], &why) < 0)
			return json_bad(o, key, err, "entry %zu: %s", i + 1, why.text);
	return 0;
}

/* Of a word of systemd's files, like "layer3+4". */
static int check_option(const char *s, struct err *err)
{
	size_t len = strlen(s);

	if (!len || len > 32 || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+-") != len)
		return err_set(err, ERR_INVALID, "'%.40s' is not a word like layer3+4", s);
	return 0;
}

static int read_port(struct json_obj *o, struct order_port *out, struct err *err)
{
	char mac[STR_MAC_LEN];
	struct err why = { 0 };

	if (json_str(o, "mac", JSON_MAY, &out->mac, err) < 0 ||
	    read_word(o, "name", JSON_MAY, word_pattern, &out->name, err) < 0 ||
	    read_word(o, "path", JSON_MAY, word_pattern, &out->path, err) < 0 ||
	    read_word(o, "driver", JSON_MAY, word_pattern, &out->driver, err) < 0 ||
	    json_bool(o, "primary", JSON_MAY, &out->primary, err) < 0)
		return -1;
	if (!out->mac && !out->name && !out->path && !out->driver)
		return json_bad(o, "mac", err, "is missing, and so are name, path and driver: it would be every interface");
	if (!out->mac)
		return json_obj_end(o, err);
	if (str_to_mac(out->mac, mac, &why) < 0)
		return json_bad(o, "mac", err, "%s", why.text);
	free(out->mac);
	out->mac = mem_strdup(mac);
	return json_obj_end(o, err);
}

static int read_ports(struct json_obj *o, struct order_network *out, struct err *err)
{
	struct json_arr a;
	int found = json_arr_max(o, "ports", JSON_MAY, PORTS_MAX, &a, err);

	if (found <= 0)
		return found;
	out->ports = mem_array(a.len ? a.len : 1, sizeof(*out->ports));
	while (out->n_ports < a.len) {
		struct json_obj e;

		if (json_arr_obj(&a, out->n_ports++, &e, err) < 0 || read_port(&e, &out->ports[out->n_ports - 1], err) < 0)
			return -1;
	}
	return 0;
}

static int read_bond(struct json_obj *o, struct order_network *out, struct err *err)
{
	struct json_obj b;
	int found = json_obj(o, "bond", JSON_MAY, &b, err), mode = 0;

	if (found <= 0)
		return found;
	if (json_enum(&b, "mode", JSON_MUST, modes, &mode, err) < 0 ||
	    read_word(&b, "lacp_rate", JSON_MAY, check_option, &out->lacp_rate, err) < 0 ||
	    read_word(&b, "hash", JSON_MAY, check_option, &out->hash, err) < 0)
		return -1;
	out->bond_mode = mem_strdup(modes[mode]);
	return json_obj_end(&b, err);
}

static int read_network(struct json_obj *o, struct order_network *out, struct err *err)
{
	uint64_t vlan = 0, mtu = 0;
	int role = SITE_COMPUTE;

	if (read_word(o, "name", JSON_MAY, str_check_name, &out->name, err) < 0 ||
	    json_enum(o, "role", out->name ? JSON_MUST : JSON_MAY, roles, &role, err) < 0 ||
	    read_word(o, "device", JSON_MUST, str_check_name, &out->device, err) < 0 || read_ports(o, out, err) < 0 ||
	    read_word(o, "on", JSON_MAY, str_check_name, &out->on, err) < 0 ||
	    json_u64(o, "vlan", JSON_MAY, 1, 4094, &vlan, err) < 0 || json_u64(o, "mtu", JSON_MAY, 576, 9216, &mtu, err) < 0 ||
	    read_bond(o, out, err) < 0 || json_bool(o, "dhcp4", JSON_MAY, &out->dhcp4, err) < 0 ||
	    json_bool(o, "dhcp6", JSON_MAY, &out->dhcp6, err) < 0 ||
	    read_words(o, "addresses", ADDRESSES_MAX, check_prefixed, &out->addresses, err) < 0 ||
	    read_words(o, "gateways", 2, word_address, &out->gateways, err) < 0 ||
	    read_words(o, "dns", ADDRESSES_MAX, word_address, &out->dns, err) < 0 ||
	    json_bool(o, "default_route", JSON_MAY, &out->default_route, err) < 0)
		return -1;
	out->role = (enum site_role)role;
	out->vlan = (unsigned int)vlan;
	out->mtu = (unsigned int)mtu;
	return json_obj_end(o, err);
}

/* One beside the others: devices differ, a VLAN is on one before it, the rest has interfaces. */
static int check_network(const struct json_obj *o, const struct order_networks *l, size_t i, struct err *err)
{
	const struct order_network *n = &l->items[i];
	const struct order_network *under = NULL;
	struct err why = { 0 };

	if ((n->bond_mode || n->vlan) && word_device(n->device, &why) < 0)
		return json_bad(o, "networks", err, "entry %zu: device: %s", i + 1, why.text);
	for (size_t k = 0; k < i; k++) {
		if (str_eq(l->items[k].device, n->device))
			return json_bad(o, "networks", err, "entry %zu: device '%s' is there twice", i + 1, n->device);
		if (str_eq(l->items[k].device, n->on) && !l->items[k].vlan)
			under = &l->items[k];
	}
	if (!n->vlan != !n->on || (n->on && !under))
		return json_bad(o, "networks", err, "entry %zu: a VLAN is on a device that stands before it", i + 1);
	if (!n->vlan == !n->n_ports || (n->vlan && n->bond_mode))
		return json_bad(o, "networks", err, "entry %zu: a device has ports, or is a VLAN", i + 1);
	return 0;
}

int order_networks_read(struct json_obj *o, struct order_networks *out, struct err *err)
{
	struct json_arr a;
	int found = json_arr_max(o, "networks", JSON_MAY, NETWORKS_MAX, &a, err);
	size_t provisions = 0;

	if (found <= 0)
		return found;
	out->items = mem_array(a.len ? a.len : 1, sizeof(*out->items));
	for (size_t i = 0; i < a.len; i++) {
		struct json_obj e;

		if (json_arr_obj(&a, i, &e, err) < 0)
			return -1;
		out->len = i + 1; /* what was read of it is freed too */
		if (read_network(&e, &out->items[i], err) < 0 || check_network(o, out, i, err) < 0)
			return -1;
		provisions += out->items[i].name && out->items[i].role == SITE_PROVISION;
	}
	if (provisions != 1)
		return json_bad(o, "networks", err, "%zu have the role \"provision\"; a node has one", provisions);
	return 0;
}

static void put_optional(struct json_out *w, const char *key, const char *value)
{
	if (value)
		json_put_str(w, key, value);
}

static void put_ports(const struct order_network *n, struct json_out *w)
{
	json_put_arr(w, "ports");
	for (size_t i = 0; i < n->n_ports; i++) {
		const struct order_port *p = &n->ports[i];

		json_put_obj(w, NULL);
		put_optional(w, "mac", p->mac);
		put_optional(w, "name", p->name);
		put_optional(w, "path", p->path);
		put_optional(w, "driver", p->driver);
		if (p->primary)
			json_put_bool(w, "primary", true);
		json_end_obj(w);
	}
	json_end_arr(w);
}

static void put_network(const struct order_network *n, struct json_out *w)
{
	json_put_obj(w, NULL);
	put_optional(w, "name", n->name);
	if (n->name)
		json_put_str(w, "role", roles[n->role]);
	json_put_str(w, "device", n->device);
	if (n->n_ports)
		put_ports(n, w);
	if (n->vlan) {
		json_put_str(w, "on", n->on);
		json_put_u64(w, "vlan", n->vlan);
	}
	if (n->mtu)
		json_put_u64(w, "mtu", n->mtu);
	if (n->bond_mode) {
		json_put_obj(w, "bond");
		json_put_str(w, "mode", n->bond_mode);
		put_optional(w, "lacp_rate", n->lacp_rate);
		put_optional(w, "hash", n->hash);
		json_end_obj(w);
	}
	json_put_bool(w, "dhcp4", n->dhcp4);
	json_put_bool(w, "dhcp6", n->dhcp6);
	json_put_strs(w, "addresses", &n->addresses);
	json_put_strs(w, "gateways", &n->gateways);
	json_put_strs(w, "dns", &n->dns);
	json_put_bool(w, "default_route", n->default_route);
	json_end_obj(w);
}

void order_networks_print(const struct order_networks *l, struct json_out *w)
{
	if (!l->len)
		return;
	json_put_arr(w, "networks");
	for (size_t i = 0; i < l->len; i++)
		put_network(&l->items[i], w);
	json_end_arr(w);
}

void order_networks_free(struct order_networks *l)
{
	for (size_t i = 0; i < l->len; i++) {
		struct order_network *n = &l->items[i];

		for (size_t k = 0; k < n->n_ports; k++) {
			free(n->ports[k].mac);
			free(n->ports[k].name);
			free(n->ports[k].path);
			free(n->ports[k].driver);
		}
		free(n->ports);
		free(n->name);
		free(n->device);
		free(n->on);
		free(n->bond_mode);
		free(n->lacp_rate);
		free(n->hash);
		str_list_free(&n->addresses);
		str_list_free(&n->gateways);
		str_list_free(&n->dns);
	}
	free(l->items);
	*l = (struct order_networks){ 0 };
}
