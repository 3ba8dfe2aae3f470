/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chunks of a restore, out of a store's packs, by several threads. */
#ifndef ORTHRUS_IMAGING_RESTORE_FEED_H
#define ORTHRUS_IMAGING_RESTORE_FEED_H

#include "base/err.h"
#include "imaging/restore.h"
#include "imaging/store.h"

/* Put every chunk that is not done yet, from the packs in `packs_dir`. Memory: at most three packs, and two chunks for each
 * thread. A damaged pack is named, with the chunk. `progress` may be NULL; called under a lock, from any thread. */
int restore_feed(struct restore *r, const char *packs_dir, store_progress_fn progress, void *ctx, struct err *err) WARN_UNUSED;

#endif
