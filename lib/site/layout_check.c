/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/layout_check.h"

#include "base/json.h"
#include "base/mem.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

/* "disk_layouts[0].md[1].level: text": the index of a list's element and the key in it. */
static int bad_in(const struct json_obj *o, const char *list, size_t i, const char *key, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(6, 7);
static int bad_in(const struct json_obj *o, const char *list, size_t i, const char *key, struct err *err, const char *fmt, ...)
{
	autofree char *path = str_format("%s[%zu].%s", list, i, key);
	char why[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return json_bad(o, path, err, "%s", why);
}

static size_t find_part(const struct layout *l, const char *id)
{
	size_t i = 0;

	while (i < l->n_parts && !str_eq(l->parts[i].id, id))
		i++;
	return i;
}

static size_t find_md(const struct layout *l, const char *name)
{
	size_t i = 0;

	while (i < l->n_md && !str_eq(l->md[i].name, name))
		i++;
	return i;
}

static size_t md_on(const struct layout *l, const char *part)
{
	size_t i = 0;

	while (i < l->n_md && !str_eq(l->md[i].on, part))
		i++;
	return i;
}

static size_t fs_on(const struct layout *l, const char *on)
{
	size_t i = 0;

	while (i < l->n_fs && !str_eq(l->fs[i].on, on))
		i++;
	return i;
}

/* The partition a file system lies on, through its array if there is one; NULL when it names neither. */
static const struct layout_part *part_below(const struct layout *l, const struct layout_fs *f)
{
	size_t m = find_md(l, f->on), p = find_part(l, m < l->n_md ? l->md[m].on : f->on);

	return p < l->n_parts ? &l->parts[p] : NULL;
}

/* "bios" and "esp" mean what they say; else the use follows from what is put on the partition. */
static void default_uses(struct layout *l)
{
	for (size_t i = 0; i < l->n_parts; i++) {
		struct layout_part *p = &l->parts[i];
		size_t f = fs_on(l, p->id);

		if (p->use)
			continue;
		if (str_eq(p->id, "bios"))
			p->use = mem_strdup("bios_grub");
		else if (str_eq(p->id, "esp"))
			p->use = mem_strdup("esp");
		else if (md_on(l, p->id) < l->n_md)
			p->use = mem_strdup("raid");
		else
			p->use = mem_strdup(f < l->n_fs && str_eq(l->fs[f].type, "swap") ? "swap" : "plain");
	}
}

static int check_parts(const struct json_obj *o, const struct layout *l, struct err *err)
{
	size_t n_rest = 0, n_bios = 0, n_esp = 0;

	for (size_t i = 0; i < l->n_parts; i++) {
		const struct layout_part *p = &l->parts[i];
		bool on_md = md_on(l, p->id) < l->n_md;

		if (find_part(l, p->id) != i)
			return bad_in(o, "parts", i, "id", err, "'%s' is the id of parts[%zu] already", p->id,
				      find_part(l, p->id));
		if (p->rest && i + 1 < l->n_parts)
			return bad_in(o, "parts", i, "size", err, "\"rest\" is allowed only for the last partition");
		n_rest += p->rest;
		n_bios += str_eq(p->use, "bios_grub");
		n_esp += str_eq(p->use, "esp");
		if (str_eq(p->use, "bios_grub") && (on_md || fs_on(l, p->id) < l->n_fs))
			return bad_in(o, "parts", i, "use", err,
				      "'%s' holds GRUB itself: no array and no file system may be on it", p->id);
		if (str_eq(p->use, "esp") && !p->rest && p->size_bytes < 64 * MIB)
			return bad_in(o, "parts", i, "size", err,
				      "%llu MiB is too small for an EFI system partition; at least 64M",
				      (unsigned long long)(p->size_bytes / MIB));
		if (str_eq(p->use, "raid") && !on_md)
			return bad_in(o, "parts", i, "use", err, "\"raid\", but no array of md is on it");
		if (on_md && !str_eq(p->use, "raid") && !str_eq(p->use, "esp"))
			return bad_in(o, "parts", i, "use", err, "\"%s\", but md[%zu] is on it; must be \"raid\" or \"esp\"",
				      p->use, md_on(l, p->id));
	}
	if (n_rest != 1)
		return json_bad(o, "parts", err, "the last partition's size must be \"rest\"");
	if (n_bios > 1 || n_esp > 1)
		return json_bad(o, "parts", err, "more than one partition is for %s",
				n_bios > 1 ? "GRUB (bios_grub)" : "EFI (esp)");
	if (l->bios != (n_bios == 1))
		return json_bad(o, "boot.bios", err, "is %s, but there is %s partition with use \"bios_grub\"",
				l->bios ? "true" : "false", n_bios ? "a" : "no");
	if (l->uefi != (n_esp == 1))
		return json_bad(o, "boot.uefi", err, "is %s, but there is %s partition with use \"esp\"",
				l->uefi ? "true" : "false", n_esp ? "a" : "no");
	return 0;
}

#define ALL_BUT_ONE UINT_MAX

static const struct level {
	unsigned int level, least; /* active members an array needs */
	unsigned int can_lose;	   /* so many of them */
} levels[] = { { 0, 2, 0 }, { 1, 2, ALL_BUT_ONE }, { 5, 3, 1 }, { 6, 4, 2 }, { 10, 2, 1 } };

static int check_level(const struct json_obj *o, const struct layout *l, size_t i, struct err *err)
{
	const struct layout_md *m = &l->md[i];
	const struct level *v = levels;
	unsigned int active, fewest;

	while (v < levels + ARRAY_LEN(levels) && v->level != m->level)
		v++;
	if (v == levels + ARRAY_LEN(levels))
		return bad_in(o, "md", i, "level", err, "%u is not a RAID level; allowed are 0, 1, 5, 6 and 10", m->level);
	if (m->spares && m->level == 0)
		return bad_in(o, "md", i, "spares", err, "%u, but level 0 has no redundancy that a spare could restore",
			      m->spares);
	if (m->bitmap && m->level == 0)
		return bad_in(o, "md", i, "bitmap", err, "\"internal\", but level 0 has nothing to resync; must be \"none\"");
	if (m->chunk_bytes && m->level == 1)
		return bad_in(o, "md", i, "chunk", err, "level 1 has no chunks; leave it out");
	if (m->chunk_bytes && (m->chunk_bytes < 4096 || m->chunk_bytes > 64 * MIB || (m->chunk_bytes & (m->chunk_bytes - 1))))
		return bad_in(o, "md", i, "chunk", err, "%llu bytes; must be a power of two from 4K to 64M",
			      (unsigned long long)m->chunk_bytes);
	if (l->want < m->spares + v->least)
		return bad_in(o, "md", i, "level", err, "level %u with %u spare(s) needs at least %u disks, but disks.want is %u",
			      m->level, m->spares, m->spares + v->least, l->want);
	active = l->want - m->spares;
	fewest = v->can_lose == ALL_BUT_ONE ? 1 : active - v->can_lose;
	if (l->min < fewest)
		return json_bad(o, "disks.min", err, "%u, but md[%zu] (%s, level %u on %u disks) needs at least %u to work",
				l->min, i, m->name, m->level, active, fewest);
	return 0;
}

static int check_md(const struct json_obj *o, const struct layout *l, struct err *err)
{
	for (size_t i = 0; i < l->n_md; i++) {
		const struct layout_md *m = &l->md[i];
		size_t p = find_part(l, m->on);

		if (strlen(m->name) > 16)
			return bad_in(o, "md", i, "name", err, "'%s' has %zu characters; the superblock has room for 16", m->name,
				      strlen(m->name));
		if (find_md(l, m->name) != i)
			return bad_in(o, "md", i, "name", err, "'%s' is the name of md[%zu] already", m->name,
				      find_md(l, m->name));
		if (p == l->n_parts)
			return bad_in(o, "md", i, "on", err, "there is no partition '%s' in parts", m->on);
		if (md_on(l, m->on) != i)
			return bad_in(o, "md", i, "on", err, "md[%zu] is on partition '%s' already", md_on(l, m->on), m->on);
		if (check_level(o, l, i, err) < 0)
			return -1;
		if (str_eq(l->parts[p].use, "esp") && (m->level != 1 || !str_eq(m->metadata, "1.0")))
			return bad_in(o, "md", i, str_eq(m->metadata, "1.0") ? "level" : "metadata", err,
				      "the firmware must be able to read the EFI system partition: level 1 with metadata \"1.0\" "
				      "is allowed, not "
				      "level %u with \"%s\"",
				      m->level, m->metadata);
	}
	return 0;
}

static int check_label(const struct json_obj *o, const struct layout *l, size_t i, struct err *err)
{
	static const struct {
		const char *type;
		size_t max;
	} limits[] = { { "ext4", 16 }, { "xfs", 12 }, { "vfat", 11 }, { "swap", 15 } };
	const struct layout_fs *f = &l->fs[i];

	for (size_t k = 0; f->label && k < ARRAY_LEN(limits); k++)
		if (str_eq(f->type, limits[k].type) && strlen(f->label) > limits[k].max)
			return bad_in(o, "fs", i, "label", err, "'%s' has %zu characters; %s allows %zu", f->label,
				      strlen(f->label), f->type, limits[k].max);
	return 0;
}

static int check_fs(const struct json_obj *o, const struct layout *l, size_t i, struct err *err)
{
	const struct layout_fs *f = &l->fs[i];
	const struct layout_part *p = part_below(l, f);
	bool swap = str_eq(f->type, "swap"), efi = str_eq(f->mount, "/boot/efi");

	if (!p)
		return bad_in(o, "fs", i, "on", err, "there is no array and no partition '%s'", f->on);
	if (fs_on(l, f->on) != i)
		return bad_in(o, "fs", i, "on", err, "fs[%zu] is on '%s' already", fs_on(l, f->on), f->on);
	if (find_md(l, f->on) == l->n_md && md_on(l, f->on) < l->n_md)
		return bad_in(o, "fs", i, "on", err, "partition '%s' belongs to array '%s'; put the file system on the array",
			      f->on, l->md[md_on(l, f->on)].name);
	if (find_md(l, f->on) == l->n_md && l->want > 1)
		return bad_in(
			o, "fs", i, "on", err,
			"'%s' is a partition on each of %u disks; with more than one disk a file system must be on an array",
			f->on, l->want);
	if (swap && f->mount)
		return bad_in(o, "fs", i, "mount", err, "'%s', but swap is not mounted; leave it out", f->mount);
	if (!swap && !f->mount)
		return bad_in(o, "fs", i, "mount", err, "is missing");
	for (size_t k = 0; k < i; k++)
		if (f->mount && str_eq(l->fs[k].mount, f->mount))
			return bad_in(o, "fs", i, "mount", err, "fs[%zu] is mounted at '%s' already", k, f->mount);
	if (efi != str_eq(p->use, "esp"))
		return bad_in(o, "fs", i, "mount", err,
			      "'%s', but the EFI system partition, and only it, is mounted at '/boot/efi'",
			      f->mount ? f->mount : "");
	if (efi != str_eq(f->type, "vfat"))
		return bad_in(o, "fs", i, "type", err, "\"%s\", but vfat is allowed for '/boot/efi', and only there", f->type);
	return check_label(o, l, i, err);
}

static int has_mount(const struct json_obj *o, const struct layout *l, const char *mount, struct err *err)
{
	for (size_t i = 0; i < l->n_fs; i++)
		if (str_eq(l->fs[i].mount, mount))
			return 0;
	return json_bad(o, "fs", err, "no file system is mounted at '%s'", mount);
}

static int check_all_used(const struct json_obj *o, const struct layout *l, struct err *err)
{
	for (size_t i = 0; i < l->n_md; i++)
		if (fs_on(l, l->md[i].name) == l->n_fs)
			return bad_in(o, "md", i, "name", err, "no file system of fs is on array '%s'", l->md[i].name);
	return 0;
}

/* Names of arrays and ids of partitions are told apart by where they stand, save in fs[].on: an equal pair must be one on the
 * other. */
static int check_names(const struct json_obj *o, const struct layout *l, struct err *err)
{
	for (size_t i = 0; i < l->n_md; i++)
		if (find_part(l, l->md[i].name) < l->n_parts && !str_eq(l->md[i].name, l->md[i].on))
			return bad_in(o, "md", i, "name", err, "'%s' is also the id of a partition that the array is not on",
				      l->md[i].name);
	return 0;
}

int layout_check(const struct json_obj *o, struct layout *l, struct err *err)
{
	if (l->min > l->want)
		return json_bad(o, "disks.min", err, "%u is more than disks.want, %u", l->min, l->want);
	if (!l->bios && !l->uefi)
		return json_bad(o, "boot", err, "neither bios nor uefi is true: no machine could boot from these disks");
	default_uses(l);
	if (check_parts(o, l, err) < 0 || check_md(o, l, err) < 0 || check_names(o, l, err) < 0)
		return -1;
	for (size_t i = 0; i < l->n_fs; i++)
		if (check_fs(o, l, i, err) < 0)
			return -1;
	if (check_all_used(o, l, err) < 0 || has_mount(o, l, "/", err) < 0)
		return -1;
	return l->uefi ? has_mount(o, l, "/boot/efi", err) : 0;
}
