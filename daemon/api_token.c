/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enrolment tokens over the API. */
#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/enrol_token.h"
#include "sys/clock.h"

#include <string.h>

#define TOKENS_AT_ONCE 500

static void put_token(struct json_out *w, const struct enrol_token *t, const char *secret)
{
	char until[CLOCK_UTC_LEN];

	clock_utc((int64_t)t->until_s, until);
	json_put_obj(w, NULL);
	json_put_str(w, "id", t->id);
	json_put_str(w, "node", t->node);
	json_put_str(w, "by", t->by);
	json_put_str(w, "made", t->at);
	json_put_str(w, "until", until);
	if (secret)
		json_put_str(w, "token", secret);
	json_end_obj(w);
}

int api_tokens_get(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(enrol_tokens_free) struct enrol_tokens l = { 0 };
	struct json_out w;

	if (enrol_token_list(ctx, &l, err) < 0)
		return -1;
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "tokens");
	for (size_t i = 0; i < l.len; i++)
		if (l.items[i].until_s >= (uint64_t)clock_wall_s())
			put_token(&w, &l.items[i], NULL);
	json_end_arr(&w);
	json_end_obj(&w);
	return 0;
}

struct tokens_request {
	struct str_list nodes;
	uint64_t ttl_s;
	bool plan;
};

static void request_free(struct tokens_request *r)
{
	str_list_free(&r->nodes);
}

static int read_request(const struct http_call *call, struct tokens_request *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	out->ttl_s = ENROL_TOKEN_MAX_S;
	if (api_body(call, &doc, &o, err) < 0 || json_strs(&o, "nodes", JSON_MUST, &out->nodes, err) < 0 ||
	    json_u64(&o, "ttl_s", JSON_MAY, 1, ENROL_TOKEN_MAX_S, &out->ttl_s, err) < 0 ||
	    json_bool(&o, "plan", JSON_MAY, &out->plan, err) < 0)
		return -1;
	if (out->nodes.len == 0 || out->nodes.len > TOKENS_AT_ONCE)
		return json_bad(&o, "nodes", err, "has %zu entries; tokens for 1 to %d nodes are made at once", out->nodes.len,
				TOKENS_AT_ONCE);
	return json_obj_end(&o, err);
}

/* The answer is written as they are made; it is thrown away when the commit fails. */
static int make_all(struct change *c, struct http_call *call, const struct tokens_request *r, struct err *err)
{
	struct json_out w;

	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "tokens");
	for (size_t i = 0; i < r->nodes.len; i++) {
		autoclean(enrol_token_free) struct enrol_token t = { 0 };
		autoclean(node_free) struct node n = { 0 };
		char secret[ENROL_TOKEN_LEN];

		if (daemon_node(c->d, r->nodes.items[i], &n, NULL, err) < 0 ||
		    enrol_token_make(c, n.name, http_who(call), r->ttl_s, secret, &t, err) < 0)
			return -1;
		put_token(&w, &t, secret);
		explicit_bzero(secret, sizeof(secret));
		change_event(c, EVENT_INFO, "token-made", n.name, "an enrolment token, %s, was made by %s, good for %llu s", t.id,
			     http_who(call), (unsigned long long)r->ttl_s);
	}
	json_end_arr(&w);
	json_end_obj(&w);
	return 0;
}

static int show_plan(struct change *c, struct http_call *call, const struct tokens_request *r, struct err *err)
{
	autoclean(plan_free) struct plan plan = { 0 };

	for (size_t i = 0; i < r->nodes.len; i++) {
		autoclean(node_free) struct node n = { 0 };
		autofree char *step = str_format("token:%s", r->nodes.items[i]);

		if (daemon_node(c->d, r->nodes.items[i], &n, NULL, err) < 0)
			return -1;
		api_step(&plan, step, "make a token with which one machine becomes %s within %llu s", n.name,
			 (unsigned long long)r->ttl_s);
	}
	api_steps(call, &plan);
	return 0;
}

int api_tokens_make(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(request_free) struct tokens_request r = { 0 };
	autoclean(change_end) struct change c = { 0 };

	change_begin(&c, ctx);
	if (read_request(call, &r, err) < 0)
		return -1;
	if (r.plan)
		return show_plan(&c, call, &r, err);
	if (enrol_token_sweep(&c, NULL, err) < 0 || make_all(&c, call, &r, err) < 0)
		return -1;
	return change_commit(&c, err);
}

int api_token_delete(void *ctx, struct http_call *call, struct err *err)
{
	const char *id = http_param(call, "id");
	autoclean(enrol_tokens_free) struct enrol_tokens l = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(change_end) struct change c = { 0 };
	bool only_plan;

	change_begin(&c, ctx);
	if (http_query_flag(call, "plan", &only_plan, err) < 0 || enrol_token_list(ctx, &l, err) < 0)
		return -1;
	for (size_t i = 0; i < l.len; i++) {
		if (!str_eq(l.items[i].id, id))
			continue;
		api_step(&plan, "revoke", "revoke the enrolment token %s of %s", id, l.items[i].node);
		enrol_token_delete(&c, &l.items[i]);
		change_event(&c, EVENT_INFO, "token-revoked", l.items[i].node, "the enrolment token %s was revoked by %s", id,
			     http_who(call));
	}
	if (!plan.len) {
		err_set(err, ERR_NOT_FOUND, "there is no enrolment token %.20s", id);
		return err_hint(err, "`orthrus node token --list` lists them; one that was used or is over is gone");
	}
	if (!only_plan && change_commit(&c, err) < 0)
		return -1;
	api_steps(call, &plan);
	return 0;
}
