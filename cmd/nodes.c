/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/nodes.h"

#include "base/mem.h"
#include "sys/http_client.h"

#include <stdlib.h>
#include <string.h>

#define FORM_HINT "nodes are written n07, n[01-64], n01,n05 or @group; orthrus(8) has all forms"

int node_rows_get(struct cmd *c, struct node_rows *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (cmd_call(c, "GET", "/v1/nodes", NULL, &reply, err) < 0)
		return -1;
	return node_rows_read(buf_str(&reply.body), reply.body.len, out, err);
}

/* "@compute, @login": those that nodes are in. */
static void known_groups(const struct node_rows *rows, struct buf *out)
{
	autoclean(str_list_free) struct str_list seen = { 0 };

	for (size_t i = 0; i < rows->len; i++) {
		if (str_list_has(&seen, rows->items[i].group))
			continue;
		str_list_add(&seen, rows->items[i].group);
		buf_addf(out, "%s@%s", out->len ? ", " : "", rows->items[i].group);
	}
}

static int resolve_group(void *ctx, const char *name, struct nodeset *out, struct err *err)
{
	const struct node_rows *rows = ctx;
	autoclean(buf_free) struct buf known = { 0 };
	bool any = str_eq(name, "*");

	for (size_t i = 0; i < rows->len; i++) {
		if (!str_eq(name, "*") && !str_eq(rows->items[i].group, name))
			continue;
		any = true;
		if (nodeset_add(out, rows->items[i].name, err) < 0)
			return -1;
	}
	if (any)
		return 0;
	known_groups(rows, &known);
	err_set(err, ERR_INVALID, "no node is in it; %s%s", known.len ? "nodes are in " : "there are no nodes yet",
		buf_str(&known));
	return err_hint(err, "`orthrus node list` shows each node's group");
}

/* All that are missing at once: whoever misspelt a range wants to see it. */
static int check_known(const struct node_rows *rows, struct nodeset *set, struct err *err)
{
	autoclean(nodeset_free) struct nodeset missing = { 0 };
	autoclean(buf_free) struct buf names = { 0 };

	for (size_t i = 0; i < nodeset_count(set); i++)
		if (!node_rows_find(rows, nodeset_get(set, i)) && nodeset_add(&missing, nodeset_get(set, i), err) < 0)
			return -1;
	if (nodeset_count(&missing) == 0)
		return 0;
	nodeset_fold(&missing, &names);
	if (nodeset_count(&missing) == 1)
		err_set(err, ERR_NOT_FOUND, "there is no node '%s'", buf_str(&names));
	else
		err_set(err, ERR_NOT_FOUND, "there are no nodes %s", buf_str(&names));
	return err_hint(err, "`orthrus node list` shows what there is; `orthrus node add` adds one");
}

int node_set(const struct node_rows *rows, const char *text, bool must_exist, struct nodeset *out, struct err *err)
{
	autofree size_t *places = NULL;

	return node_set_written(rows, text, must_exist, out, &places, err);
}

int node_set_written(const struct node_rows *rows, const char *text, bool must_exist, struct nodeset *out, size_t **places,
		     struct err *err)
{
	struct node_rows known = *rows;

	if (nodeset_parse_written(text, resolve_group, &known, out, places, err) < 0)
		return err->hint[0] ? -1 : err_hint(err, FORM_HINT);
	if (nodeset_count(out) == 0) {
		err_set(err, ERR_INVALID, "'%s' names no node", text);
		return err_hint(err, FORM_HINT);
	}
	return must_exist ? check_known(rows, out, err) : 0;
}

void node_print_json(const struct node_rows *rows, struct nodeset *set)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "nodes");
	for (size_t i = 0; i < rows->len; i++)
		if (!set || nodeset_has(set, rows->items[i].name))
			json_put_raw(&w, NULL, rows->items[i].raw);
	json_end_arr(&w);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

void node_put_names(struct json_out *w, struct nodeset *set)
{
	json_put_arr(w, "nodes");
	for (size_t i = 0; i < nodeset_count(set); i++)
		json_put_str(w, NULL, nodeset_get(set, i));
	json_end_arr(w);
}
