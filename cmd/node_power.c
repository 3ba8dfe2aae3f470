/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nodes' BMCs tell: power, sensors, what they are; and their locating lights. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/nodes.h"
#include "sys/clock.h"
#include "sys/http_client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_S 20

static int begin_job(struct cmd *c, struct nodeset *set, const struct node_act *act, char **id, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf body = { 0 };
	struct json_out w;
	struct json_obj o;

	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	node_put_names(&w, set);
	json_put_str(&w, "act", act->act);
	json_put_bool(&w, "network", act->network);
	json_put_u64(&w, "stagger_ms", act->stagger_ms);
	json_put_bool(&w, "force", act->force);
	json_put_bool(&w, "plan", c->plan);
	json_end_obj(&w);
	if (c->plan)
		return node_send_steps(c, "POST", "/v1/power", buf_str(&body), err);
	if (cmd_call(c, "POST", "/v1/power", buf_str(&body), &reply, err) < 0)
		return -1;
	if (json_parse(buf_str(&reply.body), reply.body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_str(&o, "job", JSON_MUST, id, err) < 0)
		return err_wrap(err, "the daemon's answer");
	return 0;
}

/* A line that is overwritten, where somebody looks. */
static void say_progress(const struct cmd *c, uint64_t finished, uint64_t count, bool end)
{
	if (c->quiet || c->json || count < 2 || !isatty(STDERR_FILENO))
		return;
	if (end)
		fprintf(stderr, "\r\033[K");
	else
		fprintf(stderr, "\r%llu of %llu BMCs have answered", (unsigned long long)finished, (unsigned long long)count);
}

int node_power_job(struct cmd *c, struct nodeset *set, const struct node_act *act, struct http_reply *reply, struct err *err)
{
	autofree char *id = NULL;
	uint64_t finished = 0, count = 0;
	bool done = false;

	if (begin_job(c, set, act, &id, err) < 0)
		return -1;
	while (id && !done) {
		autofree char *path = str_format("/v1/power/%.16s?seen=%llu&wait=%d", id, (unsigned long long)finished, WAIT_S);
		autoclean(json_doc_free) struct json_doc doc = { 0 };
		struct json_obj o;

		if (cmd_call(c, "GET", path, NULL, reply, err) < 0)
			return -1;
		if (json_parse(buf_str(&reply->body), reply->body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
		    json_bool(&o, "done", JSON_MUST, &done, err) < 0 ||
		    json_u64(&o, "finished", JSON_MUST, 0, UINT64_MAX, &finished, err) < 0 ||
		    json_u64(&o, "count", JSON_MUST, 0, UINT64_MAX, &count, err) < 0)
			return err_wrap(err, "the daemon's answer");
		say_progress(c, finished, count, done);
	}
	return 0;
}

/* The answer's nodes one by one: those that failed are said at once, of the others `each` makes what is printed. */
static int told(struct cmd *c, const struct http_reply *reply,
		int (*each)(void *ctx, struct json_obj *o, const char *name, struct err *err), void *ctx, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o, node, failure;
	struct err first = { 0 };
	size_t failed = 0;
	struct json_arr a;

	if (json_parse(buf_str(&reply->body), reply->body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr(&o, "nodes", JSON_MUST, &a, err) < 0)
		return err_wrap(err, "the daemon's answer");
	for (size_t i = 0; i < a.len; i++) {
		autofree char *name = NULL, *kind = NULL, *text = NULL, *hint = NULL;
		int rc;

		if (json_arr_obj(&a, i, &node, err) < 0 || json_str(&node, "name", JSON_MUST, &name, err) < 0)
			return err_wrap(err, "the daemon's answer");
		rc = json_obj(&node, "error", JSON_MAY, &failure, err);
		if (rc < 0 || each(ctx, &node, name, err) < 0)
			return err_wrap(err, "the daemon's answer");
		if (!rc)
			continue;
		if (json_str(&failure, "kind", JSON_MUST, &kind, err) < 0 ||
		    json_str(&failure, "text", JSON_MUST, &text, err) < 0 || json_str(&failure, "hint", JSON_MAY, &hint, err) < 0)
			return err_wrap(err, "the daemon's answer");
		if (!failed++) {
			err_set(&first, err_kind_of(kind), "%s", text);
			err_hint(&first, "%s", hint ? hint : "");
		}
		if (!c->json) {
			struct err one = { 0 };

			err_set(&one, err_kind_of(kind), "%s", text);
			err_hint(&one, "%s", hint ? hint : "");
			cmd_error(c, &one);
		}
	}
	if (c->json)
		cmd_print(buf_str(&reply->body));
	if (!failed)
		return 0;
	*err = first;
	/* Each has been said, or is in the JSON. */
	err->text[0] = '\0';
	if (failed < a.len)
		err->kind = ERR_PARTIAL;
	return -1;
}

/* Prints the table unless --json prints the answer. */
static int told_table(struct cmd *c, const struct http_reply *reply, const char *const *heads,
		      int (*each)(void *ctx, struct json_obj *o, const char *name, struct err *err), struct err *err)
{
	autoclean(cmd_table_free) struct cmd_table t = { 0 };
	struct err why = { 0 };
	int rc;

	cmd_table_init(&t, heads);
	rc = told(c, reply, each, &t, &why);
	if (!c->json && !c->quiet && t.cells.len > t.columns)
		cmd_table_print(&t);
	if (rc < 0)
		*err = why;
	return rc;
}

static int add_cell(struct cmd_table *t, struct json_obj *o, const char *key, struct err *err)
{
	autofree char *value = NULL, *clean = NULL;

	if (json_str(o, key, JSON_MAY, &value, err) < 0)
		return -1;
	clean = value ? str_printable(value, strlen(value)) : NULL;
	cmd_table_add(t, clean);
	return 0;
}

static int power_row(void *ctx, struct json_obj *o, const char *name, struct err *err)
{
	struct cmd_table *t = ctx;

	cmd_table_add(t, name);
	return add_cell(t, o, "power", err) < 0 || add_cell(t, o, "text", err) < 0 ? -1 : 0;
}

int node_power_told(struct cmd *c, const struct http_reply *reply, struct err *err)
{
	static const char *const heads[] = { "NODE", "POWER", "DONE", NULL };

	return told_table(c, reply, heads, power_row, err);
}

/* The nodes of the verb's argument, asked for `act`. */
static int ask(struct cmd *c, const struct node_act *act, struct http_reply *reply, struct err *err)
{
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	autoclean(nodeset_free) struct nodeset set = { 0 };

	if (cmd_args(c, 1, 1, err) < 0 || node_rows_get(c, &rows, err) < 0 || node_set(&rows, c->argv[0], true, &set, err) < 0)
		return -1;
	return node_power_job(c, &set, act, reply, err);
}

static int status_row(void *ctx, struct json_obj *o, const char *name, struct err *err)
{
	struct cmd_table *t = ctx;

	cmd_table_add(t, name);
	return add_cell(t, o, "power", err);
}

int cmd_node_power(struct cmd *c, struct err *err)
{
	static const char *const heads[] = { "NODE", "POWER", NULL };
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (ask(c, &(struct node_act){ .act = "status" }, &reply, err) < 0)
		return -1;
	return told_table(c, &reply, heads, status_row, err);
}

static int sensor_rows(void *ctx, struct json_obj *o, const char *name, struct err *err)
{
	struct cmd_table *t = ctx;
	struct json_arr a;
	int rc = json_arr(o, "sensors", JSON_MAY, &a, err);

	for (size_t i = 0; rc > 0 && i < a.len; i++) {
		autofree char *value = NULL, *unit = NULL, *reading = NULL;
		bool bad = false;
		struct json_obj s;

		if (json_arr_obj(&a, i, &s, err) < 0)
			return -1;
		cmd_table_add(t, name);
		if (add_cell(t, &s, "name", err) < 0 || json_str(&s, "value", JSON_MAY, &value, err) < 0 ||
		    json_str(&s, "unit", JSON_MAY, &unit, err) < 0 || json_bool(&s, "bad", JSON_MAY, &bad, err) < 0)
			return -1;
		reading = value ? str_format("%s%s%s", value, unit && *unit ? " " : "", unit ? unit : "") : NULL;
		cmd_table_add(t, reading);
		if (add_cell(t, &s, "state", err) < 0)
			return -1;
		cmd_table_add(t, bad ? "!" : "");
	}
	return rc < 0 ? -1 : 0;
}

int cmd_node_sensors(struct cmd *c, struct err *err)
{
	static const char *const heads[] = { "NODE", "SENSOR", "READING", "STATE", "", NULL };
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (ask(c, &(struct node_act){ .act = "sensors" }, &reply, err) < 0)
		return -1;
	return told_table(c, &reply, heads, sensor_rows, err);
}

static int bmc_row(void *ctx, struct json_obj *o, const char *name, struct err *err)
{
	struct cmd_table *t = ctx;
	struct json_obj bmc, facts;
	int known = json_obj(o, "bmc", JSON_MAY, &bmc, err);

	if (known < 0 || json_obj(o, "facts", JSON_MUST, &facts, err) < 0)
		return -1;
	cmd_table_add(t, name);
	if (known) {
		if (add_cell(t, &bmc, "address", err) < 0 || add_cell(t, &bmc, "user", err) < 0)
			return -1;
	} else {
		cmd_table_add(t, NULL);
		cmd_table_add(t, NULL);
	}
	return add_cell(t, &facts, "maker", err) < 0 || add_cell(t, &facts, "model", err) < 0 ||
			       add_cell(t, &facts, "firmware", err) < 0 || add_cell(t, &facts, "mac", err) < 0 ||
			       add_cell(t, &facts, "key_shown", err) < 0
		       ? -1
		       : 0;
}

int cmd_node_bmc(struct cmd *c, struct err *err)
{
	static const char *const heads[] = {
		"NODE", "ADDRESS", "USER", "MAKER", "MODEL", "FIRMWARE", "MAC", "KEY (SHA-256)", NULL
	};
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (ask(c, &(struct node_act){ .act = "bmc" }, &reply, err) < 0)
		return -1;
	return told_table(c, &reply, heads, bmc_row, err);
}

static int light_row(void *ctx, struct json_obj *o, const char *name, struct err *err)
{
	struct cmd_table *t = ctx;

	cmd_table_add(t, name);
	return add_cell(t, o, "text", err);
}

int cmd_node_identify(struct cmd *c, struct err *err)
{
	static const char *const heads[] = { "NODE", "DONE", NULL };
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (ask(c, &(struct node_act){ .act = cmd_flag(c, "off") ? "light-off" : "light-on" }, &reply, err) < 0)
		return -1;
	return c->plan ? 0 : told_table(c, &reply, heads, light_row, err);
}
