/* SPDX-License-Identifier: GPL-2.0-or-later */
/* site show --history and --revision: the sites that were applied. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/site_show.h"
#include "site/site.h"
#include "sys/http_client.h"

#define DIGEST_SHOWN 12

static int add_row(struct json_obj *o, struct cmd_table *t, struct err *err)
{
	autofree char *at = NULL, *who = NULL, *digest = NULL, *reason = NULL, *what = NULL;
	uint64_t number, restores = 0, nodes = 0;
	bool applied;

	if (json_u64(o, "revision", JSON_MUST, 1, UINT64_MAX, &number, err) < 0 || json_str(o, "at", JSON_MAY, &at, err) < 0 ||
	    json_str(o, "who", JSON_MAY, &who, err) < 0 || json_str(o, "digest", JSON_MUST, &digest, err) < 0 ||
	    json_str(o, "reason", JSON_MAY, &reason, err) < 0 ||
	    json_u64(o, "restores", JSON_MAY, 1, UINT64_MAX, &restores, err) < 0 ||
	    json_u64(o, "nodes", JSON_MAY, 0, UINT64_MAX, &nodes, err) < 0 ||
	    json_bool(o, "applied", JSON_MUST, &applied, err) < 0 || json_obj_end(o, err) < 0)
		return -1;
	if (restores)
		what = str_format("back to %llu%s%s", (unsigned long long)restores, reason ? ": " : "", reason ? reason : "");
	cmd_table_addf(t, "%llu%s", (unsigned long long)number, applied ? " *" : "");
	cmd_table_add(t, at);
	cmd_table_add(t, who);
	cmd_table_addf(t, "%.*s", DIGEST_SHOWN, digest);
	cmd_table_addf(t, "%llu", (unsigned long long)nodes);
	cmd_table_add(t, what ? what : reason);
	return 0;
}

static int show_list(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(cmd_table_free) struct cmd_table t = { 0 };
	struct json_obj o;
	struct json_arr a;

	if (cmd_call(c, "GET", "/v1/site/history", NULL, &reply, err) < 0)
		return -1;
	if (c->json) {
		cmd_print(buf_str(&reply.body));
		return 0;
	}
	cmd_table_init(&t, (const char *const[]){ "REVISION", "AT", "WHO", "DIGEST", "NODES", "REASON", NULL });
	if (json_parse(buf_str(&reply.body), reply.body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr(&o, "revisions", JSON_MUST, &a, err) < 0)
		return err_wrap(err, "orthrusd's answer");
	for (size_t i = a.len; i-- > 0;) {
		struct json_obj row;

		if (json_arr_obj(&a, i, &row, err) < 0 || add_row(&row, &t, err) < 0)
			return err_wrap(err, "orthrusd's answer");
	}
	if (!a.len)
		cmd_say(c, "no site is applied yet");
	else
		cmd_table_print(&t);
	return 0;
}

int site_show_history(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autofree char *path = NULL, *source = NULL;
	uint64_t number = 0;

	if (cmd_option_u64(c, "revision", 1, UINT64_MAX, &number, err) < 0)
		return -1;
	if (!number)
		return show_list(c, err);
	if (cmd_flag(c, "history"))
		return err_set(err, ERR_USAGE, "--history lists all revisions, --revision shows one: give one of them");
	path = str_format("/v1/site/history/%llu", (unsigned long long)number);
	source = str_format("revision %llu of the site", (unsigned long long)number);
	if (cmd_call(c, "GET", path, NULL, &reply, err) < 0 ||
	    site_read(buf_str(&reply.body), reply.body.len, source, &site, err) < 0)
		return -1;
	site_show(c, &site, source, "revision");
	return 0;
}
