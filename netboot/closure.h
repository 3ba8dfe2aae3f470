/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs of this machine for another root: each with the shared libraries that it needs, found as ld.so(8) finds them, nothing
 * run. */
#ifndef ORTHRUS_NETBOOT_CLOSURE_H
#define ORTHRUS_NETBOOT_CLOSURE_H

#include "netboot/rootfs.h"

#include "base/err.h"

/* Put the program at `source` into `r` as `path` with mode 0755, and every library and the loader that it needs. */
int closure_program(struct rootfs *r, const char *path, const char *source, struct err *err) WARN_UNUSED;
/* Put a library that programs load at run time (by dlopen) into `r`; 1 when it was found, 0 when this machine has none. */
int closure_library(struct rootfs *r, const char *soname, struct err *err) WARN_UNUSED;

#endif
