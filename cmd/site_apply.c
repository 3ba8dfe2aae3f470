/* SPDX-License-Identifier: GPL-2.0-or-later */
/* site plan, apply and undo: what the daemon would do is shown, and then just that is done. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "site/site.h"
#include "sys/fs.h"
#include "sys/http_client.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is asked for: a site that is given, or one from before. */
struct ask {
	struct buf text; /* of a site that is given */
	bool undo;
	uint64_t to; /* 0: the one before */
	const char *reason;
	bool diff;
	char etag[80]; /* the version of the applied site: what we show is what we then do, or nothing */
};

static void ask_free(struct ask *a)
{
	buf_free(&a->text);
}

/* As part of a URL (RFC 3986, 2.1). */
static void add_escaped(struct buf *out, const char *s)
{
	for (; *s; s++)
		if (isalnum((unsigned char)*s) || strchr("-._~", *s))
			buf_addc(out, *s);
		else
			buf_addf(out, "%%%02X", (unsigned char)*s);
}

static void put_path(const struct ask *a, bool plan, struct buf *out)
{
	char between = '?';

	buf_adds(out, "/v1/site");
	if (plan) {
		buf_addf(out, "%cplan=1", between);
		between = '&';
	}
	if (a->diff) {
		buf_addf(out, "%cdiff=1", between);
		between = '&';
	}
	if (a->reason) {
		buf_addf(out, "%creason=", between);
		add_escaped(out, a->reason);
	}
}

static void undo_body(const struct ask *a, bool plan, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	if (a->to)
		json_put_u64(&w, "to", a->to);
	if (a->reason)
		json_put_str(&w, "reason", a->reason);
	json_put_bool(&w, "plan", plan);
	json_put_bool(&w, "diff", a->diff);
	json_end_obj(&w);
}

/* Ask the daemon what it would do, or to do it. */
static int send_ask(struct cmd *c, const struct ask *a, bool plan, struct http_reply *reply, struct err *err)
{
	autoclean(buf_free) struct buf path = { 0 }, body = { 0 };
	struct http_request req = { .method = a->undo ? "POST" : "PUT", .if_match = a->etag };
	struct http_client *client;

	if (a->undo) {
		buf_adds(&path, "/v1/site/undo");
		undo_body(a, plan, &body);
	} else {
		put_path(a, plan, &path);
	}
	req.path = buf_str(&path);
	req.body = a->undo ? buf_str(&body) : buf_str(&a->text);
	req.body_len = a->undo ? body.len : a->text.len;
	if (cmd_api(c, &client, err) < 0 || http_send(client, &req, reply, err) < 0)
		return -1;
	return http_reply_ok(reply, err);
}

struct answer {
	struct buf lines; /* the steps, for people */
	int marked;	  /* of them, to be agreed to */
	uint64_t revision, restores;
};

static void answer_free(struct answer *a)
{
	buf_free(&a->lines);
}

static int read_answer(const struct http_reply *reply, struct answer *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(buf_str(&reply->body), reply->body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    (out->marked = cmd_steps(&o, "  ", &out->lines, err)) < 0 ||
	    json_u64(&o, "revision", JSON_MAY, 0, UINT64_MAX, &out->revision, err) < 0 ||
	    json_u64(&o, "restores", JSON_MAY, 0, UINT64_MAX, &out->restores, err) < 0)
		return err_wrap(err, "orthrusd's answer");
	return 0;
}

/* With --json only the last answer is printed: one document. */
static void show(const struct cmd *c, const struct ask *a, const struct answer *plan, const struct http_reply *reply, bool apply)
{
	if (c->json) {
		if (!apply)
			cmd_print(buf_str(&reply->body));
		return;
	}
	if (a->undo)
		cmd_say(c, "Going back to revision %llu of the site%s:", (unsigned long long)plan->restores,
			apply ? "" : " would");
	else
		cmd_say(c, apply ? "Applying %s:" : "Applying %s would:", c->site_path);
	cmd_print(plan->lines.len ? buf_str(&plan->lines) : "  nothing to do: the site is applied as it stands\n");
}

static void done(const struct cmd *c, const struct ask *a, const struct answer *is)
{
	const char *next = is->revision > 1
				   ? a->undo ? "; `orthrus site show --history` lists all" : "; `orthrus site undo` takes it back"
				   : "";

	if (is->lines.len)
		cmd_say(c, "%s It is revision %llu%s.", a->undo ? "Done." : "Applied.", (unsigned long long)is->revision, next);
	else
		cmd_say(c, "%s", a->undo ? "Done." : "Applied.");
}

/* Whoever is asked takes their time, and nodes do not wait: what was agreed to is still what it means, or nothing is done. */
static int agree(struct cmd *c, const struct ask *a, const struct answer *shown, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(answer_free) struct answer now = { 0 };

	if (cmd_confirm(c, err, "go on with what is marked '!'") < 0)
		return -1;
	if (c->yes)
		return 0;
	if (send_ask(c, a, true, &reply, err) < 0 || read_answer(&reply, &now, err) < 0)
		return -1;
	if (str_eq(buf_str(&now.lines), buf_str(&shown->lines)))
		return 0;
	err_set(err, ERR_CONFLICT, "what this means has changed since it was shown");
	return err_hint(err, "run the same again: it shows what it means now");
}

/* The steps are shown, agreed to where that is due, and done. *applied: there was something to do, and it is done. */
static int plan_or_apply(struct cmd *c, struct ask *a, bool apply, bool *applied, struct err *err)
{
	autoclean(http_reply_free) struct http_reply steps = { 0 }, reply = { 0 };
	autoclean(answer_free) struct answer plan = { 0 }, is = { 0 };

	*applied = false;
	if (send_ask(c, a, true, &steps, err) < 0 || read_answer(&steps, &plan, err) < 0)
		return -1;
	apply = apply && !c->plan;
	show(c, a, &plan, &steps, apply);
	if (!apply)
		return 0;
	if (plan.marked && agree(c, a, &plan, err) < 0)
		return -1;
	a->to = plan.restores; /* what was shown */
	if (send_ask(c, a, false, &reply, err) < 0 || read_answer(&reply, &is, err) < 0)
		return -1;
	*applied = is.lines.len > 0;
	if (c->json)
		cmd_print(buf_str(&reply.body));
	if (cmd_followed(c, &reply, "", err) < 0)
		return -1;
	done(c, a, &is);
	return 0;
}

/* The text of the applied site and its version; 0 where there is none. */
static int get_applied(struct cmd *c, struct buf *text, char etag[80], struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (cmd_call(c, "GET", "/v1/site", NULL, &reply, err) == 0) {
		memcpy(etag, reply.etag, sizeof(reply.etag));
		if (text)
			buf_add(text, reply.body.data, reply.body.len);
	} else if (err->kind == ERR_NOT_FOUND) {
		memcpy(etag, "0", sizeof("0"));
	} else {
		return -1;
	}
	return 0;
}

static int from_file(struct cmd *c, bool apply, struct err *err)
{
	autoclean(ask_free) struct ask a = { .reason = cmd_option(c, "reason"), .diff = cmd_flag(c, "diff") };
	autoclean(site_free) struct site site = { 0 };
	bool applied;

	if (cmd_args(c, 0, 0, err) < 0 || cmd_read_site(c->site_path, &a.text, err) < 0 ||
	    site_read(buf_str(&a.text), a.text.len, c->site_path, &site, err) < 0 || get_applied(c, NULL, a.etag, err) < 0)
		return -1;
	return plan_or_apply(c, &a, apply, &applied, err);
}

int cmd_site_plan(struct cmd *c, struct err *err)
{
	return from_file(c, false, err);
}

int cmd_site_apply(struct cmd *c, struct err *err)
{
	return from_file(c, true, err);
}

/* Do both texts say the same site? */
static bool same_site(const struct buf *a, const struct buf *b)
{
	autoclean(site_free) struct site x = { 0 }, y = { 0 };
	autoclean(buf_free) struct buf p = { 0 }, q = { 0 };
	struct err ignored;

	if (site_read(buf_str(a), a->len, "a", &x, &ignored) < 0 || site_read(buf_str(b), b->len, "b", &y, &ignored) < 0)
		return false;
	site_print(&x, &p);
	site_print(&y, &q);
	return str_eq(buf_str(&p), buf_str(&q));
}

/* The answer is printed already: there is no second document, but a word for people. */
static int after_json(struct err *err)
{
	fprintf(stderr, "orthrus: %s\n", err->text);
	err->text[0] = '\0';
	return -1;
}

/* As it lies there: behind a link, and with the mode and owner that somebody gave it. */
static int write_file(const char *path, const struct buf *text, struct err *err)
{
	autofree char *real = realpath(path, NULL);
	struct stat st;

	if (!real || stat(real, &st) < 0)
		return err_errno(err, errno, "look at %s", path);
	if (fs_write_atomic(real, text->data, text->len, st.st_mode & 07777, err) < 0)
		return -1;
	return chown(real, st.st_uid, st.st_gid) < 0 ? err_errno(err, errno, "give %s its owner", real) : 0;
}

/* The site file goes back too, where it is what was applied: else the next `site apply` would bring back what was taken back. */
static int follow_file(struct cmd *c, const struct buf *before, struct err *err)
{
	autoclean(buf_free) struct buf file = { 0 }, now = { 0 };
	char etag[80];
	struct err none = { 0 };

	if (cmd_read_site(c->site_path, &file, &none) < 0)
		return 0;
	if (!same_site(&file, before)) {
		cmd_say(c, "%s stays as it is: it has changes that were not applied.", c->site_path);
		return 0;
	}
	if (get_applied(c, &now, etag, err) < 0 || write_file(c->site_path, &now, err) < 0) {
		err_wrap(err, "the site is taken back, but the site file is not");
		return c->json ? after_json(err) : -1;
	}
	cmd_say(c, "%s is what it was then, too.", c->site_path);
	return 0;
}

int cmd_site_undo(struct cmd *c, struct err *err)
{
	autoclean(ask_free) struct ask a = { .undo = true, .reason = cmd_option(c, "reason"), .diff = cmd_flag(c, "diff") };
	autoclean(buf_free) struct buf before = { 0 };
	bool applied;

	if (cmd_args(c, 0, 0, err) < 0 || cmd_option_u64(c, "to", 1, UINT64_MAX, &a.to, err) < 0 ||
	    get_applied(c, &before, a.etag, err) < 0 || plan_or_apply(c, &a, true, &applied, err) < 0)
		return -1;
	return applied ? follow_file(c, &before, err) : 0;
}
