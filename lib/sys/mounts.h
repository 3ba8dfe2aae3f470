/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is mounted where. */
#ifndef ORTHRUS_SYS_MOUNTS_H
#define ORTHRUS_SYS_MOUNTS_H

#include "base/err.h"
#include "base/str.h"

#define MOUNTS_TABLE "/proc/self/mountinfo"

/* Adds the mount points at and below `root` (without '/' at its end) to `out`, in the order they were made: unmount from the last
 * to the first. `table` is MOUNTS_TABLE or a file like it (proc(5)); paths stay as it writes them, a blank is \040. */
int mounts_below(const char *table, const char *root, struct str_list *out, struct err *err) WARN_UNUSED;

#endif
