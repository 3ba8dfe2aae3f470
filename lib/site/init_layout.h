/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disk layout of a new site, from a RAID level and what goes with it. Private to lib/site. */
#ifndef ORTHRUS_SITE_INIT_LAYOUT_H
#define ORTHRUS_SITE_INIT_LAYOUT_H

#include "base/buf.h"
#include "base/err.h"

struct site_seed;

/* "raid1", "raid10", "single". Caller frees. */
char *site_init_layout_name(const struct site_seed *seed);
/* Appends it as JSON. Refuses words that mean none; that the level has enough disks is for layout_read() to say. */
int site_init_layout(const struct site_seed *seed, struct buf *out, struct err *err) WARN_UNUSED;

#endif
