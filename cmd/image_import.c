/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/image_new.h"
#include "imaging/import.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>
#include <string.h>

/* What is not as it was in the archive, a line for each kind; on standard error, for it is no result. */
static void warn_notes(const struct import_notes *notes)
{
	for (int i = 0; i < NOTE_KINDS; i++) {
		const struct import_note *n = &notes->of[i];
		autofree char *shown = n->count ? str_printable(n->first, strlen(n->first)) : NULL;

		if (n->count && i == NOTE_WORDS)
			log_warn("imaging", "%llu %s, the first: %s%s%s%s", (unsigned long long)n->count,
				 import_note_name(NOTE_WORDS), notes->words ? notes->words : "", *shown ? " (at '" : "", shown,
				 *shown ? "')" : "");
		else if (n->count)
			log_warn("imaging", "%llu %s; the first is '%s'", (unsigned long long)n->count,
				 import_note_name((enum import_note_kind)i), shown);
	}
}

static void put_notes(struct json_out *w, const void *ctx)
{
	const struct import_notes *notes = ctx;

	json_put_arr(w, "notes");
	for (int i = 0; i < NOTE_KINDS; i++) {
		if (!notes->of[i].count)
			continue;
		json_put_obj(w, NULL);
		json_put_str(w, "what", import_note_name((enum import_note_kind)i));
		json_put_u64(w, "count", notes->of[i].count);
		json_put_str(w, "first", notes->of[i].first);
		json_put_str(w, "words", i == NOTE_WORDS ? notes->words : NULL);
		json_end_obj(w);
	}
	json_end_arr(w);
}

static int apply(struct cmd *c, struct import *im, struct err *err)
{
	autoclean(import_notes_free) struct import_notes notes = { 0 };
	struct image_new_telling telling = { .c = c };
	struct pipeline_stats stats = { 0 };
	int64_t begin = clock_now_ns();
	autofree char *ref = NULL;
	int rc;

	progress_init(&telling.progress, stderr, c->json, c->quiet);
	im->progress = image_new_progress;
	im->ctx = &telling;
	im->stats = &stats;
	im->wall_s = clock_wall_s();
	rc = import_apply(im, &notes, &ref, err);
	progress_end(&telling.progress, clock_now_ns());
	if (rc < 0)
		return -1;
	warn_notes(&notes);
	return image_new_end(c, ref, &stats, clock_now_ns() - begin, put_notes, &notes, err);
}

static int read_options(const struct cmd *c, struct import *im, struct err *err)
{
	const char *size = cmd_option(c, "max-size"), *entries = cmd_option(c, "max-entries");

	im->source = c->argv[0];
	im->name = c->argv[1];
	im->kind = cmd_option(c, "kind") ? cmd_option(c, "kind") : "golden";
	im->suite = cmd_option(c, "suite");
	im->allow_devices = cmd_flag(c, "allow-devices");
	im->max_bytes = IMPORT_MAX_BYTES;
	im->max_entries = IMPORT_MAX_ENTRIES;
	if (entries && str_to_u64(entries, 1, UINT32_MAX, &im->max_entries, err) < 0)
		return err_wrap(err, "--max-entries");
	return size && str_to_bytes(size, &im->max_bytes, err) < 0 ? err_wrap(err, "--max-size") : 0;
}

int cmd_image_import(struct cmd *c, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(sign_key_clear) struct sign_key key = { 0 };
	autofree char *tmp = cmd_path(c, "/srv/orthrus/tmp"), *store = cmd_path(c, "/srv/orthrus/store"), *cluster_id = NULL;
	struct import im = { .tmp_dir = tmp, .store_dir = store, .key = &key };
	bool has_site;

	if (cmd_args(c, 2, 2, err) < 0 || read_options(c, &im, err) < 0 || import_probe(&im, err) < 0)
		return -1;
	if (c->plan) {
		import_plan(&im, &plan);
		cmd_print_plan(c, &plan);
		return 0;
	}
	if (image_new_site(c, &site, &has_site, err) < 0 || image_new_keys(c, &site, has_site, &key, &cluster_id, err) < 0)
		return -1;
	im.cluster_id = cluster_id;
	return apply(c, &im, err);
}
