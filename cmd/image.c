/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "imaging/store.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/progress.h"

#include <stdio.h>
#include <string.h>

#define DOC_MAX ((size_t)16 << 20)

static void close_store(struct store **s)
{
	store_close(*s);
}

static int open_store(const struct cmd *c, struct store **s, struct err *err)
{
	autofree char *path = cmd_path(c, "/srv/orthrus/store");

	return store_open(path, false, s, err);
}

static void put_image(struct json_out *w, const struct store_image *i)
{
	const struct manifest *m = &i->manifest;
	autofree char *ref = str_format("%s/%s", i->name, i->id);

	json_put_obj(w, NULL);
	json_put_str(w, "name", i->name);
	json_put_str(w, "id", i->id);
	json_put_str(w, "ref", ref);
	json_put_bool(w, "readable", m->format != 0);
	json_put_str(w, "kind", m->kind);
	json_put_str(w, "suite", m->suite);
	json_put_str(w, "created", m->created);
	json_put_u64(w, "sequence", m->sequence);
	json_put_u64(w, "entries", m->entries);
	json_put_u64(w, "content_bytes", m->content_bytes);
	json_put_u64(w, "stored_bytes", i->stored_bytes);
	json_end_obj(w);
}

static void print_json(const struct store_images *l)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "images");
	for (size_t i = 0; i < l->len; i++)
		put_image(&w, &l->items[i]);
	json_end_arr(&w);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static void print_table(const struct store_images *l)
{
	autoclean(cmd_table_free) struct cmd_table t;
	char content[STR_BYTES_MAX], stored[STR_BYTES_MAX];

	cmd_table_init(&t, (const char *const[]){ "IMAGE", "SUITE", "NO", "FILES", "CONTENT", "STORED", NULL });
	for (size_t i = 0; i < l->len; i++) {
		const struct manifest *m = &l->items[i].manifest;

		str_from_bytes(m->content_bytes, content);
		str_from_bytes(l->items[i].stored_bytes, stored);
		cmd_table_addf(&t, "%s/%s", l->items[i].name, l->items[i].id);
		cmd_table_add(&t, m->format ? m->suite : "can't be read");
		cmd_table_addf(&t, "%llu", (unsigned long long)m->sequence);
		cmd_table_addf(&t, "%llu", (unsigned long long)m->entries);
		cmd_table_add(&t, content);
		cmd_table_add(&t, stored);
	}
	cmd_table_print(&t);
}

int cmd_image_list(struct cmd *c, struct err *err)
{
	autoclean(close_store) struct store *s = NULL;
	autoclean(store_images_free) struct store_images l = { 0 };
	autofree char *path = cmd_path(c, "/srv/orthrus/store");

	if (cmd_args(c, 0, 0, err) < 0)
		return -1;
	/* No store yet is no error: it holds no images. */
	if (fs_exists(path) && (open_store(c, &s, err) < 0 || store_list(s, &l, err) < 0))
		return -1;
	if (c->json)
		print_json(&l);
	else
		print_table(&l);
	return 0;
}

/* manifest.json and boot.json as they are in the store; `orthrus image verify` says whether they are right. */
int cmd_image_show(struct cmd *c, struct err *err)
{
	autoclean(close_store) struct store *s = NULL;
	autoclean(buf_free) struct buf manifest = { 0 };
	autoclean(buf_free) struct buf boot = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	autofree char *name = NULL, *id = NULL, *dir = NULL, *manifest_path = NULL, *boot_path = NULL;
	struct json_out w;

	if (cmd_args(c, 1, 1, err) < 0 || open_store(c, &s, err) < 0 || store_find(s, c->argv[0], &name, &id, &dir, err) < 0)
		return -1;
	manifest_path = fs_join(dir, "manifest.json");
	boot_path = fs_join(dir, "boot.json");
	if (fs_read(manifest_path, DOC_MAX, &manifest, err) < 0 || fs_read(boot_path, DOC_MAX, &boot, err) < 0)
		return -1;
	if (!c->json) {
		buf_addf(&out, "%s/%s\nmanifest %sboot %s", name, id, buf_str(&manifest), buf_str(&boot));
	} else {
		autoclean(json_doc_free) struct json_doc m = { 0 };
		autoclean(json_doc_free) struct json_doc b = { 0 };

		/* Only what is JSON may be put into JSON. */
		if (json_parse(buf_str(&manifest), manifest.len, &m, err) < 0 ||
		    json_parse(buf_str(&boot), boot.len, &b, err) < 0)
			return err_wrap(err, "%s", dir);
		json_out_init(&w, &out, false);
		json_put_obj(&w, NULL);
		json_put_str(&w, "name", name);
		json_put_str(&w, "id", id);
		json_put_raw(&w, "manifest", buf_str(&manifest));
		json_put_raw(&w, "boot", buf_str(&boot));
		json_end_obj(&w);
		buf_addc(&out, '\n');
	}
	cmd_print(buf_str(&out));
	return 0;
}

static void show_progress(void *ctx, const char *stage, uint64_t done_bytes, uint64_t total_bytes)
{
	progress_update(ctx, stage, done_bytes, total_bytes, clock_now_ns());
}

static void print_verdict(const struct cmd *c, const char *ref, const struct str_list *hurt, const struct err *bad)
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
	json_put_str(&w, "image", ref);
	json_put_bool(&w, "intact", bad->kind == ERR_NONE);
	json_put_str(&w, "error", bad->kind == ERR_NONE ? NULL : bad->text);
	json_put_strs(&w, "hurt", hurt);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

int cmd_image_verify(struct cmd *c, struct err *err)
{
	autoclean(close_store) struct store *s = NULL;
	autoclean(str_list_free) struct str_list hurt = { 0 };
	autofree char *pub = cmd_path(c, "/var/lib/orthrus/pki/sign.pub");
	struct progress progress = { 0 };
	struct verify_key key;
	int rc;

	if (cmd_args(c, 1, 1, err) < 0 || open_store(c, &s, err) < 0 || verify_key_load(pub, &key, err) < 0)
		return -1;
	progress_init(&progress, stderr, c->json, c->quiet);
	rc = store_verify(s, c->argv[0], &key, show_progress, &progress, &hurt, err);
	progress_end(&progress, clock_now_ns());
	if (rc < 0 && err->kind != ERR_DAMAGED)
		return -1;
	print_verdict(c, c->argv[0], &hurt, err);
	if (rc == 0)
		cmd_say(c, "image %s is intact", c->argv[0]);
	else if (c->json)
		err->text[0] = '\0'; /* said in the result */
	return rc;
}
