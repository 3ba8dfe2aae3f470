/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/probe.h"

#include "base/mem.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define TABLE_MAX (4u << 20)

/* A disk and its partitions. */
struct devs {
	dev_t *items;
	size_t len;
};

static bool has_dev(const struct devs *d, dev_t dev)
{
	for (size_t i = 0; i < d->len; i++)
		if (d->items[i] == dev)
			return true;
	return false;
}

static bool is_node_of(const struct devs *d, const char *path)
{
	struct stat st;

	return path[0] == '/' && stat(path, &st) == 0 && S_ISBLK(st.st_mode) && has_dev(d, st.st_rdev);
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw" (proc(5)). The device number is the disk's own except for
 * btrfs and others that make one up: these are known by their source. */
static char *mounted_at(const struct raid_env *env, const struct devs *devs)
{
	autofree char *path = str_format("%s/self/mountinfo", env->proc);
	autoclean(buf_free) struct buf table = { 0 };
	char *line, *rest;

	if (!sysfs_read(path, TABLE_MAX, &table) || !table.data)
		return NULL;
	for (line = strtok_r(table.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *tail = strstr(line, " - "), source[256] = "", where[256] = "";
		unsigned int major, minor;

		if (!tail || sscanf(line, "%*u %*u %u:%u %*s %255s", &major, &minor, where) != 3)
			continue;
		if (sscanf(tail, " - %*s %255s", source) != 1)
			source[0] = '\0';
		if (has_dev(devs, makedev(major, minor)) || is_node_of(devs, source))
			return str_format("mounted at %s", where);
	}
	return NULL;
}

static bool is_swap(const struct raid_env *env, const struct devs *devs)
{
	autofree char *path = str_format("%s/swaps", env->proc);
	autoclean(buf_free) struct buf table = { 0 };
	char *line, *rest;

	if (!sysfs_read(path, TABLE_MAX, &table) || !table.data)
		return false;
	for (line = strtok_r(table.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line[strcspn(line, " \t")] = '\0';
		if (is_node_of(devs, line))
			return true;
	}
	return false;
}

/* An array that was found but not started ("inactive", "clear") uses nothing yet; all other holders do. */
static char *held_by(const struct raid_env *env, const char *dir, struct str_list *idle_md)
{
	autofree char *holders = fs_join(dir, "holders");
	autoclean(str_list_free) struct str_list names = { 0 };

	sysfs_list(holders, &names);
	for (size_t i = 0; i < names.len; i++) {
		autofree char *holder = sys_block_dir(env, names.items[i]), *md = fs_join(holder, "md"),
			      *dm = fs_join(holder, "dm");
		autofree char *state = sysfs_text(md, "array_state"), *dm_name = sysfs_text(dm, "name");

		if (str_eq(state, "inactive") || str_eq(state, "clear")) {
			if (idle_md && !str_list_has(idle_md, names.items[i]))
				str_list_add(idle_md, names.items[i]);
			continue;
		}
		if (*dm_name)
			return str_format("held by the device mapper as %s", dm_name);
		return str_format("held by %s%s", *state ? "the running array " : "", names.items[i]);
	}
	return NULL;
}

/* The kernel's own word: an exclusive open fails while anybody, in whatever namespace, holds the disk or a partition of it. */
static char *claimed(const struct raid_env *env, const char *name)
{
	autofree char *node = sys_node(env, name);
	autoclose int fd = open(node, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);

	char reason[128];

	/* No node: a machine of a test's making, or one that udev is about to finish; the step that uses the disk will see. */
	if (fd >= 0 || errno == ENOENT || errno == ENXIO)
		return NULL;
	if (errno == EBUSY)
		return mem_strdup("held by another program or the kernel");
	return str_format("it can't be opened (%s)", strerror_r(errno, reason, sizeof(reason)));
}

static bool has_holder(const char *dir)
{
	autofree char *holders = fs_join(dir, "holders");
	autoclean(str_list_free) struct str_list names = { 0 };

	sysfs_list(holders, &names);
	return names.len > 0;
}

/* An array that is not started claims the disk, too; then the partitions that it does not have are asked. */
static char *claimed_beside(const struct raid_env *env, const char *dir, const struct sys_parts *parts)
{
	char *why = NULL;

	if (has_holder(dir))
		return NULL;
	for (size_t i = 0; i < parts->len && !why; i++)
		if (!has_holder(parts->items[i].dir))
			why = claimed(env, parts->items[i].name);
	return why;
}

char *probe_in_use(const struct raid_env *env, const char *name, struct str_list *idle_md)
{
	autofree char *dir = sys_block_dir(env, name);
	autoclean(sys_parts_free) struct sys_parts parts = { 0 };
	autoclean(str_list_free) struct str_list idle = { 0 };
	struct devs devs = { 0 };
	char *why;

	sys_parts_read(env, name, &parts);
	devs.items = mem_array(parts.len + 1, sizeof(*devs.items));
	devs.len += sysfs_dev(dir, &devs.items[devs.len]);
	for (size_t i = 0; i < parts.len; i++)
		devs.len += sysfs_dev(parts.items[i].dir, &devs.items[devs.len]);
	why = mounted_at(env, &devs);
	if (!why && is_swap(env, &devs))
		why = mem_strdup("used as swap space");
	free(devs.items);
	if (!why)
		why = held_by(env, dir, &idle);
	for (size_t i = 0; i < parts.len && !why; i++)
		why = held_by(env, parts.items[i].dir, &idle);
	if (!why)
		why = idle.len ? claimed_beside(env, dir, &parts) : claimed(env, name);
	for (size_t i = 0; idle_md && i < idle.len; i++)
		str_list_add(idle_md, idle.items[i]);
	return why;
}
