/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree.zst: every entry of a file tree with all its attributes, in path order, as plain records. Pure. */
#ifndef ORTHRUS_IMAGING_TREE_H
#define ORTHRUS_IMAGING_TREE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_PATH_MAX 4095 /* bytes; the kernel's PATH_MAX less the NUL */
#define TREE_NAME_MAX 255  /* bytes between two '/' */
#define TREE_ENTRIES_MAX ((uint64_t)16 << 20)
#define TREE_RAW_MAX ((uint64_t)2 << 30) /* of the records, unpacked */
#define TREE_XATTRS_MAX 4096		 /* per entry */
#define TREE_XATTR_VALUE_MAX 65536

/* The numbers are the format's. */
enum tree_type {
	TREE_DIR = 1,
	TREE_FILE = 2,
	TREE_SYMLINK = 3,
	TREE_FIFO = 4,
	TREE_CHAR = 5,
	TREE_BLOCK = 6,
	TREE_SOCKET = 7,
	TREE_HARDLINK = 8, /* one more name of the earlier entry with the same link id: nothing else is in it */
};

/* Inode flags (FS_IOC_GETFLAGS) that are kept: sync, immutable, append-only, nodump, noatime, dirsync. */
#define TREE_FLAGS_KEPT 0x000100f8u

struct tree_xattr { /* POSIX ACLs and capabilities are such, in the kernel's own form (xattr(7)) */
	char *name;
	uint8_t *value;
	uint32_t len;
};
struct tree_extent { /* where a sparse file has data */
	uint64_t offset, len;
};

struct tree_entry {
	char *path; /* relative, "" is the tree's root; bytes as they are, no '\0' */
	enum tree_type type;
	uint16_t mode; /* 07777 */
	uint32_t uid, gid;
	int64_t mtime_s; /* may be negative; mtime_ns counts forward from it */
	uint32_t mtime_ns;
	uint32_t flags;
	uint32_t link;	       /* 0, or the id that all names of this inode share */
	uint32_t major, minor; /* TREE_CHAR, TREE_BLOCK */
	char *target;	       /* TREE_SYMLINK, else NULL */
	/* TREE_FILE: content is `stream_len` bytes of the content stream from `stream_at`. With extents they fill these, in
	 * order; without any, the file is all data (stream_len == size) or all hole (stream_len 0). */
	uint64_t size, stream_at, stream_len;
	struct tree_extent *extents;
	size_t n_extents;
	struct tree_xattr *xattrs; /* sorted by name */
	size_t n_xattrs;
};

struct tree {
	struct tree_entry *entries; /* in the order of tree_path_cmp; the first is the root */
	size_t len, cap;
	uint64_t stream_bytes;
};

/* Path order: bytewise with '/' as the lowest byte, so that all below a directory follows it at once (depth first). */
int tree_path_cmp(const char *a, const char *b);
/* Append a zeroed entry; the pointer is valid until the next call. */
struct tree_entry *tree_add(struct tree *t);
/* Forget the last entry. */
void tree_drop(struct tree *t);
void tree_free(struct tree *t);

/* The records, not compressed. The tree must be one that tree_decode accepts. */
void tree_encode(const struct tree *t, struct buf *out);
/* Read and check all of it, so that users of a decoded tree need not: known types, paths relative and clean, in strict path
 * order, each parent an earlier directory, link ids earlier, streams back to back, extents inside the file. A path that is
 * absolute or climbs, a parent that is no directory, and a link to nothing are ERR_REFUSED by name; else ERR_DAMAGED. `out` must
 * be zero; free it also after an error. */
int tree_decode(const void *raw, size_t len, struct tree *out, struct err *err) WARN_UNUSED;
/* The entry at `path`, or NULL. */
const struct tree_entry *tree_find(const struct tree *t, const char *path);

#endif
