/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The attributes of a file that stat(2) does not give: extended attributes, inode flags, where it has holes. */
#ifndef ORTHRUS_IMAGING_WALK_ATTR_H
#define ORTHRUS_IMAGING_WALK_ATTR_H

#include "base/err.h"
#include "imaging/tree.h"

#include <sys/stat.h>

/* All of user.*, trusted.*, security.* and the POSIX ACLs of `name` in the directory `dirfd`, into `e`, sorted. Symlinks are not
 * followed. */
int walk_xattrs(int dirfd, const char *name, struct tree_entry *e, struct err *err) WARN_UNUSED;
/* Those inode flags that are kept; a file system without flags has none. */
void walk_flags(int fd, struct tree_entry *e);
/* Extents and stream length of a regular file (lseek(2), SEEK_DATA); e->size and the extended attributes must be set. */
int walk_extents(int fd, const struct stat *st, struct tree_entry *e, struct err *err) WARN_UNUSED;

#endif
