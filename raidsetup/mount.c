/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/apply.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define TABLE_MAX (4u << 20)
#define UMOUNT_TRIES 50

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
		return fs_find(env, fs->type, fs->uuid, node, err);
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
	if (mount(node, where, fs->type, MS_NOATIME, NULL) < 0)
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

/* The mount points at and below `root`, in the order they were made; proc(5) writes blanks as \040. */
static void mounts_below(const struct raid_env *env, const char *root, struct str_list *out)
{
	autofree char *path = str_format("%s/self/mountinfo", env->proc);
	autoclean(buf_free) struct buf table = { 0 };
	char *line, *rest;
	size_t len = strlen(root);

	if (!sysfs_read(path, TABLE_MAX, &table) || !table.data)
		return;
	for (line = strtok_r(table.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char where[4096];

		if (sscanf(line, "%*u %*u %*s %*s %4095s", where) == 1 && strncmp(where, root, len) == 0 &&
		    (where[len] == '\0' || where[len] == '/'))
			str_list_add(out, where);
	}
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
	struct err why = { 0 };
	int rc = 0;

	sync();
	mounts_below(&ctx->env, ctx->mount_root, &mounts);
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
