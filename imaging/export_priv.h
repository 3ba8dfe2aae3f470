/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that export an image share. */
#ifndef ORTHRUS_IMAGING_EXPORT_PRIV_H
#define ORTHRUS_IMAGING_EXPORT_PRIV_H

#include "base/err.h"
#include "imaging/export.h"

/* export_dir.c: ERR_REFUSED when the target is there and is no empty directory (lost+found alone is empty), unless it is to be
 * updated or an export into it was cut off. */
int export_dir_probe(const struct export *x, struct export_facts *out, struct err *err) WARN_UNUSED;
void export_dir_plan(const struct export *x, const struct export_facts *f, struct plan *plan);
int export_dir(const struct export *x, const struct export_facts *f, struct err *err) WARN_UNUSED;

#endif
