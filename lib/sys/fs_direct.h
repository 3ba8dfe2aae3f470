/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing past the page cache (O_DIRECT, open(2)): what is written once, and in bulk, neither pushes out what others use nor
 * waits for fresh pages. */
#ifndef ORTHRUS_SYS_FS_DIRECT_H
#define ORTHRUS_SYS_FS_DIRECT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Every file system and disk takes such writes where they lie on this: in memory (mem_aligned()), in the file, and in length. */
#define FS_DIRECT_ALIGN ((size_t)4096)

/* All three aligned. *done says how much was written: less than `len` when this file system, or this disk, doesn't do that; the
 * rest is for fs_pwrite_all(). The file's flags are as they were afterwards. */
int fs_pwrite_direct(int fd, const char *name_for_errors, const void *data, size_t len, uint64_t at, size_t *done,
		     struct err *err) WARN_UNUSED;

#endif
