/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node without disks: its image as a squashfs in memory, what it writes in memory above it, its own files among that. Disks
 * that are there are left alone. */
#ifndef ORTHRUS_IMAGER_DISKLESS_H
#define ORTHRUS_IMAGER_DISKLESS_H

#include "imaging/imager/head.h"
#include "imaging/imager/install.h"

#define DISKLESS_DIR "/live" /* the squashfs, and what is written */

/* Fetch the squashfs that `answer` names, check its digest, and mount it with all that makes it this node at opts->target, which
 * /init makes the root then. -1: nothing is mounted. */
int diskless_prepare(const struct install_opts *opts, struct head *head, const struct head_answer *answer,
		     struct err *err) WARN_UNUSED;
/* In ranges, appended to `fd`; ERR_DAMAGED when it is not what `digest` (hex) says. */
int diskless_fetch(struct head *head, const char *path, uint64_t bytes, const char *digest, int fd, struct err *err) WARN_UNUSED;
/* Pure. `meminfo` as in proc(5): is there room for so many bytes and DISKLESS_ROOM_BYTES (installer/order.h) beside them?
 * ERR_REFUSED says what there is.
 */
int diskless_room(const char *meminfo, uint64_t bytes, struct err *err) WARN_UNUSED;

#endif
