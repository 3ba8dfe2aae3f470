/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies on a stretch of a disk according to libblkid: in words for people, and erased for good. */
#ifndef ORTHRUS_RAIDSETUP_SIGNATURES_H
#define ORTHRUS_RAIDSETUP_SIGNATURES_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* Add what is found in [first_byte, first_byte + size_bytes) of `fd`, each once: "GPT", "md member of array 'web:0'", "LVM PV of
 * group 'vg'", "ext4 'data'". Every signature, not only the newest: an old RAID superblock behind a new file system counts. Fails
 * only when the bytes can't be read. */
int signatures_find(int fd, uint64_t first_byte, uint64_t size_bytes, struct str_list *found, struct err *err) WARN_UNUSED;

/* Zero both ends of the stretch and every signature that is left in it, then look again: nothing may be found. */
int signatures_erase(int fd, uint64_t first_byte, uint64_t size_bytes, struct err *err) WARN_UNUSED;

/* Zeroes, to the disk and not only to its cache. */
int signatures_zero(int fd, uint64_t first_byte, uint64_t size_bytes, struct err *err) WARN_UNUSED;

/* Type and UUID of the one file system, swap space or array member that blkid sees; "" when there is none. Callers free. */
int signatures_identify(const char *node, char **type, char **uuid, struct err *err) WARN_UNUSED;

#endif
