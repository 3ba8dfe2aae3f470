/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/base64.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "sys/fs.h"
#include "sys/http_client.h"
#include "sys/secretbox.h"

#include <string.h>
#include <unistd.h>

#define VALUE_MAX ((size_t)64 << 10)

/* A request whose answer is {"steps":[..]}, shown as lines or as it is. */
static int send_steps(struct cmd *c, const char *method, const char *path, const char *body, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (cmd_call(c, method, path, body, &reply, err) < 0 || cmd_say_steps(c, &reply, "nothing to change", err) < 0)
		return -1;
	if (c->json)
		cmd_print(buf_str(&reply.body));
	return 0;
}

static char *path_of(const struct cmd *c, const char *name, const char *more)
{
	return str_format("/v1/cluster-secrets/%s%s%s", name, more, c->plan ? "?plan=1" : "");
}

static int check_name(const char *name, struct err *err)
{
	return str_check_name(name, err) < 0 ? err_wrap(err, "secret") : 0;
}

/* FILE, or standard input for "-". The memory of `out` was reserved at once: there is one copy to wipe. */
static int read_value(const char *file, struct buf *out, struct err *err)
{
	buf_reserve(out, VALUE_MAX + 1);
	if (str_eq(file, "-") ? fs_read_fd(STDIN_FILENO, "standard input", VALUE_MAX, out, err) < 0
			      : fs_read(file, VALUE_MAX, out, err) < 0)
		return -1;
	if (out->len)
		return 0;
	return err_set(err, ERR_INVALID, "%s is empty: it has no secret", str_eq(file, "-") ? "standard input" : file);
}

/* --owner USER[:GROUP]; without a group it is the user's own name. */
static void put_owner(const struct cmd *c, struct json_out *w)
{
	const char *owner = cmd_option(c, "owner");
	size_t len = owner ? strcspn(owner, ":") : 0;
	autofree char *user = owner ? mem_strndup(owner, len) : NULL;

	if (!owner)
		return;
	json_put_str(w, "owner", user);
	json_put_str(w, "group", owner[len] ? owner + len + 1 : user);
}

static void put_groups(const struct cmd *c, struct json_out *w)
{
	autoclean(str_list_free) struct str_list groups = { 0 };

	cmd_option_all(c, "group", &groups);
	if (cmd_flag(c, "all"))
		str_list_free(&groups);
	if (groups.len || cmd_flag(c, "all"))
		json_put_strs(w, "groups", &groups);
}

static int check_set(struct cmd *c, struct err *err)
{
	if (cmd_args(c, 1, 2, err) < 0 || check_name(c->argv[0], err) < 0)
		return -1;
	if (cmd_flag(c, "all") && cmd_option(c, "group")) {
		err_set(err, ERR_USAGE, "--all and --group contradict each other");
		return err_hint(err, "--all: every node gets it; --group GROUP: the nodes of that group");
	}
	if (c->argc == 2 && cmd_option(c, "generate")) {
		err_set(err, ERR_USAGE, "a value is given by %s and made by --generate", c->argv[1]);
		return err_hint(err, "leave one of them out");
	}
	return 0;
}

int cmd_secret_set(struct cmd *c, struct err *err)
{
	static const char *const same[] = { "path", "mode", "restart" };
	autoclean(secret_buf_free) struct buf value = { 0 }, b64 = { 0 }, body = { 0 };
	autofree char *path = NULL;
	uint64_t generate = 0;
	struct json_out w;

	if (check_set(c, err) < 0 || cmd_option_u64(c, "generate", 16, 4096, &generate, err) < 0 ||
	    (c->argc == 2 && read_value(c->argv[1], &value, err) < 0))
		return -1;
	buf_reserve(&b64, value.len / 3 * 4 + 8);
	buf_reserve(&body, value.len / 3 * 4 + 8192);
	base64_put(&b64, buf_str(&value), value.len);
	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		if (cmd_option(c, same[i]))
			json_put_str(&w, same[i], cmd_option(c, same[i]));
	put_owner(c, &w);
	put_groups(c, &w);
	if (value.len)
		json_put_str(&w, "value", buf_str(&b64));
	if (generate)
		json_put_u64(&w, "generate", generate);
	json_end_obj(&w);
	path = path_of(c, c->argv[0], "");
	return send_steps(c, "PUT", path, buf_str(&body), err);
}

static int put_row(struct json_obj *o, struct cmd_table *t, struct err *err)
{
	autofree char *name = NULL, *path = NULL, *owner = NULL, *group = NULL, *mode = NULL, *changed = NULL;
	autoclean(str_list_free) struct str_list groups = { 0 };
	autoclean(buf_free) struct buf who = { 0 };
	uint64_t version;

	if (json_str(o, "name", JSON_MUST, &name, err) < 0 || json_str(o, "path", JSON_MUST, &path, err) < 0 ||
	    json_str(o, "owner", JSON_MUST, &owner, err) < 0 || json_str(o, "group", JSON_MUST, &group, err) < 0 ||
	    json_str(o, "mode", JSON_MUST, &mode, err) < 0 || json_str(o, "changed", JSON_MUST, &changed, err) < 0 ||
	    json_strs(o, "groups", JSON_MUST, &groups, err) < 0 ||
	    json_u64(o, "version", JSON_MUST, 0, UINT64_MAX, &version, err) < 0)
		return -1;
	for (size_t i = 0; i < groups.len; i++)
		buf_addf(&who, "%s@%s", i ? "," : "", groups.items[i]);
	cmd_table_add(t, name);
	cmd_table_addf(t, "/%s", path);
	cmd_table_addf(t, "%s:%s", owner, group);
	cmd_table_add(t, mode);
	cmd_table_add(t, groups.len ? buf_str(&who) : "all");
	cmd_table_addf(t, "%llu", (unsigned long long)version);
	cmd_table_add(t, changed);
	return 0;
}

int cmd_secret_list(struct cmd *c, struct err *err)
{
	static const char *const heads[] = { "SECRET", "FILE ON NODES", "OWNER", "MODE", "NODES", "VERSION", "CHANGED", NULL };
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(cmd_table_free) struct cmd_table t = { 0 };
	struct json_arr list;
	struct json_obj o;

	if (cmd_args(c, 0, 0, err) < 0 || cmd_call(c, "GET", "/v1/cluster-secrets", NULL, &reply, err) < 0)
		return -1;
	if (c->json) {
		cmd_print(buf_str(&reply.body));
		return 0;
	}
	if (json_parse(buf_str(&reply.body), reply.body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr(&o, "secrets", JSON_MUST, &list, err) < 0)
		return err_wrap(err, "the daemon's answer");
	if (!list.len) {
		cmd_say(c, "no secrets yet; `orthrus secret set` gives nodes one");
		return 0;
	}
	cmd_table_init(&t, heads);
	for (size_t i = 0; i < list.len; i++) {
		struct json_obj e;

		if (json_arr_obj(&list, i, &e, err) < 0 || put_row(&e, &t, err) < 0)
			return err_wrap(err, "the daemon's answer");
	}
	cmd_table_print(&t);
	return 0;
}

/* Can it be done at all? Whoever is asked to confirm something shall not hear then that there is no such thing. */
static int rehearse(struct cmd *c, const char *method, const char *more, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree char *path = str_format("/v1/cluster-secrets/%s%s?plan=1", c->argv[0], more);

	return cmd_call(c, method, path, str_eq(method, "POST") ? "" : NULL, &reply, err);
}

/* `what` is to be confirmed. */
static int act_on(struct cmd *c, const char *method, const char *more, const char *what, struct err *err)
{
	autofree char *path = NULL;

	if (cmd_args(c, 1, 1, err) < 0 || check_name(c->argv[0], err) < 0)
		return -1;
	if (!c->plan && (rehearse(c, method, more, err) < 0 || cmd_confirm(c, err, "%s", what) < 0))
		return -1;
	path = path_of(c, c->argv[0], more);
	return send_steps(c, method, path, str_eq(method, "POST") ? "" : NULL, err);
}

int cmd_secret_rotate(struct cmd *c, struct err *err)
{
	autofree char *what =
		str_format("replace secret %s by a new one; nodes that have not fetched it do not understand those that have",
			   c->argc ? c->argv[0] : "");

	return act_on(c, "POST", "/rotate", what, err);
}

int cmd_secret_remove(struct cmd *c, struct err *err)
{
	autofree char *what = str_format("forget secret %s, and remove its file from nodes", c->argc ? c->argv[0] : "");

	return act_on(c, "DELETE", "", what, err);
}
