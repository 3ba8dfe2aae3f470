/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does a directory have to do with the image store, whichever path leads to it? */
#ifndef ORTHRUS_IMAGING_STORE_PLACE_H
#define ORTHRUS_IMAGING_STORE_PLACE_H

#include "base/err.h"

#include <stdbool.h>

struct store;

/* *meets: `dir`, which may not be there yet, is, holds or lies in the store at `store_dir`; packs, images and sequence count
 * where they really are. `with_mounts`: what is mounted below `dir` is in it. `s`: the store when it is there, else NULL. *real
 * is dir's real path; the caller frees. */
int store_place_compare(const char *store_dir, const struct store *s, const char *dir, bool with_mounts, bool *meets, char **real,
			struct err *err) WARN_UNUSED;

#endif
