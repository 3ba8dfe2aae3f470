/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One pass over a file tree in path order: all attributes into a struct tree, regular files handed on open for their content. */
#ifndef ORTHRUS_IMAGING_WALK_H
#define ORTHRUS_IMAGING_WALK_H

#include "base/err.h"
#include "imaging/tree.h"

#include <sys/types.h>

/* Called for each regular file that has content, once per inode. `e` has size, extents, stream place; read exactly these from
 * `fd`. */
typedef int (*walk_content_fn)(void *ctx, const struct tree_entry *e, int fd, struct err *err);

struct walk {
	int root_fd;	  /* the tree's root directory */
	dev_t refuse_dev; /* a directory with this identity must not be in the tree (the store that is written to) */
	ino_t refuse_ino;
	walk_content_fn content;
	void *ctx;
};

/* Fills `out` (zero at first; free it also after an error) with a tree that tree_decode accepts. Where something is
 * mounted on a directory, be it of the same file system (a bind mount), that is taken empty: it is not part of the tree. A file
 * that changes while it is read, a path longer than TREE_PATH_MAX and an unknown kind of file are errors that name it. Access
 * times are left alone where the kernel allows it. */
int walk_tree(const struct walk *w, struct tree *out, struct err *err) WARN_UNUSED;

#endif
