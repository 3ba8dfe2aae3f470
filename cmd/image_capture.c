/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus image capture`: an image of a machine that runs, or of a directory. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/image_new.h"
#include "imaging/capture.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>

#define CHANGED_SHOWN 10

static void put_moment(struct json_out *w, const void *ctx)
{
	const struct capture_result *r = ctx;

	json_put_str(w, "snapshot", r->snapshot);
	json_put_bool(w, "crash_consistent", r->crash_consistent);
	json_put_u64(w, "n_changed", r->n_changed);
	json_put_strs(w, "changed", &r->changed);
}

static void say_changed(const struct cmd *c, const struct capture_result *r)
{
	if (r->n_changed)
		cmd_say(c, "%llu files changed whenever they were read, and may be of no one moment:",
			(unsigned long long)r->n_changed);
	for (size_t i = 0; i < r->changed.len && i < CHANGED_SHOWN; i++) {
		autofree char *shown = str_printable(r->changed.items[i], strlen(r->changed.items[i]));

		cmd_say(c, "  /%s", shown);
	}
	if (r->n_changed > CHANGED_SHOWN)
		cmd_say(c, "  ... layout.json of the image names them");
}

static int capture(struct cmd *c, struct capture *p, const struct capture_facts *f, struct err *err)
{
	autoclean(capture_result_free) struct capture_result result = { 0 };
	struct image_new_telling t = { .c = c };
	int64_t begin = clock_now_ns(), took_ns;
	int rc;

	progress_init(&t.progress, stderr, c->json, c->quiet);
	p->line = image_new_line;
	p->progress = image_new_progress;
	p->ctx = &t;
	p->wall_s = clock_wall_s();
	rc = capture_apply(p, f, &result, err);
	progress_end(&t.progress, clock_now_ns());
	if (rc < 0)
		return -1;
	took_ns = clock_now_ns() - begin;
	rc = image_new_end(c, result.ref, &result.stats, took_ns, put_moment, &result, err);
	if (!c->json)
		say_changed(c, &result);
	return rc;
}

static int choose(const struct cmd *c, struct capture *p, struct err *err)
{
	p->from = cmd_option(c, "from");
	p->suite = cmd_option(c, "suite");
	p->keep_identity = cmd_flag(c, "keep-identity");
	p->live = cmd_flag(c, "live");
	p->kind = cmd_option(c, "kind") ? cmd_option(c, "kind") : p->keep_identity ? "ghost" : "golden";
	if (p->from)
		return 0;
	err_set(err, ERR_USAGE, "say what to capture: --from [USER@]HOST:/ or --from DIR");
	return err_hint(err, "`orthrus image capture --help` shows the options");
}

int cmd_image_capture(struct cmd *c, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(str_list_free) struct str_list excludes = { 0 };
	autoclean(str_list_free) struct str_list ssh_options = { 0 };
	autoclean(capture_facts_freep) struct capture_facts *facts = NULL;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(sign_key_clear) struct sign_key key = { 0 };
	autofree char *tmp = cmd_path(c, "/srv/orthrus/tmp"), *store = cmd_path(c, "/srv/orthrus/store"), *cluster_id = NULL;
	struct capture p = {
		.tmp_dir = tmp, .store_dir = store, .key = &key, .excludes = &excludes, .ssh_options = &ssh_options
	};
	bool has_site;

	if (cmd_args(c, 1, 1, err) < 0)
		return -1;
	p.name = c->argv[0];
	cmd_option_all(c, "exclude", &excludes);
	cmd_option_all(c, "ssh-option", &ssh_options);
	if (choose(c, &p, err) < 0 || image_new_site(c, &site, &has_site, err) < 0)
		return -1;
	/* Before a machine is asked, and read for an hour. */
	if (!c->plan && image_new_keys(c, &site, has_site, &key, &cluster_id, err) < 0)
		return -1;
	if (capture_probe(&p, &facts, err) < 0)
		return -1;
	capture_plan(&p, facts, &plan);
	if (c->plan || (!c->json && !c->quiet))
		cmd_print_plan(c, &plan);
	fflush(stdout);
	if (c->plan)
		return 0;
	p.cluster_id = cluster_id;
	return capture(c, &p, facts, err);
}
