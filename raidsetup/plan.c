/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/raidsetup.h"

#include "base/mem.h"
#include "base/str.h"
#include "raidsetup/disk.h"
#include "raidsetup/plan_steps.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)

void raid_result_free(struct raid_result *r)
{
	str_list_free(&r->members);
	for (size_t i = 0; i < r->n_md; i++) {
		free(r->md[i].name);
		free(r->md[i].fs_type);
		free(r->md[i].mount);
		free(r->md[i].on);
	}
	for (size_t i = 0; i < r->n_fs; i++) {
		free(r->fs[i].mount);
		free(r->fs[i].type);
		free(r->fs[i].options);
		free(r->fs[i].device_md);
	}
	free(r->md);
	free(r->fs);
	*r = (struct raid_result){ 0 };
}

bool raid_owns_step(const struct plan_step *step)
{
	return step->type >= RAID_STEP_FIRST && step->type <= RAID_STEP_LAST;
}

/* Fewest working disks, and how many of the active ones may be missing. */
static const struct level {
	unsigned int level, least, can_lose;
} levels[] = { { 0, 2, 0 }, { 1, 2, 63 }, { 5, 3, 1 }, { 6, 4, 2 }, { 10, 2, 1 } };

static int check_array(const struct layout *l, const struct layout_md *md, size_t n, struct err *err)
{
	const struct level *v = levels;
	struct array_shape shape;

	while (v < levels + ARRAY_LEN(levels) && v->level != md->level)
		v++;
	if (v == levels + ARRAY_LEN(levels))
		return err_set(err, ERR_INVALID, "array '%s': RAID level %u is not one of 0, 1, 5, 6, 10", md->name, md->level);
	if (layout_part(l, md->on) == l->n_parts)
		return err_set(err, ERR_INVALID, "array '%s' is on partition '%s', which the layout does not have", md->name,
			       md->on);
	array_shape(l, md, n, &shape);
	if (shape.active < v->least)
		return err_set(err, ERR_INVALID,
			       "array '%s': RAID %u needs at least %u disks beside its spares, the layout wants %u", md->name,
			       md->level, v->least, shape.active);
	if (shape.present == 0 || shape.missing > v->can_lose) {
		err_set(err, ERR_REFUSED, "array '%s' (RAID %u) can't be made with %u of its %u disks", md->name, md->level,
			shape.present, shape.active);
		return err_hint(err, "raise the layout's min, or give the machine the disks it lacks");
	}
	return 0;
}

/* What raid_plan can't do is refused before anything is said: a layout made by hand need not have come from layout_read(). */
static int check_layout(const struct layout *l, size_t n, struct err *err)
{
	for (size_t i = 0; i < l->n_md; i++)
		if (check_array(l, &l->md[i], n, err) < 0)
			return -1;
	for (size_t i = 0; i < l->n_fs; i++) {
		const struct layout_fs *fs = &l->fs[i];

		if (layout_array(l, fs->on))
			continue;
		if (layout_part(l, fs->on) == l->n_parts)
			return err_set(err, ERR_INVALID,
				       "file system %s is on '%s', which is no array and no partition of the layout",
				       fs->mount ? fs->mount : fs->type, fs->on);
		if (l->want > 1)
			return err_set(err, ERR_INVALID,
				       "file system %s is on partition '%s', which is there on each of %u disks",
				       fs->mount ? fs->mount : fs->type, fs->on, l->want);
	}
	return 0;
}

/* The same table on every disk, for the smallest of them; the reserve stays free at its end, so that a replacement may be a
 * little smaller still. */
static int place_parts(struct planning *p, struct err *err)
{
	const struct layout *l = p->layout;
	uint64_t smallest = p->taken[0]->size_bytes, reserve = l->reserve_bytes ? l->reserve_bytes : 1, at = RAID_ALIGN_BYTES,
		 end;

	for (size_t i = 1; i < p->n_taken; i++)
		if (p->taken[i]->size_bytes < smallest)
			smallest = p->taken[i]->size_bytes;
	if (align_up(reserve) >= smallest)
		return err_set(err, ERR_REFUSED, "the layout's reserve is larger than the smallest disk");
	end = (smallest - align_up(reserve)) / RAID_ALIGN_BYTES * RAID_ALIGN_BYTES;
	for (size_t i = 0; i < l->n_parts; i++) {
		uint64_t size = l->parts[i].rest ? end - at : align_up(l->parts[i].size_bytes);

		/* members_pick() saw that it fits; a "rest" that is not last would show here. */
		if (at > end || size > end - at || !size)
			return err_set(err, ERR_REFUSED, "partition '%s' does not fit on the smallest disk", l->parts[i].id);
		p->extents[i] = (struct extent){ .first_byte = at, .size_bytes = size };
		at += size;
	}
	return 0;
}

/* FAT32 begins at 65525 clusters of a sector each, XFS at 300 MB: smaller ones fail in mkfs, or are made and then not read by
 * firmware (Microsoft's FAT specification, 3.5; mkfs.xfs(8)). */
static uint64_t fs_least_bytes(const char *type, uint64_t sector_bytes)
{
	if (str_eq(type, "vfat"))
		return sector_bytes > 512 ? 272 * MIB : 36 * MIB;
	if (str_eq(type, "xfs"))
		return 320 * MIB;
	return 16 * MIB;
}

static int check_sizes(const struct planning *p, struct err *err)
{
	for (size_t i = 0; i < p->layout->n_fs; i++) {
		const struct layout_fs *fs = &p->layout->fs[i];
		const struct layout_md *md = layout_array(p->layout, fs->on);
		uint64_t bytes = p->extents[layout_part(p->layout, md ? md->on : fs->on)].size_bytes;
		uint64_t least = fs_least_bytes(fs->type, p->sector_bytes);
		char have[STR_BYTES_MAX], need[STR_BYTES_MAX];

		if (md) {
			struct array_shape shape;

			array_shape(p->layout, md, p->n_taken, &shape);
			bytes = array_bytes(md, &shape, bytes);
		}
		if (bytes >= least)
			continue;
		str_from_bytes(bytes, have);
		str_from_bytes(least, need);
		err_set(err, ERR_REFUSED, "'%s' has %s, but %s on disks with %llu byte sectors needs at least %s", fs->on, have,
			fs->type, (unsigned long long)p->sector_bytes, need);
		return err_hint(
			err,
			"make partition '%s' larger in the layout, or leave smaller disks out with min_bytes in a match rule",
			md ? md->on : fs->on);
	}
	return 0;
}

static void list_members(struct planning *p)
{
	size_t at = 0;

	for (size_t i = 0; i < p->members->n_all; i++) {
		autofree char *id = NULL;

		if (p->members->all[i].why)
			continue;
		id = disk_id(p->members->all[i].disk);
		str_list_add(&p->result->members, id);
		p->taken[at++] = p->members->all[i].disk;
	}
	p->n_taken = at;
	for (; at < p->layout->want; at++)
		str_list_add(&p->result->members, "missing");
}

/* A path fits no disk, and would protect none without a word. */
static int check_protect(const struct layout *l, struct err *err)
{
	for (size_t i = 0; i < l->protect.len; i++) {
		if (l->protect.items[i][0] != '/')
			continue;
		err_set(err, ERR_INVALID, "layout '%s' protects '%s', which is a path and not a serial number or WWN", l->name,
			l->protect.items[i]);
		return err_hint(err, "write the number that `orthrus disk probe` shows for the disk");
	}
	return 0;
}

static int make_plan(struct planning *p, struct err *err)
{
	const struct layout *l = p->layout;

	if (check_protect(l, err) < 0)
		return -1;
	if (!l->want || !l->min || l->min > l->want || !l->n_parts)
		return err_set(err, ERR_INVALID, "layout '%s': min %u and want %u make no sense, or it has no partitions",
			       l->name, l->min, l->want);
	steps_leave(p);
	if (p->members->n_taken < l->min)
		return members_refuse(l, p->members, err);
	list_members(p);
	p->sector_bytes = p->taken[0]->logical_sector_bytes;
	if (check_layout(l, p->n_taken, err) < 0 || place_parts(p, err) < 0 || check_sizes(p, err) < 0)
		return err_wrap(err, "layout '%s'", l->name);
	steps_unboot(p);
	steps_wipe(p);
	steps_partition(p);
	steps_create(p);
	steps_format(p);
	return 0;
}

int raid_plan(const struct layout *layout, const struct disks *disks, const uint8_t seed[RAID_SEED_LEN], struct plan *plan,
	      struct raid_result *result, struct err *err)
{
	autoclean(members_free) struct members members = { 0 };
	struct planning p = { .layout = layout, .seed = seed, .members = &members, .plan = plan, .result = result };
	int rc;

	*result = (struct raid_result){ 0 };
	members_pick(layout, disks, &members);
	p.taken = mem_array(disks->len + 1, sizeof(*p.taken));
	p.extents = mem_array(layout->n_parts + 1, sizeof(*p.extents));
	rc = make_plan(&p, err);
	free(p.taken);
	free(p.extents);
	if (rc < 0)
		raid_result_free(result);
	return rc;
}
