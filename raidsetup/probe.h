/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the probe that the steps need too, and that tests point at trees of their own. */
#ifndef ORTHRUS_RAIDSETUP_PROBE_H
#define ORTHRUS_RAIDSETUP_PROBE_H

#include "raidsetup/raidsetup.h"
#include "raidsetup/sysfs.h"

/* raid_probe() with another place to look. `with_found`: read the disks for old signatures too. */
int probe_disks(const struct raid_env *env, bool with_found, struct disks *out, struct err *err) WARN_UNUSED;
/* Model, serial, WWN, transport: probe_identity.c. */
void probe_identity(const struct raid_env *env, struct disk *d);
/* NULL, or why the disk must not be touched: probe_use.c. Caller frees. Arrays that were found but never started don't count;
 * their kernel names go to `idle_md` (may be NULL). */
char *probe_in_use(const struct raid_env *env, const char *name, struct str_list *idle_md);

#endif
