/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The content of the imager's initramfs: programs of the head, our scripts, the cluster's trust anchors, the image's kernel
 * modules. */
#ifndef ORTHRUS_NETBOOT_INITRAMFS_H
#define ORTHRUS_NETBOOT_INITRAMFS_H

#include "netboot/netboot.h"
#include "netboot/rootfs.h"

#include "base/err.h"

/* Everything but the modules: the same for every image. */
int initramfs_base(struct rootfs *r, const struct netboot_payload *p, struct err *err) WARN_UNUSED;

/* What a rescue boot has beside `base`: programs and libraries that it lacks, and what takes the place of its files. */
int initramfs_rescue(struct rootfs *r, const struct rootfs *base, struct err *err) WARN_UNUSED;

/* The newest kernel below `tree` (an image's boot/ and usr/lib/modules/) that has its modules there; new strings. */
int initramfs_kernel(const char *tree, char **vmlinuz, char **version, struct err *err) WARN_UNUSED;
/* Add the wanted modules of that kernel, what they depend on, their firmware if the tree has it, and the indexes that depmod(8)
 * makes. `work` is an empty directory, used until the archive has been written. */
int initramfs_modules(struct rootfs *r, const char *tree, const char *version, const char *work, struct err *err) WARN_UNUSED;

#endif
