/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nodes find at their next netboot, chosen by hand; the way to take an order back. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/diskless.h"
#include "daemon/orders.h"
#include "daemon/reconcile.h"
#include "daemon/roster.h"
#include "installer/order.h"

struct boot_request {
	struct str_list nodes;
	bool plan, force, stay;
	enum node_boot boot; /* without rescue */
	enum node_rescue rescue;
};

static void request_free(struct boot_request *r)
{
	str_list_free(&r->nodes);
}

static int read_request(const struct http_call *call, struct boot_request *out, struct err *err)
{
	static const char *const targets[] = { "disk", "net", "rescue", "diskless", NULL };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;
	int target = 0;

	if (api_body(call, &doc, &o, err) < 0 || json_strs(&o, "nodes", JSON_MUST, &out->nodes, err) < 0 ||
	    json_enum(&o, "target", JSON_MUST, targets, &target, err) < 0 ||
	    json_bool(&o, "plan", JSON_MAY, &out->plan, err) < 0 || json_bool(&o, "force", JSON_MAY, &out->force, err) < 0 ||
	    json_bool(&o, "stay", JSON_MAY, &out->stay, err) < 0)
		return -1;
	if (out->nodes.len == 0)
		return json_bad(&o, "nodes", err, "names no node");
	if (out->stay && target != 2)
		return json_bad(&o, "stay", err, "is for the rescue system; the others stay by themselves");
	out->boot = target == 0 ? NODE_BOOT_DISK : target == 3 ? NODE_BOOT_DISKLESS : NODE_BOOT_NET;
	if (target == 2)
		out->rescue = out->stay ? NODE_RESCUE_STAY : NODE_RESCUE_ONCE;
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

/* A machine that has told its memory, and an image that was made for this: before both are known, the machine itself says so. */
static int check_memory(struct daemon *d, const struct node *n, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(machine_free) struct machine m = { 0 };
	autofree char *ref = NULL;
	struct diskless_image image;
	char has[STR_BYTES_MAX], needs[STR_BYTES_MAX];
	int known = daemon_machine(d, n->name, &m, err);

	if (known < 0 || daemon_site(d, &site, NULL, err) < 0)
		return -1;
	if (!node_image(&site, n))
		return err_set(err, ERR_REFUSED, "%s: neither it nor its group has an image", n->name);
	ref = diskless_ref(d, node_image(&site, n));
	if (!known || !ref || diskless_find(d, ref, &image, err) <= 0 || m.memory_bytes >= image.bytes + DISKLESS_ROOM_BYTES) {
		*err = (struct err){ 0 };
		return 0;
	}
	str_from_bytes(m.memory_bytes, has);
	str_from_bytes(image.bytes + DISKLESS_ROOM_BYTES, needs);
	err_set(err, ERR_REFUSED, "%s has %s of memory; to run image %s from it takes %s", n->name, has, ref, needs);
	return err_hint(err, "take a smaller image (orthrus node set %s --image NAME), or install it to its disks", n->name);
}

static const char *step_text(const struct boot_request *req)
{
	switch (req->rescue) {
	case NODE_RESCUE_ONCE:
		return "run the rescue system at its next netboot, once";
	case NODE_RESCUE_STAY:
		return "run the rescue system whenever it netboots, until something else is chosen";
	case NODE_RESCUE_NO:
		break;
	}
	if (req->boot == NODE_BOOT_DISKLESS)
		return "run its image from memory whenever it netboots; its disks are left alone";
	return req->boot == NODE_BOOT_DISK ? "go on to its own disk when it netboots"
					   : "run the imager when it netboots, and wait there for orders";
}

/* The rescue system passes, and what was chosen before it counts again then. */
static bool choose(const struct boot_request *req, struct node *n)
{
	bool same = n->rescue == req->rescue && (req->rescue != NODE_RESCUE_NO || n->boot == req->boot);

	n->rescue = req->rescue;
	if (req->rescue == NODE_RESCUE_NO)
		n->boot = req->boot;
	return !same;
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
	if (ordered && (req->rescue != NODE_RESCUE_NO || req->boot != NODE_BOOT_DISK || r.state == RUN_INSTALLING) &&
	    api_not_installing(name, &r, req->force, err) < 0)
		return -1;
	if (req->boot == NODE_BOOT_DISKLESS && check_memory(c->d, &n, err) < 0)
		return -1;
	if (ordered)
		withdraw(c, &r, name, plan);
	if (!choose(req, &n) && !ordered)
		return 0;
	api_step(plan, step, "%s: %s", name, step_text(req));
	change_node(c, &n);
	if (run_forget_diskless(&r))
		change_run(c, name, &r);
	return 0;
}

/* What was put in is a rehearsal: what is refused is refused before the first write. One write of the state does not hold what
 * thousands of nodes are told. */
static int write_all(struct change *c, const struct boot_request *req, struct err *err)
{
	size_t n = req->nodes.len;

	change_drop(c);
	for (size_t i = 0; i < n; i++) {
		autoclean(plan_free) struct plan said = { 0 };
		bool full = (i + 1) % ORDERS_PER_WRITE == 0 || i + 1 == n;

		if (boot_one(c, req, req->nodes.items[i], &said, err) == 0 && (!full || change_commit(c, err) == 0))
			continue;
		if (i < ORDERS_PER_WRITE)
			return -1;
		err_wrap(err, "%zu of %zu nodes have what was chosen", i / ORDERS_PER_WRITE * ORDERS_PER_WRITE, n);
		return err_hint(err, "say it again: what is chosen already is left as it is");
	}
	return 0;
}

int api_boot(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(request_free) struct boot_request req = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(change_end) struct change c = { 0 };
	struct err late = { 0 };

	change_begin(&c, d);
	if (read_request(call, &req, err) < 0)
		return -1;
	for (size_t i = 0; i < req.nodes.len; i++)
		if (boot_one(&c, &req, req.nodes.items[i], &plan, err) < 0)
			return -1;
	if (!req.plan) {
		if (write_all(&c, &req, err) < 0)
			return -1;
		change_release(&c);
		if (reconcile_wait(d->reconcile, &late) < 0)
			api_step(&plan, "problem", "done, but network boot does not follow yet: %s", late.text);
	}
	api_steps(call, &plan);
	return 0;
}
