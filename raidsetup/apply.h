/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the performing half shares: the context, and how devices are found by identity in the moment they are used. */
#ifndef ORTHRUS_RAIDSETUP_APPLY_H
#define ORTHRUS_RAIDSETUP_APPLY_H

#include "raidsetup/raidsetup.h"
#include "raidsetup/steps.h"
#include "raidsetup/sysfs.h"

#include <stdbool.h>

struct raid_ctx {
	struct raid_env env;
	char *mount_root;
};
/* raid_ctx_new() for another place to look; `env` must live as long as the context. */
struct raid_ctx *raid_ctx_new_in(const char *mount_root, const struct raid_env *env) __attribute__((returns_nonnull));

/* The one disk that a step means, opened for itself alone: exclusive against mounts and arrays, locked against udev. Refuses
 * (ERR_REFUSED) when it is gone, there twice, of another size, in use, or read-only. Arrays that were found on it but never
 * started are stopped first when `stop_idle`. *name (may be NULL) is the kernel's name for it now; the caller frees. Returns the
 * fd or -1. */
int target_open(const struct raid_env *env, const struct raid_target *t, bool stop_idle, char **name,
		struct err *err) WARN_UNUSED;
/* Is the disk that was opened as `fd`, under the kernel's `name`, the one that is meant? The name may have gone to another disk
 * between probe and open: number, identity and size are asked once more. ERR_REFUSED when not. */
int target_check(const struct raid_env *env, int fd, const char *name, const struct raid_target *t, struct err *err) WARN_UNUSED;
/* Make the kernel drop the partitions it knows of the disk and read the table again. */
int target_reread(int fd, struct err *err) WARN_UNUSED;
/* target_reread(), then see that the kernel has the table's partitions where they belong: a kernel that can't read a GPT is told.
 */
int target_show_parts(const struct raid_env *env, int fd, const char *name, const struct raid_partition *table,
		      struct err *err) WARN_UNUSED;

/* "/dev/vda3": the node of the partition with this GUID on one of the disks with these ids, waited for until it is there.
 * ERR_REFUSED when there are two. Caller frees. */
int part_find(const struct raid_env *env, const struct str_list *ids, const char *guid, char **node, struct err *err) WARN_UNUSED;
/* The node of the partition on one of these disks that carries this file system. ERR_NOT_FOUND; ERR_REFUSED when there are two.
 * Caller frees. */
int fs_find(const struct raid_env *env, const struct str_list *ids, const char *type, const char *uuid, char **node,
	    struct err *err) WARN_UNUSED;

/* Running arrays by their UUID. md_find: *name is the kernel's ("md127"), NULL when there is none of that UUID. */
int md_find(const struct raid_env *env, const char *uuid, char **name, struct err *err) WARN_UNUSED;
int md_create(const struct raid_env *env, const struct raid_create *c, struct err *err) WARN_UNUSED;
int md_stop(const struct raid_env *env, const char *name, struct err *err) WARN_UNUSED;
/* Has each member of the running arrays taken all that was written to it? Names the disks that have not. */
int verify_members(const struct raid_env *env, const struct raid_result *r, struct err *err) WARN_UNUSED;
/* One "KEY=value" of mdadm --detail --export; "" without it. Caller frees. */
int md_detail(const struct raid_env *env, const char *name, const char *key, char **value, struct err *err) WARN_UNUSED;

int fs_make(const struct raid_env *env, const struct raid_format *f, struct err *err) WARN_UNUSED;
/* The argument list for it; pure. `out` is usable as argv. ERR_INVALID for a type that is not known. */
int fs_make_argv(const struct raid_format *f, const char *node, struct str_list *out, struct err *err) WARN_UNUSED;
/* Ditto for mdadm --create, over nodes given in slot order ("missing" where none is), spares last. */
void md_create_argv(const struct raid_create *c, const struct str_list *nodes, struct str_list *out);

#endif
