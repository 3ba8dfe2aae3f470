/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Make the restored system boot from its own disks: GRUB in the BIOS boot partitions, the signed loaders on the EFI system
 * partition. The last thing done to the disks: what it needs is checked first, the bytes that firmware looks for come last. */
#ifndef ORTHRUS_INSTALLER_BOOTLOADER_H
#define ORTHRUS_INSTALLER_BOOTLOADER_H

#include "base/err.h"
#include "installer/order.h"
#include "raidsetup/raidsetup.h"

struct bootloader {
	const struct order *order;
	const struct raid_result *result;
	const struct disks *disks; /* probed now: where the members are */
	const char *target;	   /* where the node's root is mounted, e.g. "/target" */
	int target_fd;
};
/* Works with missing members too, as long as one is there. On failure the disks may be left without a boot loader, never with one
 * that starts something else. */
int bootloader_install(const struct bootloader *b, struct err *err) WARN_UNUSED;

/* For bootloader.c. BIOS: GRUB onto every member (bootloader_bios.c). */
int bootloader_bios(const struct bootloader *b, struct err *err) WARN_UNUSED;
/* UEFI: everything but the file that firmware starts; then that file (bootloader_uefi.c). */
int bootloader_uefi_prepare(const struct bootloader *b, struct err *err) WARN_UNUSED;
int bootloader_uefi_enable(const struct bootloader *b, struct err *err) WARN_UNUSED;

#endif
