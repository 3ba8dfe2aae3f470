/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine of a head that is none any more: nothing of a guard is left in its network. */
#ifndef ORTHRUS_GUARD_LEAVE_H
#define ORTHRUS_GUARD_LEAVE_H

#include "base/err.h"

/* Once no guard runs here. The service addresses of the site go first, whatever interface they are at: a guard that was killed
 * has left them, and nothing but the gate keeps them from answering beside the other head's. Then the gate goes. No site: only
 * the gate. A site that can't be read: -1, and the gate stays. */
int guard_leave(const char *site_path, struct err *err) WARN_UNUSED;

#endif
