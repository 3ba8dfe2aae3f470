/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/image_new.h"
#include "imaging/build.h"
#include "site/site.h"
#include "sys/clock.h"
#include "sys/keys.h"
#include "sys/progress.h"

#include <stdio.h>

/* Suite, mirror and packages: what the command line says, else what the site says of this image. */
static int choose(const struct cmd *c, const struct site *site, struct build *b, struct str_list *packages, struct err *err)
{
	const struct site_image *image = site_image(site, b->name);

	b->from_dir = cmd_option(c, "from");
	b->kind = cmd_option(c, "kind") ? cmd_option(c, "kind") : "golden";
	b->suite = cmd_option(c, "suite");
	b->mirror = cmd_option(c, "mirror");
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

static int build(struct cmd *c, struct build *b, const struct str_list *sources, const struct plan *plan, struct err *err)
{
	struct image_new_telling t = { .c = c };
	struct pipeline_stats stats = { 0 };
	int64_t begin = clock_now_ns(), took_ns;
	autofree char *ref = NULL;
	int rc;

	progress_init(&t.progress, stderr, c->json, c->quiet);
	b->line = image_new_line;
	b->progress = image_new_progress;
	b->ctx = &t;
	b->stats = &stats;
	b->wall_s = clock_wall_s();
	rc = build_apply(b, sources, plan, &ref, err);
	progress_end(&t.progress, clock_now_ns());
	if (rc < 0)
		return -1;
	took_ns = clock_now_ns() - begin;
	return image_new_end(c, ref, &stats, took_ns, NULL, NULL, err);
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

	if (cmd_args(c, 1, 1, err) < 0 || image_new_site(c, &site, &has_site, err) < 0)
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
	if (image_new_keys(c, &site, has_site, &key, &cluster_id, err) < 0)
		return -1;
	b.cluster_id = cluster_id;
	return build(c, &b, &sources, &plan, err);
}
