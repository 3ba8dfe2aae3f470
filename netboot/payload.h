/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of netboot_payload_build() that need no image store. */
#ifndef ORTHRUS_NETBOOT_PAYLOAD_H
#define ORTHRUS_NETBOOT_PAYLOAD_H

#include "netboot/netboot.h"
#include "netboot/rootfs.h"

#include "base/err.h"

/* Key of what would be made of `base` (initramfs_base) and a source of kernel and modules that `source_id` names: 64 hex digits,
 * new. */
int payload_key(struct rootfs *base, const char *source_id, char **key, struct err *err) WARN_UNUSED;
/* Adds the modules of `tree` to `base`, writes out_dir/{vmlinuz,initrd.img}, synced. `work`: an empty directory for what comes
 * between. */
int payload_from_tree(struct rootfs *base, const char *tree, const char *work, const char *out_dir, struct err *err) WARN_UNUSED;

#endif
