/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The imager says who it is and what it has, and is told what to do. Every byte of it is from a machine that nothing vouches for.
 */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/prior.h"
#include "daemon/reconcile.h"
#include "daemon/tokens.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <string.h>

#define ORDERS_WAIT_MAX_S 60

enum action { ACTION_WAIT, ACTION_INSTALL, ACTION_DISK };

/* The order's JSON in `order` with ACTION_INSTALL. */
static enum action choose(struct daemon *d, const struct node *n, const struct run *r, struct state_doc *order)
{
	autofree char *key = str_format("order/%s", n->name);
	struct err none = { 0 };

	if (state_get(d->state, key, order, &none) == 0)
		return ACTION_INSTALL;
	return node_target(n, r, false) == NETBOOT_DISK ? ACTION_DISK : ACTION_WAIT;
}

static void answer(struct http_call *call, const char *node, enum action action, const char *order, const char *token,
		   const char *report_token)
{
	static const char *const names[] = { [ACTION_WAIT] = "wait", [ACTION_INSTALL] = "install", [ACTION_DISK] = "disk" };
	struct json_out w;

	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "node", node);
	json_put_str(&w, "token", token);
	json_put_str(&w, "action", names[action]);
	if (order)
		json_put_raw(&w, "order", order);
	else
		json_put_str(&w, "order", NULL);
	json_put_str(&w, "report_token", report_token);
	json_end_obj(&w);
}

static int find_node(struct daemon *d, struct http_call *call, const struct machine *m, struct node *n, struct err *err)
{
	autofree char *name = NULL;

	if (mac_index_find(d, m->mac, &name, err) < 0)
		return -1;
	if (!name) {
		log_info("imager", "unknown machine with MAC %s, serial %s, from %s", m->mac, m->serial ? m->serial : "none",
			 http_who(call));
		err_set(err, ERR_NOT_FOUND, "no node has the MAC address %s", m->mac);
		return err_hint(err, "make it known: orthrus node add NAME --mac %s --group GROUP", m->mac);
	}
	if (daemon_node(d, name, n, NULL, err) < 0)
		return -1;
	if (!n->serial || str_eq(n->serial, m->serial))
		return 0;
	log_warn("imager", "%s: refused a machine with MAC %s and serial %s; it should have %s", n->name, m->mac,
		 m->serial ? m->serial : "none", n->serial);
	return err_set(err, ERR_REFUSED, "%s must have the serial number %s, this machine has %s", n->name, n->serial,
		       m->serial ? m->serial : "none");
}

static int check_trust(struct daemon *d, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };

	if (daemon_site(d, &site, NULL, err) < 0)
		return -1;
	if (site.trust_mac)
		return 0;
	err_set(err, ERR_REFUSED, "a MAC address alone is not trusted here");
	return err_hint(err, "see \"enrol\": {\"trust_mac\"} in site.json(5)");
}

static void keep_machine(struct change *c, const struct node *n, const struct machine *m)
{
	autofree char *key = str_format("inv/%s", n->name);
	autoclean(state_doc_free) struct state_doc old = { 0 };
	autoclean(buf_free) struct buf json = { 0 };
	struct err none = { 0 };
	struct json_out w;

	json_out_init(&w, &json, false);
	machine_print(m, &w, NULL);
	if (state_get(c->d->state, key, &old, &none) == 0 && str_eq(old.value, buf_str(&json)))
		return;
	change_put(c, "inv", n->name, &json);
}

static void note_hello(struct change *c, const struct node *n, const struct machine *m, struct run *r)
{
	char at[CLOCK_UTC_LEN];

	clock_utc(clock_wall_s(), at);
	model_set(&r->seen, at);
	r->last_seq = 0;
	if (r->state == RUN_NEW) {
		run_set_state(r, RUN_READY, clock_wall_s());
		change_event(c, EVENT_INFO, "node-ready", n->name, "the imager runs: %s %s, serial %s, %zu disks",
			     m->vendor ? m->vendor : "?", m->product ? m->product : "?", m->serial ? m->serial : "none",
			     m->disks.len);
	}
	keep_machine(c, n, m);
}

/* What lies on the disks now was not there, or not told, when the order was given: nobody approved its loss. Once the
 * installation has begun, what is found there is its own. */
static int check_shown(struct change *c, const struct node *n, const struct machine *m, struct run *r, struct err *err)
{
	autofree char *key = str_format("order/%s", n->name);
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autoclean(json_doc_free) struct json_doc json = { 0 };
	autoclean(order_free) struct order order = { 0 };
	struct err why = { 0 }, none = { 0 };
	char hex[DIGEST_HEX_LEN];
	struct json_obj o;

	if (r->state != RUN_ORDERED || !r->shown_digest || state_get(c->d->state, key, &doc, &none) < 0)
		return 0;
	if (json_parse(doc.value, strlen(doc.value), &json, err) < 0 || json_root_obj(&json, &o, err) < 0 ||
	    order_read(&o, &order, err) < 0)
		return -1;
	if (shown_digest(&order, &m->disks, hex, &why) == 0 && str_eq(hex, r->shown_digest))
		return 0;
	if (why.kind == ERR_NONE)
		err_set(&why, ERR_REFUSED, "what is on its disks now was not shown");
	err_wrap(&why, "its disks are not as they were when the order was given");
	err_hint(&why, "look at the plan again: orthrus node install %s --plan", n->name);
	prior_refused(c, n->name, r, "plan", why.text, why.hint);
	change_event(c, EVENT_ERROR, "install-failed", n->name, "not installed: %s", why.text);
	return 1;
}

int api_imager_hello(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(machine_free) struct machine m = { 0 };
	autoclean(node_free) struct node n = { 0 };
	autoclean(run_free) struct run r = { 0 };
	autoclean(state_doc_free) struct state_doc order = { 0 };
	autoclean(change_end) struct change c;
	char token[TOKEN_LEN], report[TOKEN_LEN] = "";
	enum action action;
	size_t len;
	const char *body = http_body(call, &len);
	int refused;

	change_begin(&c, d);
	if (machine_read(body, len, &m, err) < 0 || find_node(d, call, &m, &n, err) < 0 || check_trust(d, err) < 0 ||
	    daemon_run(d, n.name, &r, err) < 0)
		return -1;
	refused = check_shown(&c, &n, &m, &r, err);
	if (refused < 0)
		return -1;
	action = refused ? node_target(&n, &r, false) == NETBOOT_DISK ? ACTION_DISK : ACTION_WAIT : choose(d, &n, &r, &order);
	note_hello(&c, &n, &m, &r);
	token_issue(&c, n.name, &r, TOKEN_IMAGER, token);
	if (action == ACTION_INSTALL)
		token_issue(&c, n.name, &r, TOKEN_REPORT, report);
	change_run(&c, n.name, &r);
	if (change_commit(&c, err) < 0)
		return -1;
	answer(call, n.name, action, order.value, token, report[0] ? report : NULL);
	if (refused) {
		change_release(&c);
		reconcile_kick(d->reconcile, false);
	}
	explicit_bzero(token, sizeof(token));
	explicit_bzero(report, sizeof(report));
	return 0;
}

/* A new report token each time it is told: only its hash is kept. The node writes down the last one it got. */
static int answer_install(struct daemon *d, struct http_call *call, struct err *err)
{
	autofree char *name = NULL;
	autoclean(run_free) struct run r = { 0 };
	autoclean(node_free) struct node n = { 0 };
	autoclean(state_doc_free) struct state_doc order = { 0 };
	autoclean(change_end) struct change c;
	char report[TOKEN_LEN] = "";
	enum action action;

	change_begin(&c, d);
	if (token_check(d, call, TOKEN_IMAGER, &name, &r, err) < 0 || daemon_node(d, name, &n, NULL, err) < 0)
		return -1;
	action = choose(d, &n, &r, &order); /* again, now that nobody else writes */
	if (action == ACTION_INSTALL) {
		token_issue(&c, name, &r, TOKEN_REPORT, report);
		change_run(&c, name, &r);
		if (change_commit(&c, err) < 0)
			return -1;
	}
	answer(call, name, action, order.value, NULL, report[0] ? report : NULL);
	explicit_bzero(report, sizeof(report));
	return 0;
}

int api_imager_orders(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autofree char *name = NULL;
	autoclean(run_free) struct run r = { 0 };
	autoclean(node_free) struct node n = { 0 };
	autoclean(state_doc_free) struct state_doc order = { 0 };
	enum action action;
	uint64_t wait_s = 0;

	if (http_query_u64(call, "wait", 0, ORDERS_WAIT_MAX_S, &wait_s, err) < 0 ||
	    token_check(d, call, TOKEN_IMAGER, &name, &r, err) < 0 || daemon_node(d, name, &n, NULL, err) < 0)
		return -1;
	action = choose(d, &n, &r, &order);
	if (action == ACTION_WAIT && wait_s && http_wait(call, name, (int64_t)wait_s * NS_PER_S))
		return 0;
	if (action == ACTION_INSTALL)
		return answer_install(d, call, err);
	answer(call, name, action, NULL, NULL, NULL);
	return 0;
}
