/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/orders.h"

#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/order_make.h"
#include "daemon/prior.h"
#include "daemon/roster.h"
#include "sys/clock.h"

#include <string.h>

/* A system that is half there and boots all the same may still report it: that is worth an event. */
void order_withdraw(struct change *c, const char *node, struct run *r)
{
	change_delete(c, "order", node);
	change_event(c, EVENT_WARNING, "install-withdrawn", node, "the order to install %s was withdrawn",
		     r->image ? r->image : "it");
	if (r->state == RUN_INSTALLING) {
		model_set(&r->error, "the installation was withdrawn when it was under way");
		model_set(&r->hint, "install it again");
		run_set_state(r, RUN_FAILED, clock_wall_s());
	} else {
		prior_back(c, node, r);
	}
	change_run(c, node, r);
}

static char *layout_text(const struct layout *l)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct json_out w;

	json_out_init(&w, &text, false);
	layout_print(l, &w, NULL);
	return buf_steal(&text);
}

static char *order_text(const struct order *o)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct json_out w;

	json_out_init(&w, &text, false);
	order_print(o, &w, NULL);
	return buf_steal(&text);
}

static int read_order(const struct state_doc *doc, struct order *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc json = { 0 };
	struct json_obj o;

	if (json_parse(doc->value, strlen(doc->value), &json, err) < 0 || json_root_obj(&json, &o, err) < 0 ||
	    order_read(&o, out, err) < 0)
		return err_wrap(err, "document %s", doc->key);
	return 0;
}

/* The same order as the new site words it. The digest of the plan stays: it says which disks were approved. */
static int make_again(struct daemon *d, const struct site *site, const struct roster *nodes, const struct order *old,
		      struct order *out, struct err *err)
{
	const struct order_image image = { .name = old->image_name,
					   .id = old->image_id,
					   .manifest_digest = old->manifest_digest,
					   .sequence = old->min_sequence };
	const struct node *n = roster_find(nodes, old->node);

	if (!n)
		return err_set(err, ERR_NOT_FOUND, "there is no node %s", old->node);
	if (order_make(d, site, n, &image, old->install_id, NULL, out, err) < 0)
		return -1;
	if (old->plan_digest)
		out->plan_digest = mem_strdup(old->plan_digest);
	out->no_cast = old->no_cast;
	return 0;
}

/* What was approved and would not be so any more, or NULL. */
static const char *what_breaks(const struct order *old, const struct order *now)
{
	autofree char *was = layout_text(&old->layout);
	autofree char *is = layout_text(&now->layout);

	if (!str_eq(was, is))
		return "disk layout";
	return str_eq(old->domain, now->domain) ? NULL : "domain";
}

static int follow_one(struct daemon *d, const struct site *site, const struct roster *nodes, const struct state_doc *doc,
		      struct standing_orders *out, struct plan *plan, struct err *err)
{
	autoclean(order_free) struct order old = { 0 }, now = { 0 };
	autoclean(run_free) struct run r = { 0 };
	autofree char *was = NULL, *is = NULL, *step = NULL;
	const char *breaks;

	if (read_order(doc, &old, err) < 0 || make_again(d, site, nodes, &old, &now, err) < 0 ||
	    daemon_run(d, old.node, &r, err) < 0)
		return -1;
	was = order_text(&old);
	is = order_text(&now);
	if (str_eq(was, is))
		return 0;
	breaks = what_breaks(&old, &now);
	step = str_format("order:%s", old.node);
	if (breaks && r.state == RUN_INSTALLING) {
		err_set(err, ERR_REFUSED, "%s is being installed, and this site changes its %s", old.node, breaks);
		return err_hint(err, "wait for its end, or stop it: orthrus node boot %s --disk --force", old.node);
	}
	if (breaks)
		api_step(plan, step, "%s: withdraw the installation of %s that is ordered: its %s changes", old.node,
			 r.image ? r.image : "an image", breaks);
	else
		api_step(plan, step, "%s: bring its order up to date", old.node);
	out->items = mem_grow(out->items, out->len + 1, sizeof(*out->items));
	out->items[out->len++] = (struct standing_order){ .withdraw = breaks != NULL, .order = now };
	now = (struct order){ 0 };
	return 0;
}

int orders_follow(struct daemon *d, const struct site *site, const struct roster *nodes, struct standing_orders *out,
		  struct plan *plan, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };

	if (state_list(d->state, "order/", &docs, err) < 0)
		return -1;
	for (size_t i = 0; i < docs.len; i++)
		if (follow_one(d, site, nodes, &docs.items[i], out, plan, err) < 0)
			return -1;
	return 0;
}

void standing_orders_free(struct standing_orders *l)
{
	for (size_t i = 0; i < l->len; i++)
		order_free(&l->items[i].order);
	free(l->items);
	*l = (struct standing_orders){ 0 };
}

int orders_withdraw(struct change *c, const struct standing_orders *l, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < l->len; i++) {
		autoclean(run_free) struct run r = { 0 };

		if (!l->items[i].withdraw)
			continue;
		if (daemon_run(c->d, l->items[i].order.node, &r, err) < 0)
			return -1;
		order_withdraw(c, l->items[i].order.node, &r);
		if (++n % ORDERS_PER_WRITE == 0 && change_commit(c, err) < 0)
			return -1;
	}
	return change_commit(c, err);
}

int orders_refresh(struct change *c, const struct standing_orders *l, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < l->len; i++) {
		autoclean(buf_free) struct buf json = { 0 };
		struct json_out w;

		if (l->items[i].withdraw)
			continue;
		json_out_init(&w, &json, false);
		order_print(&l->items[i].order, &w, NULL);
		change_put(c, "order", l->items[i].order.node, &json);
		if (++n % ORDERS_PER_WRITE == 0 && change_commit(c, err) < 0)
			return -1;
	}
	return change_commit(c, err);
}
