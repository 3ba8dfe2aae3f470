/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of an archive's tree: each is found by its parent and name, whoever chose the names. */
#ifndef ORTHRUS_IMAGING_IMPORT_NODE_H
#define ORTHRUS_IMAGING_IMPORT_NODE_H

#include "imaging/import_tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMPORT_MADE_MODE 0755 /* of directories that no entry was there for */

struct import_node {
	char *name;
	struct import_inode *inode;
	struct import_node *parent, *first, *next, *before; /* children in no order */
	struct import_node *chain;			    /* the next in the bucket */
	uint32_t layer;
	bool made; /* no entry said so, but something lies in it */
};

/* `name` need not end after `len` bytes. NULL: there is none. */
struct import_node *import_node_child(const struct import_tree *t, const struct import_node *parent, const char *name,
				      size_t len);
/* A new one, without an inode. There must be none of that name. */
struct import_node *import_node_add(struct import_tree *t, struct import_node *parent, const char *name, size_t len)
	__attribute__((returns_nonnull));
/* With all below it, as deep as a path has names: 2048 at most. Not for the root. */
void import_node_remove(struct import_tree *t, struct import_node *n);

#endif
