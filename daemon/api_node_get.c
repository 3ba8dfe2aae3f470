/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes are listed and shown. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/bmc_wish.h"
#include "daemon/node_networks.h"
#include "daemon/roster.h"

#include <stdio.h>
#include <string.h>

/* The keys of the node's and the run's document in one object. */
static int put_node(struct daemon *d, const struct site *site, const struct node *n, struct json_out *w, struct err *err)
{
	autoclean(run_free) struct run r = { 0 };
	struct node shown = *n; /* with the addresses that it really has; what it points to is n's */

	if (daemon_run(d, n->name, &r, err) < 0)
		return -1;
	if (site->n_networks) {
		struct node_addrs a;

		node_addresses(site, n, &a);
		shown.addr4 = a.addr4;
		shown.has6 = a.has6;
		shown.addr6 = a.addr6;
	}
	node_put(&shown, w);
	run_put_public(&r, w);
	return 0;
}

/* Without a site there are no nodes either, but a list of none. */
static int site_or_none(struct daemon *d, struct site *site, struct err *err)
{
	struct err why = { 0 };

	if (daemon_site(d, site, NULL, &why) == 0 || why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

int api_nodes_get(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(roster_free) struct roster roster = { 0 };
	autoclean(site_free) struct site site = { 0 };
	struct json_out w;

	if (site_or_none(ctx, &site, err) < 0 || roster_load(ctx, &roster, err) < 0)
		return -1;
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "nodes");
	for (size_t i = 0; i < roster.len; i++) {
		json_put_obj(&w, NULL);
		if (put_node(ctx, &site, &roster.nodes[i], &w, err) < 0)
			return -1;
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_end_obj(&w);
	return 0;
}

/* What it gets on each network; that an interface is missing is said with it and hides nothing else. */
static void put_networks(struct daemon *d, const struct node *n, const struct machine *m, struct json_out *w)
{
	autoclean(order_networks_free) struct order_networks l = { 0 };
	autoclean(site_free) struct site site = { 0 };
	struct err why = { 0 };

	/* Of an expected machine no card is known yet. */
	if (n->macs.len && (daemon_site(d, &site, NULL, &why) < 0 || node_networks(&site, n, m, &l, &why) < 0))
		api_put_error(w, "networks_problem", &why);
	order_networks_print(&l, w);
}

int api_node_get(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(node_free) struct node n = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autoclean(machine_free) struct machine m = { 0 };
	autoclean(bmc_wish_free) struct bmc_wish bmc = { 0 };
	autoclean(state_doc_free) struct state_doc order = { 0 };
	autofree char *order_key = str_format("order/%s", http_param(call, "name"));
	struct err no_order = { 0 };
	char etag[24];
	struct json_out w;
	uint64_t version;
	int known, has_bmc;

	if (site_or_none(d, &site, err) < 0 || daemon_node(d, http_param(call, "name"), &n, &version, err) < 0)
		return -1;
	known = daemon_machine(d, n.name, &m, err);
	has_bmc = known < 0 ? -1 : bmc_wish_get(d, n.name, &bmc, err);
	if (has_bmc < 0)
		return -1;
	if (has_bmc)
		bmc_wish_fill(&bmc, &site, n.group);
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	if (put_node(d, &site, &n, &w, err) < 0)
		return -1;
	if (known)
		machine_print(&m, &w, "machine");
	else
		json_put_str(&w, "machine", NULL);
	put_networks(d, &n, known ? &m : NULL, &w);
	bmc_wish_put(&bmc, &w, "bmc");
	json_put_bool(&w, "order", state_get(d->state, order_key, &order, &no_order) == 0);
	json_end_obj(&w);
	snprintf(etag, sizeof(etag), "%llu", (unsigned long long)version);
	http_set_etag(call, etag);
	return 0;
}
