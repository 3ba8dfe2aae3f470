/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second half of planning: where the partitions lie, and the words and arguments of each step. Pure. */
#ifndef ORTHRUS_RAIDSETUP_PLAN_STEPS_H
#define ORTHRUS_RAIDSETUP_PLAN_STEPS_H

#include "raidsetup/members.h"
#include "raidsetup/raidsetup.h"
#include "raidsetup/steps.h"

/* Where one of the layout's partitions lies: at the same place on every disk. */
struct extent {
	uint64_t first_byte, size_bytes;
};

/* All that the steps are made from. */
struct planning {
	const struct layout *layout;
	const uint8_t *seed;
	const struct members *members;
	const struct disk **taken; /* in the order of their ids */
	size_t n_taken;
	struct extent *extents; /* one for each of layout->parts */
	uint64_t sector_bytes;
	struct plan *plan;
	struct raid_result *result;
};

/* How many disks of an array work, wait as spares, and are not there, when `n` disks are at hand. */
struct array_shape {
	unsigned int active, present, missing, spare;
};
void array_shape(const struct layout *l, const struct layout_md *md, size_t n, struct array_shape *out);
/* Bytes an array offers at most: its metadata takes a little of this. */
uint64_t array_bytes(const struct layout_md *md, const struct array_shape *shape, uint64_t part_bytes);
/* Index of the partition with this id; layout->n_parts when there is none. */
size_t layout_part(const struct layout *l, const char *id);
const struct layout_md *layout_array(const struct layout *l, const char *name); /* NULL: there is none */

void steps_leave(struct planning *p);
void steps_unboot(struct planning *p);
void steps_wipe(struct planning *p);
void steps_partition(struct planning *p);
void steps_create(struct planning *p);
void steps_format(struct planning *p);

#endif
