/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of netboot_payload_build() that need no image store. */
#ifndef ORTHRUS_NETBOOT_PAYLOAD_H
#define ORTHRUS_NETBOOT_PAYLOAD_H

#include "netboot/netboot.h"
#include "netboot/netboot.h"
#include "netboot/rootfs.h"

#include "base/err.h"

/* The archives, but for the modules: the imager's own, and what the rescue system has beside it. */
struct payload_roots {
	struct rootfs base, rescue;
};
int payload_roots_make(struct payload_roots *out, const struct netboot_payload *p, struct err *err) WARN_UNUSED;
void payload_roots_free(struct payload_roots *r);

/* Key of what would be made of `roots` and a source of kernel and modules that `source_id` names: 64 hex digits,
 * new. */
int payload_key(struct payload_roots *roots, const char *source_id, char **key, struct err *err) WARN_UNUSED;
/* Adds the modules of `tree` to the imager's, writes out_dir/{vmlinuz,initrd.img,rescue.img}, synced. `work`: an empty directory
 * for what comes between. */
int payload_from_tree(struct payload_roots *roots, const char *tree, const char *work, const char *out_dir,
		      struct err *err) WARN_UNUSED;

#endif
