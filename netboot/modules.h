/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which kernel modules the imager needs: a list of names becomes the files of those modules and of all that they depend on. Pure.
 */
#ifndef ORTHRUS_NETBOOT_MODULES_H
#define ORTHRUS_NETBOOT_MODULES_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

/* What a machine may need before its disks are ours: buses, disk controllers, network cards, md, file systems. NULL-terminated.
 */
extern const char *const modules_wanted[];

/* `dep` is the text of modules.dep (depmod(8)). Appends to `paths`, sorted and once each, the files
 * ("kernel/drivers/net/virtio_net.ko") of the `wanted` modules ('-' and '_' are the same) and of their dependencies. A wanted
 * module that is not there is no error: it is built in, or this kernel has none. A dependency that is not there, or a path that
 * leads elsewhere, is ERR_DAMAGED. */
int modules_select(const char *dep, size_t len, const char *const *wanted, struct str_list *paths, struct err *err) WARN_UNUSED;

/* The value of every "firmware=" in a module's .modinfo section (found by its text: compressed modules give nothing), appended.
 */
void modules_firmware(const void *module, size_t len, struct str_list *out);

#endif
