/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/apply.h"

#include "base/mem.h"
#include "raidsetup/disk.h"
#include "raidsetup/gpt.h"
#include "raidsetup/oldparts.h"
#include "raidsetup/probe.h"
#include "raidsetup/signatures.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct raid_ctx *raid_ctx_new_in(const char *mount_root, const struct raid_env *env)
{
	struct raid_ctx *ctx = mem_zalloc(sizeof(*ctx));

	ctx->env = *env;
	ctx->mount_root = mem_strdup(mount_root);
	return ctx;
}

struct raid_ctx *raid_ctx_new(const char *mount_root, struct err *err)
{
	if (geteuid() != 0) {
		err_set(err, ERR_REFUSED, "only root may change disks");
		return NULL;
	}
	if (mount_root[0] != '/' || str_eq(mount_root, "/")) {
		err_set(err, ERR_INVALID, "'%s' is no directory to mount a new system under", mount_root);
		return NULL;
	}
	return raid_ctx_new_in(mount_root, &raid_env_host);
}

void raid_ctx_free(struct raid_ctx *ctx)
{
	if (!ctx)
		return;
	free(ctx->mount_root);
	free(ctx);
}

/* A disk that a step has opened for itself. */
struct held {
	int fd;
	char *name;
};

static void let_go(struct held *held, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (held[i].fd >= 0)
			close(held[i].fd);
		free(held[i].name);
	}
	free(held);
}

/* All are opened before the first is written to: when one can't be had, all of them stay as they were. */
static int perform_unboot(const struct raid_env *env, const struct raid_disarm *u, struct err *err)
{
	struct held *held = mem_array(u->n_disks, sizeof(*held));
	size_t n = 0;
	int rc = 0;

	for (; n < u->n_disks && rc == 0; n++) {
		held[n] = (struct held){ 0 };
		held[n].fd = target_open(env, &u->disks[n], true, &held[n].name, err);
		rc = held[n].fd < 0 ? -1 : 0;
	}
	for (size_t i = 0; i < u->n_disks && rc == 0; i++) {
		autoclean(old_parts_free) struct old_parts parts = { 0 };

		old_parts_read(env, held[i].name, held[i].fd, &u->disks[i], &parts);
		rc = old_parts_unboot(held[i].fd, u->disks[i].sector_bytes, &parts, err);
		if (rc < 0)
			err_wrap(err, "%s", u->disks[i].label);
	}
	let_go(held, n);
	return rc;
}

/* Once more unbootable first, for a step counts on no other: then what the partitions hold, at both ends of each, and the disk
 * itself with both partition tables. */
static int perform_wipe(const struct raid_env *env, const struct raid_wipe *w, struct err *err)
{
	autoclean(old_parts_free) struct old_parts parts = { 0 };
	autofree char *name = NULL;
	autoclose int fd = target_open(env, &w->disk, true, &name, err);

	if (fd < 0)
		return -1;
	old_parts_read(env, name, fd, &w->disk, &parts);
	if (old_parts_unboot(fd, w->disk.sector_bytes, &parts, err) < 0)
		return -1;
	for (size_t i = 0; i < parts.len; i++)
		if (signatures_erase(fd, parts.items[i].first_byte, parts.items[i].size_bytes, err) < 0)
			return err_wrap(err, "the partition at byte %llu", (unsigned long long)parts.items[i].first_byte);
	if (signatures_erase(fd, 0, w->disk.size_bytes, err) < 0)
		return -1;
	return target_reread(fd, err);
}

static int perform_partition(const struct raid_env *env, const struct raid_partition *p, struct err *err)
{
	autoclean(str_list_free) struct str_list only = { 0 };
	autofree char *name = NULL;
	autoclose int fd = target_open(env, &p->disk, true, &name, err);

	if (fd < 0 || gpt_write(fd, p, err) < 0 || target_show_parts(env, fd, name, p, err) < 0)
		return -1;
	/* Only after the lock is gone does udev look at the new partitions. */
	close(steal_fd(fd));
	udev_settle(env);
	str_list_add(&only, p->disk.id);
	for (size_t i = 0; i < p->n_parts; i++) {
		autofree char *node = NULL;

		if (part_find(env, &only, p->parts[i].guid, &node, err) < 0)
			return err_wrap(err, "partition '%s'", p->parts[i].name);
		log_debug("disks", "partition '%s' of %s is %s", p->parts[i].name, p->disk.label, node);
	}
	return 0;
}

int raid_perform(struct raid_ctx *ctx, const struct plan_step *step, struct err *err)
{
	switch (step->type) {
	case RAID_LEAVE:
	case RAID_NOTE:
		return 0;
	case RAID_UNBOOT:
		return perform_unboot(&ctx->env, step->arg, err);
	case RAID_WIPE:
		return perform_wipe(&ctx->env, step->arg, err);
	case RAID_PARTITION:
		return perform_partition(&ctx->env, step->arg, err);
	case RAID_CREATE:
		return md_create(&ctx->env, step->arg, err);
	case RAID_FORMAT:
		return fs_make(&ctx->env, step->arg, err);
	default:
		return err_set(err, ERR_INVALID, "step '%s' is none of a disk plan", step->name);
	}
}

/* The disk with this id as it is now; NULL when it is gone, or there twice. */
static const struct disk *find_member(const struct disks *disks, const char *id, struct err *err)
{
	const struct disk *match = NULL;

	for (size_t i = 0; i < disks->len; i++) {
		autofree char *have = disk_id(&disks->items[i]);

		if (!disk_has_id(&disks->items[i]) || !str_eq(have, id))
			continue;
		if (match) {
			err_set(err, ERR_REFUSED, "two disks say that they are %s", id);
			return NULL;
		}
		match = &disks->items[i];
	}
	if (!match)
		err_set(err, ERR_NOT_FOUND, "disk %s is gone", id);
	return match;
}

/* As the unboot step does it: boot code and the first sector of each partition that firmware starts from, on the disk itself, so
 * that no array has to run and nothing has to be mounted. Not exclusive, unlike target_open(): arrays may be running on it. */
static int unboot_one(const struct raid_env *env, const struct disk *d, struct err *err)
{
	autofree char *node = sys_node(env, d->name), *id = disk_id(d), *label = disk_label(d);
	const struct raid_target t = {
		.id = id, .label = label, .size_bytes = d->size_bytes, .sector_bytes = d->logical_sector_bytes
	};
	autoclean(old_parts_free) struct old_parts parts = { 0 };
	autoclose int fd = open(node, O_RDWR | O_DSYNC | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, errno, "open %s", label);
	if (target_check(env, fd, d->name, &t, err) < 0)
		return -1;
	old_parts_read(env, d->name, fd, &t, &parts);
	return old_parts_unboot(fd, d->logical_sector_bytes, &parts, err);
}

int raid_unboot(struct raid_ctx *ctx, const struct raid_result *result, struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };
	struct err later = { 0 };
	int rc = 0;

	if (probe_disks(&ctx->env, false, &disks, err) < 0)
		return -1;
	for (size_t i = 0; i < result->members.len; i++) {
		const char *id = result->members.items[i];
		struct err *e = rc < 0 ? &later : err;
		const struct disk *d;

		if (str_eq(id, "missing"))
			continue;
		d = find_member(&disks, id, e);
		if (!d || unboot_one(&ctx->env, d, e) < 0)
			rc = err_wrap(e, "take the boot loaders from disk %s", id);
	}
	/* udev looks again at a disk that was written to; who mounts next must not meet it. */
	udev_settle(&ctx->env);
	return rc;
}
