/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This machine is given back as it was before `head install`. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/head_install.h"
#include "headinstall/apply.h"
#include "headinstall/plan.h"
#include "headinstall/programs.h"
#include "headinstall/record.h"
#include "headinstall/store.h"
#include "sys/http_client.h"

#include <unistd.h>

struct uninstall {
	struct cmd *c;
	struct head_record record;
	struct head_journal now;
	struct str_list wanted, kept;
	struct head_store store;
	struct err store_why;
	struct plan plan;
};

static void uninstall_free(struct uninstall *u)
{
	head_record_close(&u->record);
	head_journal_free(&u->now);
	str_list_free(&u->wanted);
	str_list_free(&u->kept);
	plan_free(&u->plan);
	head_store_free(&u->store);
}

static int read_data(const struct cmd *c, enum head_data *out, struct err *err)
{
	if (cmd_flag(c, "keep-images") && cmd_flag(c, "remove-data"))
		return err_set(err, ERR_USAGE, "--keep-images and --remove-data are opposites: give one of them");
	*out = cmd_flag(c, "remove-data") ? HEAD_REMOVE_DATA : HEAD_KEEP_IMAGES;
	return 0;
}

/* Its disks may be gone, or another's by now: then it is kept, and said. */
static void plan_store(struct uninstall *u, struct head_back *back)
{
	autoclean(disks_free) struct disks disks = { 0 };

	if (!head_store_resumed(&u->record.j, &u->store))
		return;
	back->store = &u->store;
	if (back->data != HEAD_REMOVE_DATA)
		return;
	if (raid_probe(&disks, &u->store_why) == 0 && head_store_plan(&u->store, &disks, &u->store_why) == 0)
		return;
	back->store_why = u->store_why.text;
}

/* While it still runs. Whatever it can't say is nothing. */
static void ask_nodes(struct uninstall *u, struct head_back *back)
{
	autofree char *socket = cmd_path(u->c, "/run/orthrus/api.sock");
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o, nodes;
	struct err none = { 0 };

	if (access(socket, W_OK) < 0 || cmd_call(u->c, "GET", "/v1/status", NULL, &reply, &none) < 0 ||
	    json_parse(buf_str(&reply.body), reply.body.len, &doc, &none) < 0 || json_root_obj(&doc, &o, &none) < 0 ||
	    json_obj(&o, "nodes", JSON_MUST, &nodes, &none) < 0 ||
	    json_u64(&nodes, "total", JSON_MUST, 0, UINT64_MAX, &back->nodes, &none) < 0 ||
	    json_u64(&nodes, "installing", JSON_MUST, 0, UINT64_MAX, &back->installing, &none) < 0)
		back->nodes = back->installing = 0;
}

static int prepare(struct uninstall *u, struct err *err)
{
	struct head_back back = { .journal = &u->record.j, .now = &u->now, .packages = &u->now, .wanted = &u->wanted };
	struct cmd *c = u->c;

	if (read_data(c, &back.data, err) < 0 || head_record_open(c->root, false, &u->record, err) < 0)
		return -1;
	if (!u->record.j.complete) {
		err_set(err, ERR_NOT_FOUND,
			"this machine was not made a head by `orthrus head install`: nothing is written down of how it was "
			"before");
		return err_hint(err, "what `make install` or the Debian package brought, goes with these");
	}
	if (head_record_catch_up(&u->record, false, err) < 0 || head_tree_look(&u->record.tree, false, &u->now, err) < 0 ||
	    program_packages(c->root, &u->now, err) < 0 || head_packages_wanted(&u->record, &u->now, &u->wanted, err) < 0)
		return -1;
	back.guard = head_guard_runs(c->root);
	plan_store(u, &back);
	ask_nodes(u, &back);
	head_plan_back(&back, &u->plan);
	return 0;
}

/* Last in the result: what is still as Orthrus, or somebody since, has made it. */
static void say_kept(const struct uninstall *u)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	for (size_t i = 0; i < u->kept.len; i++)
		cmd_say(u->c, "kept %s", u->kept.items[i]);
	cmd_say(u->c, "This machine is no head any more.");
	if (!u->c->json)
		return;
	json_out_init(&w, &out, false);
	json_put_obj(&w, NULL);
	json_put_strs(&w, "kept", &u->kept);
	json_end_obj(&w);
	buf_addc(&out, '\n');
	cmd_print(buf_str(&out));
}

/* Nothing is written down of this machine: of an uninstallation that was killed when all was given back, the end is made. */
static int end_killed(const struct uninstall *u, struct err *err)
{
	struct err why = { 0 };
	bool left = false;

	if (err->kind != ERR_NOT_FOUND || u->record.j.complete || u->c->plan)
		return -1;
	if (head_record_sweep(u->c->root, &left, &why) < 0) {
		*err = why;
		return -1;
	}
	if (!left)
		return -1;
	*err = (struct err){ 0 };
	say_kept(u);
	return 0;
}

int cmd_head_uninstall(struct cmd *c, struct err *err)
{
	autoclean(uninstall_free) struct uninstall u = { .c = c, .record = { .lock_fd = -1, .fd = -1 } };
	struct head_apply a = { .record = &u.record, .store = &u.store, .say = head_say_step, .ctx = c };

	if (cmd_args(c, 0, 0, err) < 0)
		return -1;
	if (prepare(&u, err) < 0)
		return end_killed(&u, err);
	if (c->plan) {
		cmd_say(c, "Uninstalling would (nothing is changed now):");
		head_show_plan(c, &u.plan);
		return 0;
	}
	if (!c->json && !c->yes)
		head_show_plan(c, &u.plan);
	if (cmd_confirm(c, err, "give this machine back: the cluster's state on it is lost") < 0)
		return -1;
	/* From here on it is written to. */
	if (head_record_begin(&u.record, err) < 0 || head_record_catch_up(&u.record, true, err) < 0)
		return -1;
	c->json_lines = true;
	if (head_undo(&a, &u.plan, &u.kept, err) < 0)
		return -1;
	say_kept(&u);
	return 0;
}
