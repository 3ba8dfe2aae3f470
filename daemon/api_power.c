/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Power, sensors and what else nodes' BMCs are asked: a request begins a job, which is looked at until it is done. */
#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/api.h"
#include "daemon/audit.h"
#include "daemon/change.h"
#include "daemon/power.h"
#include "sys/clock.h"

#define WAIT_MAX_S 60
#define STAGGER_MAX_MS 60000

struct request {
	struct power_request power;
	bool plan, force;
};

static void request_free(struct request *r)
{
	str_list_free(&r->power.nodes);
}

static int read_request(const struct http_call *call, struct request *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(str_list_free) struct str_list nodes = { 0 };
	uint64_t stagger_ms = 0;
	struct json_obj o;
	int ask = POWER_STATUS;

	if (api_body(call, &doc, &o, err) < 0 || json_strs(&o, "nodes", JSON_MUST, &nodes, err) < 0 ||
	    json_enum(&o, "act", JSON_MUST, power_ask_names, &ask, err) < 0 ||
	    json_bool(&o, "network", JSON_MAY, &out->power.network, err) < 0 ||
	    json_u64(&o, "stagger_ms", JSON_MAY, 0, STAGGER_MAX_MS, &stagger_ms, err) < 0 ||
	    json_bool(&o, "plan", JSON_MAY, &out->plan, err) < 0 || json_bool(&o, "force", JSON_MAY, &out->force, err) < 0)
		return -1;
	if (nodes.len == 0 || nodes.len > POWER_NODES_MAX)
		return json_bad(&o, "nodes", err, "has %zu entries; 1 to %d are asked at once", nodes.len, POWER_NODES_MAX);
	for (size_t i = 0; i < nodes.len; i++) {
		if (str_list_has(&out->power.nodes, nodes.items[i]))
			return json_bad(&o, "nodes", err, "names %.64s twice", nodes.items[i]);
		str_list_add(&out->power.nodes, nodes.items[i]);
	}
	out->power.ask = (enum power_ask)ask;
	out->power.network |= out->power.ask == POWER_NETWORK;
	out->power.stagger_ns = (int64_t)stagger_ms * NS_PER_MS;
	if (out->power.network && (out->power.ask <= POWER_LIGHT_OFF))
		return json_bad(&o, "network", err, "makes no sense with '%s'", power_ask_names[ask]);
	return json_obj_end(&o, err);
}

/* May it be done to this node, and what is it in words. */
static int add_step(struct daemon *d, const struct request *req, const char *name, struct plan *plan, struct err *err)
{
	static const char *const texts[] = { [POWER_STATUS] = "ask its BMC whether it is on",
					     [POWER_SENSORS] = "read its sensors",
					     [POWER_FACTS] = "ask its BMC what it is",
					     [POWER_LIGHT_ON] = "switch its locating light on",
					     [POWER_LIGHT_OFF] = "switch its locating light off",
					     [POWER_NETWORK] = "boot from the network at its next start, once",
					     [POWER_ON] = "switch it on",
					     [POWER_OFF] = "switch it off, whatever it does",
					     [POWER_CYCLE] = "switch it off and on again, whatever it does",
					     [POWER_RESET] = "reset it, whatever it does",
					     [POWER_SOFT_OFF] = "ask its system to shut down" };
	enum power_ask ask = req->power.ask;
	autoclean(node_free) struct node n = { 0 };
	autoclean(run_free) struct run r = { 0 };
	autofree char *step = str_format("power:%s", name);

	if (daemon_node(d, name, &n, NULL, err) < 0 || daemon_run(d, name, &r, err) < 0)
		return -1;
	if (ask >= POWER_OFF && r.state == RUN_INSTALLING && api_not_installing(name, &r, req->force, err) < 0)
		return -1;
	api_step(plan, step, "%s: %s%s", name,
		 ask != POWER_NETWORK && req->power.network ? "boot from the network next, once; " : "", texts[ask]);
	return 0;
}

/* What is begun is told before it begins: a head that dies in the middle has said who asked for what. */
static int note_begin(struct daemon *d, const struct request *req, struct http_call *call, struct err *err)
{
	autofree char *what = str_format("power %s", power_ask_names[req->power.ask]);
	autoclean(nodeset_free) struct nodeset set = { 0 };
	autoclean(buf_free) struct buf names = { 0 };
	autoclean(change_end) struct change c = { .released = true }; /* it may end before it begins */

	for (size_t i = 0; i < req->power.nodes.len; i++)
		if (nodeset_add(&set, req->power.nodes.items[i], err) < 0)
			return -1;
	nodeset_fold(&set, &names);
	/* To look is no act, and goes on when nothing can be written; all else is written down first. */
	if (audit_act(d, call, what, buf_str(&names), err) < 0)
		return -1;
	change_begin(&c, d);
	change_event(&c, EVENT_INFO, "node-power-asked", req->power.nodes.len == 1 ? req->power.nodes.items[0] : NULL,
		     "power %s of %s asked for by %s", power_ask_names[req->power.ask], buf_str(&names), http_who(call));
	return change_commit(&c, err);
}

int api_power(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(request_free) struct request req = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	char id[POWER_JOB_ID_LEN];
	struct json_out w;

	if (read_request(call, &req, err) < 0)
		return -1;
	for (size_t i = 0; i < req.power.nodes.len; i++)
		if (add_step(d, &req, req.power.nodes.items[i], &plan, err) < 0)
			return -1;
	if (req.plan) {
		api_steps(call, &plan);
		return 0;
	}
	if (req.power.ask > POWER_LAST_READ && note_begin(d, &req, call, err) < 0)
		return -1;
	req.power.act = http_act(call);
	if (power_begin(d->power, &req.power, http_who(call), id, err) < 0)
		return -1;
	audit_keep(call);
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "job", id);
	json_end_obj(&w);
	http_set_status(call, 202);
	return 0;
}

int api_power_job(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	const char *id = http_param(call, "job");
	autofree char *topic = str_format(POWER_TOPIC "%.16s", id);
	uint64_t seen = 0, wait_s = 0;
	size_t done, all;
	struct json_out w;

	if (http_query_u64(call, "seen", 0, POWER_NODES_MAX, &seen, err) < 0 ||
	    http_query_u64(call, "wait", 0, WAIT_MAX_S, &wait_s, err) < 0 || power_progress(d->power, id, &done, &all, err) < 0)
		return -1;
	if (done <= seen && done < all && wait_s && http_wait(call, topic, (int64_t)wait_s * NS_PER_S))
		return 0;
	json_out_init(&w, http_out(call), true);
	return power_put(d->power, id, &w, err);
}
