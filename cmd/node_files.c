/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/nodes.h"
#include "sys/fs.h"
#include "sys/http_client.h"
#include "sys/spawn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One of the answer's "files". */
struct file {
	char *path, *mode, *from, *content, *instead; /* instead: what it would be without the template, or NULL */
};

static void file_free(struct file *f)
{
	free(f->path);
	free(f->mode);
	free(f->from);
	free(f->content);
	free(f->instead);
}

static int file_read(struct json_obj *o, struct file *f, struct err *err)
{
	return json_str(o, "path", JSON_MUST, &f->path, err) < 0 || json_str(o, "mode", JSON_MUST, &f->mode, err) < 0 ||
			       json_str(o, "from", JSON_MUST, &f->from, err) < 0 ||
			       json_str(o, "content", JSON_MUST, &f->content, err) < 0 ||
			       json_str(o, "default", JSON_MAY, &f->instead, err) < 0
		       ? -1
		       : 0;
}

static void print_file(const char *node, const struct file *f, struct buf *out)
{
	bool ends = !f->content[0] || str_ends(f->content, "\n");

	buf_addf(out, "==== %s: /%s (%s, %s)\n%s%s", node, f->path, f->mode, f->from, f->content, ends ? "" : "\n");
}

/* diff(1) of both texts in a directory of our own. */
static int diff(const char *dir, const char *node, const struct file *f, struct buf *out, struct err *err)
{
	autofree char *a = fs_join(dir, "default"), *b = fs_join(dir, "template");
	autofree char *a_name = str_format("--label=%s:/%s (default)", node, f->path);
	autofree char *b_name = str_format("--label=%s:/%s (template)", node, f->path);
	const char *was = f->instead ? f->instead : "";
	const struct spawn s = { .argv = (const char *const[]){ "diff", "-u", a_name, b_name, a, b, NULL } };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };

	if (fs_write_atomic(a, was, strlen(was), 0600, err) < 0 ||
	    fs_write_atomic(b, f->content, strlen(f->content), 0600, err) < 0 || spawn_run(&s, &r, err) < 0)
		return -1;
	if (r.status > 1)
		return err_set(err, ERR_FAILED, "diff ended with %d: %.200s", r.status, buf_str(&r.err));
	buf_add(out, buf_str(&r.out), r.out.len);
	return 0;
}

/* With `dir` the differences are printed, else the files. */
static int show(const char *node, const struct http_reply *reply, const char *dir, struct buf *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_arr files;
	struct json_obj o;

	if (json_parse(buf_str(&reply->body), reply->body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr(&o, "files", JSON_MUST, &files, err) < 0)
		return err_wrap(err, "the daemon's answer");
	for (size_t i = 0; i < files.len; i++) {
		autoclean(file_free) struct file f = { 0 };
		struct json_obj e;

		if (json_arr_obj(&files, i, &e, err) < 0 || file_read(&e, &f, err) < 0)
			return err_wrap(err, "the daemon's answer");
		if (!dir)
			print_file(node, &f, out);
		else if (str_eq(f.from, "template") && diff(dir, node, &f, out, err) < 0)
			return -1;
	}
	return 0;
}

static int show_all(struct cmd *c, struct nodeset *set, const char *dir, struct err *err)
{
	autoclean(buf_free) struct buf out = { 0 }, json = { 0 };
	struct json_out w;

	json_out_init(&w, &json, true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "nodes");
	for (size_t i = 0; i < nodeset_count(set); i++) {
		autoclean(http_reply_free) struct http_reply reply = { 0 };
		autofree char *path = str_format("/v1/nodes/%s/files", nodeset_get(set, i));

		if (cmd_call(c, "GET", path, NULL, &reply, err) < 0)
			return -1;
		if (reply.body.len && reply.body.data[reply.body.len - 1] == '\n')
			reply.body.data[--reply.body.len] = '\0';
		json_put_raw(&w, NULL, buf_str(&reply.body));
		if (!c->json && show(nodeset_get(set, i), &reply, dir, &out, err) < 0)
			return -1;
	}
	json_end_arr(&w);
	json_end_obj(&w);
	cmd_print(c->json ? buf_str(&json) : buf_str(&out));
	if (!c->json && dir && !out.len)
		cmd_say(c, "no template of the site changes a file of these nodes");
	return 0;
}

int cmd_node_files(struct cmd *c, struct err *err)
{
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	autoclean(nodeset_free) struct nodeset set = { 0 };
	char dir[] = "/tmp/orthrus-files.XXXXXX";
	struct err left = { 0 };
	int rc;

	if (cmd_args(c, 1, 1, err) < 0 || node_rows_get(c, &rows, err) < 0 || node_set(&rows, c->argv[0], true, &set, err) < 0)
		return -1;
	if (!cmd_flag(c, "diff"))
		return show_all(c, &set, NULL, err);
	if (!mkdtemp(dir))
		return err_errno(err, errno, "make a directory in /tmp");
	rc = show_all(c, &set, dir, err);
	if (fs_remove_tree(dir, &left) < 0 && rc == 0) {
		*err = left;
		return -1;
	}
	return rc;
}
