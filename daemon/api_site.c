/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/host_files.h"
#include "daemon/orders.h"
#include "daemon/reconcile.h"
#include "daemon/secret_store.h"
#include "daemon/site_diff.h"
#include "daemon/site_nodes.h"
#include "sys/fs.h"

#include <stdio.h>
#include <string.h>

int api_site_get(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	char version[24];

	if (state_get(d->state, "site", &doc, err) < 0) {
		if (err->kind != ERR_NOT_FOUND)
			return -1;
		err_set(err, ERR_NOT_FOUND, "no site is applied yet");
		return err_hint(err, "make one with `orthrus site init`, then `orthrus site apply`");
	}
	buf_adds(http_out(call), doc.value);
	snprintf(version, sizeof(version), "%llu", (unsigned long long)doc.version);
	http_set_etag(call, version);
	return 0;
}

/* Another address of this head is for whoever runs it to configure: without it nobody is answered. */
static void say_head_address(const struct site *old, const struct site *site, const struct site_head *head, struct plan *plan)
{
	const struct site_network *net = site_provision(site);
	struct err no_head = { 0 };
	const struct site_head *was = old ? daemon_head(old, &no_head) : NULL;
	char addr[ADDR6_LEN];

	if (!was)
		return;
	addr4_print(head->addr4, addr);
	if (net->has4 && (head->addr4 != was->addr4 || net->net4.prefix != site_provision(old)->net4.prefix))
		api_step(plan, "head:ipv4",
			 "count on the address %s/%u on interface %s of this head: whoever runs it configures it", addr,
			 net->net4.prefix, head->interface);
	addr6_print(&head->addr6, addr);
	if (net->has6 && (!was->has6 || !addr6_same(&head->addr6, &was->addr6)))
		api_step(plan, "head:ipv6",
			 "count on the address %s/%u on interface %s of this head: whoever runs it configures it", addr,
			 net->net6.prefix, head->interface);
}

/* What follows from it on this machine, beside the document itself. */
static void add_consequences(struct daemon *d, const struct site *old, const struct site *site, const struct site_head *head,
			     struct plan *plan)
{
	const struct site_network *net = site_provision(site);
	autofree char *url = daemon_server_url(site);
	autofree char *munge = secrets_follow_plan(d, site);
	char subnet4[NET4_LEN], subnet6[NET6_LEN];

	net4_print(&net->net4, subnet4);
	net6_print(&net->net6, subnet6);
	if (!fs_exists(d->paths.pki_dir))
		api_step(plan, "keys", "make the cluster's signing key and certificate authority in %s", d->paths.pki_dir);
	api_step(plan, "certificate",
		 "serve nodes and administrators at %s, with a certificate for the heads' names and addresses", url);
	if (munge)
		api_step(plan, "munge", "%s", munge);
	say_head_address(old, site, head, plan);
	if (old && old->cast.on && !site->cast.on)
		api_step(plan, "cast", "end the casts that run: nodes get their images over HTTPS, one by one");
	if (d->no_dnsmasq)
		api_step(plan, "network-boot", "write the files of network boot below %s (dnsmasq is switched off)",
			 d->paths.tftp_dir);
	else
		api_step(plan, "network-boot",
			 "%s dnsmasq on interface %s: this head answers DHCP on %s (%s%s%s) for known nodes%s",
			 !old ? "run" : "adjust", head->interface, net->name, net->has4 ? subnet4 : "",
			 net->has4 && net->has6 ? ", " : "", net->has6 ? subnet6 : "",
			 site->discover ? " and, from the pool, for unknown machines" : " only");
}

/* If-Match: a version, or "*" for whichever. */
static int check_match(struct http_call *call, uint64_t version, struct err *err)
{
	const char *match = http_if_match(call);
	uint64_t want;

	if (!match) {
		err_set(err, ERR_INVALID, "which version is replaced must be said");
		return err_hint(err, "send If-Match with the ETag of GET /v1/site, or *");
	}
	if (str_eq(match, "*"))
		return 0;
	if (str_to_u64(match, 0, UINT64_MAX, &want, err) < 0)
		return err_wrap(err, "If-Match");
	if (want == version)
		return 0;
	http_set_status(call, 412);
	err_set(err, ERR_CONFLICT, "the applied site is another one by now");
	return err_hint(err, "look at it again (orthrus site plan), then apply");
}

/* The orders once more, with templates that hold only now. */
static int follow_templates(struct change *c, const struct site *site, const struct roster *nodes, struct err *err)
{
	autoclean(standing_orders_free) struct standing_orders orders = { 0 };
	autoclean(plan_free) struct plan said = { 0 };

	return orders_follow(c->d, site, nodes, &orders, &said, err) < 0 ? -1 : orders_refresh(c, &orders, err);
}

static int apply(struct http_call *call, struct change *c, const struct site *site, const struct site_nodes *nodes,
		 const struct standing_orders *orders, const struct templates *templates, const struct plan *plan,
		 struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	size_t len;
	const char *body = http_body(call, &len);

	if (orders_withdraw(c, orders, err) < 0)
		return err_wrap(err, "the site is not applied, but orders that do not fit it may be withdrawn already");
	buf_add(&text, body, len);
	change_put_key(c, "site", &text);
	if (site_nodes_write(c, nodes, http_who(call), err) < 0)
		return -1;
	host_files_write(c, templates);
	change_event(c, EVENT_INFO, "site-applied", NULL, "a new site was applied by %s (%zu changes)", http_who(call),
		     plan->len);
	if (change_commit(c, err) < 0)
		return -1;
	if (orders_refresh(c, orders, err) < 0 || follow_templates(c, site, &nodes->is, err) < 0)
		return err_wrap(err, "the site is applied, but not all orders follow it; apply it again");
	return 0;
}

int api_site_put(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(site_free) struct site old = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(site_nodes_free) struct site_nodes nodes = { 0 };
	autoclean(standing_orders_free) struct standing_orders orders = { 0 };
	autoclean(templates_free) struct templates templates = { 0 };
	autoclean(change_end) struct change c = { 0 };
	struct err none = { 0 }, late = { 0 };
	uint64_t version = 0;
	size_t len;
	const char *body = http_body(call, &len);
	const struct site_head *head;
	bool had, differs, changed, only_plan;

	change_begin(&c, d);
	if (http_query_flag(call, "plan", &only_plan, err) < 0)
		return -1;
	had = daemon_site(d, &old, &version, &none) == 0;
	if (!had && none.kind != ERR_NOT_FOUND) {
		*err = none;
		return -1;
	}
	if (site_read(body, len, "the new site", &site, err) < 0 || check_match(call, version, err) < 0)
		return -1;
	/* What would fail when it is applied is refused before, and by the plan as well. */
	head = daemon_head(&site, err);
	if (!head)
		return -1;
	if (site_nodes_fit(d, had ? &old : NULL, &site, &nodes, err) < 0 || site_diff(had ? &old : NULL, &site, &plan, err) < 0)
		return -1;
	differs = plan.len > 0;
	if (site_nodes_say(d, had ? &old : NULL, &site, &nodes, &plan, err) < 0)
		return -1;
	if (host_files_look(d, &site, &templates, &plan, err) < 0)
		return -1;
	if (orders_follow(d, &site, &nodes.is, &orders, &plan, err) < 0)
		return -1;
	changed = plan.len > 0;
	if (differs)
		add_consequences(d, had ? &old : NULL, &site, head, &plan);
	if (changed && !only_plan) {
		if (apply(call, &c, &site, &nodes, &orders, &templates, &plan, err) < 0) {
			reconcile_kick(d->reconcile, false); /* a part of it may be written */
			return -1;
		}
		/* It is applied; that the machine does not follow (a port that is taken, say) is an event and in the status. */
		change_release(&c);
		if (reconcile_wait(d->reconcile, &late) < 0)
			api_step(&plan, "problem", "applied, but: %s", late.text);
	}
	api_steps(call, &plan);
	return 0;
}
