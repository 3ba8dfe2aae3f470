/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes cpio archives in the "newc" format (kernel: Documentation/driver-api/early-userspace/buffer-format.rst), which an
 * initramfs is made of. Several archives one after the other count as one; later files replace earlier ones.
 * The same calls give the same bytes: no times, everything belongs to root. */
#ifndef ORTHRUS_BASE_CPIO_H
#define ORTHRUS_BASE_CPIO_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* `struct cpio c = { .out = &buf };` An archive must begin at a multiple of 4 bytes in what the kernel reads. */
struct cpio {
	struct buf *out;
	size_t start;	/* where in out this archive begins; set by the first entry */
	uint32_t inode; /* of the last entry: each has its own, so that none is taken for a hard link */
};

/* Paths have no leading '/'. Parents must be added before their children: the kernel makes none. `mode`: permission bits
 * only. A file is less than 4 GiB: the format has no more digits. */
void cpio_dir(struct cpio *c, const char *path, unsigned int mode);
void cpio_file(struct cpio *c, const char *path, unsigned int mode, const void *data, size_t len);
void cpio_symlink(struct cpio *c, const char *path, const char *target);
void cpio_char_device(struct cpio *c, const char *path, unsigned int mode, unsigned int major, unsigned int minor);
void cpio_end(struct cpio *c); /* the trailer, padded to 512 bytes */

#endif
