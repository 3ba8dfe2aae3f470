/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/interfaces.h"

#include "base/json.h"
#include "base/mem.h"
#include "site/problems.h"
#include "site/site.h"
#include "site/words.h"

#include <string.h>

#define INTERFACES_MAX 64

static const char *const modes[] = { "active-backup", "802.3ad", NULL };
static const char *const rates[] = { "slow", "fast", NULL };
static const char *const hashes[] = { "layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac", NULL };
static const char *const addressings[] = { [SITE_STATIC] = "static", [SITE_DHCP] = "dhcp", [SITE_NO_ADDRESS] = "none", NULL };

static int read_mac(struct json_obj *o, char **out, struct err *err)
{
	autofree char *text = NULL;
	char mac[STR_MAC_LEN];
	struct err why = { 0 };

	if (json_str(o, "mac", JSON_MAY, &text, err) < 0)
		return -1;
	if (!text)
		return 0;
	if (str_to_mac(text, mac, &why) < 0)
		return json_bad(o, "mac", err, "%s", why.text);
	*out = mem_strdup(mac);
	return 0;
}

/* With `boot`: it may be a key. The ports that a node boots from are several, a bond's primary port is one. */
static int read_match(struct json_obj *o, bool boot, struct site_match *m, struct err *err)
{
	const char *alone;
	bool patterns;

	if ((boot && json_bool(o, "boot", JSON_MAY, &m->boot, err) < 0) || read_mac(o, &m->mac, err) < 0 ||
	    site_read_word(o, "name", JSON_MAY, word_pattern, &m->name, err) < 0 ||
	    site_read_word(o, "path", JSON_MAY, word_pattern, &m->path, err) < 0 ||
	    site_read_word(o, "driver", JSON_MAY, word_pattern, &m->driver, err) < 0)
		return -1;
	patterns = m->name || m->path || m->driver;
	alone = m->boot ? "boot" : m->mac ? "mac" : NULL;
	if (boot && json_has(o, "boot") && !m->boot)
		return json_bad(o, "boot", err, "can only be true");
	if (!alone && !patterns)
		return json_bad(o, "name", err, "is missing; an interface is known by %smac, name, path or driver",
				boot ? "boot, " : "");
	if (alone && (patterns || (m->boot && m->mac)))
		return json_bad(o, alone, err, "says which interfaces by itself; nothing may stand beside it");
	return json_obj_end(o, err);
}

static int read_matches(struct json_obj *o, struct site_interface *out, struct err *err)
{
	struct json_arr a;
	int found = json_arr_max(o, "match", JSON_MAY, INTERFACES_MAX, &a, err);

	if (found <= 0)
		return found;
	if (a.len == 0)
		return json_bad(o, "match", err, "is empty; it says which interfaces of a node are meant");
	out->match = mem_array(a.len, sizeof(*out->match));
	while (out->n_match < a.len) {
		struct json_obj e;

		if (json_arr_obj(&a, out->n_match++, &e, err) < 0 || read_match(&e, true, &out->match[out->n_match - 1], err) < 0)
			return -1;
	}
	return 0;
}

static int read_bond(struct json_obj *o, struct site_bond *out, struct err *err)
{
	struct json_obj b, primary;
	int found = json_obj(o, "bond", JSON_MAY, &b, err), mode = 0, rate = 0, hash = 0, has_primary;

	if (found <= 0)
		return found;
	if (json_enum(&b, "mode", JSON_MUST, modes, &mode, err) < 0)
		return -1;
	out->mode = mem_strdup(modes[mode]);
	if (json_enum(&b, "lacp_rate", JSON_MAY, rates, &rate, err) < 0 ||
	    json_enum(&b, "hash", JSON_MAY, hashes, &hash, err) < 0)
		return -1;
	for (size_t i = 0; mode == 0 && i < 2; i++)
		if (json_has(&b, i ? "hash" : "lacp_rate"))
			return json_bad(&b, i ? "hash" : "lacp_rate", err, "is for mode 802.3ad; this bond is active-backup");
	if (json_has(&b, "lacp_rate"))
		out->lacp_rate = mem_strdup(rates[rate]);
	if (json_has(&b, "hash"))
		out->hash = mem_strdup(hashes[hash]);
	has_primary = json_obj(&b, "primary", JSON_MAY, &primary, err);
	if (has_primary < 0)
		return -1;
	if (has_primary && mode != 0)
		return json_bad(&b, "primary", err, "is for mode active-backup; with 802.3ad all ports are used");
	out->has_primary = has_primary;
	if (has_primary && read_match(&primary, false, &out->primary, err) < 0)
		return -1;
	return json_obj_end(&b, err);
}

static int read_interface(struct json_obj *o, struct site_interface *i, struct err *err)
{
	int addresses = SITE_STATIC;

	if (site_read_word(o, "name", JSON_MAY, word_device, &i->name, err) < 0 ||
	    json_str(o, "network", JSON_MAY, &i->network, err) < 0 || read_matches(o, i, err) < 0 ||
	    read_bond(o, &i->bond, err) < 0 || json_str(o, "on", JSON_MAY, &i->on, err) < 0 ||
	    json_enum(o, "addresses", JSON_MAY, addressings, &addresses, err) < 0 ||
	    json_bool(o, "default_route", JSON_MAY, &i->default_route, err) < 0)
		return -1;
	i->addresses = (enum site_addressing)addresses;
	i->addresses_given = json_has(o, "addresses");
	return json_obj_end(o, err);
}

int site_interfaces_read(struct json_obj *o, struct site_interfaces *out, struct err *err)
{
	struct json_arr a;
	int found = json_arr_max(o, "interfaces", JSON_MAY, INTERFACES_MAX, &a, err);

	if (found <= 0)
		return found;
	out->given = true;
	out->items = mem_array(a.len, sizeof(*out->items));
	while (out->len < a.len) {
		struct json_obj e;

		if (json_arr_obj(&a, out->len++, &e, err) < 0 || read_interface(&e, &out->items[out->len - 1], err) < 0)
			return -1;
	}
	return 0;
}

static void put_optional(struct json_out *w, const char *key, const char *value)
{
	if (value)
		json_put_str(w, key, value);
}

static void print_match(const struct site_match *m, const char *key, struct json_out *w)
{
	json_put_obj(w, key);
	if (m->boot)
		json_put_bool(w, "boot", true);
	put_optional(w, "mac", m->mac);
	put_optional(w, "name", m->name);
	put_optional(w, "path", m->path);
	put_optional(w, "driver", m->driver);
	json_end_obj(w);
}

static void print_interface(const struct site_interface *i, struct json_out *w)
{
	json_put_obj(w, NULL);
	put_optional(w, "name", i->name);
	put_optional(w, "network", i->network);
	if (i->n_match) {
		json_put_arr(w, "match");
		for (size_t k = 0; k < i->n_match; k++)
			print_match(&i->match[k], NULL, w);
		json_end_arr(w);
	}
	if (i->bond.mode) {
		json_put_obj(w, "bond");
		json_put_str(w, "mode", i->bond.mode);
		put_optional(w, "lacp_rate", i->bond.lacp_rate);
		put_optional(w, "hash", i->bond.hash);
		if (i->bond.has_primary)
			print_match(&i->bond.primary, "primary", w);
		json_end_obj(w);
	}
	put_optional(w, "on", i->on);
	if (i->addresses_given)
		json_put_str(w, "addresses", addressings[i->addresses]);
	if (i->default_route)
		json_put_bool(w, "default_route", true);
	json_end_obj(w);
}

void site_interfaces_print(const struct site_interfaces *l, struct json_out *w)
{
	if (!l->given)
		return;
	json_put_arr(w, "interfaces");
	for (size_t i = 0; i < l->len; i++)
		print_interface(&l->items[i], w);
	json_end_arr(w);
}

static void free_match(struct site_match *m)
{
	free(m->mac);
	free(m->name);
	free(m->path);
	free(m->driver);
}

void site_interfaces_free(struct site_interfaces *l)
{
	for (size_t i = 0; i < l->len; i++) {
		struct site_interface *n = &l->items[i];

		free(n->name);
		free(n->network);
		for (size_t k = 0; k < n->n_match; k++)
			free_match(&n->match[k]);
		free(n->match);
		free(n->bond.mode);
		free(n->bond.lacp_rate);
		free(n->bond.hash);
		free_match(&n->bond.primary);
		free(n->on);
	}
	free(l->items);
	*l = (struct site_interfaces){ 0 };
}

const struct site_interfaces *site_interfaces(const struct site *site, const char *group, const char *node)
{
	static const struct site_interfaces none = { 0 };
	const struct site_node *n = site_node(site, node);
	const struct site_group *g = site_group(site, group);

	if (n && n->interfaces.given)
		return &n->interfaces;
	for (size_t i = 0; g && i < site->n_groups; i++, g = site_group(site, g->extends))
		if (g->interfaces.given)
			return &g->interfaces;
	return &none;
}

static bool has_router(const struct site_network *n)
{
	return n->gateway4 || n->has_gateway6;
}

const struct site_network *site_default_network(const struct site *site, const struct site_interfaces *l, bool *two)
{
	const struct site_network *provision = site_provision(site), *found = NULL;

	*two = false;
	for (size_t i = 0; i < l->len; i++)
		if (l->items[i].default_route)
			return site_network(site, l->items[i].network);
	if (provision && has_router(provision))
		return provision;
	for (size_t i = 0; i < l->len; i++) {
		const struct site_network *n = site_network(site, l->items[i].network);

		if (!n || n == provision || !has_router(n) || l->items[i].addresses == SITE_NO_ADDRESS)
			continue;
		*two = *two || found;
		found = n;
	}
	return *two ? NULL : found;
}
