/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus image delete`: by the daemon, which knows who needs the image; by ourselves only where no daemon runs. */
#include "base/mem.h"
#include "cmd/audit_here.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "imaging/store.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/http_client.h"

#include <string.h>

#define ANSWER_MAX_NS (600 * NS_PER_S) /* the bytes of an image are many files */

static void close_store(struct store **s)
{
	store_close(*s);
}

/* NAME/ID becomes part of a path: nothing but plain names. */
static int check_ref(const char *ref, struct err *err)
{
	const char *slash = strchr(ref, '/');
	autofree char *name = slash ? mem_strndup(ref, (size_t)(slash - ref)) : NULL;

	if (!slash) {
		err_set(err, ERR_USAGE, "say which image '%.80s' to delete: NAME/ID", ref);
		return err_hint(err, "`orthrus image list` shows them");
	}
	if (str_check_name(name, err) < 0 || str_check_name(slash + 1, err) < 0)
		return err_wrap(err, "image '%.140s'", ref);
	return 0;
}

static int ask(struct cmd *c, const char *ref, bool plan, struct http_reply *reply, struct err *err)
{
	autofree char *path = str_format("/v1/images/%s%s", ref, plan ? "?plan=1" : "");
	struct http_request req = { .method = "DELETE", .path = path, .timeout_ns = ANSWER_MAX_NS };
	struct http_client *client;

	if (cmd_api(c, &client, err) < 0 || http_send(client, &req, reply, err) < 0) {
		if (err->kind == ERR_USAGE)
			return -1;
		err_wrap(err, plan ? "whether image %s is needed is not known" : "whether image %s is deleted is not known", ref);
		err->kind = plan ? ERR_REFUSED : ERR_FAILED;
		return err_hint(err, plan ? "start orthrusd; where it can't be started and no node needs the image: --offline"
					  : "`orthrus image list` shows whether it is there");
	}
	return http_reply_ok(reply, err);
}

static int delete_by_daemon(struct cmd *c, const char *ref, struct err *err)
{
	autoclean(http_reply_free) struct http_reply shown = { 0 };
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (ask(c, ref, true, &shown, err) < 0 || cmd_say_steps(c, &shown, NULL, err) < 0)
		return -1;
	if (c->plan) {
		if (c->json)
			cmd_print(buf_str(&shown.body));
		return 0;
	}
	if (cmd_confirm(c, err, "delete image %s", ref) < 0 || ask(c, ref, false, &reply, err) < 0 ||
	    cmd_say_steps(c, &reply, NULL, err) < 0)
		return -1;
	if (c->json)
		cmd_print(buf_str(&reply.body));
	if (cmd_followed(c, &reply, "", err) == 0)
		return 0;
	return err_hint(err, "put that right; the next image that is built or deleted, or a restart of orthrusd, frees the rest");
}

/* The daemon's own lock says for certain that none runs, and keeps one from starting. *lock is -1 when none ever ran here. */
static int keep_daemon_out(const struct cmd *c, bool make, int *lock, struct err *err)
{
	autofree char *dir = cmd_path(c, "/run/orthrus");
	autofree char *path = cmd_path(c, "/run/orthrus/lock");

	if (make && fs_mkdirs(dir, 0755, err) < 0)
		return -1;
	if (!make && !fs_exists(path))
		return 0;
	*lock = fs_lock(path, err);
	if (*lock >= 0)
		return 0;
	if (err->kind != ERR_CONFLICT)
		return -1;
	err_set(err, ERR_REFUSED, "orthrusd runs here: it alone knows who needs an image");
	return err_hint(err, "leave out --offline");
}

static int no_daemon_runs(const struct cmd *c, struct err *err)
{
	autoclose int lock = -1;

	return keep_daemon_out(c, false, &lock, err);
}

static void add_step(struct plan *plan, const char *ref, const struct store_freed *freed, bool done)
{
	char size[STR_BYTES_MAX];
	autofree char *what = done ? str_format("image %s is deleted", ref) : str_format("delete image %s", ref);

	str_from_bytes(freed->bytes, size);
	plan_add(plan, 0, PLAN_DESTROYS, "delete",
		 freed->kept.kind != ERR_NONE ? str_format("%s; all packs stay: %s", what, freed->kept.text)
					      : str_format(done ? "%s: %s freed" : "%s: frees %s", what, size),
		 NULL, NULL);
}

/* The daemon is kept out only while the image is taken out: without the image nobody can be ordered to install it. */
static int take_out(const struct cmd *c, struct store *s, const char *ref, int *store_lock, struct err *err)
{
	autoclose int lock = -1;

	return keep_daemon_out(c, true, &lock, err) < 0 ? -1 : store_take_out(s, ref, store_lock, err);
}

static int delete_offline(struct cmd *c, struct err *err)
{
	const char *ref = c->argv[0];
	autoclean(close_store) struct store *s = NULL;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(plan_free) struct plan did = { 0 };
	autofree char *path = cmd_path(c, "/srv/orthrus/store");
	struct store_freed freed;
	autoclean(store_unlock) int lock = -1;

	if (c->api)
		return err_set(err, ERR_USAGE, "--offline is for this machine's store; --api asks a daemon: say one of them");
	if (no_daemon_runs(c, err) < 0 || store_open(path, false, &s, err) < 0 || store_delete_frees(s, ref, &freed, err) < 0)
		return -1;
	add_step(&plan, ref, &freed, false);
	if (c->plan || (!c->json && !c->quiet))
		cmd_print_plan(c, &plan);
	if (c->plan)
		return 0;
	if (cmd_confirm(c, err, "delete image %s", ref) < 0 || take_out(c, s, ref, &lock, err) < 0 ||
	    store_sweep(s, &freed, err) < 0)
		return -1;
	add_step(&did, ref, &freed, true);
	if (c->json || !c->quiet)
		cmd_print_plan(c, &did);
	return 0;
}

int cmd_image_delete(struct cmd *c, struct err *err)
{
	if (cmd_args(c, 1, 1, err) < 0 || check_ref(c->argv[0], err) < 0)
		return -1;
	return cmd_flag(c, "offline") ? cmd_audited(c, delete_offline, err) : delete_by_daemon(c, c->argv[0], err);
}
