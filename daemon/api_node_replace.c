/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Another machine takes a node's place: what the one before had is taken from it on every door. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/ident.h"
#include "daemon/pending.h"
#include "daemon/reconcile.h"
#include "daemon/revoke.h"
#include "daemon/roster.h"
#include "sys/clock.h"

#include <string.h>

/* The rest after a commit: nobody may wait for the reconciler while holding the lock it needs. The steps are those that are true
 * now. */
static void confirm(struct daemon *d, struct change *c, const struct revoke *r, const struct str_list *still, struct plan *plan)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err late = { 0 };
	int rc;

	for (size_t i = 0; i < r->n_nodes; i++)
		str_list_add(&names, r->nodes[i].name);
	api_shut_casts(d, &names, plan);
	change_release(c);
	rc = reconcile_wait(d->reconcile, &late);
	revoke_confirm(r, still, plan);
	if (rc < 0)
		api_step(plan, "problem", "done, but network boot does not follow yet: %s", late.text);
}

struct replacing {
	struct str_list macs;
	char *fingerprint; /* NULL: it is approved later */
	bool only_plan, keep;
	struct pendings pendings;
	const struct pending *machine; /* in pendings, with a fingerprint */
};

static void replacing_free(struct replacing *w)
{
	str_list_free(&w->macs);
	free(w->fingerprint);
	pendings_free(&w->pendings);
}

static int read_replacing(struct daemon *d, struct json_obj *o, struct replacing *w, struct err *err)
{
	autoclean(str_list_free) struct str_list raw = { 0 };

	if (json_strs(o, "macs", JSON_MUST, &raw, err) < 0 || json_str(o, "fingerprint", JSON_MAY, &w->fingerprint, err) < 0 ||
	    json_bool(o, "plan", JSON_MAY, &w->only_plan, err) < 0 || json_bool(o, "keep_secrets", JSON_MAY, &w->keep, err) < 0)
		return -1;
	if (!raw.len)
		return json_bad(o, "macs", err, "is empty: a machine has a MAC address");
	for (size_t i = 0; i < raw.len; i++) {
		char mac[STR_MAC_LEN];
		struct err why = { 0 };

		if (str_to_mac(raw.items[i], mac, &why) < 0)
			return json_bad(o, "macs", err, "%s", why.text);
		str_list_add(&w->macs, mac);
	}
	return json_obj_end(o, err) < 0 || pending_list(d, &w->pendings, err) < 0 ? -1 : 0;
}

/* The machine that waits with this key: it must be the one with one of these MAC addresses, and nobody else's. */
static int find_machine(struct daemon *d, const char *node, struct replacing *w, struct err *err)
{
	autofree char *owner = NULL;
	const struct pending *any = NULL, *p = NULL;

	if (!w->fingerprint)
		return 0;
	/* It may wait under several of its MAC addresses. */
	while ((p = pendings_find(&w->pendings, w->fingerprint, p))) {
		any = p;
		if (!w->machine && str_list_has(&w->macs, p->mac))
			w->machine = p;
	}
	if (!any) {
		err_set(err, ERR_NOT_FOUND, "no machine with the fingerprint %.64s waits for approval", w->fingerprint);
		return err_hint(err, "`orthrus node discover --once` lists those that do");
	}
	if (!w->machine)
		return err_set(err, ERR_REFUSED, "the machine with this key has the MAC address %s, not %s", any->mac,
			       w->macs.items[0]);
	if (ident_find(d, &w->machine->key.spki, &owner, err) < 0)
		return -1;
	return !owner || str_eq(owner, node)
		       ? 0
		       : err_set(err, ERR_CONFLICT, "this machine's key is %s's already: it can't be %s too", owner, node);
}

static void say_replace(const struct node *n, const struct replacing *w, struct plan *plan)
{
	autofree char *name = str_format("replace:%s", n->name);
	char words[KEYWORDS_LEN];

	api_step(plan, name,
		 "%s: the machine with MAC %s takes the place of the one with %s; name, addresses, group and wishes stay",
		 n->name, w->macs.items[0], n->macs.len ? n->macs.items[0] : "none");
	if (n->serial)
		api_step(plan, "serial", "%s: it need not have the serial number %s any more", n->name, n->serial);
	if (w->machine) {
		node_key_words(&w->machine->key, words);
		api_step(plan, "approve", "%s: the machine with the key %s is this node from now on", n->name, words);
	}
}

static int put_replace(struct change *c, struct node *n, struct run *r, struct replacing *w, struct revoke *revoke,
		       const char *who, struct err *err)
{
	static const char *const prefixes[] = { "inv", "order", "report" };
	autoclean(str_list_free) struct str_list nodes = { 0 };
	autofree char *by = str_format("approved by %s", who);

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		change_delete(c, prefixes[i], n->name);
	if (revoke_put(revoke, c, err) < 0)
		return -1;
	str_list_add(&nodes, n->name);
	if ((w->machine ? ident_replace(c, n->name, &w->machine->key, by, err) : ident_forget(c, &nodes, err)) < 0 ||
	    (w->machine && pending_delete_mac(c, w->machine->mac, err) < 0))
		return -1;
	change_node(c, n);
	run_free(r);
	run_set_state(r, RUN_NEW, clock_wall_s());
	change_run(c, n->name, r);
	change_event(c, EVENT_INFO, "node-replaced", n->name, "another machine takes its place, by %s: MAC %s", who,
		     n->macs.items[0]);
	return change_commit(c, err);
}

int api_node_replace(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(replacing_free) struct replacing w = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autoclean(roster_free) struct roster roster = { 0 };
	autoclean(node_free) struct node n = { 0 };
	autoclean(run_free) struct run r = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(revoke_free) struct revoke revoke = { .d = d };
	autoclean(change_end) struct change c = { 0 };
	struct json_obj o;

	change_begin(&c, d);
	if (api_body(call, &doc, &o, err) < 0 || read_replacing(d, &o, &w, err) < 0 || daemon_site(d, &site, NULL, err) < 0 ||
	    roster_load(d, &roster, err) < 0 || daemon_node(d, http_param(call, "name"), &n, NULL, err) < 0 ||
	    daemon_run(d, n.name, &r, err) < 0 || api_not_installing(n.name, &r, false, err) < 0 ||
	    find_machine(d, n.name, &w, err) < 0 || revoke_add(&revoke, &n, err) < 0)
		return -1;
	revoke.keep_secrets = w.keep;
	if (revoke_look(&revoke, err) < 0)
		return -1;
	say_replace(&n, &w, &plan);
	str_list_free(&n.macs);
	for (size_t i = 0; i < w.macs.len; i++)
		str_list_add(&n.macs, w.macs.items[i]);
	model_set(&n.serial, NULL);
	if (roster_check(&roster, &site, &n, err) < 0)
		return -1;
	if (w.only_plan) {
		revoke_say(&revoke, &n.macs, &plan);
	} else {
		if (put_replace(&c, &n, &r, &w, &revoke, http_who(call), err) < 0)
			return -1;
		confirm(d, &c, &revoke, &n.macs, &plan);
	}
	api_steps(call, &plan);
	return 0;
}
