/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/roster.h"

#include "base/mem.h"
#include "daemon/node_networks.h"
#include "daemon/parsed.h"
#include "site/words.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MACS_MAX 16
#define SERIAL_MAX 128
#define PORT_TEXT_MAX 128

int roster_load(struct daemon *d, struct roster *out, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };

	if (state_list(d->state, "node/", &docs, err) < 0)
		return -1;
	for (size_t i = 0; i < docs.len; i++) {
		struct node n = { 0 };

		if (daemon_node_of(d, &docs.items[i], &n, err) < 0)
			return err_wrap(err, "%s", docs.items[i].key);
		roster_add(out, &n);
	}
	if (d->nodes)
		parsed_keep(d->nodes, &docs);
	return 0;
}

void roster_free(struct roster *r)
{
	for (size_t i = 0; i < r->len; i++)
		node_free(&r->nodes[i]);
	free(r->nodes);
	*r = (struct roster){ 0 };
}

void roster_add(struct roster *r, struct node *n)
{
	r->nodes = mem_room(r->nodes, r->len, &r->cap, sizeof(*r->nodes));
	r->nodes[r->len++] = *n;
	*n = (struct node){ 0 };
}

struct node *roster_find(const struct roster *r, const char *name)
{
	for (size_t i = 0; i < r->len; i++)
		if (str_eq(r->nodes[i].name, name))
			return &r->nodes[i];
	return NULL;
}

const char *node_image(const struct site *site, const struct node *n)
{
	const struct site_group *g = site_group(site, n->group);

	return n->image ? n->image : g ? g->image : NULL;
}

enum node_boot node_first_boot(const struct site *site, const struct node *n)
{
	const struct site_group *g = site_group(site, n->group);

	return g && str_eq(g->boot, "diskless") ? NODE_BOOT_DISKLESS : NODE_BOOT_AUTO;
}

const struct layout *node_layout(const struct site *site, const struct node *n)
{
	const struct site_group *g = site_group(site, n->group);
	const char *name = n->layout ? n->layout : g ? g->layout : NULL;

	return name ? site_layout(site, name) : NULL;
}

/* "a, b, c" of the names in an array of structs whose first member is the name. */
static char *names_of(const void *items, size_t n, size_t size)
{
	autoclean(buf_free) struct buf out = { 0 };

	for (size_t i = 0; i < n; i++) {
		char *name;

		memcpy(&name, (const char *)items + i * size, sizeof(name));
		buf_addf(&out, "%s%s", i ? ", " : "", name);
	}
	return mem_strdup(out.len ? buf_str(&out) : "none");
}

static int check_wishes(const struct site *site, const struct node *n, struct err *err)
{
	autofree char *image_name = n->image ? mem_strndup(n->image, strcspn(n->image, "/")) : NULL;
	autofree char *known = NULL;

	if (!site_group(site, n->group)) {
		known = names_of(site->groups, site->n_groups, sizeof(*site->groups));
		err_set(err, ERR_INVALID, "%s: there is no group '%s'", n->name, n->group);
		return err_hint(err, "the site's groups: %s", known);
	}
	if (image_name && !site_image(site, image_name)) {
		known = names_of(site->images, site->n_images, sizeof(*site->images));
		err_set(err, ERR_INVALID, "%s: there is no image '%s'", n->name, image_name);
		return err_hint(err, "the site's images: %s", known);
	}
	if (n->layout && !site_layout(site, n->layout)) {
		known = names_of(site->layouts, site->n_layouts, sizeof(*site->layouts));
		err_set(err, ERR_INVALID, "%s: there is no disk layout '%s'", n->name, n->layout);
		return err_hint(err, "the site's disk layouts: %s", known);
	}
	if (!node_image(site, n) || !node_layout(site, n)) {
		err_set(err, ERR_INVALID, "%s: the group '%s' has no %s", n->name, n->group,
			node_image(site, n) ? "disk layout" : "image");
		return err_hint(err, "give it one in site.json, or name one for this node");
	}
	return 0;
}

/* It is compared with what the machine says, and printed. */
static int check_serial(const struct node *n, struct err *err)
{
	autofree char *shown = n->serial ? str_printable(n->serial, strlen(n->serial)) : NULL;

	if (!n->serial || (str_eq(shown, n->serial) && strlen(n->serial) <= SERIAL_MAX))
		return 0;
	return err_set(err, ERR_INVALID, "%s: a serial number has at most %d printable bytes", n->name, SERIAL_MAX);
}

static int check_text(const struct node *n, const char *what, const char *text, struct err *err)
{
	autofree char *shown = text ? str_printable(text, strlen(text)) : NULL;

	if (!text || (*text && str_eq(shown, text) && strlen(text) <= PORT_TEXT_MAX))
		return 0;
	return err_set(err, ERR_INVALID, "%s: a %s has 1 to %d printable bytes", n->name, what, PORT_TEXT_MAX);
}

/* The other may not be checked yet, and have only one of the two. */
static bool same_port(const struct node *a, const struct node *b)
{
	return a->switch_name && b->switch_name && a->switch_port && b->switch_port &&
	       strcasecmp(a->switch_name, b->switch_name) == 0 && strcasecmp(a->switch_port, b->switch_port) == 0;
}

/* What a machine is recognized by before its MAC addresses are known belongs to one node. */
static int check_expected(const struct roster *r, const struct node *n, struct err *err)
{
	if (check_text(n, "switch's name", n->switch_name, err) < 0 || check_text(n, "switch port", n->switch_port, err) < 0)
		return -1;
	if (!n->switch_name != !n->switch_port) {
		err_set(err, ERR_INVALID, "%s: switch and port are given together; the %s is missing", n->name,
			n->switch_name ? "port" : "switch");
		return err_hint(err, "--switch NAME --port PORT, as the switch says them by LLDP; '' takes both back");
	}
	for (size_t i = 0; i < r->len; i++) {
		const struct node *o = &r->nodes[i];

		if (str_eq(o->name, n->name))
			continue;
		if (same_port(n, o))
			return err_set(err, ERR_EXISTS, "%s: port %s of %s is %s's already", n->name, n->switch_port,
				       n->switch_name, o->name);
		if (n->serial && (!n->macs.len || !o->macs.len) && str_eq(n->serial, o->serial))
			return err_set(err, ERR_EXISTS, "%s: the serial number %s is %s's already", n->name, n->serial, o->name);
	}
	return 0;
}

static int check_name(const struct site *site, const struct node *n, struct err *err)
{
	const char *whose = str_eq(n->name, site->domain) ? "the domain" : NULL;

	if (str_check_hostname(n->name, err) < 0)
		return err_wrap(err, "node");
	if (word_machine(n->name, err) < 0) {
		err_wrap(err, "node");
		return err_hint(err, "choose another name for the node, like n01");
	}
	for (size_t i = 0; i < site->n_heads; i++)
		whose = str_eq(site->heads[i].name, n->name) ? "a head" : whose;
	for (size_t i = 0; i < site->n_vips; i++)
		whose = str_eq(site->vips[i].name, n->name) ? "a service address" : whose;
	if (!whose)
		return 0;
	err_set(err, ERR_EXISTS, "%s: this is the name of %s", n->name, whose);
	return err_hint(err, "choose another name for the node");
}

static int check_macs(const struct roster *r, const struct node *n, struct err *err)
{
	if (n->macs.len == 0 && !n->serial && !n->switch_name) {
		err_set(err, ERR_INVALID, "%s: at least one MAC address is needed", n->name);
		return err_hint(err, "or its serial number, or its switch and port: then the node waits for that machine");
	}
	if (n->macs.len > MACS_MAX)
		return err_set(err, ERR_INVALID, "%s: %zu MAC addresses are too many, at most %d", n->name, n->macs.len,
			       MACS_MAX);
	for (size_t i = 0; i < n->macs.len; i++) {
		const char *mac = n->macs.items[i];

		for (size_t j = 0; j < i; j++)
			if (str_eq(mac, n->macs.items[j]))
				return err_set(err, ERR_EXISTS, "%s: the MAC address %s is given twice", n->name, mac);
		for (size_t j = 0; j < r->len; j++)
			if (!str_eq(r->nodes[j].name, n->name) && str_list_has(&r->nodes[j].macs, mac)) {
				err_set(err, ERR_EXISTS, "%s: the MAC address %s is %s's already", n->name, mac,
					r->nodes[j].name);
				return err_hint(err, "see `orthrus node show %s`", r->nodes[j].name);
			}
	}
	return 0;
}

int roster_check(const struct roster *r, const struct site *site, const struct node *n, struct err *err)
{
	return check_name(site, n, err) < 0 || check_wishes(site, n, err) < 0 || check_serial(n, err) < 0 ||
			       check_macs(r, n, err) < 0 || check_expected(r, n, err) < 0 ||
			       roster_check_addr(r, site, n, err) < 0 || node_networks_check(site, n, err) < 0
		       ? -1
		       : 0;
}
