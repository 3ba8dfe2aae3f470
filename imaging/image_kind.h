/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ORTHRUS_IMAGING_IMAGE_KIND_H
#define ORTHRUS_IMAGING_IMAGE_KIND_H

#include "base/err.h"

/* ERR_INVALID for what can't be an image's kind: a plain name of at most 40 characters, for it is the end of the id. To be asked
 * before long work, by whoever stores an image. */
int image_kind_check(const char *kind, struct err *err) WARN_UNUSED;

#endif
