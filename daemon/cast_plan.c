/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a cast is begun with: who is expected, and the addresses that the site says. */
#include "base/mem.h"
#include "daemon/cast_priv.h"
#include "daemon/roster.h"
#include "cast/layout.h"
#include "cast/tx.h"
#include "installer/order.h"
#include "sys/fs.h"
#include "sys/keys.h"

#include <stdio.h>
#include <string.h>

#define EMPTY_S 1 /* how long the sender stays when nobody takes part any more */
#define BYTES_OF_MBIT 125000

int cast_wanted(struct daemon *d, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };

	if (daemon_site(d, &site, NULL, err) < 0)
		return -1;
	return site.cast.on ? 0 : err_set(err, ERR_REFUSED, "the site does not cast (cast.mode of site.json)");
}

static bool has_restored(const struct run *r)
{
	for (size_t i = 0; i < r->n_steps; i++)
		if (str_eq(r->steps[i].name, "restore"))
			return str_eq(r->steps[i].result, "done") || str_eq(r->steps[i].result, "failed");
	return false;
}

static bool is_under_way(const struct run *r, const char *ref)
{
	return (r->state == RUN_ORDERED || r->state == RUN_INSTALLING) && str_eq(r->image, ref) && !has_restored(r);
}

void cast_look_stored(struct cast *c)
{
	autofree char *ref = str_format("%s/%s", c->name, c->id);

	for (size_t i = 0; i < c->n_members; i++) {
		struct cast_member *m = &c->members[i];
		autoclean(run_free) struct run r = { 0 };
		struct err err = { 0 };

		if (!m->old && !m->stored && (m->view.state == WIRE_COMPLETE || m->view.state == WIRE_DONE) &&
		    daemon_run(c->all->d, m->node, &r, &err) == 0)
			m->stored = !is_under_way(&r, ref);
	}
}

/* 1: its order lets it take part. */
static int may_take_part(struct daemon *d, const char *node, struct err *err)
{
	autofree char *key = str_format("order/%s", node);
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autoclean(json_doc_free) struct json_doc json = { 0 };
	autoclean(order_free) struct order order = { 0 };
	struct err why = { 0 };
	struct json_obj o;

	if (state_get(d->state, key, &doc, &why) < 0)
		return 0;
	if (json_parse(doc.value, strlen(doc.value), &json, err) < 0 || json_root_obj(&json, &o, err) < 0 ||
	    order_read(&o, &order, err) < 0)
		return err_wrap(err, "document %s", key);
	return !order.no_cast;
}

/* Those that install this image, or will at their next start, and have not got it yet. */
static int expect(struct cast *c, struct str_list *out, struct err *err)
{
	struct daemon *d = c->all->d;
	autofree char *ref = str_format("%s/%s", c->name, c->id);
	autoclean(roster_free) struct roster roster = { 0 };

	if (roster_load(d, &roster, err) < 0)
		return -1;
	for (size_t i = 0; i < roster.len; i++) {
		autoclean(run_free) struct run r = { 0 };
		int may;

		if (daemon_run(d, roster.nodes[i].name, &r, err) < 0)
			return -1;
		if (!is_under_way(&r, ref))
			continue;
		may = may_take_part(d, roster.nodes[i].name, err);
		if (may < 0)
			return -1;
		if (may)
			str_list_add(out, roster.nodes[i].name);
	}
	return 0;
}

/* Large packets where the administrator has said that the network takes them, and our own line does. */
static uint16_t symbol_bytes(const struct cast *c, const struct site *site, const struct site_head *head)
{
	const struct site_network *n = site_provision(site);
	const bool jumbo = !c->small && n && n->mtu >= TX_JUMBO_MTU && head->interface && tx_takes_jumbo(head->interface);

	return jumbo ? LAYOUT_SYMBOL_JUMBO : LAYOUT_SYMBOL;
}

static void broadcast_address(const struct site *site, uint32_t head, char out[64])
{
	const struct site_network *n = site_provision(site);

	if (n && n->has4 && net4_has(&n->net4, head))
		addr4_print(n->net4.base | (UINT32_MAX >> n->net4.prefix), out);
}

/* IPv4 where nodes have both; whom that does not reach may hear the other. */
static int choose_addresses(struct cast *c, const struct site *site, struct err *err)
{
	const struct site_head *head = daemon_head(site, err);
	struct addr6 group6;

	if (!head)
		return -1;
	if (!head->addr4 && !head->has6)
		return err_set(err, ERR_REFUSED, "this head has no address on the nodes' network");
	if (head->addr4) {
		addr4_print(head->addr4, c->sender);
		addr4_print(site_cast_group4(&site->cast, c->number), c->group);
		broadcast_address(site, head->addr4, c->broadcast);
	}
	if (head->has6) {
		site_cast_group6(&site->cast, c->number, &group6);
		addr6_print(&head->addr6, head->addr4 ? c->sender2 : c->sender);
		addr6_print(&group6, head->addr4 ? c->group2 : c->group);
	}
	c->port = (uint16_t)site->cast.port;
	c->symbol_bytes = symbol_bytes(c, site, head);
	return 0;
}

static int addresses(struct cast *c, const struct site *site, struct err *err)
{
	int rc;

	pthread_mutex_lock(&c->all->lock);
	rc = choose_addresses(c, site, err);
	pthread_mutex_unlock(&c->all->lock);
	return rc;
}

static int signer(struct daemon *d, uint8_t out[CAST_KEY], struct err *err)
{
	autofree char *path = fs_join(d->paths.pki_dir, "sign.pub");
	struct verify_key key;

	if (verify_key_load(path, &key, err) < 0)
		return -1;
	memcpy(out, key.public, CAST_KEY);
	return 0;
}

int cast_plan(struct cast *c, struct cast_open *open, struct str_list *expected, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };

	if (daemon_site(c->all->d, &site, NULL, err) < 0 || addresses(c, &site, err) < 0 ||
	    signer(c->all->d, open->verify_key, err) < 0 || expect(c, expected, err) < 0)
		return -1;
	open->store = mem_strdup(c->all->d->paths.store_dir);
	open->name = mem_strdup(c->name);
	open->id = mem_strdup(c->id);
	open->group = mem_strdup(c->group);
	open->sender = mem_strdup(c->sender);
	open->group2 = c->group2[0] ? mem_strdup(c->group2) : NULL;
	open->sender2 = c->sender2[0] ? mem_strdup(c->sender2) : NULL;
	open->broadcast = c->broadcast[0] ? mem_strdup(c->broadcast) : NULL;
	open->small_instead = c->symbol_bytes > LAYOUT_SYMBOL;
	open->cast = c->number;
	open->port = c->port;
	open->reports = site.cast.port;
	open->ports = SITE_CAST_PORTS;
	open->symbol_bytes = c->symbol_bytes;
	open->rate_max = site.cast.rate_mbit * BYTES_OF_MBIT;
	open->expected = expected->len;
	open->gather_s = site.cast.gather_s;
	open->empty_s = EMPTY_S;
	cast_zones_make(c, &site, strchr(c->sender, ':') != NULL, &open->relays);
	return 0;
}
