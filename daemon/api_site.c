/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/reconcile.h"
#include "daemon/site_change.h"
#include "daemon/site_steps.h"

#include <stdio.h>
#include <string.h>

int api_site_get(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	char version[24];

	if (state_get(d->state, "site", &doc, err) < 0) {
		if (err->kind != ERR_NOT_FOUND)
			return -1;
		err_set(err, ERR_NOT_FOUND, "no site is applied yet");
		return err_hint(err, "make one with `orthrus site init`, then `orthrus site apply`");
	}
	buf_adds(http_out(call), doc.value);
	snprintf(version, sizeof(version), "%llu", (unsigned long long)doc.version);
	http_set_etag(call, version);
	return 0;
}

/* If-Match: a version, or "*" for whichever. */
static int check_match(struct http_call *call, uint64_t version, struct err *err)
{
	const char *match = http_if_match(call);
	uint64_t want;

	if (!match) {
		err_set(err, ERR_INVALID, "which version is replaced must be said");
		return err_hint(err, "send If-Match with the ETag of GET /v1/site, or *");
	}
	if (str_eq(match, "*"))
		return 0;
	if (str_to_u64(match, 0, UINT64_MAX, &want, err) < 0)
		return err_wrap(err, "If-Match");
	if (want == version)
		return 0;
	http_set_status(call, 412);
	err_set(err, ERR_CONFLICT, "the applied site is another one by now");
	return err_hint(err, "look at it again (orthrus site plan), then apply");
}

/* {"digest","steps","revision"}: the revision that is applied when this is answered. */
static int answer(struct daemon *d, struct http_call *call, const struct site_change *s, struct err *err)
{
	autoclean(site_revisions_free) struct site_revisions l = { 0 };
	struct json_out w;

	if (site_history_list(d, &l, err) < 0)
		return -1;
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	site_steps_put(&s->plan, &w);
	json_put_u64(&w, "revision", l.len ? l.items[l.len - 1].number : 0);
	if (s->wanted->restores)
		json_put_u64(&w, "restores", s->wanted->restores);
	json_end_obj(&w);
	return 0;
}

/* From the site that is wanted to the answer; the change was begun, and s->old is what is applied. */
static int plan_or_apply(struct daemon *d, struct http_call *call, struct change *c, struct site_change *s,
			 const struct site_wanted *wanted, bool only_plan, struct err *err)
{
	struct err late = { 0 };

	if (site_change_look(d, wanted, s, err) < 0)
		return -1;
	if (s->changes && !only_plan) {
		if (site_change_apply(c, s, err) < 0) {
			reconcile_kick(d->reconcile, false); /* a part of it may be written */
			return -1;
		}
		/* It is applied; that the machine does not follow (a port that is taken, say) is an event and in the status. */
		change_release(c);
		if (reconcile_wait(d->reconcile, &late) < 0)
			api_step(&s->plan, "problem", "applied, but: %s", late.text);
	}
	return answer(d, call, s, err);
}

int api_site_put(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(site_change_free) struct site_change s = { 0 };
	autoclean(change_end) struct change c = { 0 };
	struct site_wanted wanted = { .who = http_who(call), .reason = http_query(call, "reason") };
	bool only_plan;

	wanted.text = http_body(call, &wanted.len);
	change_begin(&c, d);
	if (http_query_flag(call, "plan", &only_plan, err) < 0 || http_query_flag(call, "diff", &wanted.diff, err) < 0 ||
	    site_reason_check(wanted.reason, err) < 0 || site_change_begin(d, &s, err) < 0 ||
	    check_match(call, s.version, err) < 0)
		return -1;
	return plan_or_apply(d, call, &c, &s, &wanted, only_plan, err);
}

struct undo_body {
	uint64_t to; /* 0: the one before */
	char *reason;
	bool plan, diff;
};

static int read_undo(struct json_obj *o, void *out, struct err *err)
{
	struct undo_body *b = out;

	return json_u64(o, "to", JSON_MAY, 1, UINT64_MAX, &b->to, err) < 0 ||
			       json_str(o, "reason", JSON_MAY, &b->reason, err) < 0 ||
			       json_bool(o, "plan", JSON_MAY, &b->plan, err) < 0 ||
			       json_bool(o, "diff", JSON_MAY, &b->diff, err) < 0
		       ? -1
		       : json_obj_end(o, err);
}

/* Which one, and what it is called from now on: the revision that it first was. */
static int find_target(struct daemon *d, uint64_t *to, struct err *err)
{
	autoclean(site_revisions_free) struct site_revisions l = { 0 };

	if (site_history_list(d, &l, err) < 0)
		return -1;
	if (!*to)
		*to = site_history_before(&l);
	if (*to)
		return 0;
	err_set(err, ERR_REFUSED, "there is nothing to undo: no site was applied%s", l.len ? " before this one" : " yet");
	return err_hint(err, "`orthrus site show --history` lists what is kept");
}

/* What came since may stand on what would go. */
static int not_back(uint64_t to, struct err *err)
{
	if (err->kind == ERR_REFUSED || err->kind == ERR_INVALID || err->kind == ERR_EXISTS) {
		err->kind = ERR_REFUSED;
		return err_wrap(err, "the site can't be taken back to revision %llu", (unsigned long long)to);
	}
	return -1;
}

int api_site_undo(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(site_change_free) struct site_change s = { 0 };
	autoclean(change_end) struct change c = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct undo_body b = { 0 };
	autofree char *reason = NULL;
	struct site_wanted wanted = { .who = http_who(call) };
	size_t len;
	const char *body = http_body(call, &len);
	int rc = json_read(body, len, read_undo, &b, err);

	reason = b.reason;
	if (rc < 0 || site_reason_check(reason, err) < 0)
		return -1;
	change_begin(&c, d);
	if (site_change_begin(d, &s, err) < 0 || check_match(call, s.version, err) < 0 || find_target(d, &b.to, err) < 0 ||
	    site_history_text(d, b.to, &text, err) < 0)
		return -1;
	wanted.text = buf_str(&text);
	wanted.len = text.len;
	wanted.restores = b.to;
	wanted.reason = reason;
	wanted.diff = b.diff;
	return plan_or_apply(d, call, &c, &s, &wanted, b.plan, err) < 0 ? not_back(b.to, err) : 0;
}

int api_site_history(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(site_revisions_free) struct site_revisions l = { 0 };
	struct json_out w;

	if (site_history_list(ctx, &l, err) < 0)
		return -1;
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "revisions");
	for (size_t i = 0; i < l.len; i++) {
		json_put_obj(&w, NULL);
		site_revision_put(&l.items[i], &w);
		json_put_bool(&w, "applied", i + 1 == l.len);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_end_obj(&w);
	return 0;
}

int api_site_revision(void *ctx, struct http_call *call, struct err *err)
{
	uint64_t number;

	if (str_to_u64(http_param(call, "revision"), 1, UINT64_MAX, &number, err) < 0)
		return err_wrap(err, "the revision");
	return site_history_text(ctx, number, http_out(call), err);
}
