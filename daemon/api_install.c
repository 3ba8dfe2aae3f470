/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ordering installations: what would be done to each disk is shown, then exactly that is ordered, once. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/order_make.h"
#include "daemon/orders.h"
#include "daemon/prior.h"
#include "daemon/reconcile.h"
#include "daemon/roster.h"
#include "sys/clock.h"
#include "sys/keys.h"

#include <stdio.h>
#include <string.h>

#define NODES_PER_REQUEST 5000
#define INSTALL_ID_BYTES 16

struct install_request {
	struct str_list nodes;
	bool plan, unseen, no_cast;
	char *image;
	struct str_list shown_nodes, shown_digests; /* "digests": what the administrator saw, by node */
};

/* One node on the way to its order. */
struct install_item {
	struct node node;
	struct run run;
	struct machine machine;
	struct order order;
	struct plan plan;
	bool known;
	char *image, *shown_digest;
	struct err err;
};
struct install_items {
	struct install_item *items;
	size_t len;
};

static void request_free(struct install_request *r)
{
	str_list_free(&r->nodes);
	str_list_free(&r->shown_nodes);
	str_list_free(&r->shown_digests);
	free(r->image);
}

static void items_free(struct install_items *l)
{
	for (size_t i = 0; i < l->len; i++) {
		node_free(&l->items[i].node);
		run_free(&l->items[i].run);
		machine_free(&l->items[i].machine);
		order_free(&l->items[i].order);
		plan_free(&l->items[i].plan);
		free(l->items[i].image);
		free(l->items[i].shown_digest);
	}
	free(l->items);
}

static int read_digests(struct json_obj *o, struct install_request *out, struct err *err)
{
	autofree const char **keys = NULL;
	struct json_obj map;
	int have = json_obj(o, "digests", JSON_MAY, &map, err);
	size_t n;

	if (have <= 0)
		return have;
	keys = mem_array(NODES_PER_REQUEST, sizeof(*keys));
	n = json_keys(&map, keys, NODES_PER_REQUEST);
	for (size_t i = 0; i < n; i++) {
		autofree char *digest = NULL;

		if (json_str(&map, keys[i], JSON_MUST, &digest, err) < 0)
			return -1;
		str_list_add(&out->shown_nodes, keys[i]);
		str_list_add(&out->shown_digests, digest);
	}
	return json_obj_end(&map, err);
}

static int read_request(const struct http_call *call, struct install_request *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (api_body(call, &doc, &o, err) < 0 || json_strs(&o, "nodes", JSON_MUST, &out->nodes, err) < 0 ||
	    json_bool(&o, "plan", JSON_MAY, &out->plan, err) < 0 ||
	    json_bool(&o, "accept_disks_unseen", JSON_MAY, &out->unseen, err) < 0 ||
	    json_bool(&o, "no_cast", JSON_MAY, &out->no_cast, err) < 0 || json_str(&o, "image", JSON_MAY, &out->image, err) < 0 ||
	    read_digests(&o, out, err) < 0)
		return -1;
	if (out->nodes.len == 0 || out->nodes.len > NODES_PER_REQUEST)
		return json_bad(&o, "nodes", err, "has %zu entries; 1 to %d are installed at once", out->nodes.len,
				NODES_PER_REQUEST);
	for (size_t i = 0; i < out->nodes.len; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(out->nodes.items[i], out->nodes.items[j]))
				return json_bad(&o, "nodes", err, "%s is there twice", out->nodes.items[i]);
	return json_obj_end(&o, err);
}

static int check_machine(struct daemon *d, struct install_item *it, bool unseen, struct err *err)
{
	int known = daemon_machine(d, it->node.name, &it->machine, err);

	if (known < 0)
		return -1;
	it->known = known;
	if (known || unseen)
		return 0;
	err_set(err, ERR_REFUSED, "%s has not told what disks it has: what an installation would erase can't be shown",
		it->node.name);
	return err_hint(err,
			"netboot it once and it appears in `orthrus node show %s`; or accept that with --accept-disks-unseen",
			it->node.name);
}

/* The plan with the real identifiers is what the order binds; the one for people is the same for every try. Its digest is of all
 * that is shown, what was found on the disks too: data that appears there later was approved by nobody. */
static int plan_item(struct daemon *d, const struct site *site, struct install_item *it, const struct order_image *image,
		     struct err *err)
{
	autoclean(raid_result_free) struct raid_result result = { 0 };
	char hex[DIGEST_HEX_LEN];
	uint8_t raw[INSTALL_ID_BYTES];
	char id[2 * INSTALL_ID_BYTES + 1];

	random_bytes(raw, sizeof(raw));
	str_hex(raw, sizeof(raw), id);
	it->image = str_format("%s/%s", image->name, image->id);
	if (order_make(d, site, &it->node, image, id, it->known ? &it->machine.disks : NULL, &it->order, err) < 0)
		return -1;
	if (!it->known) {
		plan_add(&it->plan, 0, PLAN_DESTROYS, "unseen",
			 str_format("erase whichever disks of %s fit the layout %s: they were not seen", it->node.name,
				    it->order.layout.name),
			 NULL, NULL);
		return 0;
	}
	if (shown_digest(&it->order, &it->machine.disks, hex, err) < 0)
		return -1;
	it->shown_digest = mem_strdup(hex);
	return install_plan(&it->order, &it->machine.disks, &it->plan, &result, err);
}

/* Nothing known is erased that was not shown to somebody: an order brings the digest of what was. */
static int check_shown(const struct install_request *req, const struct install_item *it, struct err *err)
{
	bool told = false;

	for (size_t i = 0; i < req->shown_nodes.len; i++) {
		if (!str_eq(req->shown_nodes.items[i], it->node.name))
			continue;
		told = true;
		if (str_eq(req->shown_digests.items[i], it->shown_digest))
			continue;
		err_set(err, ERR_CONFLICT, "%s: its disks, what is on them, its layout or image are not what was shown",
			it->node.name);
		return err_hint(err, "look at the plan again: `orthrus node install %s --plan`", it->node.name);
	}
	if (told || req->plan || !it->known)
		return 0;
	err_set(err, ERR_REFUSED, "%s: the order does not say which plan was shown: its digest is missing", it->node.name);
	return err_hint(err, "look at the plan first: `orthrus node install %s --plan`", it->node.name);
}

static int prepare(struct daemon *d, const struct site *site, const struct install_request *req, const char *name,
		   struct install_item *it, struct err *err)
{
	autoclean(order_image_free) struct order_image image = { 0 };
	const char *ref;

	if (daemon_node(d, name, &it->node, NULL, err) < 0 || daemon_run(d, name, &it->run, err) < 0 ||
	    api_not_installing(name, &it->run, false, err) < 0 || check_machine(d, it, req->unseen, err) < 0)
		return -1;
	if (it->node.boot == NODE_BOOT_DISKLESS) {
		err_set(err, ERR_REFUSED, "%s runs without disks: what is on them may be somebody's scratch space", name);
		return err_hint(err, "if they shall be erased: orthrus node boot %s --net, then install it", name);
	}
	ref = req->image ? req->image : node_image(site, &it->node);
	if (!ref)
		return err_set(err, ERR_REFUSED, "%s: neither it nor its group has an image", name);
	if (order_image_find(d, ref, &image, err) < 0 || plan_item(d, site, it, &image, err) < 0)
		return str_starts(err->text, name) ? -1 : err_wrap(err, "%s", name);
	it->order.no_cast = req->no_cast;
	return check_shown(req, it, err);
}

/* Order, run state and boot target (made from both) change in one write. */
static void add_order(struct change *c, struct install_item *it, const char *who)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct run next = { 0 };
	struct json_out w;

	json_out_init(&w, &json, false);
	order_print(&it->order, &w, NULL);
	change_put(c, "order", it->node.name, &json);
	/* What runs there now is told until the installation begins to erase it, and comes back when the order is withdrawn. */
	prior_keep(&it->run, it->node.boot, &next);
	model_set(&next.shown_digest, it->shown_digest);
	model_set(&next.seen, it->run.seen);
	next.last_seq = it->run.last_seq;
	model_set(&next.install_id, it->order.install_id);
	model_set(&next.image, it->image);
	run_set_state(&next, RUN_ORDERED, clock_wall_s());
	change_run(c, it->node.name, &next);
	run_free(&next);
	if (it->node.boot != NODE_BOOT_AUTO || it->node.rescue != NODE_RESCUE_NO) {
		it->node.boot = NODE_BOOT_AUTO;
		it->node.rescue = NODE_RESCUE_NO;
		change_node(c, &it->node);
	}
	change_event(c, EVENT_INFO, "install-ordered", it->node.name, "installation of %s ordered by %s%s", it->image, who,
		     it->known ? "" : ", disks unseen");
}

/* A write that fails behind others: what these ordered stands and is said by name. */
static int say_partly(const struct install_items *l, size_t ordered, struct err *err)
{
	if (!ordered)
		return -1;
	err_wrap(err, "ordered are the first %zu of %zu nodes only, %s to %s", ordered, l->len, l->items[0].node.name,
		 l->items[ordered - 1].node.name);
	err->kind = ERR_PARTIAL;
	return err_hint(err,
			"see `orthrus node list`; order the others again, or withdraw with `orthrus node boot NODES --disk`");
}

static int write_orders(struct change *c, struct install_items *l, const char *who, struct err *err)
{
	size_t ordered = 0;

	for (size_t i = 0; i < l->len; i++) {
		add_order(c, &l->items[i], who);
		if ((i + 1) % ORDERS_PER_WRITE != 0 && i + 1 != l->len)
			continue;
		if (change_commit(c, err) < 0)
			return say_partly(l, ordered, err);
		ordered = i + 1;
	}
	return 0;
}

static void answer(struct http_call *call, const struct install_items *l, bool ordered, const struct err *late)
{
	struct json_out w;

	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "nodes");
	for (size_t i = 0; i < l->len; i++) {
		const struct install_item *it = &l->items[i];

		json_put_obj(&w, NULL);
		json_put_str(&w, "name", it->node.name);
		json_put_str(&w, "image", it->image);
		json_put_str(&w, "state", run_state_name(it->run.state)); /* whether somebody's work may run there now */
		json_put_str(&w, "seen", it->run.seen);			  /* how old the knowledge of its disks is */
		json_put_str(&w, "install_id", ordered ? it->order.install_id : NULL);
		json_put_str(&w, "digest", it->shown_digest);
		if (it->err.kind == ERR_NONE)
			plan_to_json(&it->plan, &w, "plan");
		else
			json_put_str(&w, "plan", NULL);
		api_put_error(&w, "error", &it->err);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_put_bool(&w, "ordered", ordered);
	json_put_str(&w, "problem", late->kind != ERR_NONE ? late->text : NULL);
	json_end_obj(&w);
}

int api_install(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(request_free) struct install_request req = { 0 };
	autoclean(items_free) struct install_items l = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autoclean(change_end) struct change c = { 0 };
	struct err late = { 0 };

	change_begin(&c, d);
	if (read_request(call, &req, err) < 0 || daemon_site(d, &site, NULL, err) < 0)
		return -1;
	l.items = mem_array(req.nodes.len, sizeof(*l.items));
	for (; l.len < req.nodes.len; l.len++) {
		struct install_item *it = &l.items[l.len];

		if (prepare(d, &site, &req, req.nodes.items[l.len], it, &it->err) == 0)
			continue;
		if (!it->node.name)
			it->node.name = mem_strdup(req.nodes.items[l.len]);
		/* For real it is all or none. */
		if (!req.plan) {
			*err = it->err;
			l.len++;
			return -1;
		}
	}
	if (!req.plan) {
		if (write_orders(&c, &l, http_who(call), err) < 0)
			return -1;
		change_release(&c);
		if (reconcile_wait(d->reconcile, &late) < 0)
			event_note(d, EVENT_ERROR, "netboot-failed", NULL, "ordered, but network boot does not follow yet: %s",
				   late.text);
	}
	answer(call, &l, !req.plan, &late);
	return 0;
}
