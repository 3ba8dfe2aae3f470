/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/images.h"
#include "imaging/export.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/log.h"
#include "sys/progress.h"

#include <stdio.h>
#include <string.h>

static void close_store(struct store **s)
{
	store_close(*s);
}

static void show_progress(void *ctx, const char *stage, uint64_t done_bytes, uint64_t total_bytes)
{
	progress_update(ctx, stage, done_bytes, total_bytes, clock_now_ns());
}

/* What the format has no place for, a line for each kind; on standard error, for it is no result. */
static void warn_lost(const struct export *x, const struct export_facts *f)
{
	for (int i = 0; i < LOST_KINDS; i++) {
		const struct export_lost *l = &f->lost[i];
		autofree char *shown = l->count ? str_printable(l->first, strlen(l->first)) : NULL;

		if (l->count)
			log_warn("imaging", "%s can't hold %llu %s; the first is of '/%s'", export_format_name(x->format),
				 (unsigned long long)l->count, export_loss_name((enum export_loss)i), shown);
	}
}

static void put_lost(struct json_out *w, const struct export_facts *f)
{
	json_put_arr(w, "lost");
	for (int i = 0; i < LOST_KINDS; i++) {
		if (!f->lost[i].count)
			continue;
		json_put_obj(w, NULL);
		json_put_str(w, "what", export_loss_name((enum export_loss)i));
		json_put_u64(w, "count", f->lost[i].count);
		json_put_str(w, "first", f->lost[i].first);
		json_end_obj(w);
	}
	json_end_arr(w);
}

/* Of an export that was cut off before nobody counted what was there. */
static void put_speed(struct json_out *w, const struct export_facts *f, int64_t took_ns)
{
	if (!f->resumes) {
		images_put_speed(w, f->content_bytes, took_ns);
		return;
	}
	json_put_raw(w, "bytes", "null");
	json_put_f64(w, "seconds", (double)took_ns / (double)NS_PER_S);
	json_put_raw(w, "bytes_per_second", "null");
}

static void say_result(const struct cmd *c, const struct export *x, const struct export_facts *f, int64_t took_ns)
{
	autofree char *speed =
		f->resumes ? str_format("%.1f s", (double)took_ns / (double)NS_PER_S) : images_speed(f->content_bytes, took_ns);

	cmd_say(c, "image %s is in %s: %s", f->ref, x->target, speed);
}

static void print_result(const struct cmd *c, const struct export *x, const struct export_facts *f, int64_t took_ns)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	if (str_eq(x->target, "-"))
		return;
	if (!c->json) {
		say_result(c, x, f, took_ns);
		return;
	}
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "image", f->ref);
	json_put_str(&w, "target", x->target);
	json_put_str(&w, "format", export_format_name(x->format));
	json_put_u64(&w, "entries", f->entries);
	json_put_u64(&w, "content_bytes", f->content_bytes);
	put_lost(&w, f);
	put_speed(&w, f, took_ns);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static int apply(const struct cmd *c, struct export *x, const struct export_facts *f, struct err *err)
{
	struct progress progress = { 0 };
	int64_t begin = clock_now_ns();
	struct scratch scratch;
	int rc;

	if (scratch_watch(&scratch, err) < 0)
		return -1;
	x->scratch = &scratch;
	progress_init(&progress, stderr, c->json, c->quiet);
	x->progress = show_progress;
	x->ctx = &progress;
	rc = export_apply(x, f, err);
	scratch_unwatch(&scratch);
	progress_end(&progress, clock_now_ns());
	if (rc == 0)
		print_result(c, x, f, clock_now_ns() - begin);
	return rc;
}

static bool destroys(const struct plan *plan)
{
	for (size_t i = 0; i < plan->len; i++)
		if (plan->steps[i].effect == PLAN_DESTROYS)
			return true;
	return false;
}

/* What goes is shown before it is asked for. */
static int confirm(const struct cmd *c, const struct export *x, const struct export_facts *f, const struct plan *plan,
		   struct err *err)
{
	autofree char *target = str_printable(x->target, strlen(x->target));

	if (!destroys(plan))
		return 0;
	if (!c->json && !c->quiet)
		cmd_print_plan(c, plan);
	return cmd_confirm(c, err, "make %s what image %s is and remove all else in it", target, f->ref);
}

int cmd_image_export(struct cmd *c, struct err *err)
{
	autoclean(close_store) struct store *s = NULL;
	autoclean(export_facts_free) struct export_facts facts = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autofree char *store = cmd_path(c, "/srv/orthrus/store"), *pub = cmd_path(c, "/var/lib/orthrus/pki/sign.pub");
	struct export x = { 0 };
	struct verify_key key;

	if (cmd_args(c, 2, 2, err) < 0)
		return -1;
	x.ref = c->argv[0];
	x.target = c->argv[1];
	x.update = cmd_flag(c, "update");
	x.force = cmd_flag(c, "force");
	x.names_all = c->plan;
	if (c->json && !c->plan && str_eq(x.target, "-"))
		return err_set(err, ERR_USAGE, "--json prints on standard output, where the archive goes: name a file");
	if (export_choose(&x, cmd_option(c, "format"), err) < 0 || store_open(store, false, &s, err) < 0 ||
	    verify_key_load(pub, &key, err) < 0)
		return -1;
	x.store = s;
	x.key = &key;
	if (export_probe(&x, &facts, err) < 0)
		return -1;
	warn_lost(&x, &facts);
	export_plan(&x, &facts, &plan);
	if (c->plan) {
		cmd_print_plan(c, &plan);
		return 0;
	}
	return confirm(c, &x, &facts, &plan, err) < 0 ? -1 : apply(c, &x, &facts, err);
}
