/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nodes find at their next netboot, chosen by hand; the way to take an order back. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/orders.h"
#include "daemon/reconcile.h"

struct boot_request {
	struct str_list nodes;
	bool plan, force;
	enum node_boot boot;
};

static void request_free(struct boot_request *r)
{
	str_list_free(&r->nodes);
}

static int read_request(const struct http_call *call, struct boot_request *out, struct err *err)
{
	static const char *const targets[] = { "disk", "net", NULL };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;
	int target = 0;

	if (api_body(call, &doc, &o, err) < 0 || json_strs(&o, "nodes", JSON_MUST, &out->nodes, err) < 0 ||
	    json_enum(&o, "target", JSON_MUST, targets, &target, err) < 0 ||
	    json_bool(&o, "plan", JSON_MAY, &out->plan, err) < 0 || json_bool(&o, "force", JSON_MAY, &out->force, err) < 0)
		return -1;
	if (out->nodes.len == 0)
		return json_bad(&o, "nodes", err, "names no node");
	out->boot = target == 0 ? NODE_BOOT_DISK : NODE_BOOT_NET;
	return json_obj_end(&o, err);
}

static void withdraw(struct change *c, struct run *r, const char *node, struct plan *plan)
{
	autofree char *step = str_format("withdraw:%s", node);

	api_step(plan, step, "%s: withdraw the installation of %s that is %s", node, r->image ? r->image : "an image",
		 r->state == RUN_ORDERED ? "ordered" : "under way; its disks may hold half of it");
	r->prior_boot = NODE_BOOT_AUTO; /* what is chosen now counts */
	order_withdraw(c, node, r);
}

static int boot_one(struct change *c, const struct boot_request *req, const char *name, struct plan *plan, struct err *err)
{
	autoclean(node_free) struct node n = { 0 };
	autoclean(run_free) struct run r = { 0 };
	autofree char *step = str_format("boot:%s", name);
	bool ordered;

	if (daemon_node(c->d, name, &n, NULL, err) < 0 || daemon_run(c->d, name, &r, err) < 0)
		return -1;
	ordered = r.state == RUN_ORDERED || r.state == RUN_INSTALLING;
	if (ordered && (req->boot != NODE_BOOT_DISK || r.state == RUN_INSTALLING) &&
	    api_not_installing(name, &r, req->force, err) < 0)
		return -1;
	if (ordered)
		withdraw(c, &r, name, plan);
	else if (n.boot == req->boot)
		return 0;
	n.boot = req->boot;
	api_step(plan, step,
		 req->boot == NODE_BOOT_DISK ? "%s: go on to its own disk when it netboots"
					     : "%s: run the imager when it netboots, and wait there for orders",
		 name);
	change_node(c, &n);
	return 0;
}

int api_boot(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(request_free) struct boot_request req = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(change_end) struct change c;
	struct err late = { 0 };

	change_begin(&c, d);
	if (read_request(call, &req, err) < 0)
		return -1;
	for (size_t i = 0; i < req.nodes.len; i++)
		if (boot_one(&c, &req, req.nodes.items[i], &plan, err) < 0)
			return -1;
	if (!req.plan) {
		if (change_commit(&c, err) < 0)
			return -1;
		change_release(&c);
		if (reconcile_wait(d->reconcile, &late) < 0)
			api_step(&plan, "problem", "done, but network boot does not follow yet: %s", late.text);
	}
	api_steps(call, &plan);
	return 0;
}
