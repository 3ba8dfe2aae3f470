/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus image list`: what images there are and what each of them costs. */
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/images.h"
#include "sys/fs.h"

static void put_image(struct json_out *w, const struct store_image *i, const struct store_usage *all, size_t n)
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
	if (all->images[n].known) {
		json_put_u64(w, "unique_bytes", all->images[n].unique_bytes);
		json_put_u64(w, "shared_bytes", all->images[n].shared_bytes);
	} else {
		json_put_str(w, "unique_bytes", NULL);
		json_put_str(w, "shared_bytes", NULL);
	}
	json_end_obj(w);
}

static void put_total(struct json_out *w, const struct store_images *l, const struct store_usage *u)
{
	json_put_obj(w, "total");
	json_put_u64(w, "images", l->len);
	json_put_u64(w, "disk_bytes", u->disk_bytes);
	json_put_u64(w, "packs_bytes", u->packs_bytes);
	json_put_u64(w, "used_bytes", u->used_bytes);
	if (u->known) {
		json_put_u64(w, "reclaimable_bytes", u->unused_bytes);
		json_put_u64(w, "removable_bytes", u->removable_bytes);
	} else {
		json_put_str(w, "reclaimable_bytes", NULL);
		json_put_str(w, "removable_bytes", NULL);
	}
	json_end_obj(w);
}

static void print_json(const struct store_images *l, const struct store_usage *u)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "images");
	for (size_t i = 0; i < l->len; i++)
		put_image(&w, &l->items[i], u, i);
	json_end_arr(&w);
	put_total(&w, l, u);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static void add_bytes(struct cmd_table *t, uint64_t bytes, bool known)
{
	char text[STR_BYTES_MAX];

	str_from_bytes(bytes, text);
	cmd_table_add(t, known ? text : NULL);
}

static void print_table(const struct cmd *c, bool is_store, const struct store_images *l, const struct store_usage *u)
{
	autoclean(cmd_table_free) struct cmd_table t;
	uint64_t content = 0, unique = 0;
	char disk[STR_BYTES_MAX], unused[STR_BYTES_MAX];

	cmd_table_init(&t,
		       (const char *const[]){ "IMAGE", "SUITE", "NO", "FILES", "CONTENT", "STORED", "UNIQUE", "SHARED", NULL });
	for (size_t i = 0; i < l->len; i++) {
		const struct manifest *m = &l->items[i].manifest;

		content += m->content_bytes;
		unique += u->images[i].unique_bytes;
		cmd_table_addf(&t, "%s/%s", l->items[i].name, l->items[i].id);
		cmd_table_add(&t, m->format ? m->suite : "can't be read");
		cmd_table_addf(&t, "%llu", (unsigned long long)m->sequence);
		cmd_table_addf(&t, "%llu", (unsigned long long)m->entries);
		add_bytes(&t, m->content_bytes, true);
		add_bytes(&t, l->items[i].stored_bytes, true);
		add_bytes(&t, u->images[i].unique_bytes, u->images[i].known);
		add_bytes(&t, u->images[i].shared_bytes, u->images[i].known);
	}
	if (l->len) {
		cmd_table_add(&t, "TOTAL");
		cmd_table_add(&t, NULL);
		cmd_table_add(&t, NULL);
		cmd_table_add(&t, NULL);
		add_bytes(&t, content, true);
		add_bytes(&t, u->used_bytes, true);
		add_bytes(&t, unique, true);
		/* Counted once here, however many share it. */
		add_bytes(&t, u->used_bytes - unique, true);
	}
	cmd_table_print(&t);
	if (!is_store)
		return;
	str_from_bytes(u->disk_bytes, disk);
	str_from_bytes(u->unused_bytes, unused);
	if (u->known)
		cmd_say(c, "the store takes %s on disk, %s of it reclaimable%s", disk, unused,
			u->unused_bytes ? ": the next `orthrus image delete` frees it" : "");
	else
		cmd_say(c, "the store takes %s on disk; what of it is reclaimable is not known: not every image can be read",
			disk);
}

int cmd_image_list(struct cmd *c, struct err *err)
{
	autoclean(images_close_store) struct store *s = NULL;
	autoclean(store_images_free) struct store_images l = { 0 };
	autoclean(store_usage_free) struct store_usage u = { 0 };
	autofree char *path = cmd_path(c, "/srv/orthrus/store");

	if (cmd_args(c, 0, 0, err) < 0)
		return -1;
	/* No store yet is no error: it holds no images. */
	if (fs_exists(path) &&
	    (images_open_store(c, &s, err) < 0 || store_list(s, &l, err) < 0 || store_usage(s, &l, &u, err) < 0))
		return -1;
	u.known = u.known || !s;
	if (c->json)
		print_json(&l, &u);
	else
		print_table(c, s != NULL, &l, &u);
	return 0;
}
