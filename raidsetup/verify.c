/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/apply.h"

#include "base/mem.h"
#include "raidsetup/disk.h"
#include "raidsetup/probe.h"
#include "raidsetup/signatures.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What version 1.x metadata takes of a member at most: data offset, bitmap, room for a reshape (mdadm 4.2: 128 MiB and a little).
 */
#define MD_TAKES_BYTES (UINT64_C(160) << 20)

/* What sysfs tells of a running array's members (kernel's Documentation/admin-guide/md.rst, "dev-XXX"). */
struct array_members {
	unsigned int n;
	struct str_list disks;	/* kernel names of the disks they lie on */
	struct str_list faulty; /* of those that failed, or could not write all they were given */
};

static void array_members_free(struct array_members *m)
{
	str_list_free(&m->disks);
	str_list_free(&m->faulty);
}

/* "/sys/devices/.../block/vda/vda3" -> "vda": a partition lies in its disk's directory. */
static char *disk_of(const char *block)
{
	autofree char *real = realpath(block, NULL), *part = fs_join(block, "partition");
	const char *base = real ? strrchr(real, '/') : NULL;

	if (base && fs_exists(part)) {
		real[base - real] = '\0';
		base = strrchr(real, '/');
	}
	return mem_strdup(base ? base + 1 : "");
}

/* An array with a bad block log notes what a member could not write and goes on as if it were whole. Ours have none (CREATE
 * bbl=no in mdadm.conf), so that such a member fails; this is for an mdadm that was told otherwise. */
static bool has_bad_blocks(const char *member_dir)
{
	autofree char *noted = sysfs_text(member_dir, "bad_blocks"),
		      *not_yet = sysfs_text(member_dir, "unacknowledged_bad_blocks");

	return *noted || *not_yet;
}

static void read_members(const char *md_dir, struct array_members *out)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	sysfs_list(md_dir, &names);
	for (size_t i = 0; i < names.len; i++) {
		autofree char *dir = NULL, *state = NULL, *block = NULL, *disk = NULL;

		if (!str_starts(names.items[i], "dev-"))
			continue;
		dir = fs_join(md_dir, names.items[i]);
		block = fs_join(dir, "block");
		state = sysfs_text(dir, "state");
		disk = disk_of(block);
		out->n++;
		if (strstr(state, "faulty") || has_bad_blocks(dir))
			str_list_add(&out->faulty, disk);
		if (!str_list_has(&out->disks, disk))
			str_list_add(&out->disks, disk);
	}
}

/* Which disks, as people know them: whoever reads this stands before the machine to pull one out. */
static int check_faulty(const struct array_members *m, const struct disks *disks, struct err *err)
{
	autoclean(buf_free) struct buf list = { 0 };

	for (size_t i = 0; i < disks->len; i++) {
		autofree char *label = disk_label(&disks->items[i]);

		if (str_list_has(&m->faulty, disks->items[i].name))
			buf_addf(&list, "%s%s", list.len ? "; " : "", label);
	}
	if (!m->faulty.len)
		return 0;
	err_set(err, ERR_FAILED, "%zu of %u members failed: %s", m->faulty.len, m->n,
		list.len ? buf_str(&list) : "on an unknown disk");
	return err_hint(err, "replace the disk; or name it in the layout's disks.protect to go on without it");
}

/* Each member on a disk of its own, and each of these a disk of the plan. */
static int check_member_disks(const struct array_members *m, const struct raid_result *r, const struct disks *disks,
			      struct err *err)
{
	if (m->disks.len != m->n)
		return err_set(err, ERR_FAILED, "%u members lie on %zu disks", m->n, m->disks.len);
	for (size_t i = 0; i < disks->len; i++) {
		autofree char *id = disk_id(&disks->items[i]);

		if (str_list_has(&m->disks, disks->items[i].name) && !str_list_has(&r->members, id))
			return err_set(err, ERR_FAILED, "disk %s, which is none of the plan's, is a member", id);
	}
	return 0;
}

static unsigned int data_members(const struct raid_md *md)
{
	switch (md->level) {
	case 0:
	case 10:
		return md->active;
	case 5:
		return md->active - 1;
	case 6:
		return md->active - 2;
	default:
		return 1;
	}
}

static int check_shape(const struct raid_md *md, const char *md_dir, const struct array_members *m, uint64_t size_bytes,
		       struct err *err)
{
	autofree char *level = sysfs_text(md_dir, "level"), *state = sysfs_text(md_dir, "array_state");
	autofree char *want_level = str_format("raid%u", md->level);
	uint64_t slots = sysfs_u64(md_dir, "raid_disks", 0), least = data_members(md) * MD_TAKES_BYTES;

	if (!str_eq(level, want_level))
		return err_set(err, ERR_FAILED, "it is %s, not %s", level, want_level);
	if (slots != md->active)
		return err_set(err, ERR_FAILED, "it has %llu slots, not %u", (unsigned long long)slots, md->active);
	if (str_eq(state, "inactive") || str_eq(state, "clear") || str_eq(state, "broken"))
		return err_set(err, ERR_FAILED, "its state is %s", state);
	if (m->n != md->active - md->missing + md->spares)
		return err_set(err, ERR_FAILED, "it has %u members, not %u", m->n, md->active - md->missing + md->spares);
	least = md->size_bytes > least ? md->size_bytes - least : 1;
	if (size_bytes > md->size_bytes || size_bytes < least)
		return err_set(err, ERR_FAILED, "it has %llu bytes, not %llu to %llu", (unsigned long long)size_bytes,
			       (unsigned long long)least, (unsigned long long)md->size_bytes);
	return 0;
}

static int verify_array(const struct raid_env *env, const struct raid_result *r, const struct raid_md *md,
			const struct disks *disks, struct err *err)
{
	autofree char *name = NULL, *dir = NULL, *md_dir = NULL;
	autoclean(array_members_free) struct array_members m = { 0 };

	if (md_find(env, md->uuid, &name, err) < 0)
		return -1;
	if (!name)
		return err_set(err, ERR_FAILED, "it is not running");
	dir = sys_block_dir(env, name);
	md_dir = fs_join(dir, "md");
	read_members(md_dir, &m);
	if (check_faulty(&m, disks, err) < 0 || check_shape(md, md_dir, &m, sysfs_u64(dir, "size", 0) * 512, err) < 0)
		return -1;
	return check_member_disks(&m, r, disks, err);
}

int verify_members(const struct raid_env *env, const struct raid_result *r, struct err *err)
{
	for (size_t i = 0; i < r->n_md; i++) {
		autoclean(array_members_free) struct array_members m = { 0 };
		autoclean(disks_free) struct disks disks = { 0 };
		autofree char *name = NULL, *dir = NULL, *md_dir = NULL;

		if (md_find(env, r->md[i].uuid, &name, err) < 0)
			return -1;
		if (!name)
			continue;
		dir = sys_block_dir(env, name);
		md_dir = fs_join(dir, "md");
		read_members(md_dir, &m);
		if (m.faulty.len && (probe_disks(env, false, &disks, err) < 0 || check_faulty(&m, &disks, err) < 0))
			return err_wrap(err, "array %s", r->md[i].name);
	}
	return 0;
}

static int verify_fs(const struct raid_env *env, const struct raid_result *r, const struct raid_fs *fs, struct err *err)
{
	autofree char *name = NULL, *node = NULL, *type = NULL, *uuid = NULL;
	const char *md_uuid = NULL;

	if (!fs->device_md)
		return fs_find(env, &r->members, fs->type, fs->uuid, &node, err);
	for (size_t i = 0; i < r->n_md; i++)
		if (str_eq(r->md[i].name, fs->device_md))
			md_uuid = r->md[i].uuid;
	if (!md_uuid || md_find(env, md_uuid, &name, err) < 0)
		return md_uuid ? -1 : err_set(err, ERR_INVALID, "array %s is none of the plan's", fs->device_md);
	if (!name)
		return err_set(err, ERR_FAILED, "array %s is not running", fs->device_md);
	node = sys_node(env, name);
	if (signatures_identify(node, &type, &uuid, err) < 0)
		return -1;
	if (!str_eq(type, fs->type) || !str_eq(uuid, fs->uuid))
		return err_set(err, ERR_FAILED, "array %s has %s %s, not %s %s", fs->device_md, *type ? type : "nothing", uuid,
			       fs->type, fs->uuid);
	return 0;
}

int raid_verify(const struct raid_result *result, struct err *err)
{
	const struct raid_env *env = &raid_env_host;
	autoclean(disks_free) struct disks disks = { 0 };

	if (probe_disks(env, false, &disks, err) < 0)
		return -1;
	for (size_t i = 0; i < result->n_md; i++)
		if (verify_array(env, result, &result->md[i], &disks, err) < 0)
			return err_wrap(err, "array %s", result->md[i].name);
	for (size_t i = 0; i < result->n_fs; i++)
		if (verify_fs(env, result, &result->fs[i], err) < 0)
			return err_wrap(err, "%s", result->fs[i].mount ? result->fs[i].mount : result->fs[i].type);
	return 0;
}
