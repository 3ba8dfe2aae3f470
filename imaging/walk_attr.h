/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The attributes of a file that stat(2) does not give: extended attributes, inode flags, where it has holes. */
#ifndef ORTHRUS_IMAGING_WALK_ATTR_H
#define ORTHRUS_IMAGING_WALK_ATTR_H

#include "base/err.h"
#include "imaging/tree.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Is it an attribute that images have? xfs shows each POSIX ACL as trusted.SGI_ACL_* too: whoever sets or removes one of the two
 * does it to the other, so that half of it is no attribute of its own. */
bool walk_keeps_xattr(const char *name);
/* All of user.*, trusted.*, security.* and the POSIX ACLs of `name` in the directory `dirfd`, into `e`, sorted. Symlinks are not
 * followed. */
int walk_xattrs(int dirfd, const char *name, struct tree_entry *e, struct err *err) WARN_UNUSED;
/* Those inode flags that are kept; a file system without flags has none. */
void walk_flags(int fd, struct tree_entry *e);
/* Extents and stream length of a regular file (lseek(2), SEEK_DATA); e->size and the extended attributes must be set. A file with
 * a block for each byte has no holes, even if blocks are only reserved. */
int walk_extents(int fd, const struct stat *st, struct tree_entry *e, struct err *err) WARN_UNUSED;

#endif
