/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a restored image to a node: its own files, the check of both, and what makes it boot. The disks are raidsetup's, the image
 * is imaging's; the plan that orders all of it is in installer/order.h. */
#ifndef ORTHRUS_INSTALLER_INSTALLER_H
#define ORTHRUS_INSTALLER_INSTALLER_H

#include "base/err.h"
#include "installer/order.h"
#include "raidsetup/raidsetup.h"

#include <stdbool.h>

/* By what the head knows the installed system, and gives it secrets: texts of files. All but `seal_key` and `fingerprint` is for
 * root alone. */
struct install_identity {
	const char *key, *crt;	 /* P-256 private key and its certificate, PEM */
	const char *seal;	 /* X25519 private key, hex with newline */
	const char *csr;	 /* by which a new certificate is asked for, PEM */
	const char *seal_key;	 /* X25519 public key, hex */
	const char *fingerprint; /* of both, hex */
};

/* The system being installed; everything belongs to the caller. */
struct install_target {
	const struct order *order;
	const struct raid_result *result;
	const char *path;   /* where its root is mounted, "/target" */
	int fd;		    /* the same directory, opened */
	const char *ca_crt; /* PEM text: whom the node trusts as head */
	const struct install_identity *identity;
	bool diskless;		   /* its root is in memory: no file system is to be named, and no array to be started */
	const struct disks *disks; /* for install_bootloader: probed now, to find the members */
};

/* INSTALL_HOST_FILES: what makes the image this one node. Each file appears whole or not at all; may be done again. */
int install_hostfiles(const struct install_target *t, struct err *err) WARN_UNUSED;
/* INSTALL_VERIFY, beside raid_verify: a kernel and its RAM disk, an init, every host file as it was rendered. Contents of the
 * image itself were proven, chunk by chunk, as they were written. */
int install_verify(const struct install_target *t, struct err *err) WARN_UNUSED;
/* INSTALL_BOOT_LOADER: GRUB in the BIOS boot partitions, the signed loaders on the EFI system partition. What it needs is checked
 * first, the bytes that firmware looks for come last: a failure may leave the disks without a boot loader, never with a wrong
 * one. Works with missing members too, as long as one is there. */
int install_bootloader(const struct install_target *t, struct err *err) WARN_UNUSED;
/* After a failure: what UEFI firmware starts is taken from the EFI system partition, which must be mounted. Beside raid_unboot,
 * which does the same for BIOS. Absent is fine, and so is a layout without that partition. Uses `result` and `fd` only. */
int install_unboot(const struct install_target *t, struct err *err) WARN_UNUSED;

#endif
