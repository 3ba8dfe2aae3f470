/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "site/layout.h"

/* The shortest text that str_to_bytes() reads back as the same number. */
static void put_size(struct json_out *w, const char *key, uint64_t bytes)
{
	static const char units[] = "KMGTP";
	autofree char *text = NULL;
	int u = -1;

	while (u < 4 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		u++;
	}
	text = u < 0 ? str_format("%llu", (unsigned long long)bytes) : str_format("%llu%c", (unsigned long long)bytes, units[u]);
	json_put_str(w, key, text);
}

static void put_optional(struct json_out *w, const char *key, const char *value)
{
	if (value)
		json_put_str(w, key, value);
}

static void print_disks(const struct layout *l, struct json_out *w)
{
	json_put_obj(w, "disks");
	if (l->n_match) {
		json_put_arr(w, "match");
		for (size_t i = 0; i < l->n_match; i++) {
			const struct layout_match *m = &l->match[i];

			json_put_obj(w, NULL);
			if (m->rotational >= 0)
				json_put_bool(w, "rotational", m->rotational);
			if (m->min_bytes)
				json_put_u64(w, "min_bytes", m->min_bytes);
			if (m->max_bytes)
				json_put_u64(w, "max_bytes", m->max_bytes);
			put_optional(w, "model", m->model);
			put_optional(w, "transport", m->transport);
			json_end_obj(w);
		}
		json_end_arr(w);
	}
	json_put_u64(w, "min", l->min);
	json_put_u64(w, "want", l->want);
	json_put_bool(w, "exclude_bad", l->exclude_bad);
	if (l->protect.len)
		json_put_strs(w, "protect", &l->protect);
	put_size(w, "reserve", l->reserve_bytes);
	json_end_obj(w);
}

static void print_parts(const struct layout *l, struct json_out *w)
{
	json_put_arr(w, "parts");
	for (size_t i = 0; i < l->n_parts; i++) {
		const struct layout_part *p = &l->parts[i];

		json_put_obj(w, NULL);
		json_put_str(w, "id", p->id);
		if (p->rest)
			json_put_str(w, "size", "rest");
		else
			put_size(w, "size", p->size_bytes);
		json_put_str(w, "use", p->use);
		json_end_obj(w);
	}
	json_end_arr(w);
}

static void print_md(const struct layout *l, struct json_out *w)
{
	json_put_arr(w, "md");
	for (size_t i = 0; i < l->n_md; i++) {
		const struct layout_md *m = &l->md[i];

		json_put_obj(w, NULL);
		json_put_str(w, "name", m->name);
		json_put_u64(w, "level", m->level);
		json_put_str(w, "metadata", m->metadata);
		json_put_str(w, "bitmap", m->bitmap ? "internal" : "none");
		json_put_str(w, "on", m->on);
		json_put_u64(w, "spares", m->spares);
		if (m->chunk_bytes)
			put_size(w, "chunk", m->chunk_bytes);
		json_end_obj(w);
	}
	json_end_arr(w);
}

static void print_fs(const struct layout *l, struct json_out *w)
{
	json_put_arr(w, "fs");
	for (size_t i = 0; i < l->n_fs; i++) {
		const struct layout_fs *f = &l->fs[i];

		json_put_obj(w, NULL);
		json_put_str(w, "on", f->on);
		json_put_str(w, "type", f->type);
		put_optional(w, "mount", f->mount);
		put_optional(w, "options", f->options);
		put_optional(w, "label", f->label);
		json_end_obj(w);
	}
	json_end_arr(w);
}

void layout_print(const struct layout *l, struct json_out *w, const char *key)
{
	json_put_obj(w, key);
	json_put_str(w, "name", l->name);
	print_disks(l, w);
	print_parts(l, w);
	print_md(l, w);
	print_fs(l, w);
	json_put_obj(w, "boot");
	json_put_bool(w, "bios", l->bios);
	json_put_bool(w, "uefi", l->uefi);
	json_end_obj(w);
	json_end_obj(w);
}
