/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus image verify`: one image, or all of them. */
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/images.h"
#include "sys/clock.h"
#include "sys/progress.h"

#include <stdio.h>
#include <string.h>

/* One image's verification, shown while it lasts. */
struct look {
	struct progress *progress;
	uint64_t bytes; /* of content that were compared */
	int64_t took_ns;
};

static void show(void *ctx, const char *stage, uint64_t done_bytes, uint64_t total_bytes)
{
	struct look *l = ctx;

	l->bytes = done_bytes;
	images_progress(l->progress, stage, done_bytes, total_bytes);
}

static int look(struct look *l, struct store *s, const char *ref, const struct verify_key *key, struct str_list *hurt,
		struct err *err)
{
	int64_t begin = clock_now_ns();
	int rc = store_verify(s, ref, key, show, l, hurt, err);

	l->took_ns = clock_now_ns() - begin;
	progress_end(l->progress, clock_now_ns());
	return rc;
}

static void say_intact(const struct cmd *c, const char *ref, const struct look *l)
{
	autofree char *speed = images_speed(l->bytes, l->took_ns);

	cmd_say(c, "image %s is intact: %s", ref, speed);
}

static void put_verdict(struct json_out *w, const char *ref, const struct look *l, const struct str_list *hurt,
			const struct err *bad)
{
	json_put_str(w, "image", ref);
	json_put_bool(w, "intact", bad->kind == ERR_NONE);
	json_put_str(w, "error", bad->kind == ERR_NONE ? NULL : bad->text);
	json_put_strs(w, "hurt", hurt);
	images_put_speed(w, l->bytes, l->took_ns);
}

static void print_verdict(const struct cmd *c, const char *ref, const struct look *l, const struct str_list *hurt,
			  const struct err *bad)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	if (!c->json) {
		for (size_t i = 0; i < hurt->len; i++) {
			autofree char *shown = str_printable(hurt->items[i], strlen(hurt->items[i]));

			buf_addf(&out, "hurt: %s\n", shown);
		}
		cmd_print(buf_str(&out));
		return;
	}
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	put_verdict(&w, ref, l, hurt, bad);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static int verify_one(struct cmd *c, struct store *s, const struct verify_key *key, struct err *err)
{
	autoclean(str_list_free) struct str_list hurt = { 0 };
	struct progress progress = { 0 };
	struct look l = { .progress = &progress };
	int rc;

	progress_init(&progress, stderr, c->json, c->quiet);
	rc = look(&l, s, c->argv[0], key, &hurt, err);
	if (rc < 0 && err->kind != ERR_DAMAGED)
		return -1;
	print_verdict(c, c->argv[0], &l, &hurt, err);
	if (rc == 0)
		say_intact(c, c->argv[0], &l);
	else if (c->json)
		err->text[0] = '\0'; /* said in the result */
	return rc;
}

struct all {
	struct cmd *c;
	struct store *store;
	const struct verify_key *key;
	struct progress progress;
	struct json_out *w;
	struct buf bad; /* the images' names */
	size_t n_bad, n;
	uint64_t bytes;
};

/* What is wrong with one does not keep the others from being looked at. */
static void verify_next(struct all *a, const char *ref)
{
	autoclean(str_list_free) struct str_list hurt = { 0 };
	struct err why = { 0 };
	struct look l = { .progress = &a->progress };
	int rc = look(&l, a->store, ref, a->key, &hurt, &why);

	if (rc < 0 && why.kind == ERR_NOT_FOUND)
		return; /* deleted meanwhile */
	a->n++;
	a->bytes += l.bytes;
	if (rc < 0) {
		a->n_bad++;
		buf_addf(&a->bad, "%s%s", a->bad.len ? ", " : "", ref);
	}
	if (a->c->json) {
		json_put_obj(a->w, NULL);
		put_verdict(a->w, ref, &l, &hurt, &why);
		json_end_obj(a->w);
	} else if (rc == 0) {
		say_intact(a->c, ref, &l);
	} else {
		print_verdict(a->c, ref, &l, &hurt, &why);
		cmd_error(a->c, &why);
	}
}

static void print_all(struct all *a, struct buf *out, int64_t took_ns)
{
	autofree char *speed = images_speed(a->bytes, took_ns);

	json_end_arr(a->w);
	json_put_bool(a->w, "intact", !a->n_bad);
	images_put_speed(a->w, a->bytes, took_ns);
	json_end_obj(a->w);
	if (a->c->json)
		cmd_print(buf_str(out));
	else if (!a->n_bad)
		cmd_say(a->c, "%zu images, all intact: %s", a->n, speed);
}

static int verify_all(struct cmd *c, struct store *s, const struct verify_key *key, struct err *err)
{
	autoclean(store_images_free) struct store_images l = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;
	struct all a = { .c = c, .store = s, .key = key, .w = &w };
	int64_t begin = clock_now_ns();

	if (store_list(s, &l, err) < 0)
		return -1;
	progress_init(&a.progress, stderr, c->json, c->quiet);
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "images");
	for (size_t i = 0; i < l.len; i++) {
		autofree char *ref = str_format("%s/%s", l.items[i].name, l.items[i].id);

		verify_next(&a, ref);
	}
	print_all(&a, &out, clock_now_ns() - begin);
	if (a.n_bad) {
		err_set(err, ERR_DAMAGED, "%zu of %zu images are damaged: %.500s", a.n_bad, a.n, buf_str(&a.bad));
		if (c->json)
			err->text[0] = '\0'; /* said in the result */
	}
	buf_free(&a.bad);
	return a.n_bad ? -1 : 0;
}

int cmd_image_verify(struct cmd *c, struct err *err)
{
	autoclean(images_close_store) struct store *s = NULL;
	bool all = cmd_flag(c, "all");
	struct verify_key key;

	if (!all && !c->argc) {
		err_set(err, ERR_USAGE, "say which image to verify: NAME[/ID]");
		return err_hint(err, "--all verifies every image");
	}
	if (cmd_args(c, all ? 0 : 1, all ? 0 : 1, err) < 0)
		return -1;
	if (images_open_store(c, &s, err) < 0 || images_key(c, &key, err) < 0)
		return -1;
	return all ? verify_all(c, s, &key, err) : verify_one(c, s, &key, err);
}
