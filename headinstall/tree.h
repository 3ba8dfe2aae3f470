/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in the directories that packages and our steps write to: looked at before an installation and after each of its steps,
 * so that what a package's script changed is known as well as what we wrote. */
#ifndef ORTHRUS_HEADINSTALL_TREE_H
#define ORTHRUS_HEADINSTALL_TREE_H

#include "headinstall/journal.h"

/* Of a root and one place for copies, made once. */
struct head_tree {
	const char *root;      /* "" for "/" */
	const char *originals; /* a directory of root's alone */
};

/* All that is watched, as `now` of its path, sorted. With `keep`, each content that was read lies in `originals` when this
 * returns 0 (kept is set), and is durable. */
int head_tree_look(const struct head_tree *t, bool keep, struct head_journal *out, struct err *err) WARN_UNUSED;
/* One path, watched or not. What is not there is HEAD_ABSENT. */
int head_tree_state(const struct head_tree *t, const char *path, bool keep, struct head_state *out, struct err *err) WARN_UNUSED;
/* Make `path` what `to` says: content from `originals`, mode, owner. A file is replaced whole. ERR_NOT_FOUND when its content was
 * not kept. A directory that is to be absent but is not empty: ERR_EXISTS. */
int head_tree_restore(const struct head_tree *t, const char *path, const struct head_state *to, struct err *err) WARN_UNUSED;
/* Whether changes of it are written down. */
bool head_tree_watched(const char *path);

#endif
