/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/nodes.h"
#include "cmd/pending.h"

/* The body of the request; the machine is shown to whoever is asked for his word. */
static int make_body(struct cmd *c, const char *node, const struct str_list *macs, struct buf *body, struct err *err)
{
	autoclean(pending_rows_free) struct pending_rows rows = { 0 };
	const char *key = cmd_option(c, "fingerprint");
	const struct pending_row *row = NULL;
	struct json_out w;

	if (key) {
		autoclean(buf_free) struct buf line = { 0 };

		if (pending_rows_get(c, &rows, err) < 0)
			return -1;
		row = pending_rows_find(&rows, key, err);
		if (!row)
			return -1;
		pending_row_describe(row, &line);
		cmd_say(c, "%s: %s", node, buf_str(&line));
	}
	json_out_init(&w, body, false);
	json_put_obj(&w, NULL);
	json_put_strs(&w, "macs", macs);
	if (row)
		json_put_str(&w, "fingerprint", row->fingerprint);
	json_put_bool(&w, "keep_secrets", cmd_flag(c, "keep-secrets"));
	json_put_bool(&w, "plan", c->plan);
	json_end_obj(&w);
	return 0;
}

int cmd_node_replace(struct cmd *c, struct err *err)
{
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	autoclean(nodeset_free) struct nodeset set = { 0 };
	autoclean(str_list_free) struct str_list macs = { 0 };
	autoclean(buf_free) struct buf body = { 0 };
	autofree char *path = NULL;
	char mac[STR_MAC_LEN];
	const char *node;

	cmd_option_all(c, "mac", &macs);
	if (cmd_args(c, 1, 1, err) < 0)
		return -1;
	if (!macs.len) {
		err_set(err, ERR_USAGE, "'node replace' needs --mac MAC: of the machine that takes the node's place");
		return err_hint(err, "`orthrus node discover --once` lists the machines that wait");
	}
	for (size_t i = 0; i < macs.len; i++)
		if (str_to_mac(macs.items[i], mac, err) < 0)
			return err_wrap(err, "--mac");
	if (node_rows_get(c, &rows, err) < 0 || node_set(&rows, c->argv[0], true, &set, err) < 0)
		return -1;
	if (nodeset_count(&set) != 1)
		return err_set(err, ERR_USAGE, "one node is replaced at a time, and there are %zu", nodeset_count(&set));
	node = nodeset_get(&set, 0);
	if (make_body(c, node, &macs, &body, err) < 0)
		return -1;
	if (!c->plan &&
	    cmd_confirm(c, err, "the machine that is %s now loses its key, its address and its secrets; give its place to %s",
			node, macs.items[0]) < 0)
		return -1;
	path = str_format("/v1/nodes/%s/replace", node);
	if (node_send_steps(c, "POST", path, buf_str(&body), err) < 0)
		return -1;
	if (!c->plan && !cmd_option(c, "fingerprint"))
		cmd_say(c, "it is %s when its key is approved: orthrus node approve %s", node, node);
	return 0;
}
