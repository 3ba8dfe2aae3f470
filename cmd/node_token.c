/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enrolment tokens: made, listed, revoked. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/nodes.h"
#include "sys/http_client.h"

#include <string.h>

/* The answer's tokens as a table, with the secrets when it has them. */
static int show_tokens(const struct http_reply *reply, bool fresh, struct err *err)
{
	static const char *const heads[] = { "NODE", "TOKEN", "UNTIL", "ID", NULL };
	static const char *const old_heads[] = { "NODE", "ID", "UNTIL", "MADE BY", NULL };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(cmd_table_free) struct cmd_table t = { 0 };
	struct json_obj o;
	struct json_arr a;

	if (json_parse(buf_str(&reply->body), reply->body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr(&o, "tokens", JSON_MUST, &a, err) < 0)
		return err_wrap(err, "the daemon's answer");
	cmd_table_init(&t, fresh ? heads : old_heads);
	for (size_t i = 0; i < a.len; i++) {
		autofree char *node = NULL, *token = NULL, *until = NULL, *id = NULL, *by = NULL;
		struct json_obj e;

		if (json_arr_obj(&a, i, &e, err) < 0 || json_str(&e, "node", JSON_MUST, &node, err) < 0 ||
		    json_str(&e, "token", fresh ? JSON_MUST : JSON_MAY, &token, err) < 0 ||
		    json_str(&e, "until", JSON_MUST, &until, err) < 0 || json_str(&e, "id", JSON_MUST, &id, err) < 0 ||
		    json_str(&e, "by", JSON_MUST, &by, err) < 0)
			return err_wrap(err, "the daemon's answer");
		cmd_table_add(&t, node);
		cmd_table_add(&t, fresh ? token : id);
		cmd_table_add(&t, until);
		cmd_table_add(&t, fresh ? id : by);
	}
	cmd_table_print(&t);
	return 0;
}

static int list(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (cmd_call(c, "GET", "/v1/tokens", NULL, &reply, err) < 0)
		return -1;
	if (!c->json)
		return show_tokens(&reply, false, err);
	cmd_print(buf_str(&reply.body));
	return 0;
}

static int revoke_one(struct cmd *c, const char *id, struct err *err)
{
	autofree char *path = str_format("/v1/tokens/%s%s", id, c->plan ? "?plan=1" : "");

	if (str_check_name(id, err) < 0)
		return err_wrap(err, "--revoke");
	return node_send_steps(c, "DELETE", path, NULL, err);
}

static int make(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	autoclean(nodeset_free) struct nodeset set = { 0 };
	autoclean(buf_free) struct buf body = { 0 };
	uint64_t minutes = 60;
	struct json_out w;

	if (cmd_option_u64(c, "minutes", 1, 60, &minutes, err) < 0 || node_rows_get(c, &rows, err) < 0 ||
	    node_set(&rows, c->argv[0], true, &set, err) < 0)
		return -1;
	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	node_put_names(&w, &set);
	json_put_u64(&w, "ttl_s", minutes * 60);
	json_put_bool(&w, "plan", c->plan);
	json_end_obj(&w);
	if (c->plan)
		return node_send_steps(c, "POST", "/v1/tokens", buf_str(&body), err);
	if (cmd_call(c, "POST", "/v1/tokens", buf_str(&body), &reply, err) < 0)
		return -1;
	if (c->json) {
		cmd_print(buf_str(&reply.body));
		return 0;
	}
	cmd_say(c, "each is good once, for that node, for %llu minutes, and is not shown again", (unsigned long long)minutes);
	return show_tokens(&reply, true, err);
}

int cmd_node_token(struct cmd *c, struct err *err)
{
	const char *id = cmd_option(c, "revoke");
	bool lists = cmd_flag(c, "list");

	if (cmd_args(c, 0, 1, err) < 0)
		return -1;
	if ((c->argc == 1) + lists + (id != NULL) != 1) {
		err_set(err, ERR_USAGE, "'node token' needs one of NODESET, --list and --revoke ID");
		return err_hint(err, "NODESET: a token for each of these nodes; --list: those that are good now");
	}
	return lists ? list(c, err) : id ? revoke_one(c, id, err) : make(c, err);
}
