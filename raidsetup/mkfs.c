/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/apply.h"

#include "base/mem.h"
#include "raidsetup/signatures.h"
#include "sys/clock.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* mkfs of tens of terabytes with a discard before it. */
#define MKFS_TIMEOUT_NS (3600 * NS_PER_S)

/* How each program is told not to ask, and what it calls UUID and label. */
static const struct maker {
	const char *type;
	const char *argv[6];
	const char *uuid, *uuid_prefix, *label;
} makers[] = {
	{ "ext4", { "mkfs.ext4", "-q", "-F" }, "-U", "", "-L" },
	{ "xfs", { "mkfs.xfs", "-q", "-f" }, "-m", "uuid=", "-L" },
	/* -I: an array is not a partition, which mkfs.vfat thinks a mistake. */
	{ "vfat", { "mkfs.vfat", "-F", "32", "-I" }, "-i", "", "-n" },
	{ "swap", { "mkswap", "-q" }, "-U", "", "-L" },
};

int fs_make_argv(const struct raid_format *f, const char *node, struct str_list *out, struct err *err)
{
	const struct maker *m = makers;

	while (m < makers + ARRAY_LEN(makers) && !str_eq(m->type, f->type))
		m++;
	if (m == makers + ARRAY_LEN(makers))
		return err_set(err, ERR_INVALID, "file system type '%s' is not known", f->type);
	for (size_t i = 0; m->argv[i]; i++)
		str_list_add(out, m->argv[i]);
	str_list_add(out, m->uuid);
	/* mkfs.vfat wants XXXX-XXXX without its dash. */
	if (str_eq(f->type, "vfat"))
		str_list_addf(out, "%.4s%.4s", f->uuid, f->uuid + 5);
	else
		str_list_addf(out, "%s%s", m->uuid_prefix, f->uuid);
	if (f->label) {
		str_list_add(out, m->label);
		str_list_add(out, f->label);
	}
	str_list_add(out, node);
	return 0;
}

static int find_node(const struct raid_env *env, const struct raid_format *f, char **node, struct err *err)
{
	autofree char *name = NULL;

	if (!f->md_name)
		return part_find(env, &f->disks, f->part_guid, node, err);
	if (md_find(env, f->md_uuid, &name, err) < 0)
		return -1;
	if (!name)
		return err_set(err, ERR_NOT_FOUND, "array %s (%s) is not running", f->md_name, f->md_uuid);
	*node = sys_node(env, name);
	return 0;
}

static int check_made(const char *node, const struct raid_format *f, struct err *err)
{
	autofree char *type = NULL, *uuid = NULL;
	autoclose int fd = open(node, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, errno, "flush %s", node);
	if (signatures_identify(node, &type, &uuid, err) < 0)
		return -1;
	if (!str_eq(type, f->type) || !str_eq(uuid, f->uuid))
		return err_set(err, ERR_FAILED, "it has %s %s after %s %s was made on it", *type ? type : "nothing", uuid,
			       f->type, f->uuid);
	return 0;
}

/* A new array begins its data where an old one did, 128 MiB into large members, where no wipe of disk or partitions reaches: what
 * lay there would shine through beside the new file system. */
static int clear_node(const char *node, struct err *err)
{
	autoclose int fd = open(node, O_RDWR | O_EXCL | O_CLOEXEC);
	uint64_t size_bytes = 0;

	if (fd < 0)
		return err_errno(err, errno, "open %s", node);
	if (ioctl(fd, BLKGETSIZE64, &size_bytes) < 0)
		return err_errno(err, errno, "ask %s for its size", node);
	return signatures_erase(fd, 0, size_bytes, err);
}

int fs_make(const struct raid_env *env, const struct raid_format *f, struct err *err)
{
	autoclean(str_list_free) struct str_list argv = { 0 };
	autofree char *node = NULL;
	struct spawn s = { .timeout_ns = MKFS_TIMEOUT_NS };

	if (find_node(env, f, &node, err) < 0 || fs_make_argv(f, node, &argv, err) < 0 || clear_node(node, err) < 0)
		return -1;
	s.argv = (const char *const *)argv.items;
	if (spawn_run(&s, NULL, err) < 0)
		return -1;
	return check_made(node, f, err);
}
