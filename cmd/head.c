/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/head_guard.h"
#include "sys/http_client.h"

#include <string.h>

/* What keeps nodes from booting as they should, each with what can be done. */
static int add_problems(struct json_obj *o, struct buf *out, struct err *err)
{
	autofree char *problem = NULL;
	struct json_arr payloads;
	int have;

	if (json_str(o, "problem", JSON_MAY, &problem, err) < 0 || (have = json_arr(o, "payloads", JSON_MAY, &payloads, err)) < 0)
		return -1;
	if (problem)
		buf_addf(out,
			 "problem  network boot does not follow the state: %s\n"
			 "  next: put that right; orthrusd tries again by itself, or at once after systemctl restart orthrusd\n",
			 problem);
	for (size_t i = 0; have && i < payloads.len; i++) {
		autofree char *image = NULL, *state = NULL, *why = NULL;
		struct json_obj p;

		if (json_arr_obj(&payloads, i, &p, err) < 0 || json_str(&p, "image", JSON_MUST, &image, err) < 0 ||
		    json_str(&p, "state", JSON_MUST, &state, err) < 0 || json_str(&p, "error", JSON_MAY, &why, err) < 0)
			return -1;
		if (!str_eq(state, "failed"))
			continue;
		buf_addf(out,
			 "problem  nodes with image %s stay on their disks, its imager cannot be made: %s\n"
			 "  next: put that right, or make the image anew: orthrus image build %.*s\n",
			 image, why ? why : "no reason given", (int)strcspn(image, "/"), image);
	}
	return 0;
}

/* Who asks for multicast members: nodes behind switches with snooping hear casts only while somebody does. */
static int add_querier(struct json_obj *status, struct buf *out, struct err *err)
{
	autofree char *state = NULL, *interface = NULL, *ipv4 = NULL, *ipv6 = NULL, *problem = NULL;
	struct json_obj o;
	int found = json_obj(status, "querier", JSON_MAY, &o, err);

	if (found <= 0)
		return found;
	if (json_str(&o, "state", JSON_MUST, &state, err) < 0 || json_str(&o, "interface", JSON_MAY, &interface, err) < 0 ||
	    json_str(&o, "ipv4", JSON_MAY, &ipv4, err) < 0 || json_str(&o, "ipv6", JSON_MAY, &ipv6, err) < 0 ||
	    json_str(&o, "problem", JSON_MAY, &problem, err) < 0)
		return -1;
	if (ipv4)
		buf_addf(out, "querier  of IGMP on %s: %s\n", interface, ipv4);
	if (ipv6)
		buf_addf(out, "querier  of MLD on %s: %s\n", interface, ipv6);
	if (problem)
		buf_addf(out, "problem  the head's querier does not run, so nodes may lose multicast after some minutes: %s\n",
			 problem);
	return 0;
}

static int print_status(const char *json, size_t len, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *version = NULL, *cluster = NULL, *head = NULL, *dnsmasq = NULL, *url = NULL;
	autoclean(buf_free) struct buf out = { 0 };
	uint64_t uptime = 0, revision = 0, total = 0, port = 0;
	struct json_obj o, nodes;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_str(&o, "version", JSON_MUST, &version, err) < 0 || json_str(&o, "cluster", JSON_MAY, &cluster, err) < 0 ||
	    json_str(&o, "head", JSON_MAY, &head, err) < 0 || json_str(&o, "dnsmasq", JSON_MAY, &dnsmasq, err) < 0 ||
	    json_str(&o, "url", JSON_MAY, &url, err) < 0 || json_u64(&o, "uptime_s", JSON_MAY, 0, UINT64_MAX, &uptime, err) < 0 ||
	    json_u64(&o, "revision", JSON_MAY, 0, UINT64_MAX, &revision, err) < 0 ||
	    json_u64(&o, "port", JSON_MAY, 0, 65535, &port, err) < 0 || json_obj(&o, "nodes", JSON_MUST, &nodes, err) < 0 ||
	    json_u64(&nodes, "total", JSON_MUST, 0, UINT64_MAX, &total, err) < 0)
		return err_wrap(err, "the daemon's status");
	buf_addf(&out, "orthrusd %s, up %llu s, state at revision %llu\n", version, (unsigned long long)uptime,
		 (unsigned long long)revision);
	if (cluster)
		buf_addf(&out, "cluster  %s, this head is %s\n", cluster, head ? head : "not in the site");
	else
		buf_adds(&out, "cluster  none yet: `orthrus site init`, then `orthrus site apply`\n");
	buf_addf(&out, "serves   %s, dnsmasq %s\n", url && port ? url : "only its unix socket", dnsmasq ? dnsmasq : "off");
	buf_addf(&out, "nodes    %llu\n", (unsigned long long)total);
	if (add_querier(&o, &out, err) < 0 || head_guard_lines(&o, &out, err) < 0 || add_problems(&o, &out, err) < 0)
		return err_wrap(err, "the daemon's status");
	cmd_print(buf_str(&out));
	return 0;
}

/* A witness has no orthrusd, and on a head the guard works without it. `why`: what became of asking orthrusd. */
static int guard_only(struct cmd *c, struct err *why, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf json = { 0 }, out = { 0 };
	struct err ignored = { 0 };
	struct json_obj o;

	if (c->api || head_guard_json(c, &json, &ignored) < 0) {
		*err = *why;
		return -1;
	}
	if (c->json) {
		cmd_print(buf_str(&json));
		return 0;
	}
	if (json_parse(buf_str(&json), json.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    head_guard_lines(&o, &out, err) < 0)
		return err_wrap(err, "the guard's status");
	cmd_say(c, "orthrusd does not answer here: %s", why->text);
	cmd_print(buf_str(&out));
	return 0;
}

int cmd_head_status(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	struct err why = { 0 };

	if (cmd_args(c, 0, 0, err) < 0)
		return -1;
	if (cmd_call(c, "GET", "/v1/status", NULL, &reply, &why) < 0)
		return guard_only(c, &why, err);
	if (!c->json)
		return print_status(buf_str(&reply.body), reply.body.len, err);
	cmd_print(buf_str(&reply.body));
	return 0;
}
