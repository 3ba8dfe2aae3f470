/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What LVM calls a disk it uses: libblkid knows that a disk is LVM's, but not which volume group's. */
#ifndef ORTHRUS_RAIDSETUP_LVM_H
#define ORTHRUS_RAIDSETUP_LVM_H

#include <stdint.h>

/* The volume group of the physical volume that begins at `first_byte` of `fd` and has its label `label_at` bytes behind that.
 * NULL: it belongs to none, or its metadata can't be read. Caller frees. */
char *lvm_group(int fd, uint64_t first_byte, uint64_t label_at);

#endif
