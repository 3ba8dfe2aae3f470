/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing single files of the system being installed: paths stay below its root, files appear whole or not at all. */
#ifndef ORTHRUS_INSTALLER_TARGET_H
#define ORTHRUS_INSTALLER_TARGET_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Paths are relative to `root_fd` ("etc/hostname"). Symbolic links on the way are followed as long as they stay below it; the
 * last component is replaced, never followed. New files and directories belong to root. */

/* A file descriptor of the directory `path`, made (with `mode`, its missing parents 0755) when it is not there. */
int target_open_dir(int root_fd, const char *path, mode_t mode, struct err *err) WARN_UNUSED;
int target_make_dir(int root_fd, const char *path, mode_t mode, struct err *err) WARN_UNUSED; /* ... and gives it this mode */
int target_write(int root_fd, const char *path, mode_t mode, const void *data, size_t len, struct err *err) WARN_UNUSED;
/* The same for a file of this owner and group, which are set before the file has its name. */
int target_write_as(int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid, const void *data, size_t len,
		    struct err *err) WARN_UNUSED;
int target_link(int root_fd, const char *path, const char *content, struct err *err) WARN_UNUSED;
int target_remove(int root_fd, const char *path, struct err *err) WARN_UNUSED; /* absent is fine */
int target_read(int root_fd, const char *path, size_t max, struct buf *out, struct err *err) WARN_UNUSED;
int target_exists(int root_fd, const char *path, bool *yes, struct err *err) WARN_UNUSED;

#endif
