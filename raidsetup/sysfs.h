/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel says about block devices, read from trees that a test can put elsewhere. */
#ifndef ORTHRUS_RAIDSETUP_SYSFS_H
#define ORTHRUS_RAIDSETUP_SYSFS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Where to look. Never a loop device in earnest: `loops` names those that a test made and gives up. */
struct raid_env {
	const char *sys, *dev, *udev, *proc; /* "/sys" "/dev" "/run/udev" "/proc" */
	const struct str_list *loops;	     /* kernel names ("loop3") to treat as disks, or NULL */
};
extern const struct raid_env raid_env_host;

/* The first `max` bytes of a small file; false when it is not there or not readable. Binary files too. */
bool sysfs_read(const char *path, size_t max, struct buf *out);
/* One line of text without blanks at the ends and with control bytes made visible; "" when there is none. Caller frees. */
char *sysfs_text(const char *dir, const char *name) __attribute__((returns_nonnull));
uint64_t sysfs_u64(const char *dir, const char *name, uint64_t otherwise);
/* Major and minor from a "dev" file; false when there is none. */
bool sysfs_dev(const char *dir, dev_t *out);
/* Names in a directory; an absent directory is an empty one. */
void sysfs_list(const char *dir, struct str_list *out);

/* A partition the kernel knows. */
struct sys_part {
	char *name; /* "vda3" */
	char *dir;  /* its directory in sysfs */
	unsigned int number;
	uint64_t first_byte, size_bytes;
};
struct sys_parts {
	struct sys_part *items;
	size_t len;
};
void sys_parts_free(struct sys_parts *p);
/* Of the disk with this kernel name, by number. */
void sys_parts_read(const struct raid_env *env, const char *disk, struct sys_parts *out);

/* "/sys/block/NAME" and "/dev/NAME" (the kernel writes '!' for a '/' in a name). Callers free. */
char *sys_block_dir(const struct raid_env *env, const char *name) __attribute__((returns_nonnull));
char *sys_node(const struct raid_env *env, const char *name) __attribute__((returns_nonnull));

/* Let udev finish what is queued, when it runs at all. */
void udev_settle(const struct raid_env *env);

#endif
