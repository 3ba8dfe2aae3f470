/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that export an image share. */
#ifndef ORTHRUS_IMAGING_EXPORT_PRIV_H
#define ORTHRUS_IMAGING_EXPORT_PRIV_H

#include "base/err.h"
#include "imaging/export.h"

/* export_dir.c: ERR_REFUSED when `path` is there and is no empty directory; lost+found alone is empty. */
int export_dir_check(const char *path, struct err *err) WARN_UNUSED;
int export_dir(const struct export *x, const struct export_facts *f, struct err *err) WARN_UNUSED;

#endif
