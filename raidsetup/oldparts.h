/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What partitions a disk has before it is wiped, for whoever reads its tables: the kernel, libblkid, firmware. They disagree
 * about hybrid tables, a lost first table, logical partitions and tables made for another sector size; all of them count. */
#ifndef ORTHRUS_RAIDSETUP_OLDPARTS_H
#define ORTHRUS_RAIDSETUP_OLDPARTS_H

#include "base/err.h"
#include "raidsetup/steps.h"
#include "raidsetup/sysfs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct old_part {
	uint64_t first_byte, size_bytes;
	unsigned int seen; /* how it was found; oldparts.c's own */
	bool boots;	   /* firmware takes a loader from it: a boot partition of the table in force, or a FAT wherever */
};
struct old_parts {
	struct old_part *items;
	size_t len;
};
void old_parts_free(struct old_parts *p);
/* Of the disk `t`, opened as `fd`, whose kernel name is `name`, each once. What can't be read has no partitions. */
void old_parts_read(const struct raid_env *env, const char *name, int fd, const struct raid_target *t, struct old_parts *out);

/* No firmware starts the disk afterwards: boot code, first sector of each partition that boots, boot catalogue of an ISO image.
 * Everything else stays as it is, so until this is done the old system is whole. On the disk, not only in its cache, when it
 * returns. */
int old_parts_unboot(int fd, uint64_t sector_bytes, const struct old_parts *parts, struct err *err) WARN_UNUSED;

#endif
