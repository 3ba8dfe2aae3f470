/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk layout: which disks, which partitions on each, which arrays over them, which file systems, how it boots. */
#ifndef ORTHRUS_SITE_LAYOUT_H
#define ORTHRUS_SITE_LAYOUT_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct layout_match {		       /* a disk fits when every set field fits */
	int rotational;		       /* -1 any, 0 solid state, 1 spinning */
	uint64_t min_bytes, max_bytes; /* 0: no limit */
	char *model, *transport;       /* glob (fnmatch); NULL any. transport: "nvme" "sata" "sas" "virtio" "usb" */
};
struct layout_part {
	char *id;	     /* "bios", "esp", "sys": the same partition on every member disk */
	uint64_t size_bytes; /* 0 with rest */
	bool rest;
	char *use; /* "bios_grub", "esp", "raid", "swap", "plain": GPT type */
};
struct layout_md {
	char *name;	    /* array name and, with the host, its identity */
	unsigned int level; /* 0 1 5 6 10 */
	char *metadata;	    /* "1.0" or "1.2" */
	bool bitmap;	    /* internal */
	char *on;	    /* partition id */
	unsigned int spares;
	uint64_t chunk_bytes; /* 0: default 512K; levels 0 5 6 10 */
};
struct layout_fs {
	char *on;      /* md name, or a partition id when there is one disk and no md on it */
	char *type;    /* "ext4" "xfs" "vfat" "swap" */
	char *mount;   /* NULL for swap */
	char *options; /* NULL: defaults */
	char *label;   /* NULL: none */
};
struct layout {
	char *name;
	struct layout_match *match;
	size_t n_match;		/* a disk is a candidate when any fits; none: all fixed disks */
	unsigned int min, want; /* fewest to go on with (arrays degraded), how many to use */
	bool exclude_bad;
	struct str_list protect; /* serials or WWNs that are never touched */
	uint64_t reserve_bytes;	 /* left free at each disk's end; default 16 MiB: a replacement may be a little smaller */
	struct layout_part *parts;
	size_t n_parts;
	struct layout_md *md;
	size_t n_md;
	struct layout_fs *fs;
	size_t n_fs;
	bool bios, uefi;
};

/* One element of site.json's "disk_layouts", or an order's copy of it. Checks everything that can be checked without disks:
 * ids unique and known, exactly one "rest" and it is last, level against `want`/`min`/spares, ESP on md only as level 1
 * metadata 1.0, a BIOS boot partition when bios, an ESP when uefi, one "/" file system. */
int layout_read(struct json_obj *o, struct layout *out, struct err *err) WARN_UNUSED;
void layout_print(const struct layout *l, struct json_out *w, const char *key);
void layout_free(struct layout *l);

#endif
