/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's file systems inside the system being installed, so that its own programs can run there. */
#ifndef ORTHRUS_INSTALLER_CHROOT_H
#define ORTHRUS_INSTALLER_CHROOT_H

#include "base/err.h"

/* Bind /dev, /proc, /sys and /run of this machine into `target` (root_fd: the same directory, opened). Nothing stays when it
 * fails. */
int chroot_enter(const char *target, int root_fd, struct err *err) WARN_UNUSED;
/* Take them out again; those that are not there are fine. */
int chroot_leave(const char *target, struct err *err) WARN_UNUSED;

#endif
