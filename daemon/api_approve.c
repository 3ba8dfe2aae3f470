/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines that wait, and the administrator's word that they are nodes. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/bmc_wish.h"
#include "daemon/change.h"
#include "daemon/expect.h"
#include "daemon/pending.h"
#include "daemon/reconcile.h"
#include "daemon/roster.h"
#include "site/addr.h"

#include <string.h>

#define APPROVED_AT_ONCE 200 /* one write of the state holds them all */

static const char *words_of(const struct pending *p, char out[KEYWORDS_LEN])
{
	node_key_words(&p->key, out);
	return out;
}

/* --- approve --- */

struct approving {
	struct change *c;
	struct site site;
	struct roster roster;
	struct pendings pendings;
	struct naming names; /* the request's rules */
	struct plan plan;
	uint64_t from; /* where free addresses are looked for */
	const char *who;
};

static void approving_free(struct approving *a)
{
	site_free(&a->site);
	roster_free(&a->roster);
	pendings_free(&a->pendings);
	naming_free(&a->names);
	plan_free(&a->plan);
}

struct wish { /* one item of the request */
	char *fingerprint, *node;
	struct node wishes; /* for a new node */
};

static void wish_free(struct wish *w)
{
	free(w->fingerprint);
	free(w->node);
	node_free(&w->wishes);
}

static int read_wish(struct json_obj *o, const struct site *site, struct wish *out, struct err *err)
{
	struct err why = { 0 };

	if (json_str(o, "fingerprint", JSON_MUST, &out->fingerprint, err) < 0 ||
	    json_str(o, "node", JSON_MAY, &out->node, err) < 0 || json_str(o, "group", JSON_MAY, &out->wishes.group, err) < 0 ||
	    api_read_addresses(o, site, &out->wishes, err) < 0)
		return -1;
	if (out->node && str_check_hostname(out->node, &why) < 0)
		return json_bad(o, "node", err, "%s", why.text);
	return json_obj_end(o, err);
}

/* The node is not there yet: it is made with the machine's MAC address. */
static int approve_new(struct approving *a, struct wish *wish, const struct pending *p, struct err *err)
{
	if (!wish->wishes.group) {
		err_set(err, ERR_INVALID, "there is no node %s yet, and no group is given to make it", wish->node);
		return err_hint(err, "add --group GROUP; `orthrus site show` lists the groups");
	}
	model_set(&wish->wishes.name, wish->node);
	str_list_add(&wish->wishes.macs, p->mac);
	if (api_node_make(&a->roster, &a->site, &wish->wishes, &a->from, &a->plan, err) < 0)
		return -1;
	change_node(a->c, roster_find(&a->roster, wish->node));
	return 0;
}

static int approve_known(struct approving *a, const struct wish *wish, struct node *n, const struct pending *p, struct err *err)
{
	if (wish->wishes.group && !str_eq(wish->wishes.group, n->group)) {
		err_set(err, ERR_CONFLICT, "%s is there already, in the group %s", n->name, n->group);
		return err_hint(err, "leave the group out, or change it first: orthrus node set %s --group %s", n->name,
				wish->wishes.group);
	}
	if (n->macs.len && !str_list_has(&n->macs, p->mac)) {
		err_set(err, ERR_REFUSED, "%s has the MAC address %s, this machine has %s", n->name, n->macs.items[0], p->mac);
		return err_hint(err, "if it takes %s's place: orthrus node set %s --mac %s", n->name, n->name, p->mac);
	}
	if (n->macs.len)
		return 0;
	str_list_add(&n->macs, p->mac);
	if (roster_check(&a->roster, &a->site, n, err) < 0)
		return -1;
	change_node(a->c, n);
	return 0;
}

static int check_serial(const struct node *n, const struct pending *p, struct err *err)
{
	autoclean(machine_free) struct machine m = { 0 };

	if (machine_read(p->machine, strlen(p->machine), &m, err) < 0)
		return -1;
	if (!n || !n->serial || str_eq(n->serial, m.serial))
		return 0;
	return err_set(err, ERR_REFUSED, "%s must have the serial number %s, this machine has %s", n->name, n->serial,
		       m.serial ? m.serial : "none");
}

static bool is_node(void *roster, const char *name)
{
	return roster_find(roster, name) != NULL;
}

/* No node is named: it is the one that expects this machine, else the rules name a new one. Nobody else names one meanwhile: the
 * change is under way, and what was named before is in the roster. */
static int find_name(struct approving *a, struct wish *wish, const struct pending *p, struct err *err)
{
	autoclean(machine_free) struct machine m = { 0 };
	struct naming_port ports[EXPECT_PORTS_MAX];
	const struct node *n = NULL;
	const char *name = NULL;
	char words[KEYWORDS_LEN];
	int rc;

	if (wish->node)
		return 0;
	if (machine_read(p->machine, strlen(p->machine), &m, err) < 0)
		return -1;
	rc = expect_match(&a->roster, &m, &n, err);
	if (rc == 0)
		rc = naming_name(&a->names, ports, expect_ports(&m, ports), is_node, &a->roster, &name, err);
	if (rc < 0)
		return err_wrap(err, "the machine with MAC %s and the key %s", p->mac, words_of(p, words));
	wish->node = mem_strdup(n ? n->name : name);
	/* The group is for those that are made. */
	if (n)
		model_set(&wish->wishes.group, NULL);
	return 0;
}

/* A key is one node's alone. */
static int check_key(struct approving *a, const char *node, const struct pending *p, struct err *err)
{
	autofree char *owner = NULL;

	if (ident_find(a->c->d, &p->key.spki, &owner, err) < 0)
		return -1;
	if (!owner || str_eq(owner, node))
		return 0;
	return err_set(err, ERR_CONFLICT, "this machine's key is %s's already: it can't be %s too", owner, node);
}

/* Of those with this fingerprint the one with the node's MAC address, else the one that came first. */
static const struct pending *find_pending(struct approving *a, const struct wish *wish)
{
	const struct pending *first = pendings_find(&a->pendings, wish->fingerprint, NULL);
	const struct node *n = wish->node ? roster_find(&a->roster, wish->node) : NULL;

	for (const struct pending *p = first; p && n; p = pendings_find(&a->pendings, wish->fingerprint, p))
		if (str_list_has(&n->macs, p->mac))
			return p;
	return first;
}

/* Who is a node waits no longer, under no MAC address, nor does anybody else with this one. */
static int delete_pendings(struct approving *a, const struct pending *p, const char *fingerprint, struct err *err)
{
	for (const struct pending *o = NULL; (o = pendings_find(&a->pendings, fingerprint, o));)
		if (!str_eq(o->mac, p->mac))
			pending_delete(a->c, o);
	return pending_delete_mac(a->c, p->mac, err);
}

/* Shown before it is approved, and taken from what waits: what the machine says later changes nothing. */
static int adopt_bmc(struct approving *a, const char *node, const struct pending *p, struct err *err)
{
	autoclean(machine_free) struct machine m = { 0 };

	return machine_read(p->machine, strlen(p->machine), &m, err) < 0 ? -1 : bmc_wish_adopt(a->c, node, &m, &a->plan, err);
}

static int approve_one(struct approving *a, struct json_obj *o, struct str_list *seen, struct err *err)
{
	autoclean(wish_free) struct wish wish = { 0 };
	autofree char *by = NULL, *step = NULL;
	char words[KEYWORDS_LEN];
	const struct pending *p;
	struct node *n;

	if (read_wish(o, &a->site, &wish, err) < 0)
		return -1;
	p = find_pending(a, &wish);
	if (!p) {
		err_set(err, ERR_NOT_FOUND, "no machine with the fingerprint %.64s waits for approval", wish.fingerprint);
		return err_hint(err, "`orthrus node discover --once` lists those that do");
	}
	if (find_name(a, &wish, p, err) < 0)
		return -1;
	if (str_list_has(seen, wish.node) || str_list_has(seen, wish.fingerprint))
		return err_set(err, ERR_CONFLICT, "%s and the machine %s can stand in one request only once", wish.node,
			       words_of(p, words));
	str_list_add(seen, wish.node);
	str_list_add(seen, wish.fingerprint);
	n = roster_find(&a->roster, wish.node);
	if (check_serial(n, p, err) < 0 || check_key(a, wish.node, p, err) < 0 ||
	    (n ? approve_known(a, &wish, n, p, err) : approve_new(a, &wish, p, err)) < 0)
		return -1;
	step = str_format("approve:%s", wish.node);
	api_step(&a->plan, step, "%s: the machine with MAC %s and the key %s is this node from now on", wish.node, p->mac,
		 words_of(p, words));
	by = str_format("approved by %s", a->who);
	if (adopt_bmc(a, wish.node, p, err) < 0 || ident_approve(a->c, wish.node, &p->key, by, err) < 0 ||
	    delete_pendings(a, p, wish.fingerprint, err) < 0)
		return -1;
	change_event(a->c, EVENT_INFO, "node-approved", wish.node, "the key %s is its key now: %s", words_of(p, words), by);
	return 0;
}

static int read_names(struct approving *a, struct json_obj *o, struct err *err)
{
	autoclean(str_list_free) struct str_list rules = { 0 };

	if (json_strs(o, "names", JSON_MAY, &rules, err) < 0)
		return -1;
	for (size_t i = 0; i < rules.len; i++)
		if (naming_add(&a->names, rules.items[i], err) < 0)
			return -1;
	return 0;
}

static int approve_all(struct approving *a, struct json_obj *o, struct err *err)
{
	autoclean(str_list_free) struct str_list seen = { 0 };
	struct json_arr items;

	if (read_names(a, o, err) < 0 || json_arr(o, "items", JSON_MUST, &items, err) < 0)
		return -1;
	if (items.len == 0 || items.len > APPROVED_AT_ONCE)
		return json_bad(o, "items", err, "has %zu entries; 1 to %d are approved at once", items.len, APPROVED_AT_ONCE);
	for (size_t i = 0; i < items.len; i++) {
		struct json_obj e;

		if (json_arr_obj(&items, i, &e, err) < 0 || approve_one(a, &e, &seen, err) < 0)
			return -1;
	}
	return json_obj_end(o, err);
}

int api_approve(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(approving_free) struct approving a = { .who = http_who(call) };
	autoclean(change_end) struct change c = { 0 };
	struct err late = { 0 };
	bool only_plan = false;
	struct json_obj o;

	change_begin(&c, d);
	a.c = &c;
	if (api_body(call, &doc, &o, err) < 0 || json_bool(&o, "plan", JSON_MAY, &only_plan, err) < 0 ||
	    daemon_site(d, &a.site, NULL, err) < 0 || roster_load(d, &a.roster, err) < 0 ||
	    pending_list(d, &a.pendings, err) < 0 || approve_all(&a, &o, err) < 0)
		return -1;
	if (!only_plan) {
		if (change_commit(&c, err) < 0)
			return -1;
		change_release(&c);
		if (reconcile_wait(d->reconcile, &late) < 0)
			api_step(&a.plan, "problem", "done, but network boot does not follow yet: %s", late.text);
	}
	api_steps(call, &a.plan);
	return 0;
}
