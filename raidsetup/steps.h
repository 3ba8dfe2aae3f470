/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The typed steps of a disk plan: what the pure planner decided and apply.c performs, nothing left to look up but the disk
 * itself. */
#ifndef ORTHRUS_RAIDSETUP_STEPS_H
#define ORTHRUS_RAIDSETUP_STEPS_H

#include "base/str.h"
#include "raidsetup/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum raid_step {
	RAID_STEP_FIRST = 100,
	RAID_LEAVE = RAID_STEP_FIRST, /* says why a disk is left alone; no argument */
	RAID_NOTE,		      /* says something about a disk that is used; no argument */
	RAID_UNBOOT,		      /* struct raid_disarm */
	RAID_WIPE,		      /* struct raid_wipe */
	RAID_PARTITION,		      /* struct raid_partition */
	RAID_CREATE,		      /* struct raid_create */
	RAID_FORMAT,		      /* struct raid_format */
	RAID_STEP_LAST = 199,
};

/* Which disk a step means: apply.c finds it by `id` and refuses when size or sectors differ from what was planned. */
struct raid_target {
	char *id;    /* disk_id() */
	char *label; /* "QEMU HARDDISK, serial QM00001, 5 GiB" */
	uint64_t size_bytes, sector_bytes;
};

/* All disks of the plan at once: none of them boots any more before the first of them is wiped. */
struct raid_disarm {
	struct raid_target *disks;
	size_t n_disks;
};

struct raid_wipe {
	struct raid_target disk;
};

struct gpt_part {
	char *name;	       /* of the layout, and the GPT name */
	const char *type_guid; /* one of the GPT_TYPE_ constants; static */
	char guid[ID_UUID_LEN];
	uint64_t first_byte, size_bytes;
};
struct raid_partition {
	struct raid_target disk;
	char guid[ID_UUID_LEN];
	struct gpt_part *parts;
	size_t n_parts;
};

struct raid_create {
	char *name;
	char uuid[ID_MD_LEN];
	char *metadata;
	unsigned int level, spares;
	bool bitmap;
	uint64_t chunk_bytes;	/* 0: mdadm's default */
	struct str_list active; /* partition GUIDs in slot order, "missing" for an empty slot */
	struct str_list spare;	/* partition GUIDs */
	struct str_list disks;	/* the ids of the disks that these are on: a clone elsewhere has the same GUIDs */
};

struct raid_format {
	char *type;		/* "ext4" "xfs" "vfat" "swap" */
	char uuid[ID_UUID_LEN]; /* or XXXX-XXXX for vfat */
	char *label;		/* or NULL */
	char *md_name;		/* array to find by md_uuid, or NULL: the partition part_guid */
	char md_uuid[ID_MD_LEN];
	char part_guid[ID_UUID_LEN];
	struct str_list disks; /* the id of the disk that the partition is on */
};

#define GPT_TYPE_BIOS "21686148-6449-6e6f-744e-656564454649"
#define GPT_TYPE_ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define GPT_TYPE_RAID "a19d880f-05fc-4d3b-a006-743f0f84911e"
#define GPT_TYPE_SWAP "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"
#define GPT_TYPE_LINUX "0fc63daf-8483-4772-8e79-3d69d8477de4"

/* Where partitions begin and end. Some disks report absurd optimal sizes (33553920 bytes, seen behind USB bridges), so it is
 * pinned. */
#define RAID_ALIGN_BYTES (UINT64_C(1) << 20)

/* Each takes what plan_step.arg points to; used as arg_free. */
void raid_disarm_free(void *arg);
void raid_wipe_free(void *arg);
void raid_partition_free(void *arg);
void raid_create_free(void *arg);
void raid_format_free(void *arg);

#endif
