/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells whether an inode was met before, to find the names that are hard links of one another. */
#ifndef ORTHRUS_IMAGING_INODES_H
#define ORTHRUS_IMAGING_INODES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct inode_seen {
	dev_t dev;
	ino_t ino;
	uint32_t names; /* counted by the caller */
};
struct inodes {
	struct inode_seen *items; /* id - 1 is the place */
	size_t len, cap;
	uint32_t *slots; /* open addressing: ids, 0 is free */
	size_t size;
};
void inodes_free(struct inodes *s);
/* The id of an inode: 1, 2, ... in the order they are first asked for. */
uint32_t inodes_id(struct inodes *s, dev_t dev, ino_t ino);

#endif
