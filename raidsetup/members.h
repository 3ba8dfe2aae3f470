/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which disks a layout gets, and why each of the others is left alone. Pure. */
#ifndef ORTHRUS_RAIDSETUP_MEMBERS_H
#define ORTHRUS_RAIDSETUP_MEMBERS_H

#include "raidsetup/raidsetup.h"

#include <stddef.h>
#include <stdint.h>

/* One disk and what was decided about it. */
struct verdict {
	const struct disk *disk;
	char *why; /* why it is left alone; NULL: it is taken */
};
/* Every disk, ordered by disk_order(). */
struct members {
	struct verdict *all;
	size_t n_all;
	size_t n_taken;
};
void members_free(struct members *m);

/* The smallest disk that holds every partition of the layout, with the reserve; the partition that takes the rest counts with the
 * least that is of any use. */
uint64_t layout_needs_bytes(const struct layout *l);
/* A size as it is laid out: whole RAID_ALIGN_BYTES, rounded up. */
uint64_t align_up(uint64_t bytes);

/* Decide. Takes `want` disks, or fewer when no more fit (the caller compares with `min`). Fills `out` always; it can't fail. */
void members_pick(const struct layout *l, const struct disks *disks, struct members *out);
/* The ERR_REFUSED for "only `n_taken` where at least `min` are needed", listing every disk and its reason. Returns -1. */
int members_refuse(const struct layout *l, const struct members *m, struct err *err);

#endif
