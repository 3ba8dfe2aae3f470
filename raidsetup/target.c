/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/apply.h"

#include "base/mem.h"
#include "raidsetup/disk.h"
#include "raidsetup/probe.h"
#include "raidsetup/signatures.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* How long to wait for udev to let go of a disk, and for a node to appear: a loaded machine with many disks takes some seconds.
 */
#define WAIT_NS (30 * NS_PER_S)
#define PAUSE_NS (50 * NS_PER_MS)

static void blkid_free(blkid_probe *pr)
{
	blkid_free_probe(*pr);
}

static int same_disk(const struct raid_target *t, const struct disk *d, struct err *err)
{
	if (d->size_bytes != t->size_bytes || d->logical_sector_bytes != t->sector_bytes)
		return err_set(err, ERR_REFUSED, "%s has %llu bytes in sectors of %llu now, not %llu in sectors of %llu",
			       t->label, (unsigned long long)d->size_bytes, (unsigned long long)d->logical_sector_bytes,
			       (unsigned long long)t->size_bytes, (unsigned long long)t->sector_bytes);
	if (d->read_only)
		return err_set(err, ERR_REFUSED, "%s is read-only now", t->label);
	if (d->in_use)
		return err_set(err, ERR_REFUSED, "%s is in use now: %s", t->label, d->in_use);
	return 0;
}

/* Probe again, and settle on exactly one disk. */
static int find_target(const struct raid_env *env, const struct raid_target *t, char **name, struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };
	const struct disk *match = NULL;

	if (probe_disks(env, false, &disks, err) < 0)
		return -1;
	for (size_t i = 0; i < disks.len; i++) {
		autofree char *id = disk_id(&disks.items[i]);

		if (!disk_has_id(&disks.items[i]) || !str_eq(id, t->id))
			continue;
		if (match)
			return err_set(err, ERR_REFUSED, "two disks say that they are %s", t->label);
		match = &disks.items[i];
	}
	if (!match)
		return err_set(err, ERR_REFUSED, "%s is not there any more", t->label);
	if (same_disk(t, match, err) < 0)
		return -1;
	*name = mem_strdup(match->name);
	return 0;
}

static int stop_idle_arrays(const struct raid_env *env, const char *name, struct err *err)
{
	autoclean(str_list_free) struct str_list idle = { 0 };
	autofree char *why = probe_in_use(env, name, &idle);

	for (size_t i = 0; !why && i < idle.len; i++)
		if (md_stop(env, idle.items[i], err) < 0)
			return -1;
	return 0;
}

/* Who is it that has this name now? */
static bool has_identity(const struct raid_env *env, const char *name, const char *id)
{
	autoclean(disks_free) struct disks one = { 0 };
	struct disk *d = disks_add(&one);
	autofree char *have = NULL;

	free(d->name);
	d->name = mem_strdup(name);
	probe_identity(env, d);
	have = disk_id(d);
	return disk_has_id(d) && str_eq(have, id);
}

int target_check(const struct raid_env *env, int fd, const char *name, const struct raid_target *t, struct err *err)
{
	autofree char *dir = sys_block_dir(env, name);
	uint64_t size_bytes = 0;
	struct stat st;
	dev_t dev;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "look at %s", t->label);
	if (!S_ISBLK(st.st_mode) || !sysfs_dev(dir, &dev) || dev != st.st_rdev)
		return err_set(err, ERR_REFUSED, "%s moved to another name in this moment", t->label);
	if (!has_identity(env, name, t->id))
		return err_set(err, ERR_REFUSED, "%s was changed for another disk in this moment", t->label);
	if (ioctl(fd, BLKGETSIZE64, &size_bytes) < 0)
		return err_errno(err, errno, "ask %s for its size", t->label);
	if (size_bytes != t->size_bytes)
		return err_set(err, ERR_REFUSED, "%s changed its size in this moment", t->label);
	return 0;
}

/* udev holds a shared lock while it looks at a disk, and looks at none that is locked (systemd's BLOCK_DEVICE_LOCKING page). */
static int lock_disk(int fd, const char *label, struct err *err)
{
	int64_t deadline = clock_now_ns() + WAIT_NS;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(err, errno, "lock %s", label);
		if (clock_now_ns() > deadline)
			return err_set(err, ERR_REFUSED, "%s is locked by another program", label);
		clock_sleep_ns(PAUSE_NS);
	}
	return 0;
}

/* udev and friends open without O_EXCL, mounts and arrays with it: EBUSY is a real user, except for one that is just going. */
static int open_alone(const char *node, const char *label, struct err *err)
{
	int64_t deadline = clock_now_ns() + WAIT_NS / 10;
	int fd;

	while ((fd = open(node, O_RDWR | O_EXCL | O_CLOEXEC)) < 0) {
		if (errno != EBUSY)
			return err_errno(err, errno, "open %s", label);
		if (clock_now_ns() > deadline)
			return err_set(err, ERR_REFUSED, "%s is held by another program or the kernel", label);
		clock_sleep_ns(PAUSE_NS);
	}
	return fd;
}

int target_open(const struct raid_env *env, const struct raid_target *t, bool stop_idle, char **name, struct err *err)
{
	autofree char *found = NULL, *node = NULL;
	autoclose int fd = -1;

	if (find_target(env, t, &found, err) < 0 || (stop_idle && stop_idle_arrays(env, found, err) < 0))
		return -1;
	node = sys_node(env, found);
	fd = open_alone(node, t->label, err);
	if (fd < 0 || target_check(env, fd, found, t, err) < 0 || lock_disk(fd, t->label, err) < 0)
		return -1;
	if (name)
		*name = steal(found);
	return steal_fd(fd);
}

int target_reread(int fd, struct err *err)
{
	int64_t deadline = clock_now_ns() + WAIT_NS;

	while (ioctl(fd, BLKRRPART) < 0) {
		/* Somebody has a partition open for a moment; EINVAL is a device that can't have partitions. */
		if (errno != EBUSY || clock_now_ns() > deadline)
			return err_errno(err, errno, "make the kernel read the partition table again");
		clock_sleep_ns(PAUSE_NS);
	}
	return 0;
}

static int tell_part(int fd, int number, const struct gpt_part *p, struct err *err)
{
	struct blkpg_partition part = { .start = (long long)p->first_byte, .length = (long long)p->size_bytes, .pno = number };
	struct blkpg_ioctl_arg arg = { .op = BLKPG_ADD_PARTITION, .datalen = sizeof(part), .data = &part };

	if (ioctl(fd, BLKPG, &arg) < 0)
		return err_errno(err, errno, "tell the kernel of partition '%s'", p->name);
	return 0;
}

int target_show_parts(const struct raid_env *env, int fd, const char *name, const struct raid_partition *table, struct err *err)
{
	autoclean(sys_parts_free) struct sys_parts have = { 0 };

	if (target_reread(fd, err) < 0)
		return -1;
	sys_parts_read(env, name, &have);
	for (size_t i = 0; i < table->n_parts; i++) {
		const struct sys_part *k = NULL;

		for (size_t j = 0; j < have.len; j++)
			if (have.items[j].number == i + 1)
				k = &have.items[j];
		if (!k && tell_part(fd, (int)i + 1, &table->parts[i], err) < 0)
			return -1;
		if (k && (k->first_byte != table->parts[i].first_byte || k->size_bytes != table->parts[i].size_bytes))
			return err_set(err, ERR_FAILED,
				       "the kernel has partition '%s' at byte %llu with %llu bytes, not at %llu with %llu",
				       table->parts[i].name, (unsigned long long)k->first_byte, (unsigned long long)k->size_bytes,
				       (unsigned long long)table->parts[i].first_byte,
				       (unsigned long long)table->parts[i].size_bytes);
	}
	return 0;
}

/* The number of the partition with this GUID in the disk's table; 0: none. */
static int number_of(const char *disk_node, const char *guid)
{
	autoclose int fd = open(disk_node, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	autoclean(blkid_free) blkid_probe pr = blkid_new_probe();
	blkid_partlist list;

	if (fd < 0 || !pr || blkid_probe_set_device(pr, fd, 0, 0) < 0)
		return 0;
	blkid_probe_enable_partitions(pr, 1);
	list = blkid_probe_get_partitions(pr);
	for (int i = 0; list && i < blkid_partlist_numof_partitions(list); i++) {
		blkid_partition part = blkid_partlist_get_partition(list, i);
		const char *have = blkid_partition_get_uuid(part);

		if (have && strcasecmp(have, guid) == 0)
			return blkid_partition_get_partno(part);
	}
	return 0;
}

/* The kernel's partition must be the one in the table by place too, not a leftover of the table before. */
static char *part_node(const struct raid_env *env, const struct disk *d, const char *guid)
{
	autofree char *disk = sys_node(env, d->name);
	autoclean(sys_parts_free) struct sys_parts parts = { 0 };
	int number = number_of(disk, guid);

	if (number <= 0)
		return NULL;
	sys_parts_read(env, d->name, &parts);
	for (size_t i = 0; i < parts.len; i++) {
		autofree char *node = sys_node(env, parts.items[i].name);
		struct stat st;
		dev_t dev;

		if (parts.items[i].number == (unsigned int)number && sysfs_dev(parts.items[i].dir, &dev) &&
		    stat(node, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == dev)
			return steal(node);
	}
	return NULL;
}

/* A clone of one of the plan's disks has the same GUIDs and UUIDs, and may be one that must not be touched. */
static bool is_one_of(const struct str_list *ids, const struct disk *d)
{
	autofree char *id = disk_id(d);

	return disk_has_id(d) && str_list_has(ids, id);
}

/* Of two that fit, neither can be meant. Takes `found`, which may be NULL. */
static int take_match(char *found, const char *what, char **node, struct err *err)
{
	autofree char *mine = found;

	if (!mine)
		return 0;
	if (*node) {
		err_set(err, ERR_REFUSED, "both %s and %s are %s", *node, mine, what);
		free(steal(*node));
		return -1;
	}
	*node = steal(mine);
	return 0;
}

int part_find(const struct raid_env *env, const struct str_list *ids, const char *guid, char **node, struct err *err)
{
	int64_t deadline = clock_now_ns() + WAIT_NS;
	autofree char *what = str_format("the partition with the GUID %s", guid);

	for (*node = NULL;; clock_sleep_ns(PAUSE_NS)) {
		autoclean(disks_free) struct disks disks = { 0 };

		if (probe_disks(env, false, &disks, err) < 0)
			return -1;
		for (size_t i = 0; i < disks.len; i++)
			if (is_one_of(ids, &disks.items[i]) &&
			    take_match(part_node(env, &disks.items[i], guid), what, node, err) < 0)
				return -1;
		if (*node)
			return 0;
		if (clock_now_ns() > deadline)
			return err_set(err, ERR_NOT_FOUND, "no partition with the GUID %s appeared within %lld s on %s", guid,
				       (long long)(WAIT_NS / NS_PER_S), ids->len == 1 ? ids->items[0] : "the plan's disks");
	}
}

static bool carries(const char *node, const char *type, const char *uuid)
{
	autofree char *t = NULL, *u = NULL;
	struct err err = { 0 };

	return signatures_identify(node, &t, &u, &err) == 0 && str_eq(t, type) && str_eq(u, uuid);
}

static int fs_find_on(const struct raid_env *env, const struct disk *d, const char *type, const char *uuid, char **node,
		      struct err *err)
{
	autoclean(sys_parts_free) struct sys_parts parts = { 0 };
	autofree char *what = str_format("the %s with UUID %s", type, uuid);

	sys_parts_read(env, d->name, &parts);
	for (size_t k = 0; k < parts.len; k++) {
		autofree char *part = sys_node(env, parts.items[k].name);

		if (carries(part, type, uuid) && take_match(steal(part), what, node, err) < 0)
			return -1;
	}
	return 0;
}

int fs_find(const struct raid_env *env, const struct str_list *ids, const char *type, const char *uuid, char **node,
	    struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };

	*node = NULL;
	if (probe_disks(env, false, &disks, err) < 0)
		return -1;
	for (size_t i = 0; i < disks.len; i++)
		if (is_one_of(ids, &disks.items[i]) && fs_find_on(env, &disks.items[i], type, uuid, node, err) < 0)
			return -1;
	return *node ? 0 : err_set(err, ERR_NOT_FOUND, "no partition has the %s with UUID %s", type, uuid);
}
