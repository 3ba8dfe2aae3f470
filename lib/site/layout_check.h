/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold between the parts of a layout. Private to lib/site. */
#ifndef ORTHRUS_SITE_LAYOUT_CHECK_H
#define ORTHRUS_SITE_LAYOUT_CHECK_H

#include "base/err.h"
#include "site/layout.h"

struct json_obj;

/* Fills in the default use of each partition, then checks all that can be checked without disks. Errors begin with o's path. */
int layout_check(const struct json_obj *o, struct layout *l, struct err *err) WARN_UNUSED;

#endif
