/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/probe.h"

#include "base/mem.h"
#include "raidsetup/disk.h"
#include "raidsetup/oldparts.h"
#include "raidsetup/signatures.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <fcntl.h>
#include <string.h>

/* Optical drives and floppies have a device behind them as disks do, and so have the boot areas of an eMMC; NVMe paths that
 * belong to a multipath disk say that they are hidden. Everything without a device behind it (loop, ram, zram, md, dm) is no
 * disk. */
static bool is_disk(const struct raid_env *env, const char *name, const char *dir)
{
	autofree char *device = fs_join(dir, "device"), *type = sysfs_text(device, "type");

	if (env->loops && str_list_has(env->loops, name))
		return true;
	if (!fs_exists(device) || sysfs_u64(dir, "hidden", 0))
		return false;
	if (str_starts(name, "sr") || str_starts(name, "fd") || strstr(name, "boot") || strstr(name, "rpmb"))
		return false;
	/* SCSI device types: 0 is a disk, 20 a host-managed zoned one, which md can't use (SPC-5, 6.7.2). */
	return !*type || str_eq(type, "0");
}

static void read_found(const struct raid_env *env, struct disk *d)
{
	autofree char *node = sys_node(env, d->name);
	autoclose int fd = open(node, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const struct raid_target t = { .size_bytes = d->size_bytes, .sector_bytes = d->logical_sector_bytes };
	autoclean(old_parts_free) struct old_parts parts = { 0 };
	struct err err = { 0 };

	/* That it can't be opened was noticed by probe_in_use(); an unreadable one is the disk test's to judge. */
	if (fd < 0)
		return;
	if (signatures_find(fd, 0, d->size_bytes, &d->found, &err) < 0)
		log_err("disks", d->name, &err);
	old_parts_read(env, d->name, fd, &t, &parts);
	for (size_t i = 0; i < parts.len; i++)
		if (signatures_find(fd, parts.items[i].first_byte, parts.items[i].size_bytes, &d->found, &err) < 0)
			log_err("disks", d->name, &err);
}

static void read_disk(const struct raid_env *env, const char *name, const char *dir, bool with_found, struct disks *out)
{
	autofree char *queue = fs_join(dir, "queue");
	uint64_t size_bytes = sysfs_u64(dir, "size", 0) * 512;
	struct disk *d;

	if (!size_bytes)
		return;
	d = disks_add(out);
	free(d->name);
	d->name = mem_strdup(name);
	d->size_bytes = size_bytes;
	d->logical_sector_bytes = sysfs_u64(queue, "logical_block_size", 512);
	d->physical_sector_bytes = sysfs_u64(queue, "physical_block_size", d->logical_sector_bytes);
	d->rotational = sysfs_u64(queue, "rotational", 0) != 0;
	d->removable = sysfs_u64(dir, "removable", 0) != 0;
	d->read_only = sysfs_u64(dir, "ro", 0) != 0;
	probe_identity(env, d);
	d->in_use = probe_in_use(env, name, NULL);
	if (with_found)
		read_found(env, d);
}

static int by_disk(const void *a, const void *b)
{
	return disk_order(a, b);
}

int probe_disks(const struct raid_env *env, bool with_found, struct disks *out, struct err *err)
{
	autofree char *block = fs_join(env->sys, "block");
	autoclean(str_list_free) struct str_list names = { 0 };

	*out = (struct disks){ 0 };
	if (fs_list(block, &names, err) < 0)
		return err_wrap(err, "look for disks");
	for (size_t i = 0; i < names.len; i++) {
		autofree char *dir = sys_block_dir(env, names.items[i]);

		if (is_disk(env, names.items[i], dir))
			read_disk(env, names.items[i], dir, with_found, out);
	}
	if (out->len)
		qsort(out->items, out->len, sizeof(*out->items), by_disk);
	return 0;
}

int raid_probe(struct disks *out, struct err *err)
{
	return probe_disks(&raid_env_host, true, out, err);
}
