/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks and software RAID: probe what is there, plan (pure), apply, verify. */
#ifndef ORTHRUS_RAIDSETUP_RAIDSETUP_H
#define ORTHRUS_RAIDSETUP_RAIDSETUP_H

#include "base/err.h"
#include "base/json.h"
#include "base/plan.h"
#include "site/layout.h"

#include <stdbool.h>
#include <stdint.h>

struct disk {
	char *name;		    /* kernel name now ("vda"): never stored, never shown alone */
	char *model, *serial, *wwn; /* "" when it has none */
	char *transport;	    /* "nvme" "sata" "sas" "virtio" "usb" "other" */
	uint64_t size_bytes;
	uint64_t logical_sector_bytes, physical_sector_bytes;
	bool rotational, removable, read_only;
	char *in_use; /* NULL, or why it must not be touched now: "mounted at /", "held by md127 ..." */
	struct str_list
		found; /* old signatures, for people: "md member of array 'web:0'", "LVM PV of group 'vg'", "ext4 'data'" */
	char *bad;     /* NULL, or what the disk test said */
};
struct disks {
	struct disk *items;
	size_t len;
};
void disks_free(struct disks *d);
void disks_to_json(const struct disks *d, struct json_out *w, const char *key);
int disks_from_json(struct json_obj *o, const char *key, struct disks *out, struct err *err) WARN_UNUSED;
/* How a disk is named everywhere: "serial X" (or "WWN X" without one). Caller frees. */
char *disk_id(const struct disk *d);
/* The first disk with that id, or NULL. A plan takes no disk whose id is missing or shared: among its members there is one at
 * most. */
const struct disk *disk_find(const struct disks *disks, const char *id);

/* Read sysfs, udev data, libblkid. Needs root. Sorted by id, so that order never depends on detection. */
int raid_probe(struct disks *out, struct err *err) WARN_UNUSED;
/* Timed reads at start, middle, end and at `samples` random places, SMART/NVMe critical bits; sets disk->bad. Never writes. */
int raid_test_disks(struct disks *d, unsigned int samples, struct err *err) WARN_UNUSED;

/* What the planner decided, for those who need more than the steps: identifiers are derived from `seed`, so one seed gives one
 * result. */
struct raid_result {
	struct str_list members; /* disk ids used, in order; "missing" where an array is created degraded */
	struct raid_md {
		char *name;
		char uuid[36];
		char *fs_type;
		char *mount;
		char *on;
		unsigned int level;
		unsigned int active, missing, spares; /* slots, those of them without a disk, disks beside them */
		uint64_t size_bytes;		      /* at most: metadata takes a little of it */
	} * md;
	size_t n_md;
	struct raid_fs {
		char *mount, *type, *options, *device_md;
		char uuid[40];
	} * fs;
	size_t n_fs; /* uuid as /etc/fstab wants it (vfat: XXXX-XXXX) */
};
void raid_result_free(struct raid_result *r);
#define RAID_SEED_LEN 16
/* Pure. Picks the members (excluding protected, in use, bad, too small ones, each exclusion said in a PLAN_READS step), then the
 * steps in the order they happen: wipe, partition, create, format. ERR_REFUSED with the reason when it must not be done. */
int raid_plan(const struct layout *layout, const struct disks *disks, const uint8_t seed[RAID_SEED_LEN], struct plan *plan,
	      struct raid_result *result, struct err *err) WARN_UNUSED;

/* Perform one step of such a plan (plan_ops.perform's body for these types). `ctx` knows the disks by probing again:
 * a step whose disk is gone, changed or in use fails before it touches anything. */
struct raid_ctx;
struct raid_ctx *raid_ctx_new(const char *mount_root, struct err *err);
void raid_ctx_free(struct raid_ctx *ctx);
int raid_perform(struct raid_ctx *ctx, const struct plan_step *step, struct err *err) WARN_UNUSED;
/* For autoclean(). */
static inline void raid_ctx_free_at(struct raid_ctx **ctx)
{
	raid_ctx_free(*ctx);
}
/* The first resync of arrays just made is held back (RAID_CREATE), since a restore needs the disks: let it go on, on a system
 * that keeps them running. */
int raid_resync(struct raid_ctx *ctx, const struct raid_result *result, struct err *err) WARN_UNUSED;
bool raid_owns_step(const struct plan_step *step); /* was this step made by raid_plan? (types 100-199) */
/* The file system that UEFI firmware starts from, or NULL. */
const struct raid_fs *raid_esp(const struct raid_result *result);
/* Mount the result's file systems under mount_root, outer ones first; of the EFI system partition only the directory is made.
 * What an image has there stays beside it, so that firmware starts nothing before the boot loader's step mounts it (over what is
 * there). Unmount everything at and below mount_root, inner ones first, and stop the result's arrays, so that they are clean when
 * the machine reboots, or free for a new try. What is not there is fine; an array's member that could not take what was written
 * is an error, after all was done. */
int raid_mount(struct raid_ctx *ctx, const struct raid_result *result, struct err *err) WARN_UNUSED;
int raid_mount_esp(struct raid_ctx *ctx, const struct raid_result *result, struct err *err) WARN_UNUSED;
int raid_unmount(struct raid_ctx *ctx, const struct raid_result *result, struct err *err) WARN_UNUSED;
/* After a failure: no firmware starts any of the result's disks, BIOS or UEFI, whatever boot loader they have by now: boot code
 * and the first sector of their boot partitions are overwritten. The arrays need not run; a FAT that is mounted meanwhile may
 * write its first sector again, so unmount it before. Goes on after a failure; the first one is what it returns. */
int raid_unboot(struct raid_ctx *ctx, const struct raid_result *result, struct err *err) WARN_UNUSED;
/* Probe again and compare with the plan: arrays there, levels, members, clean or degraded as planned, file systems with their
 * UUIDs. */
int raid_verify(const struct raid_result *result, struct err *err) WARN_UNUSED;

#endif
