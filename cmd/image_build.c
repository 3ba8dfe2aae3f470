/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "imaging/build.h"
#include "site/site.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/http_client.h"
#include "sys/keys.h"
#include "sys/progress.h"

#include <stdio.h>

struct telling {
	const struct cmd *c;
	struct progress progress;
};

static void tell_line(void *ctx, const char *text)
{
	struct telling *t = ctx;

	if (t->c->json || t->c->quiet)
		return;
	progress_end(&t->progress, clock_now_ns());
	fprintf(stderr, "  %s\n", text);
}

static void tell_progress(void *ctx, const char *stage, uint64_t done_bytes, uint64_t total_bytes)
{
	struct telling *t = ctx;

	progress_update(&t->progress, stage, done_bytes, total_bytes, clock_now_ns());
}

/* The site, when there is one. */
static int load_site(const struct cmd *c, struct site *site, bool *has, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };

	*has = fs_exists(c->site_path);
	if (!*has)
		return 0;
	if (cmd_read_site(c->site_path, &text, err) < 0)
		return -1;
	return site_read(buf_str(&text), text.len, c->site_path, site, err);
}

/* Suite, mirror and packages: what the command line says, else what the site says of this image. */
static int choose(const struct cmd *c, const struct site *site, struct build *b, struct str_list *packages, struct err *err)
{
	const struct site_image *image = site_image(site, b->name);

	b->from_dir = cmd_option(c, "from");
	b->kind = cmd_option(c, "kind") ? cmd_option(c, "kind") : "golden";
	b->suite = cmd_option(c, "suite");
	b->mirror = cmd_option(c, "mirror");
	if (str_check_name(b->kind, err) < 0)
		return err_wrap(err, "--kind");
	if (!image && !b->from_dir && !b->suite) {
		err_set(err, ERR_NOT_FOUND, "%s has no image '%.80s'", c->site_path, b->name);
		return err_hint(err, "add it to \"images\" there, or say --suite NAME or --from DIR");
	}
	if (image && !b->suite && !b->from_dir)
		b->suite = image->suite;
	if (image && !b->mirror)
		b->mirror = image->mirror;
	for (size_t i = 0; image && i < image->packages.len; i++)
		str_list_add(packages, image->packages.items[i]);
	cmd_option_all(c, "package", packages);
	if (b->from_dir && (cmd_option(c, "mirror") || cmd_option(c, "package"))) {
		err_set(err, ERR_USAGE, "--from takes a tree as it is: --mirror and --package do not go with it");
		return err_hint(err, "leave out --from, or the others");
	}
	b->packages = packages;
	return 0;
}

/* The cluster's keys, made now if this is the first thing the cluster does. */
static int load_keys(const struct cmd *c, const struct site *site, bool has_site, struct sign_key *key, char **cluster_id,
		     struct err *err)
{
	autofree char *dir = cmd_path(c, "/var/lib/orthrus/pki");
	autoclean(pki_paths_free) struct pki_paths paths = { 0 };

	if (!has_site && !fs_exists(dir)) {
		err_set(err, ERR_FAILED, "there are no keys to sign with in %s, and no site to make them for", dir);
		return err_hint(err, "run `orthrus site init` first");
	}
	/* Without names the server's certificate is left alone: it is the daemon's business. */
	if (pki_ensure(dir, has_site ? site->cluster : "orthrus", NULL, NULL, &paths, err) < 0)
		return -1;
	if (cluster_id_load(paths.cluster_id, cluster_id, err) < 0)
		return -1;
	return sign_key_load(paths.sign_key, key, err);
}

/* So that nodes which stay on their disks for want of this image need not: the daemon can't see what is put into the store. No
 * daemon is no problem: it looks when it starts. */
static int tell_daemon(struct cmd *c, const char *ref, struct err *err)
{
	autofree char *sock = cmd_path(c, "/run/orthrus/api.sock");
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(buf_free) struct buf body = { 0 };
	autofree char *problem = NULL;
	struct json_out w;
	int rc;

	if (!fs_exists(sock))
		return 0;
	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "image", ref);
	json_end_obj(&w);
	rc = cmd_call(c, "POST", "/v1/images/look", buf_str(&body), &reply, err);
	if (rc < 0 && reply.nobody) {
		*err = (struct err){ 0 };
		return 0;
	}
	if (rc == 0 && (rc = cmd_problem(&reply, &problem, err)) == 0) {
		if (!problem)
			return 0;
		err_set(err, ERR_FAILED, "the image is in the store, but network boot does not follow yet: %s", problem);
		return err_hint(err, CMD_FOLLOWS_HINT);
	}
	err->kind = ERR_FAILED;
	err_wrap(err, "the image is in the store, but orthrusd does not know it yet");
	return err->hint[0] ? -1 : err_hint(err, "`orthrus site apply` or systemctl restart orthrusd makes it look");
}

static void print_result(const struct cmd *c, const char *ref, int64_t took_ns, const struct err *behind)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	if (!c->json) {
		cmd_say(c, "image %s is in the store (%lld s)", ref, (long long)(took_ns / NS_PER_S));
		return;
	}
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "image", ref);
	json_put_f64(&w, "seconds", (double)took_ns / (double)NS_PER_S);
	json_put_str(&w, "problem", behind->kind != ERR_NONE ? behind->text : NULL);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static int build(struct cmd *c, struct build *b, const struct str_list *sources, const struct plan *plan, struct err *err)
{
	struct telling t = { .c = c };
	int64_t begin = clock_now_ns(), took_ns;
	struct err behind = { 0 };
	autofree char *ref = NULL;
	int rc;

	progress_init(&t.progress, stderr, c->json, c->quiet);
	b->line = tell_line;
	b->progress = tell_progress;
	b->ctx = &t;
	b->wall_s = clock_wall_s();
	rc = build_apply(b, sources, plan, &ref, err);
	progress_end(&t.progress, clock_now_ns());
	if (rc < 0)
		return -1;
	took_ns = clock_now_ns() - begin;
	rc = tell_daemon(c, ref, &behind);
	print_result(c, ref, took_ns, &behind);
	if (rc < 0) {
		*err = behind;
		if (c->json) /* said in the result */
			err->text[0] = '\0';
	}
	return rc;
}

int cmd_image_build(struct cmd *c, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(str_list_free) struct str_list packages = { 0 };
	autoclean(str_list_free) struct str_list sources = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(sign_key_clear) struct sign_key key = { 0 };
	autofree char *tmp = cmd_path(c, "/srv/orthrus/tmp"), *store = cmd_path(c, "/srv/orthrus/store"), *cluster_id = NULL;
	struct build b = { .tmp_dir = tmp, .store_dir = store, .key = &key };
	bool has_site;

	if (cmd_args(c, 1, 1, err) < 0 || load_site(c, &site, &has_site, err) < 0)
		return -1;
	b.name = c->argv[0];
	if (choose(c, &site, &b, &packages, err) < 0 || build_probe(&b, &sources, err) < 0)
		return -1;
	build_plan(&b, &sources, &plan);
	if (c->plan || (!c->json && !c->quiet))
		cmd_print_plan(c, &plan);
	/* The builder's lines go to standard error for minutes: the plan comes before them in a log too. */
	fflush(stdout);
	if (c->plan)
		return 0;
	if (load_keys(c, &site, has_site, &key, &cluster_id, err) < 0)
		return -1;
	b.cluster_id = cluster_id;
	return build(c, &b, &sources, &plan, err);
}
