/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of the loop (loop.h): what it does. */
#ifndef ORTHRUS_GUARD_LOOP_ACTS_H
#define ORTHRUS_GUARD_LOOP_ACTS_H

#include "headfailover/guard/loop.h"

/* One event into the core, and all that it wants done. `msg` NULL: none. */
void loop_step(struct loop *l, enum lease_on kind, uint8_t who, bool ok, const struct lease_msg *msg);
void loop_unfit(struct loop *l, enum loop_unfit why, bool is);
void loop_burst(struct loop *l);       /* say once more that the addresses are here, if it is time */
void loop_look_around(struct loop *l); /* cables, and others that claim our addresses */
void loop_see_addresses(struct loop *l);
void loop_tell_twins(struct loop *l);

#endif
