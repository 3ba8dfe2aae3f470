/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A last look at the restored system before it is made bootable: does it hold what a node can't do without? */
#ifndef ORTHRUS_IMAGER_VERIFY_H
#define ORTHRUS_IMAGER_VERIFY_H

#include "base/err.h"
#include "installer/hostfiles.h"

/* A kernel and its RAM disk, an init, and every host file as it was rendered. Contents of the image itself were proven, chunk by
 * chunk, as they were written. */
int verify_target(int target_fd, const struct hostfiles *files, struct err *err) WARN_UNUSED;

#endif
