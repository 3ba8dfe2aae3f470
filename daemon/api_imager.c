/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The imager of an enrolled machine says what it has, and is told what to do. The machine is the node's; what it says is still
 * only its word. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/diskless.h"
#include "daemon/ident.h"
#include "daemon/order_make.h"
#include "daemon/prior.h"
#include "daemon/reconcile.h"
#include "daemon/roster.h"
#include "sys/clock.h"
#include "sys/keys.h"
#include "sys/log.h"

#include <string.h>

#define ORDERS_WAIT_MAX_S 60
#define DISKLESS_ID_BYTES 16

enum action { ACTION_WAIT, ACTION_INSTALL, ACTION_DISK, ACTION_RESCUE, ACTION_DISKLESS };

static enum action without_order(const struct node *n, const struct run *r)
{
	switch (node_target(n, r, false)) {
	case NETBOOT_DISK:
		return ACTION_DISK;
	case NETBOOT_RESCUE:
		return ACTION_RESCUE;
	case NETBOOT_DISKLESS:
		return ACTION_DISKLESS;
	case NETBOOT_WAIT:
	case NETBOOT_PROBE:
	case NETBOOT_INSTALL:
		break;
	}
	return ACTION_WAIT;
}

/* The order's JSON in `order` with ACTION_INSTALL. */
static enum action choose(struct daemon *d, const struct node *n, const struct run *r, struct state_doc *order)
{
	autofree char *key = str_format("order/%s", n->name);
	struct err none = { 0 };

	if (state_get(d->state, key, order, &none) == 0)
		return ACTION_INSTALL;
	return without_order(n, r);
}

static void answer(struct http_call *call, const char *node, enum action action, const char *order,
		   const struct diskless_image *squashfs)
{
	static const char *const names[] = { [ACTION_WAIT] = "wait",
					     [ACTION_INSTALL] = "install",
					     [ACTION_DISK] = "disk",
					     [ACTION_RESCUE] = "rescue",
					     [ACTION_DISKLESS] = "diskless" };
	struct json_out w;

	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "node", node);
	json_put_str(&w, "action", names[action]);
	if (order)
		json_put_raw(&w, "order", order);
	else
		json_put_str(&w, "order", NULL);
	if (action == ACTION_DISKLESS) {
		json_put_obj(&w, "squashfs");
		json_put_str(&w, "digest", squashfs->digest);
		json_put_u64(&w, "bytes", squashfs->bytes);
		json_end_obj(&w);
	}
	json_end_obj(&w);
}

/* Made anew each time: nothing of it outlives the machine's memory. ACTION_WAIT: its squashfs is being made. */
static int make_diskless(struct daemon *d, const struct node *n, struct state_doc *order, struct diskless_image *squashfs,
			 enum action *action, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(order_image_free) struct order_image image = { 0 };
	autoclean(order_free) struct order o = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *ref = NULL;
	char id[2 * DISKLESS_ID_BYTES + 1];
	uint8_t raw[DISKLESS_ID_BYTES];
	struct json_out w;
	int found;

	if (daemon_site(d, &site, NULL, err) < 0)
		return -1;
	if (!node_image(&site, n))
		return err_set(err, ERR_REFUSED, "%s: neither it nor its group has an image", n->name);
	if (order_image_find(d, node_image(&site, n), &image, err) < 0)
		return -1;
	ref = str_format("%s/%s", image.name, image.id);
	found = diskless_find(d, ref, squashfs, err);
	if (found <= 0) {
		*action = ACTION_WAIT;
		return found;
	}
	random_bytes(raw, sizeof(raw));
	str_hex(raw, sizeof(raw), id);
	if (order_make(d, &site, n, &image, id, NULL, &o, err) < 0)
		return -1;
	json_out_init(&w, &text, false);
	order_print(&o, &w, NULL);
	order->value = buf_steal(&text);
	return 0;
}

/* It speaks for the node; whether it is the hardware that the node shall be is another question. */
static int check_machine(const struct node *n, const struct machine *m, struct err *err)
{
	if (n->macs.len && !str_list_has(&n->macs, m->mac)) {
		err_set(err, ERR_REFUSED, "%s has other MAC addresses than %s", n->name, m->mac);
		return err_hint(err, "if it is the same node: orthrus node set %s --mac %s", n->name, m->mac);
	}
	if (!n->serial || str_eq(n->serial, m->serial))
		return 0;
	log_warn("imager", "%s: refused a machine with MAC %s and serial %s; it should have %s", n->name, m->mac,
		 m->serial ? m->serial : "none", n->serial);
	return err_set(err, ERR_REFUSED, "%s must have the serial number %s, this machine has %s", n->name, n->serial,
		       m->serial ? m->serial : "none");
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
	autofree char *name = NULL;
	autoclean(change_end) struct change c = { 0 };
	struct diskless_image squashfs = { 0 };
	enum action action;
	size_t len;
	const char *body = http_body(call, &len);
	int refused;

	change_begin(&c, d);
	if (ident_caller(d, call, &name, &r, err) < 0 || machine_read(body, len, &m, err) < 0 ||
	    daemon_node(d, name, &n, NULL, err) < 0 || check_machine(&n, &m, err) < 0)
		return -1;
	refused = check_shown(&c, &n, &m, &r, err);
	if (refused < 0)
		return -1;
	action = refused ? without_order(&n, &r) : choose(d, &n, &r, &order);
	note_hello(&c, &n, &m, &r);
	change_run(&c, n.name, &r);
	if (change_commit(&c, err) < 0 ||
	    (action == ACTION_DISKLESS && make_diskless(d, &n, &order, &squashfs, &action, err) < 0))
		return -1;
	answer(call, n.name, action, order.value, &squashfs);
	if (refused) {
		change_release(&c);
		reconcile_kick(d->reconcile, false);
	}
	return 0;
}

int api_imager_orders(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autofree char *name = NULL;
	autoclean(run_free) struct run r = { 0 };
	autoclean(node_free) struct node n = { 0 };
	autoclean(state_doc_free) struct state_doc order = { 0 };
	struct diskless_image squashfs = { 0 };
	enum action action;
	uint64_t wait_s = 0;

	if (http_query_u64(call, "wait", 0, ORDERS_WAIT_MAX_S, &wait_s, err) < 0 || ident_caller(d, call, &name, &r, err) < 0 ||
	    daemon_node(d, name, &n, NULL, err) < 0)
		return -1;
	action = choose(d, &n, &r, &order);
	if (action == ACTION_DISKLESS && make_diskless(d, &n, &order, &squashfs, &action, err) < 0)
		return -1;
	if (action == ACTION_WAIT && wait_s && http_wait(call, name, (int64_t)wait_s * NS_PER_S))
		return 0;
	answer(call, name, action, order.value, &squashfs);
	return 0;
}
