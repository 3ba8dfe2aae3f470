/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes are added; and what adding and changing them have in common. */
#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/api.h"
#include "daemon/bmc_wish.h"
#include "daemon/change.h"
#include "daemon/enrol_token.h"
#include "daemon/ident.h"
#include "daemon/reconcile.h"
#include "daemon/roster.h"
#include "sys/clock.h"

#include <string.h>

#define NODES_PER_REQUEST 1000 /* one write of the state holds them all */

static int read_macs(struct json_obj *o, struct str_list *out, struct err *err)
{
	autoclean(str_list_free) struct str_list raw = { 0 };

	if (!json_has(o, "macs"))
		return 0;
	if (json_strs(o, "macs", JSON_MUST, &raw, err) < 0)
		return -1;
	str_list_free(out);
	for (size_t i = 0; i < raw.len; i++) {
		char mac[STR_MAC_LEN];
		struct err why = { 0 };

		if (str_to_mac(raw.items[i], mac, &why) < 0)
			return json_bad(o, "macs", err, "%s", why.text);
		str_list_add(out, mac);
	}
	return 0;
}

/* "" takes a wish back: the group's holds again. */
static int read_wish(struct json_obj *o, const char *key, char **field, struct err *err)
{
	autofree char *value = NULL;

	if (json_str(o, key, JSON_MAY, &value, err) < 0)
		return -1;
	if (value)
		model_set(field, value[0] ? value : NULL);
	return 0;
}

int api_read_addresses(struct json_obj *o, const struct site *site, struct node *n, struct err *err)
{
	const struct site_network *net = site_provision(site);
	autofree char *addr = NULL, *addr6 = NULL;
	struct err why = { 0 };

	if (json_str(o, "ipv4", JSON_MAY, &addr, err) < 0 || json_str(o, "ipv6", JSON_MAY, &addr6, err) < 0)
		return -1;
	if (addr && !net->has4)
		return json_bad(o, "ipv4", err, "the provision network '%s' has no IPv4", net->name);
	if (addr6 && !net->has6)
		return json_bad(o, "ipv6", err, "the provision network '%s' has no IPv6", net->name);
	if (addr && !addr[0])
		n->addr4 = 0;
	else if (addr && addr4_read(addr, &n->addr4, &why) < 0)
		return json_bad(o, "ipv4", err, "%s", why.text);
	if (addr6)
		n->has6 = addr6[0] != '\0';
	if (addr6 && n->has6 && addr6_read(addr6, &n->addr6, &why) < 0)
		return json_bad(o, "ipv6", err, "%s", why.text);
	return 0;
}

int api_read_wishes(struct json_obj *o, const struct site *site, struct node *n, struct err *err)
{
	if (read_wish(o, "group", &n->group, err) < 0 || read_macs(o, &n->macs, err) < 0 ||
	    api_read_addresses(o, site, n, err) < 0 || read_wish(o, "image", &n->image, err) < 0 ||
	    read_wish(o, "layout", &n->layout, err) < 0 || read_wish(o, "serial", &n->serial, err) < 0 ||
	    read_wish(o, "switch", &n->switch_name, err) < 0 || read_wish(o, "port", &n->switch_port, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

/* "10.77.0.5, fd00::5": what a node has. Caller frees. */
static char *addresses_text(const struct site *site, const struct node *n)
{
	char addr4[ADDR4_LEN] = "", addr6[ADDR6_LEN] = "";
	struct node_addrs a;

	node_addresses(site, n, &a);
	if (a.addr4)
		addr4_print(a.addr4, addr4);
	if (a.has6)
		addr6_print(&a.addr6, addr6);
	return str_format("%s%s%s", addr4, a.addr4 && a.has6 ? ", " : "", addr6);
}

char *api_known_by(const struct node *n)
{
	if (n->macs.len) {
		autoclean(buf_free) struct buf all = { 0 };

		for (size_t i = 0; i < n->macs.len; i++)
			buf_addf(&all, "%s%s", i ? ", " : "MAC ", n->macs.items[i]);
		return mem_strdup(buf_str(&all));
	}
	if (n->serial)
		return str_format("the machine with serial number %s when it arrives", n->serial);
	return str_format("the machine at port %s of %s when it arrives", n->switch_port, n->switch_name);
}

void api_say_added(struct plan *plan, const struct site *site, const struct node *n)
{
	autofree char *step = str_format("add:%s", n->name);
	autofree char *addr = addresses_text(site, n);
	autofree char *known_by = api_known_by(n);

	api_step(plan, step, "add %s: group %s, address %s, %s%s", n->name, n->group, addr, known_by,
		 n->boot == NODE_BOOT_DISKLESS ? "; it runs its image from memory when it netboots" : "");
}

int api_node_make(struct roster *roster, const struct site *site, struct node *n, uint64_t *from, struct plan *plan,
		  struct err *err)
{
	if (str_check_hostname(n->name, err) < 0)
		return err_wrap(err, "node");
	if (roster_find(roster, n->name)) {
		err_set(err, ERR_EXISTS, "there is a node %s already", n->name);
		return err_hint(err, "change it with `orthrus node set`, or choose another name");
	}
	if (!n->group)
		return err_set(err, ERR_INVALID, "%s: no group is given", n->name);
	if (roster_place(roster, site, from, n, err) < 0 || roster_check(roster, site, n, err) < 0)
		return -1;
	n->boot = node_first_boot(site, n);
	api_say_added(plan, site, n);
	roster_add(roster, n);
	return 0;
}

/* One node of the request. */
static int add_one(struct change *c, struct json_obj *o, const struct site *site, struct roster *roster, uint64_t *from,
		   struct plan *plan, struct err *err)
{
	autoclean(node_free) struct node n = { 0 };
	autoclean(bmc_request_free) struct bmc_request bmc = { 0 };
	const struct node *made;

	if (json_str(o, "name", JSON_MUST, &n.name, err) < 0 || bmc_request_read(o, &bmc, err) < 0 ||
	    api_read_wishes(o, site, &n, err) < 0 || api_node_make(roster, site, &n, from, plan, err) < 0)
		return -1;
	made = &roster->nodes[roster->len - 1];
	return bmc_request_apply(c, site, made->name, made->group, &bmc, plan, err);
}

static int add_all(struct change *c, struct json_obj *o, const struct site *site, struct roster *roster, struct plan *plan,
		   struct err *err)
{
	struct json_arr nodes;
	uint64_t from = 0;

	if (json_arr(o, "nodes", JSON_MUST, &nodes, err) < 0)
		return -1;
	if (nodes.len == 0 || nodes.len > NODES_PER_REQUEST) {
		json_bad(o, "nodes", err, "has %zu entries; 1 to %d are added at once", nodes.len, NODES_PER_REQUEST);
		return err_hint(err, "more of them are one table: orthrus node import FILE");
	}
	for (size_t i = 0; i < nodes.len; i++) {
		struct json_obj e;

		if (json_arr_obj(&nodes, i, &e, err) < 0 || add_one(c, &e, site, roster, &from, plan, err) < 0)
			return -1;
	}
	return 0;
}

static int write_added(struct change *c, const struct roster *roster, size_t from, const char *who, struct err *err)
{
	autoclean(nodeset_free) struct nodeset names = { 0 };
	autoclean(buf_free) struct buf folded = { 0 };

	for (size_t i = from; i < roster->len; i++) {
		change_node(c, &roster->nodes[i]);
		if (nodeset_add(&names, roster->nodes[i].name, err) < 0)
			return -1;
	}
	nodeset_fold(&names, &folded);
	change_event(c, EVENT_INFO, "node-added", roster->len == from + 1 ? roster->nodes[from].name : NULL, "%s added by %s",
		     buf_str(&folded), who);
	return change_commit(c, err);
}

void api_follow(struct daemon *d, struct change *c, struct plan *plan)
{
	struct err late = { 0 };

	change_release(c);
	if (reconcile_wait(d->reconcile, &late) < 0)
		api_step(plan, "problem", "done, but network boot does not follow yet: %s", late.text);
}

int api_nodes_add(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autoclean(roster_free) struct roster roster = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(change_end) struct change c = { 0 };
	bool only_plan = false;
	struct json_obj o;
	size_t before;

	change_begin(&c, d);
	if (api_body(call, &doc, &o, err) < 0 || json_bool(&o, "plan", JSON_MAY, &only_plan, err) < 0 ||
	    daemon_site(d, &site, NULL, err) < 0 || roster_load(d, &roster, err) < 0)
		return -1;
	before = roster.len;
	if (add_all(&c, &o, &site, &roster, &plan, err) < 0 || json_obj_end(&o, err) < 0)
		return -1;
	if (!only_plan) {
		if (write_added(&c, &roster, before, http_who(call), err) < 0)
			return -1;
		api_follow(d, &c, &plan);
	}
	api_steps(call, &plan);
	return 0;
}

/* "image: base -> base/2026..." for each wish that changed. */
static void say_changed(struct plan *plan, const char *node, const char *what, const char *from, const char *to)
{
	autofree char *step = str_format("set:%s:%s", node, what);

	if (str_eq(from, to))
		return;
	api_step(plan, step, "%s: %s from %s to %s", node, what, from ? from : "the group's", to ? to : "the group's");
}

static char *joined(const struct str_list *l)
{
	autoclean(buf_free) struct buf b = { 0 };

	for (size_t i = 0; i < l->len; i++)
		buf_addf(&b, "%s%s", i ? " " : "", l->items[i]);
	return buf_steal(&b);
}

static const char *or_none(const char *text)
{
	return text ? text : "none";
}

void api_say_changes(struct plan *plan, const struct site *site, const struct node *old, const struct node *n)
{
	autofree char *old_macs = joined(&old->macs);
	autofree char *macs = joined(&n->macs);
	autofree char *old_addr = addresses_text(site, old), *addr = addresses_text(site, n);

	say_changed(plan, n->name, "group", old->group, n->group);
	say_changed(plan, n->name, "MAC", old_macs, macs);
	say_changed(plan, n->name, "address", old_addr, addr);
	say_changed(plan, n->name, "image", old->image, n->image);
	say_changed(plan, n->name, "disk layout", old->layout, n->layout);
	say_changed(plan, n->name, "serial number", or_none(old->serial), or_none(n->serial));
	say_changed(plan, n->name, "switch", or_none(old->switch_name), or_none(n->switch_name));
	say_changed(plan, n->name, "switch port", or_none(old->switch_port), or_none(n->switch_port));
}

int api_forget_machine(struct daemon *d, struct change *c, const struct node *n, struct run *r, struct plan *plan,
		       struct err *err)
{
	autoclean(machine_free) struct machine m = { 0 };
	autoclean(str_list_free) struct str_list nodes = { 0 };
	autofree char *step = str_format("forget:%s", n->name);
	int known = daemon_machine(d, n->name, &m, err);

	if (known < 0)
		return -1;
	if (!known || str_list_has(&n->macs, m.mac))
		return 0;
	api_step(plan, step, "%s: forget the inventory and the installation of the machine with MAC %s", n->name, m.mac);
	change_delete(c, "inv", n->name);
	change_delete(c, "report", n->name);
	str_list_add(&nodes, n->name);
	if (ident_forget(c, &nodes, err) < 0 || enrol_token_sweep(c, &nodes, err) < 0)
		return -1;
	run_free(r);
	run_set_state(r, RUN_NEW, clock_wall_s());
	change_run(c, n->name, r);
	return 0;
}
