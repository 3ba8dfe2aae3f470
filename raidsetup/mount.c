/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/apply.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define UMOUNT_TRIES 50

const struct raid_fs *raid_esp(const struct raid_result *r)
{
	for (size_t i = 0; i < r->n_fs; i++)
		if (str_eq(r->fs[i].type, "vfat") && r->fs[i].mount && !str_eq(r->fs[i].mount, "/"))
			return &r->fs[i];
	return NULL;
}

/* "/" before "/boot" before "/boot/efi": a path sorts before all that lies below it. */
static size_t next_mount(const struct raid_result *r, const char *after)
{
	size_t best = r->n_fs;

	for (size_t i = 0; i < r->n_fs; i++) {
		if (!r->fs[i].mount || (after && strcmp(r->fs[i].mount, after) <= 0))
			continue;
		if (best == r->n_fs || strcmp(r->fs[i].mount, r->fs[best].mount) < 0)
			best = i;
	}
	return best;
}

static int fs_node(const struct raid_env *env, const struct raid_result *r, const struct raid_fs *fs, char **node,
		   struct err *err)
{
	if (!fs->device_md)
		return fs_find(env, &r->members, fs->type, fs->uuid, node, err);
	for (size_t i = 0; i < r->n_md; i++) {
		autofree char *name = NULL;

		if (!str_eq(r->md[i].name, fs->device_md))
			continue;
		if (md_find(env, r->md[i].uuid, &name, err) < 0)
			return -1;
		if (!name)
			return err_set(err, ERR_NOT_FOUND, "array %s is not running", fs->device_md);
		*node = sys_node(env, name);
		return 0;
	}
	return err_set(err, ERR_INVALID, "array %s is none of the plan's", fs->device_md);
}

/* Without the options of the installed system's fstab: they are its own affair (nofail, umask), and some would hinder the restore
 * (noexec, ro). */
static int mount_one(struct raid_ctx *ctx, const struct raid_result *r, const struct raid_fs *fs, struct err *err)
{
	autofree char *node = NULL, *where = fs_join(ctx->mount_root, fs->mount + strspn(fs->mount, "/"));

	if (fs_node(&ctx->env, r, fs, &node, err) < 0)
		return -1;
	if (fs_mkdirs(where, 0755, err) < 0)
		return -1;
	/* Of the EFI system partition only the place: it must be a directory, whatever the image has there. */
	if (fs != raid_esp(r) && mount(node, where, fs->type, MS_NOATIME, NULL) < 0)
		return err_errno(err, errno, "mount %s of type %s", node, fs->type);
	return 0;
}

int raid_mount(struct raid_ctx *ctx, const struct raid_result *result, struct err *err)
{
	const char *last = NULL;

	for (size_t i = next_mount(result, NULL); i < result->n_fs; i = next_mount(result, last)) {
		last = result->fs[i].mount;
		if (mount_one(ctx, result, &result->fs[i], err) < 0) {
			struct err ignored = { 0 };

			err_wrap(err, "mount %s", last);
			/* What is mounted by now would make a second try fail for another reason than the first. */
			if (raid_unmount(ctx, result, &ignored) < 0)
				err_hint(err, "also: %s", ignored.text);
			return -1;
		}
	}
	return 0;
}

int raid_mount_esp(struct raid_ctx *ctx, const struct raid_result *result, struct err *err)
{
	const struct raid_fs *esp = raid_esp(result);
	autofree char *node = NULL, *where = NULL;
	autoclose int root = -1, dir = -1;

	if (!esp)
		return 0;
	if (fs_node(&ctx->env, result, esp, &node, err) < 0 || (root = fs_open_dir(ctx->mount_root, err)) < 0)
		return -1;
	/* What lies there came with the image: a link must not lead the mount out of the new system. */
	dir = fs_open_beneath(root, esp->mount + strspn(esp->mount, "/"), O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS, err);
	if (dir < 0)
		return err_wrap(err, "mount %s", esp->mount);
	where = str_format("/proc/self/fd/%d", dir);
	if (mount(node, where, esp->type, MS_NOATIME, NULL) < 0)
		return err_errno(err, errno, "mount %s of type %s at %s", node, esp->type, esp->mount);
	return 0;
}

static int unmount_one(const char *where, struct err *err)
{
	for (int i = 0; umount2(where, UMOUNT_NOFOLLOW) < 0; i++) {
		if (errno == EINVAL || errno == ENOENT)
			return 0;
		if (errno != EBUSY || i == UMOUNT_TRIES)
			return err_errno(err, errno, "unmount %s", where);
		clock_sleep_ns(100 * NS_PER_MS);
	}
	return 0;
}

/* Goes on after a failure, so that as much as can be is clean when the power goes; the first failure is what it returns. */
int raid_unmount(struct raid_ctx *ctx, const struct raid_result *result, struct err *err)
{
	autoclean(str_list_free) struct str_list mounts = { 0 };
	autofree char *table = str_format("%s/self/mountinfo", ctx->env.proc);
	struct err why = { 0 };
	int rc = 0;

	sync();
	/* Without the table nothing is known to be mounted: what is keeps its array busy, and that is told below. */
	if (mounts_below(table, ctx->mount_root, &mounts, &why) < 0)
		why = (struct err){ 0 };
	for (size_t i = mounts.len; i > 0; i--)
		if (unmount_one(mounts.items[i - 1], rc < 0 ? &why : err) < 0)
			rc = -1;
	/* All is written now, and the last chance to learn whether each disk took it. */
	if (verify_members(&ctx->env, result, rc < 0 ? &why : err) < 0)
		rc = -1;
	for (size_t i = 0; i < result->n_md; i++) {
		autofree char *name = NULL;
		struct err *e = rc < 0 ? &why : err;

		if (md_find(&ctx->env, result->md[i].uuid, &name, e) < 0 || (name && md_stop(&ctx->env, name, e) < 0))
			rc = -1;
	}
	return rc;
}
