/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The administrator's word: this machine is that node, or none. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/nodes.h"
#include "cmd/pending.h"
#include "sys/http_client.h"

#include <string.h>

#define AT_ONCE 200 /* of one request */

/* Who shall be what: rows[i] becomes the i-th node of the set. */
struct match {
	struct nodeset set;
	const struct pending_row **rows;
};

static void match_free(struct match *m)
{
	nodeset_free(&m->set);
	free(m->rows);
}

/* The one machine that waits and would be this node. */
static const struct pending_row *waiting_for(const struct pending_rows *rows, const char *node, struct err *err)
{
	const struct pending_row *found = NULL;
	autoclean(buf_free) struct buf keys = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < rows->len; i++) {
		if (!str_eq(rows->items[i].node, node) || !str_eq(rows->items[i].state, "pending"))
			continue;
		found = &rows->items[i];
		buf_addf(&keys, "%s'%s'", n++ ? ", " : "", found->words);
	}
	if (n == 1)
		return found;
	if (n == 0) {
		err_set(err, ERR_NOT_FOUND, "no machine waits that would be %s", node);
		err_hint(err, "`orthrus node discover --once` lists those that wait; say which one it is with --fingerprint");
	} else {
		err_set(err, ERR_CONFLICT, "%zu machines with %s's MAC address wait, with the keys %s", n, node, buf_str(&keys));
		err_hint(err, "compare with the machine's console, and say which with --fingerprint");
	}
	return NULL;
}

static int find_rows(struct cmd *c, const struct pending_rows *rows, struct match *m, struct err *err)
{
	const char *key = cmd_option(c, "fingerprint");

	m->rows = mem_array(nodeset_count(&m->set), sizeof(*m->rows));
	if (key && nodeset_count(&m->set) != 1) {
		err_set(err, ERR_USAGE, "--fingerprint names one machine, and there are %zu nodes", nodeset_count(&m->set));
		return err_hint(err,
				"approve them one by one, or leave --fingerprint out for nodes whose MAC addresses are known");
	}
	if (node_check_address(c, nodeset_count(&m->set), err) < 0)
		return -1;
	for (size_t i = 0; i < nodeset_count(&m->set); i++) {
		m->rows[i] = key ? pending_rows_find(rows, key, err) : waiting_for(rows, nodeset_get(&m->set, i), err);
		if (!m->rows[i])
			return -1;
	}
	return 0;
}

static void put_item(const struct cmd *c, struct match *m, size_t i, struct json_out *w)
{
	json_put_obj(w, NULL);
	json_put_str(w, "fingerprint", m->rows[i]->fingerprint);
	json_put_str(w, "node", nodeset_get(&m->set, i));
	if (cmd_option(c, "group"))
		json_put_str(w, "group", cmd_option(c, "group"));
	node_put_address(c, w, i);
	json_end_obj(w);
}

/* Nodes first..end-1; all of them or none. */
static int approve_some(struct cmd *c, struct match *m, size_t first, size_t end, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(buf_free) struct buf body = { 0 };
	struct json_out w;

	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	json_put_bool(&w, "plan", c->plan);
	json_put_arr(&w, "items");
	for (size_t i = first; i < end; i++)
		put_item(c, m, i, &w);
	json_end_arr(&w);
	json_end_obj(&w);
	return node_send_steps(c, "POST", "/v1/approve", buf_str(&body), err);
}

static void show(const struct cmd *c, struct match *m)
{
	for (size_t i = 0; i < nodeset_count(&m->set); i++) {
		autoclean(buf_free) struct buf line = { 0 };

		pending_row_describe(m->rows[i], &line);
		cmd_say(c, "%s: %s", nodeset_get(&m->set, i), buf_str(&line));
	}
}

int cmd_node_approve(struct cmd *c, struct err *err)
{
	autoclean(pending_rows_free) struct pending_rows rows = { 0 };
	autoclean(match_free) struct match m = { 0 };
	autoclean(buf_free) struct buf names = { 0 };
	struct node_rows none = { 0 };

	if (cmd_args(c, 1, 1, err) < 0 || pending_rows_get(c, &rows, err) < 0)
		return -1;
	if (node_set(&none, c->argv[0], false, &m.set, err) < 0 || find_rows(c, &rows, &m, err) < 0)
		return -1;
	show(c, &m);
	nodeset_fold(&m.set, &names);
	if (!c->plan && cmd_confirm(c, err, "does the console of each machine show the words that stand here; make them %s",
				    buf_str(&names)) < 0)
		return -1;
	for (size_t i = 0; i < nodeset_count(&m.set); i += AT_ONCE) {
		size_t end = i + AT_ONCE < nodeset_count(&m.set) ? i + AT_ONCE : nodeset_count(&m.set);

		if (approve_some(c, &m, i, end, err) < 0)
			return i ? err_wrap(err, "the first %zu nodes are approved, the others not", i) : -1;
	}
	return 0;
}

static void add_once(struct str_list *list, const char *fingerprint)
{
	if (!str_list_has(list, fingerprint))
		str_list_add(list, fingerprint);
}

/* Every machine that waits and would be one of these nodes. */
static int reject_nodes(const struct pending_rows *rows, const char *text, struct str_list *out, struct err *err)
{
	autoclean(nodeset_free) struct nodeset set = { 0 };
	struct node_rows none = { 0 };

	if (node_set(&none, text, false, &set, err) < 0)
		return -1;
	for (size_t i = 0; i < nodeset_count(&set); i++) {
		bool found = false;

		for (size_t j = 0; j < rows->len; j++) {
			if (!str_eq(rows->items[j].node, nodeset_get(&set, i)) || !str_eq(rows->items[j].state, "pending"))
				continue;
			add_once(out, rows->items[j].fingerprint);
			found = true;
		}
		if (found)
			continue;
		err_set(err, ERR_NOT_FOUND, "no machine waits that would be %s", nodeset_get(&set, i));
		return err_hint(err,
				"`orthrus node discover --once` lists those that wait; say which one it is with --fingerprint");
	}
	return 0;
}

/* Every machine that waits; whoever stands at the keyboard is told how many, and which of them a node may be. */
static int reject_all(struct cmd *c, const struct pending_rows *rows, struct str_list *out, struct err *err)
{
	autoclean(nodeset_free) struct nodeset nodes = { 0 };
	autoclean(buf_free) struct buf names = { 0 };

	for (size_t i = 0; i < rows->len; i++) {
		if (!str_eq(rows->items[i].state, "pending"))
			continue;
		add_once(out, rows->items[i].fingerprint);
		if (rows->items[i].node && nodeset_add(&nodes, rows->items[i].node, err) < 0)
			return -1;
	}
	if (c->plan || !out->len)
		return 0;
	nodeset_fold(&nodes, &names);
	return cmd_confirm(c, err, "reject all %zu machines that wait%s%s", out->len,
			   names.len ? ", among them those that would be " : "", names.len ? buf_str(&names) : "");
}

static int check_which(struct cmd *c, const struct str_list *keys, struct err *err)
{
	if (cmd_flag(c, "all")) {
		if (!keys->len && !c->argc)
			return 0;
		return err_set(err, ERR_USAGE,
			       "--all is every machine that waits: it goes with neither NODESET nor --fingerprint");
	}
	if (keys->len || c->argc)
		return 0;
	err_set(err, ERR_USAGE, "'node reject' needs NODESET, --fingerprint WORDS or --all: which machines");
	return err_hint(err, "`orthrus node discover --once` lists the machines that wait, with their keys");
}

int cmd_node_reject(struct cmd *c, struct err *err)
{
	autoclean(pending_rows_free) struct pending_rows rows = { 0 };
	autoclean(str_list_free) struct str_list keys = { 0 }, fingerprints = { 0 };
	autoclean(buf_free) struct buf body = { 0 };
	struct json_out w;

	cmd_option_all(c, "fingerprint", &keys);
	if (cmd_args(c, 0, 1, err) < 0 || check_which(c, &keys, err) < 0)
		return -1;
	if (pending_rows_get(c, &rows, err) < 0 || (c->argc && reject_nodes(&rows, c->argv[0], &fingerprints, err) < 0) ||
	    (cmd_flag(c, "all") && reject_all(c, &rows, &fingerprints, err) < 0))
		return -1;
	for (size_t i = 0; i < keys.len; i++) {
		const struct pending_row *row = pending_rows_find(&rows, keys.items[i], err);

		if (!row)
			return -1;
		add_once(&fingerprints, row->fingerprint);
	}
	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	json_put_bool(&w, "plan", c->plan);
	json_put_strs(&w, "fingerprints", &fingerprints);
	json_end_obj(&w);
	return node_send_steps(c, "POST", "/v1/reject", buf_str(&body), err);
}
