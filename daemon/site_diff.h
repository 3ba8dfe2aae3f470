/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What applying a site would change, in words. Pure. */
#ifndef ORTHRUS_DAEMON_SITE_DIFF_H
#define ORTHRUS_DAEMON_SITE_DIFF_H

#include "base/plan.h"
#include "site/site.h"

/* Appends a step for each part that is added or removed and for each member of a part that changes, with the old and the new
 * value; none when both sites are the same. `old` NULL: nothing was applied before. */
int site_diff(const struct site *old, const struct site *new_site, struct plan *plan, struct err *err) WARN_UNUSED;

#endif
