/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The content of an initramfs as a list: put together in any order, written sorted, so that the same content gives the same
 * bytes. */
#ifndef ORTHRUS_NETBOOT_ROOTFS_H
#define ORTHRUS_NETBOOT_ROOTFS_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum rootfs_type { ROOTFS_DIR, ROOTFS_FILE, ROOTFS_LINK, ROOTFS_CHAR };

struct rootfs_entry {
	enum rootfs_type type;
	char *path;	   /* without leading '/' */
	unsigned int mode; /* permission bits */
	char *source;	   /* FILE: read from here, or NULL: `data`; LINK: its target */
	struct buf data;   /* FILE without source */
	unsigned int major, minor;
};
struct rootfs {
	struct rootfs_entry *items;
	size_t len, cap;
};
void rootfs_free(struct rootfs *r);

/* `path` may begin with '/'. "bin", "sbin", "lib" and "lib64" at its begin become "usr/bin" ...: the initramfs has links there,
 * as Debian. A path that is there already is kept as it is (first come, first served): see rootfs_has. Parents are made as
 * needed. */
void rootfs_dir(struct rootfs *r, const char *path, unsigned int mode);
void rootfs_file(struct rootfs *r, const char *path, unsigned int mode, const char *source);
void rootfs_data(struct rootfs *r, const char *path, unsigned int mode, const char *text);
void rootfs_link(struct rootfs *r, const char *path, const char *target);
void rootfs_char(struct rootfs *r, const char *path, unsigned int mode, unsigned int major, unsigned int minor);
/* Take out of `r` every path that `other` has, too. */
void rootfs_without(struct rootfs *r, const struct rootfs *other);
bool rootfs_has(const struct rootfs *r, const char *path);

/* SHA-256 over all entries in order of their paths, with the files' content. */
int rootfs_digest(struct rootfs *r, struct digest *out, struct err *err) WARN_UNUSED;
/* The whole as one cpio archive (base/cpio.h), appended to `out`. */
int rootfs_cpio(struct rootfs *r, struct buf *out, struct err *err) WARN_UNUSED;

#endif
