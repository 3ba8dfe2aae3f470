/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks as values: how they are named, ordered and taken apart. Pure. */
#ifndef ORTHRUS_RAIDSETUP_DISK_H
#define ORTHRUS_RAIDSETUP_DISK_H

#include "raidsetup/raidsetup.h"

#include <stdbool.h>

/* Has it a serial number or a WWN? Without one it can't be told from another tomorrow, so it is never used. */
bool disk_has_id(const struct disk *d);
/* "QEMU HARDDISK, serial QM00001, 5 GiB". Caller frees. */
char *disk_label(const struct disk *d) __attribute__((returns_nonnull));
/* By id, then by what else a disk carries; the kernel's name comes last, so that detection order decides nothing that is shown.
 */
int disk_order(const struct disk *a, const struct disk *b);
/* Do two serial numbers or WWNs mean the same? Case, blanks and the prefixes 0x, naa. and eui. don't count: the same disk is
 * written differently by sysfs, udev and the label on its front. */
bool disk_same_number(const char *a, const char *b);
void disk_free(struct disk *d);
/* A zeroed disk with empty strings, at the end of `disks`; valid until the next one. */
struct disk *disks_add(struct disks *disks);

#endif
