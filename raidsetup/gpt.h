/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A GUID partition table written as a whole (UEFI specification 2.10, chapter 5). Own code, for libparted offers no way to choose
 * the GUIDs, and ours must follow from the order's seed. */
#ifndef ORTHRUS_RAIDSETUP_GPT_H
#define ORTHRUS_RAIDSETUP_GPT_H

#include "base/buf.h"
#include "base/err.h"
#include "raidsetup/steps.h"

#include <stdint.h>

/* Pure. `head` is what belongs at byte 0 of the disk (protective MBR without boot code, header, entries), `tail` what belongs at
 * its end (entries, header). ERR_INVALID when a partition does not fit or is not made of whole sectors. */
int gpt_build(const struct raid_partition *table, struct buf *head, struct buf *tail, struct err *err) WARN_UNUSED;

/* Write it, the copy at the end first; old signatures inside the new partitions are erased before the table says that
 * they are partitions, so that nobody finds what lay there. `fd` is a disk or a file of the table's size. */
int gpt_write(int fd, const struct raid_partition *table, struct err *err) WARN_UNUSED;

/* Put the code that refuses to boot, which gpt_write leaves, over whatever boot code is there now; disk signature and table stay.
 */
int gpt_unboot(int fd, struct err *err) WARN_UNUSED;

#endif
