/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What makes a tree safe to restore, checked entry by entry: written so that nothing that passes can leave its root. Pure. */
#ifndef ORTHRUS_IMAGING_TREE_CHECK_H
#define ORTHRUS_IMAGING_TREE_CHECK_H

#include "base/err.h"
#include "imaging/tree.h"

#include <stddef.h>
#include <stdint.h>

/* State from entry to entry. Zero at first. */
struct tree_check {
	size_t *dirs; /* entries that are the directories above the last one, root first */
	size_t depth, cap;
	uint32_t n_links; /* link ids seen: 1 to this */
};
void tree_check_free(struct tree_check *c);
/* Check the last entry of `t` against those before it, and count its content into t->stream_bytes. */
int tree_check_last(struct tree_check *c, struct tree *t, struct err *err) WARN_UNUSED;

#endif
