/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A head that runs gets another site by `head install`: what that means for its nodes is part of the plan, as `site plan` has it.
 */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/head_install.h"
#include "headinstall/probe.h"
#include "site/site.h"
#include "sys/http_client.h"

#include <unistd.h>

/* By what it runs: 1 this very site, 0 another one, -1 none, or it can't say. */
static int runs_by(struct cmd *c, struct buf *text)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(site_free) struct site applied = { 0 };
	autoclean(buf_free) struct buf is = { 0 };
	struct err none = { 0 };

	if (cmd_call(c, "GET", "/v1/site", NULL, &reply, &none) < 0 ||
	    site_read(buf_str(&reply.body), reply.body.len, "applied site", &applied, &none) < 0)
		return -1;
	site_print(&applied, &is);
	return str_eq(buf_str(&is), buf_str(text));
}

static int read_dangers(const struct http_reply *reply, struct str_list *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_arr steps;
	struct json_obj o;

	if (json_parse(buf_str(&reply->body), reply->body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr(&o, "steps", JSON_MUST, &steps, err) < 0)
		return err_wrap(err, "orthrusd's answer");
	for (size_t i = 0; i < steps.len; i++) {
		autofree char *kind = NULL, *effect = NULL, *said = NULL;
		struct json_obj step;

		if (json_arr_obj(&steps, i, &step, err) < 0 || json_str(&step, "kind", JSON_MAY, &kind, err) < 0 ||
		    json_str(&step, "effect", JSON_MUST, &effect, err) < 0 || json_str(&step, "text", JSON_MUST, &said, err) < 0)
			return err_wrap(err, "orthrusd's answer");
		if (str_eq(kind, "danger") || str_eq(effect, "destroys"))
			str_list_add(out, said);
	}
	return 0;
}

static int ask_dangers(struct cmd *c, struct buf *text, struct str_list *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	struct http_request ask = { .method = "PUT", .path = "/v1/site?plan=1", .if_match = "*" };
	struct http_client *client;
	struct err why = { 0 };

	ask.body = buf_str(text);
	ask.body_len = text->len;
	if (cmd_api(c, &client, &why) < 0 || http_send(client, &ask, &reply, &why) < 0)
		return 0;
	return http_reply_ok(&reply, err) < 0 ? err_wrap(err, "orthrusd takes no such site") : read_dangers(&reply, out, err);
}

int head_applied(struct cmd *c, struct buf *text, struct head_facts *facts, struct err *err)
{
	autofree char *socket = cmd_path(c, "/run/orthrus/api.sock");
	int runs;

	str_list_free(&facts->dangers);
	facts->applied = false;
	if (access(socket, W_OK) < 0)
		return 0;
	runs = runs_by(c, text);
	facts->applied = runs == 1;
	return runs == 0 ? ask_dangers(c, text, &facts->dangers, err) : 0;
}
