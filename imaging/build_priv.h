/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that build an image share. */
#ifndef ORTHRUS_IMAGING_BUILD_PRIV_H
#define ORTHRUS_IMAGING_BUILD_PRIV_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct build;

/* All packages to install: those every node needs, then the build's own. */
void build_packages(const struct build *b, struct str_list *out);

/* build_settle.c: make a freshly installed tree nobody's and timeless. Every time later than `began_s` (when the build began)
 * becomes the newest earlier one, which is the packages'. */
int build_settle(const char *root, int64_t began_s, struct err *err) WARN_UNUSED;

#endif
