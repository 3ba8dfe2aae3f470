/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/node_bmc.h"
#include "cmd/nodes.h"
#include "sys/http_client.h"
#include "sys/secretbox.h"

#include <stdlib.h>
#include <string.h>

int node_send_steps(struct cmd *c, const char *method, const char *path, const char *body, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (cmd_call(c, method, path, body, &reply, err) < 0 || cmd_say_steps(c, &reply, "nothing to change", err) < 0)
		return -1;
	if (c->json)
		cmd_print(buf_str(&reply.body));
	return cmd_followed(c, &reply, "", err);
}

static void put_options(const struct cmd *c, struct json_out *w)
{
	static const char *const names[] = { "group", "image", "layout", "serial", "switch", "port" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (cmd_option(c, names[i]))
			json_put_str(w, names[i], cmd_option(c, names[i]));
}

/* One MAC a node, in the order in which the nodes are written; for one node they are all its. */
static void put_macs(struct json_out *w, const struct str_list *macs, size_t place, size_t n_nodes)
{
	if (macs->len == 0)
		return;
	json_put_arr(w, "macs");
	if (n_nodes == 1)
		for (size_t m = 0; m < macs->len; m++)
			json_put_str(w, NULL, macs->items[m]);
	else
		json_put_str(w, NULL, macs->items[place]);
	json_end_arr(w);
}

static int check_macs(const struct str_list *macs, size_t n_nodes, bool needed, struct err *err)
{
	char mac[STR_MAC_LEN];

	for (size_t i = 0; i < macs->len; i++)
		if (str_to_mac(macs->items[i], mac, err) < 0)
			return err_wrap(err, "--mac");
	if ((macs->len == 0 && !needed) || (n_nodes == 1 && macs->len) || macs->len == n_nodes)
		return 0;
	if (macs->len == 0)
		err_set(err, ERR_USAGE, "'node add' needs --mac MAC for %s", n_nodes == 1 ? "the node" : "each of the nodes");
	else
		err_set(err, ERR_USAGE, "--mac: %zu MAC address%s for %zu node%s", macs->len, macs->len == 1 ? "" : "es", n_nodes,
			n_nodes == 1 ? "" : "s");
	return err_hint(
		err, "give one for each node, in the order in which they are written: --mac 52:54:00:00:00:01,52:54:00:00:00:02");
}

static void add_body(const struct cmd *c, struct nodeset *set, const size_t *places, const struct str_list *macs,
		     const struct node_bmc *bmc, struct buf *body)
{
	struct json_out w;

	buf_reserve(body, NODE_BMC_BODY_MAX * nodeset_count(set));
	json_out_init(&w, body, false);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "nodes");
	for (size_t i = 0; i < nodeset_count(set); i++) {
		json_put_obj(&w, NULL);
		json_put_str(&w, "name", nodeset_get(set, i));
		put_options(c, &w);
		node_put_address(c, &w, places[i]);
		put_macs(&w, macs, places[i], nodeset_count(set));
		node_bmc_put(bmc, places[i], &w);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_put_bool(&w, "plan", c->plan);
	json_end_obj(&w);
}

static int check_port(const struct cmd *c, struct err *err)
{
	const char *name = cmd_option(c, "switch"), *port = cmd_option(c, "port");

	if (!name == !port)
		return 0;
	err_set(err, ERR_USAGE, name ? "--switch %s: which port of it?" : "--port %s: of which switch?", name ? name : port);
	return err_hint(err, "give both, as the switch says them by LLDP: --switch NAME --port PORT");
}

int cmd_node_add(struct cmd *c, struct err *err)
{
	autoclean(nodeset_free) struct nodeset set = { 0 };
	autoclean(str_list_free) struct str_list macs = { 0 };
	autoclean(node_bmc_free) struct node_bmc bmc = { 0 };
	autoclean(secret_buf_free) struct buf body = { 0 };
	autofree size_t *places = NULL;
	struct node_rows none = { 0 };

	if (cmd_args(c, 1, 1, err) < 0)
		return -1;
	if (!cmd_option(c, "group")) {
		err_set(err, ERR_USAGE, "'node add' needs --group GROUP, one of the site's groups");
		return err_hint(err, "`orthrus site show` lists them");
	}
	cmd_option_all(c, "mac", &macs);
	if (check_port(c, err) < 0 || node_set_written(&none, c->argv[0], false, &set, &places, err) < 0 ||
	    check_macs(&macs, nodeset_count(&set), !cmd_option(c, "serial") && !cmd_option(c, "switch"), err) < 0 ||
	    node_check_address(c, nodeset_count(&set), err) < 0 || node_bmc_read(c, nodeset_count(&set), &bmc, err) < 0)
		return -1;
	add_body(c, &set, places, &macs, &bmc, &body);
	return node_send_steps(c, "POST", "/v1/nodes", buf_str(&body), err);
}

/* A column for the second address where nodes have two. */
static void list_table(const struct node_rows *rows, struct nodeset *set)
{
	static const char *const one[] = { "NODE", "STATE", "ADDRESS", "GROUP", "MAC", "IMAGE", "DOING", NULL };
	static const char *const two[] = { "NODE", "STATE", "IPV4", "IPV6", "GROUP", "MAC", "IMAGE", "DOING", NULL };
	autoclean(cmd_table_free) struct cmd_table t = { 0 };
	bool both = false;

	for (size_t i = 0; i < rows->len; i++)
		both |= rows->items[i].ipv4 && rows->items[i].ipv6;
	cmd_table_init(&t, both ? two : one);
	for (size_t i = 0; i < rows->len; i++) {
		const struct node_row *r = &rows->items[i];
		autofree char *doing = node_row_doing(r);

		if (set && !nodeset_has(set, r->name))
			continue;
		cmd_table_add(&t, r->name);
		cmd_table_add(&t, r->state);
		cmd_table_add(&t, r->ipv4 || both ? r->ipv4 : r->ipv6);
		if (both)
			cmd_table_add(&t, r->ipv6);
		cmd_table_add(&t, r->group);
		cmd_table_add(&t, r->macs.len ? r->macs.items[0] : NULL);
		cmd_table_add(&t, r->image);
		cmd_table_add(&t, doing);
	}
	cmd_table_print(&t);
}

int cmd_node_list(struct cmd *c, struct err *err)
{
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	autoclean(nodeset_free) struct nodeset set = { 0 };
	bool some;

	if (cmd_args(c, 0, 1, err) < 0 || node_rows_get(c, &rows, err) < 0)
		return -1;
	some = c->argc == 1;
	if (some && node_set(&rows, c->argv[0], true, &set, err) < 0)
		return -1;
	if (c->json)
		node_print_json(&rows, some ? &set : NULL);
	else if (rows.len == 0)
		cmd_say(c, "no nodes yet; `orthrus node add` makes machines known");
	else
		list_table(&rows, some ? &set : NULL);
	return 0;
}

/* All in one request: all are changed, or none. */
static void set_body(const struct cmd *c, struct nodeset *set, const size_t *places, const struct str_list *macs,
		     const struct node_bmc *bmc, struct buf *body)
{
	size_t n = nodeset_count(set);
	struct json_out w;

	buf_reserve(body, n * NODE_BMC_BODY_MAX);
	json_out_init(&w, body, false);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "nodes");
	for (size_t i = 0; i < n; i++) {
		json_put_obj(&w, NULL);
		json_put_str(&w, "name", nodeset_get(set, i));
		put_options(c, &w);
		node_put_address(c, &w, places[i]);
		put_macs(&w, macs, places[i], n);
		node_bmc_put(bmc, places[i], &w);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_put_bool(&w, "plan", c->plan);
	json_end_obj(&w);
}

int cmd_node_set(struct cmd *c, struct err *err)
{
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	autoclean(nodeset_free) struct nodeset set = { 0 };
	autoclean(str_list_free) struct str_list macs = { 0 };
	autoclean(node_bmc_free) struct node_bmc bmc = { 0 };
	autoclean(secret_buf_free) struct buf body = { 0 };
	autofree size_t *places = NULL;

	if (cmd_args(c, 1, 1, err) < 0)
		return -1;
	if (c->n_values == 0) {
		err_set(err, ERR_USAGE,
			"'node set' needs what to set: --group, --mac, --ipv4, --ipv6, --image, --layout, --serial, --switch, "
			"--port or one of --bmc...");
		return err_hint(err, "`orthrus node show NODE` shows what is set now");
	}
	cmd_option_all(c, "mac", &macs);
	if (node_rows_get(c, &rows, err) < 0 || node_set_written(&rows, c->argv[0], true, &set, &places, err) < 0 ||
	    check_macs(&macs, nodeset_count(&set), false, err) < 0 || node_check_address(c, nodeset_count(&set), err) < 0 ||
	    node_bmc_read(c, nodeset_count(&set), &bmc, err) < 0)
		return -1;
	set_body(c, &set, places, &macs, &bmc, &body);
	return node_send_steps(c, "PATCH", "/v1/nodes", buf_str(&body), err);
}

static void remove_body(const struct cmd *c, struct nodeset *set, struct buf *body)
{
	struct json_out w;

	json_out_init(&w, body, false);
	json_put_obj(&w, NULL);
	node_put_names(&w, set);
	json_put_bool(&w, "plan", c->plan);
	json_put_bool(&w, "force", cmd_flag(c, "force"));
	json_put_bool(&w, "keep_secrets", cmd_flag(c, "keep-secrets"));
	json_end_obj(&w);
}

/* Those that are no nodes go to the daemon too: it knows which were removed before, and refuses the others. */
int cmd_node_remove(struct cmd *c, struct err *err)
{
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	autoclean(nodeset_free) struct nodeset set = { 0 }, there = { 0 };
	autoclean(buf_free) struct buf names = { 0 }, body = { 0 };

	if (cmd_args(c, 1, 1, err) < 0 || node_rows_get(c, &rows, err) < 0 || node_set(&rows, c->argv[0], false, &set, err) < 0)
		return -1;
	for (size_t i = 0; i < nodeset_count(&set); i++)
		if (node_rows_find(&rows, nodeset_get(&set, i)) && nodeset_add(&there, nodeset_get(&set, i), err) < 0)
			return -1;
	nodeset_fold(&there, &names);
	if (!c->plan && names.len && cmd_confirm(c, err, "remove %s from the cluster", buf_str(&names)) < 0)
		return -1;
	remove_body(c, &set, &body);
	return node_send_steps(c, "POST", "/v1/remove", buf_str(&body), err);
}
