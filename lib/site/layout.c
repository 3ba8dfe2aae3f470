/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/layout.h"

#include "base/mem.h"
#include "site/layout_check.h"
#include "site/words.h"

#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define MAX_DISKS 64
#define MAX_PARTS 32

/* A size as text ("512M"); *bytes stays as it is when the key is absent. */
static int read_size(struct json_obj *o, const char *key, enum json_need need, uint64_t *bytes, struct err *err)
{
	autofree char *text = NULL;
	struct err why;

	if (json_str(o, key, need, &text, err) < 0)
		return -1;
	if (text && str_to_bytes(text, bytes, &why) < 0)
		return json_bad(o, key, err, "%s", why.text);
	return 0;
}

static int read_u32(struct json_obj *o, const char *key, enum json_need need, uint64_t min, uint64_t max, unsigned int *out,
		    struct err *err)
{
	uint64_t v = *out;

	if (json_u64(o, key, need, min, max, &v, err) < 0)
		return -1;
	*out = (unsigned int)v;
	return 0;
}

/* A string that `check` accepts. */
static int read_word(struct json_obj *o, const char *key, enum json_need need, int (*check)(const char *, struct err *),
		     char **out, struct err *err)
{
	struct err why;

	if (json_str(o, key, need, out, err) < 0)
		return -1;
	if (*out && check(*out, &why) < 0)
		return json_bad(o, key, err, "%s", why.text);
	return 0;
}

/* A string that is one of `names`; NULL stays when the key is absent. */
static int read_choice(struct json_obj *o, const char *key, enum json_need need, const char *const *names, char **out,
		       struct err *err)
{
	int i = -1;

	if (json_enum(o, key, need, names, &i, err) < 0)
		return -1;
	if (i >= 0)
		*out = mem_strdup(names[i]);
	return 0;
}

static int read_match(struct json_obj *o, struct layout_match *m, struct err *err)
{
	bool rotational = false, has_rotational = json_has(o, "rotational");

	if (json_bool(o, "rotational", JSON_MAY, &rotational, err) < 0)
		return -1;
	m->rotational = has_rotational ? rotational : -1;
	if (json_u64(o, "min_bytes", JSON_MAY, 1, UINT64_MAX, &m->min_bytes, err) < 0 ||
	    json_u64(o, "max_bytes", JSON_MAY, 1, UINT64_MAX, &m->max_bytes, err) < 0 ||
	    json_str(o, "model", JSON_MAY, &m->model, err) < 0 || json_str(o, "transport", JSON_MAY, &m->transport, err) < 0)
		return -1;
	if (m->max_bytes && m->max_bytes < m->min_bytes)
		return json_bad(o, "max_bytes", err, "%llu is less than min_bytes, %llu", (unsigned long long)m->max_bytes,
				(unsigned long long)m->min_bytes);
	return json_obj_end(o, err);
}

static int read_disks(struct json_obj *layout, struct layout *l, struct err *err)
{
	struct json_obj o;
	struct json_arr a;
	int found;

	l->exclude_bad = true;
	l->reserve_bytes = 16 * MIB;
	if (json_obj(layout, "disks", JSON_MUST, &o, err) < 0)
		return -1;
	found = json_arr(&o, "match", JSON_MAY, &a, err);
	if (found < 0)
		return -1;
	l->match = mem_array(found ? a.len : 0, sizeof(l->match[0]));
	for (; found && l->n_match < a.len; l->n_match++) {
		struct json_obj m;

		if (json_arr_obj(&a, l->n_match, &m, err) < 0)
			return -1;
		if (read_match(&m, &l->match[l->n_match], err) < 0) {
			l->n_match++; /* what was read so far is freed with the layout */
			return -1;
		}
	}
	if (read_u32(&o, "want", JSON_MUST, 1, MAX_DISKS, &l->want, err) < 0)
		return -1;
	l->min = l->want;
	if (read_u32(&o, "min", JSON_MAY, 1, MAX_DISKS, &l->min, err) < 0 ||
	    json_bool(&o, "exclude_bad", JSON_MAY, &l->exclude_bad, err) < 0 ||
	    json_strs(&o, "protect", JSON_MAY, &l->protect, err) < 0 ||
	    read_size(&o, "reserve", JSON_MAY, &l->reserve_bytes, err) < 0)
		return -1;
	for (size_t i = 0; i < l->protect.len; i++)
		if (!*l->protect.items[i])
			return json_bad(&o, "protect", err, "element %zu is empty; write a serial number or a WWN", i);
	return json_obj_end(&o, err);
}

static int read_part(struct json_obj *o, struct layout_part *p, struct err *err)
{
	static const char *const uses[] = { "bios_grub", "esp", "raid", "swap", "plain", NULL };
	autofree char *size = NULL;
	struct err why;

	if (read_word(o, "id", JSON_MUST, str_check_name, &p->id, err) < 0 || json_str(o, "size", JSON_MUST, &size, err) < 0 ||
	    read_choice(o, "use", JSON_MAY, uses, &p->use, err) < 0)
		return -1;
	p->rest = str_eq(size, "rest");
	if (!p->rest && str_to_bytes(size, &p->size_bytes, &why) < 0)
		return json_bad(o, "size", err, "%s; or \"rest\" for all that is left", why.text);
	if (!p->rest && (p->size_bytes == 0 || p->size_bytes % MIB))
		return json_bad(o, "size", err, "%s is not a whole number of MiB, at least 1M", size);
	return json_obj_end(o, err);
}

static int read_md(struct json_obj *o, struct layout_md *m, struct err *err)
{
	static const char *const metadata[] = { "1.0", "1.2", NULL }, *const bitmaps[] = { "none", "internal", NULL };
	int bitmap = 0;

	if (read_word(o, "name", JSON_MUST, str_check_name, &m->name, err) < 0 ||
	    read_u32(o, "level", JSON_MUST, 0, 10, &m->level, err) < 0 ||
	    read_choice(o, "metadata", JSON_MAY, metadata, &m->metadata, err) < 0 ||
	    json_enum(o, "bitmap", JSON_MAY, bitmaps, &bitmap, err) < 0 || json_str(o, "on", JSON_MUST, &m->on, err) < 0 ||
	    read_u32(o, "spares", JSON_MAY, 0, MAX_DISKS, &m->spares, err) < 0 ||
	    read_size(o, "chunk", JSON_MAY, &m->chunk_bytes, err) < 0)
		return -1;
	if (!m->metadata)
		m->metadata = mem_strdup("1.2");
	m->bitmap = bitmap == 1;
	return json_obj_end(o, err);
}

static int read_fs(struct json_obj *o, struct layout_fs *f, struct err *err)
{
	static const char *const types[] = { "ext4", "xfs", "vfat", "swap", NULL };

	if (json_str(o, "on", JSON_MUST, &f->on, err) < 0 || read_choice(o, "type", JSON_MUST, types, &f->type, err) < 0 ||
	    read_word(o, "mount", JSON_MAY, word_mount, &f->mount, err) < 0 ||
	    read_word(o, "options", JSON_MAY, word_options, &f->options, err) < 0 ||
	    read_word(o, "label", JSON_MAY, str_check_name, &f->label, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

static int read_boot(struct json_obj *layout, struct layout *l, struct err *err)
{
	struct json_obj o;

	if (json_obj(layout, "boot", JSON_MUST, &o, err) < 0 || json_bool(&o, "bios", JSON_MAY, &l->bios, err) < 0 ||
	    json_bool(&o, "uefi", JSON_MAY, &l->uefi, err) < 0)
		return -1;
	return json_obj_end(&o, err);
}

/* The elements of one of the three lists; `n` counts those begun, so that layout_free() frees a half-read one. */
#define READ_LIST(key, need, list, count, max, read)                                                                             \
	({                                                                                                                       \
		struct json_arr a_;                                                                                              \
		int rc_ = json_arr(o, key, need, &a_, err);                                                                      \
		if (rc_ > 0 && a_.len > (max))                                                                                   \
			rc_ = json_bad(o, key, err, "has %zu elements; at most %d are allowed", a_.len, max);                    \
		(list) = mem_array(rc_ > 0 ? a_.len : 0, sizeof((list)[0]));                                                     \
		for (size_t i_ = 0; rc_ > 0 && i_ < a_.len; i_++) {                                                              \
			struct json_obj e_;                                                                                      \
			(count)++;                                                                                               \
			if (json_arr_obj(&a_, i_, &e_, err) < 0 || read(&e_, &(list)[i_], err) < 0)                              \
				rc_ = -1;                                                                                        \
		}                                                                                                                \
		rc_;                                                                                                             \
	})

static int read_layout(struct json_obj *o, struct layout *l, struct err *err)
{
	if (read_word(o, "name", JSON_MUST, str_check_name, &l->name, err) < 0 || read_disks(o, l, err) < 0 ||
	    READ_LIST("parts", JSON_MUST, l->parts, l->n_parts, MAX_PARTS, read_part) < 0 ||
	    READ_LIST("md", JSON_MAY, l->md, l->n_md, MAX_PARTS, read_md) < 0 ||
	    READ_LIST("fs", JSON_MUST, l->fs, l->n_fs, MAX_PARTS, read_fs) < 0 || read_boot(o, l, err) < 0 ||
	    json_obj_end(o, err) < 0)
		return -1;
	return layout_check(o, l, err);
}

int layout_read(struct json_obj *o, struct layout *out, struct err *err)
{
	*out = (struct layout){ 0 };
	if (read_layout(o, out, err) == 0)
		return 0;
	layout_free(out);
	return -1;
}

void layout_free(struct layout *l)
{
	for (size_t i = 0; i < l->n_match; i++) {
		free(l->match[i].model);
		free(l->match[i].transport);
	}
	for (size_t i = 0; i < l->n_parts; i++) {
		free(l->parts[i].id);
		free(l->parts[i].use);
	}
	for (size_t i = 0; i < l->n_md; i++) {
		free(l->md[i].name);
		free(l->md[i].metadata);
		free(l->md[i].on);
	}
	for (size_t i = 0; i < l->n_fs; i++) {
		free(l->fs[i].on);
		free(l->fs[i].type);
		free(l->fs[i].mount);
		free(l->fs[i].options);
		free(l->fs[i].label);
	}
	free(l->name);
	free(l->match);
	free(l->parts);
	free(l->md);
	free(l->fs);
	str_list_free(&l->protect);
	*l = (struct layout){ 0 };
}
