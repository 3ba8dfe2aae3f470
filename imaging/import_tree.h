/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file tree that an archive describes, kept in memory while its entries come in any order: no name of an archive ever reaches
 * a file system. Content lies in one nameless spool file. */
#ifndef ORTHRUS_IMAGING_IMPORT_TREE_H
#define ORTHRUS_IMAGING_IMPORT_TREE_H

#include "base/err.h"
#include "imaging/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file with all its names. `e` has everything but path, link id and place in the stream; its data is e.stream_len bytes of the
 * spool from spool_at on. */
struct import_inode {
	struct tree_entry e;
	uint64_t spool_at;
	uint32_t names, link;
};
struct import_node;
struct import_tree {
	struct import_node *root;
	struct import_node **buckets; /* every node but the root, by parent and name */
	size_t n_buckets, len;
	uint64_t seed;
	uint32_t layer;	    /* what comes now; of an archive that is one alone: 0 */
	uint64_t raw_bytes; /* what the entries will take as records, about */
	uint64_t made;	    /* directories that no entry was there for */
	char *first_made;   /* path of the first of them */
};
void import_tree_init(struct import_tree *t);
void import_tree_free(struct import_tree *t);

struct import_inode *import_inode_new(enum tree_type type);
void import_inode_drop(struct import_inode *i); /* one name less; with the last the inode goes */

/* Pure. "./a//b/" -> "a/b", "." -> "". What is absolute, climbs or is too long is ERR_REFUSED; a new string. */
int import_path_clean(const char *raw, char **out, struct err *err) WARN_UNUSED;
/* The file of that clean path, or NULL; nothing is followed. */
struct import_inode *import_tree_find(const struct import_tree *t, const char *path);
/* Give `inode` (whose names it counts) the clean `path`. What has the name already in the same layer must be of the same type: it
 * is replaced, a directory's attributes alone. What lies below something that is no directory is ERR_REFUSED. */
int import_tree_put(struct import_tree *t, const char *path, struct import_inode *inode, struct err *err) WARN_UNUSED;
/* OCI whiteouts: take out what earlier layers have at `path`, or below it. */
void import_tree_remove_lower(struct import_tree *t, const char *path);
void import_tree_clear_lower(struct import_tree *t, const char *path);
/* The names in the root directory, counted; `each` may be NULL. */
size_t import_tree_top(const struct import_tree *t, void (*each)(void *ctx, const char *name), void *ctx);

/* Called for each file with content, after its entry was added to `out`. */
typedef int (*import_content_fn)(void *ctx, const struct import_inode *inode, uint64_t stream_len, struct err *err);
/* Empty the tree into `out` in path order, numbered as tree_decode wants it. */
int import_tree_emit(struct import_tree *t, struct tree *out, import_content_fn content, void *ctx, struct err *err) WARN_UNUSED;

#endif
