/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus node exec`: one command on many nodes at once, by ssh. */
#include "base/mem.h"
#include "cmd/audit_here.h"
#include "cmd/commands.h"
#include "cmd/exec.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define FANOUT_DEFAULT 64
#define FANOUT_MAX 1000
#define MAX_OUTPUT_DEFAULT ((uint64_t)4 << 20)
#define CONNECT_DEFAULT "10"
#define SECONDS_MAX 31536000

static int seconds(const struct cmd *c, const char *name, uint64_t *out, struct err *err)
{
	return cmd_option_u64(c, name, 1, SECONDS_MAX, out, err);
}

static int choose_mode(const struct cmd *c, struct exec_wish *w, struct err *err)
{
	bool fold = cmd_flag(c, "fold"), live = cmd_flag(c, "live");

	if (fold + live + c->json > 1) {
		err_set(err, ERR_USAGE, "--fold, --live and --json are three ways of showing the same: choose one");
		return err_hint(err, "without any of them a terminal gets --fold, and all else --live");
	}
	w->mode = c->json ? EXEC_JSON : fold || (!live && isatty(STDOUT_FILENO) == 1) ? EXEC_FOLD : EXEC_LIVE;
	return 0;
}

static int read_wish(const struct cmd *c, struct exec_wish *w, struct err *err)
{
	const char *max = cmd_option(c, "max-output");
	uint64_t connect_s;

	*w = (struct exec_wish){ .fanout = FANOUT_DEFAULT, .max_bytes = MAX_OUTPUT_DEFAULT, .user = cmd_option(c, "user") };
	if (!w->user)
		w->user = "root";
	if (str_check_name(w->user, err) < 0)
		return err_wrap(err, "--user");
	if (max && (str_to_bytes(max, &w->max_bytes, err) < 0 || w->max_bytes == 0)) {
		if (w->max_bytes == 0)
			err_set(err, ERR_USAGE, "0 bytes are too few");
		err_wrap(err, "--max-output");
		err->kind = ERR_USAGE;
		return -1;
	}
	if (cmd_option_u64(c, "fanout", 1, FANOUT_MAX, &w->fanout, err) < 0 || seconds(c, "timeout", &w->timeout_s, err) < 0 ||
	    seconds(c, "connect-timeout", &connect_s, err) < 0)
		return -1;
	return choose_mode(c, w, err);
}

/* The command as the nodes' shell will read it: ssh puts spaces between the words. */
static char *command_text(char **words)
{
	autoclean(buf_free) struct buf b = { 0 };

	for (size_t i = 0; words[i]; i++)
		buf_addf(&b, "%s%s", i ? " " : "", words[i]);
	return str_printable(buf_str(&b), b.len);
}

static void print_plan(const struct exec_run *r)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(buf_free) struct buf who = { 0 };
	autofree char *command = command_text(r->c->argv + 1);

	fold_who(r->nodes, &who);
	plan_add(&plan, 0, PLAN_WRITES, "exec",
		 str_format("run `%s` as %s on %s, %llu at a time, host keys checked against %s", command, r->wish->user,
			    buf_str(&who), (unsigned long long)r->wish->fanout,
			    r->ssh.known_hosts ? r->ssh.known_hosts : "this user's known_hosts"),
		 NULL, NULL);
	cmd_print_plan(r->c, &plan);
}

static int run_command(struct cmd *c, struct err *err)
{
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	autoclean(nodeset_free) struct nodeset nodes = { 0 };
	autoclean(str_list_free) struct str_list options = { 0 };
	struct exec_wish wish;
	struct exec_run r = { .c = c, .wish = &wish, .nodes = &nodes, .input_fd = -1, .input_of_one = -1 };
	int rc = -1;

	c->json_lines = c->json && !c->plan;
	if (cmd_args(c, 2, INT_MAX, err) < 0) {
		return -1;
	}
	cmd_option_all(c, "ssh-option", &options);
	if (read_wish(c, &wish, err) < 0 || node_rows_get(c, &rows, err) < 0 ||
	    node_set(&rows, c->argv[0], true, &nodes, err) < 0)
		return -1;
	r.ssh = (struct exec_ssh){ .user = wish.user,
				   .connect_s =
					   cmd_option(c, "connect-timeout") ? cmd_option(c, "connect-timeout") : CONNECT_DEFAULT,
				   .options = &options,
				   .command = c->argv + 1 };
	r.logs = mem_array(nodeset_count(&nodes), sizeof(*r.logs));
	for (size_t i = 0; i < nodeset_count(&nodes); i++)
		r.logs[i] = -1;
	if (exec_addresses(&rows, &nodes, &r.addresses, err) == 0 && exec_ssh_init(&r.ssh, c, err) == 0) {
		rc = 0;
		if (c->plan)
			print_plan(&r);
		else
			rc = exec_run(&r, err);
	}
	exec_ssh_free(&r.ssh);
	nodeset_free(&r.failed);
	free(r.addresses);
	free(r.logs);
	if (r.input_fd >= 0)
		close(r.input_fd);
	if (r.input_of_one >= 0)
		close(r.input_of_one);
	return rc;
}

/* Whoever runs a command as root on nodes from the head stands in its audit log. From another machine the head has no part in it.
 */
int cmd_node_exec(struct cmd *c, struct err *err)
{
	return c->api ? run_command(c, err) : cmd_audited(c, run_command, err);
}
