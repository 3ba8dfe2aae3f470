/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/plan_steps.h"

#include "base/mem.h"
#include "base/str.h"
#include "raidsetup/disk.h"

#include <stdio.h>
#include <string.h>

void raid_disarm_free(void *arg)
{
	struct raid_disarm *u = arg;

	for (size_t i = 0; i < u->n_disks; i++) {
		free(u->disks[i].id);
		free(u->disks[i].label);
	}
	free(u->disks);
	free(u);
}

void raid_wipe_free(void *arg)
{
	struct raid_wipe *w = arg;

	free(w->disk.id);
	free(w->disk.label);
	free(w);
}

void raid_partition_free(void *arg)
{
	struct raid_partition *p = arg;

	free(p->disk.id);
	free(p->disk.label);
	for (size_t i = 0; i < p->n_parts; i++)
		free(p->parts[i].name);
	free(p->parts);
	free(p);
}

void raid_create_free(void *arg)
{
	struct raid_create *c = arg;

	free(c->name);
	free(c->metadata);
	str_list_free(&c->active);
	str_list_free(&c->spare);
	str_list_free(&c->disks);
	free(c);
}

void raid_format_free(void *arg)
{
	struct raid_format *f = arg;

	free(f->type);
	free(f->label);
	free(f->md_name);
	str_list_free(&f->disks);
	free(f);
}

static bool name_taken(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->len; i++)
		if (str_eq(plan->steps[i].name, name))
			return true;
	return false;
}

/* "wipe:serial-QM00001": the id's words joined, and a number behind it in the rare case that two disks would share a name. */
static void add_step(struct planning *p, enum raid_step type, enum plan_effect effect, const char *verb, const char *what,
		     char *text, void *arg, void (*arg_free)(void *))
{
	autofree char *base = str_format("%s:%s", verb, what), *name = NULL;

	for (char *c = base; *c; c++)
		if ((unsigned char)*c <= ' ')
			*c = '-';
	name = mem_strdup(base);
	for (unsigned int again = 2; name_taken(p->plan, name); again++) {
		free(name);
		name = str_format("%s~%u", base, again);
	}
	plan_add(p->plan, (int)type, effect, name, text, arg, arg_free);
}

static void target_set(struct raid_target *t, const struct disk *d)
{
	t->id = disk_id(d);
	t->label = disk_label(d);
	t->size_bytes = d->size_bytes;
	t->sector_bytes = d->logical_sector_bytes;
}

void steps_leave(struct planning *p)
{
	for (size_t i = 0; i < p->members->n_all; i++) {
		const struct verdict *v = &p->members->all[i];
		autofree char *id = disk_id(v->disk), *label = disk_label(v->disk);

		if (v->why)
			add_step(p, RAID_LEAVE, PLAN_READS, "leave", id, str_format("leave alone %s: %s", label, v->why), NULL,
				 NULL);
		else if (v->disk->bad)
			add_step(p, RAID_NOTE, PLAN_READS, "note", id,
				 str_format("use %s although its test failed (%s), as the layout does not exclude bad disks",
					    label, v->disk->bad),
				 NULL, NULL);
	}
}

/* One step for all disks: it begins only when all of them can be had, and no disk is wiped while another still boots. */
void steps_unboot(struct planning *p)
{
	struct raid_disarm *u = mem_zalloc(sizeof(*u));
	autoclean(buf_free) struct buf text = { 0 };

	u->disks = mem_array(p->n_taken, sizeof(*u->disks));
	u->n_disks = p->n_taken;
	buf_adds(&text, "make unbootable, before anything else is erased:");
	for (size_t i = 0; i < p->n_taken; i++) {
		target_set(&u->disks[i], p->taken[i]);
		buf_addf(&text, "%s %s", i ? ";" : "", u->disks[i].label);
	}
	add_step(p, RAID_UNBOOT, PLAN_DESTROYS, "unboot", p->n_taken > 1 ? "disks" : "disk", buf_steal(&text), u,
		 raid_disarm_free);
}

void steps_wipe(struct planning *p)
{
	for (size_t i = 0; i < p->n_taken; i++) {
		const struct disk *d = p->taken[i];
		struct raid_wipe *w = mem_zalloc(sizeof(*w));
		autoclean(buf_free) struct buf text = { 0 };

		target_set(&w->disk, d);
		buf_addf(&text, "wipe %s: all that is on it is lost", w->disk.label);
		for (size_t k = 0; k < d->found.len; k++)
			buf_addf(&text, "%s%s", k ? ", " : " (has ", d->found.items[k]);
		if (d->found.len)
			buf_addc(&text, ')');
		add_step(p, RAID_WIPE, PLAN_DESTROYS, "wipe", w->disk.id, buf_steal(&text), w, raid_wipe_free);
	}
}

/* What the layout calls a use, GPT calls a type. NULL: no such use. */
static const char *gpt_type(const char *use, const char **words)
{
	static const struct {
		const char *use, *guid, *words;
	} types[] = {
		{ "bios_grub", GPT_TYPE_BIOS, "BIOS boot" }, { "esp", GPT_TYPE_ESP, "EFI system" },
		{ "raid", GPT_TYPE_RAID, "RAID" },	     { "swap", GPT_TYPE_SWAP, "swap" },
		{ "plain", GPT_TYPE_LINUX, "Linux" },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (!str_eq(types[i].use, use))
			continue;
		*words = types[i].words;
		return types[i].guid;
	}
	*words = "Linux";
	return GPT_TYPE_LINUX;
}

static void part_guid(const struct planning *p, const struct disk *d, const char *part, char out[ID_UUID_LEN])
{
	autofree char *id = disk_id(d);

	id_uuid(p->seed, "gpt-part", id, part, out);
}

void steps_partition(struct planning *p)
{
	const struct layout *l = p->layout;

	for (size_t i = 0; i < p->n_taken; i++) {
		struct raid_partition *arg = mem_zalloc(sizeof(*arg));
		autoclean(buf_free) struct buf text = { 0 };

		target_set(&arg->disk, p->taken[i]);
		id_uuid(p->seed, "gpt-disk", arg->disk.id, NULL, arg->guid);
		arg->parts = mem_array(l->n_parts, sizeof(*arg->parts));
		arg->n_parts = l->n_parts;
		buf_addf(&text, "partition %s:", arg->disk.label);
		for (size_t k = 0; k < l->n_parts; k++) {
			struct gpt_part *g = &arg->parts[k];
			char size[STR_BYTES_MAX];
			const char *words;

			g->name = mem_strdup(l->parts[k].id);
			g->type_guid = gpt_type(l->parts[k].use, &words);
			g->first_byte = p->extents[k].first_byte;
			g->size_bytes = p->extents[k].size_bytes;
			part_guid(p, p->taken[i], g->name, g->guid);
			str_from_bytes(g->size_bytes, size);
			buf_addf(&text, "%s %s %s (%s)", k ? "," : "", g->name, size, words);
		}
		add_step(p, RAID_PARTITION, PLAN_DESTROYS, "partition", arg->disk.id, buf_steal(&text), arg, raid_partition_free);
	}
}

void array_shape(const struct layout *l, const struct layout_md *md, size_t n, struct array_shape *out)
{
	unsigned int have = (unsigned int)n;

	out->active = l->want > md->spares ? l->want - md->spares : 0;
	out->present = have < out->active ? have : out->active;
	out->missing = out->active - out->present;
	out->spare = have - out->present;
}

uint64_t array_bytes(const struct layout_md *md, const struct array_shape *shape, uint64_t part_bytes)
{
	uint64_t n = shape->active;

	switch (md->level) {
	case 0:
		return n * part_bytes;
	case 5:
		return (n - 1) * part_bytes;
	case 6:
		return (n - 2) * part_bytes;
	case 10: /* two copies of everything */
		return n * part_bytes / 2;
	case 1:
	default:
		return part_bytes;
	}
}

size_t layout_part(const struct layout *l, const char *id)
{
	size_t i = 0;

	while (i < l->n_parts && !str_eq(l->parts[i].id, id))
		i++;
	return i;
}

const struct layout_md *layout_array(const struct layout *l, const char *name)
{
	for (size_t i = 0; i < l->n_md; i++)
		if (str_eq(l->md[i].name, name))
			return &l->md[i];
	return NULL;
}

static void describe_array(const struct planning *p, const struct layout_md *md, const struct array_shape *shape,
			   struct buf *text)
{
	buf_addf(text, "create array %s: RAID %u, metadata %s", md->name, md->level, md->metadata);
	if (md->bitmap)
		buf_adds(text, ", write-intent bitmap");
	if (md->chunk_bytes) {
		char chunk[STR_BYTES_MAX];

		str_from_bytes(md->chunk_bytes, chunk);
		buf_addf(text, ", chunks of %s", chunk);
	}
	buf_addf(text, ", over partition %s of", md->on);
	for (size_t i = 0; i < shape->present + shape->spare; i++) {
		autofree char *label = disk_label(p->taken[i]);

		buf_addf(text, "%s %s%s", i ? ";" : "", label, i < shape->present ? "" : " (spare)");
	}
	if (shape->missing)
		buf_addf(text, "; degraded: %u of %u disks missing", shape->missing, shape->active);
}

static void create_args(const struct planning *p, const struct layout_md *md, const struct array_shape *shape,
			struct raid_create *c)
{
	c->name = mem_strdup(md->name);
	id_md(p->seed, md->name, c->uuid);
	c->metadata = mem_strdup(md->metadata);
	c->level = md->level;
	c->spares = shape->spare;
	c->bitmap = md->bitmap;
	c->chunk_bytes = md->chunk_bytes;
	for (size_t i = 0; i < shape->present + shape->spare; i++) {
		autofree char *id = disk_id(p->taken[i]);
		char guid[ID_UUID_LEN];

		part_guid(p, p->taken[i], md->on, guid);
		str_list_add(&c->disks, id);
		str_list_add(i < shape->present ? &c->active : &c->spare, guid);
	}
	for (unsigned int i = 0; i < shape->missing; i++)
		str_list_add(&c->active, "missing");
}

/* What the result says of an array, and of the file system on it. */
static void result_array(const struct planning *p, const struct layout_md *md, const struct array_shape *shape)
{
	struct raid_result *r = p->result;
	struct raid_md *out = &r->md[r->n_md++];
	const struct layout_fs *fs = NULL;

	for (size_t i = 0; i < p->layout->n_fs; i++)
		if (str_eq(p->layout->fs[i].on, md->name))
			fs = &p->layout->fs[i];
	out->name = mem_strdup(md->name);
	out->on = mem_strdup(md->on);
	out->level = md->level;
	out->active = shape->active;
	out->missing = shape->missing;
	out->spares = shape->spare;
	out->size_bytes = array_bytes(md, shape, p->extents[layout_part(p->layout, md->on)].size_bytes);
	out->fs_type = fs ? mem_strdup(fs->type) : NULL;
	out->mount = fs && fs->mount ? mem_strdup(fs->mount) : NULL;
	id_md(p->seed, md->name, out->uuid);
}

void steps_create(struct planning *p)
{
	p->result->md = mem_array(p->layout->n_md, sizeof(*p->result->md));
	for (size_t i = 0; i < p->layout->n_md; i++) {
		const struct layout_md *md = &p->layout->md[i];
		struct raid_create *c = mem_zalloc(sizeof(*c));
		autoclean(buf_free) struct buf text = { 0 };
		struct array_shape shape;

		array_shape(p->layout, md, p->n_taken, &shape);
		create_args(p, md, &shape, c);
		result_array(p, md, &shape);
		describe_array(p, md, &shape, &text);
		add_step(p, RAID_CREATE, PLAN_WRITES, "create", md->name, buf_steal(&text), c, raid_create_free);
	}
}

static void result_fs(const struct planning *p, const struct layout_fs *fs, const struct raid_format *f)
{
	struct raid_fs *out = &p->result->fs[p->result->n_fs++];

	out->mount = fs->mount ? mem_strdup(fs->mount) : NULL;
	out->type = mem_strdup(fs->type);
	out->options = fs->options ? mem_strdup(fs->options) : NULL;
	out->device_md = f->md_name ? mem_strdup(f->md_name) : NULL;
	memcpy(out->uuid, f->uuid, sizeof(f->uuid));
}

void steps_format(struct planning *p)
{
	p->result->fs = mem_array(p->layout->n_fs, sizeof(*p->result->fs));
	for (size_t i = 0; i < p->layout->n_fs; i++) {
		const struct layout_fs *fs = &p->layout->fs[i];
		const struct layout_md *md = layout_array(p->layout, fs->on);
		struct raid_format *f = mem_zalloc(sizeof(*f));
		autoclean(buf_free) struct buf text = { 0 };

		f->type = mem_strdup(fs->type);
		f->label = fs->label ? mem_strdup(fs->label) : NULL;
		if (str_eq(fs->type, "vfat"))
			id_fat(p->seed, fs->on, f->uuid);
		else
			id_uuid(p->seed, "fs", fs->on, NULL, f->uuid);
		buf_addf(&text, "make %s on ", str_eq(fs->type, "swap") ? "swap space" : fs->type);
		if (md) {
			f->md_name = mem_strdup(md->name);
			id_md(p->seed, md->name, f->md_uuid);
			buf_addf(&text, "array %s", md->name);
		} else {
			autofree char *label = disk_label(p->taken[0]), *id = disk_id(p->taken[0]);

			part_guid(p, p->taken[0], fs->on, f->part_guid);
			str_list_add(&f->disks, id);
			buf_addf(&text, "partition %s of %s", fs->on, label);
		}
		if (fs->mount)
			buf_addf(&text, " for %s", fs->mount);
		if (fs->label)
			buf_addf(&text, ", label %s", fs->label);
		buf_addf(&text, ", UUID %s", f->uuid);
		result_fs(p, fs, f);
		add_step(p, RAID_FORMAT, PLAN_WRITES, "format", fs->on, buf_steal(&text), f, raid_format_free);
	}
}
