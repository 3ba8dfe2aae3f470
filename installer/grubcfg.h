/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the node's GRUB is told, judged before anything is made bootable: a wrong root device shows only at the next boot, in the
 * initial RAM disk, when nobody can help any more. */
#ifndef ORTHRUS_INSTALLER_GRUBCFG_H
#define ORTHRUS_INSTALLER_GRUBCFG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "raidsetup/raidsetup.h"

/* Pure. ERR_FAILED naming the line unless /boot/grub/grub.cfg (as grub-mkconfig wrote it) has at least one kernel, every kernel
 * is given root=UUID= of our "/" and an initial RAM disk, and every search and mduuid hint names a file system or array of ours.
 * The RAM disks' paths, as GRUB sees them, are added to `initrds` (each once). */
int grubcfg_check(const char *text, const struct raid_result *result, struct str_list *initrds, struct err *err) WARN_UNUSED;
/* The stub on the EFI system partition: finds the file system with /boot/grub and goes on there. */
int grubcfg_efi_stub(const struct raid_result *result, struct buf *out, struct err *err) WARN_UNUSED;
/* The directory with the kernels as GRUB sees it, "/boot" or, when that is a file system of its own, "". */
const char *grubcfg_boot_dir(const struct raid_result *result);

#endif
