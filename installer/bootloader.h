/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two firmwares' parts of install_bootloader: they know where each looks for its loader. */
#ifndef ORTHRUS_INSTALLER_BOOTLOADER_H
#define ORTHRUS_INSTALLER_BOOTLOADER_H

#include "base/err.h"
#include "installer/installer.h"

/* BIOS: GRUB onto every member (bootloader_bios.c). */
int bootloader_bios(const struct install_target *t, struct err *err) WARN_UNUSED;
/* UEFI: everything but the file that firmware starts; then that file (bootloader_uefi.c). */
int bootloader_uefi_prepare(const struct install_target *t, struct err *err) WARN_UNUSED;
int bootloader_uefi_enable(const struct install_target *t, struct err *err) WARN_UNUSED;

#endif
