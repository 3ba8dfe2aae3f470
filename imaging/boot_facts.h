/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot.json: what in a tree can be booted, so that nobody has to search for it again. */
#ifndef ORTHRUS_IMAGING_BOOT_FACTS_H
#define ORTHRUS_IMAGING_BOOT_FACTS_H

#include "base/buf.h"
#include "imaging/tree.h"

/* Append the document: kernels (newest version first) with their initrd and modules, boot loader files of both firmwares, and the
 * variables of GRUB's environment block, whose text is `grubenv` (NULL when there is none). Pure. */
void boot_facts_print(const struct tree *tree, const char *grubenv, struct buf *out);

#endif
