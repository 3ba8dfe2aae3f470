/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the loop noted, in words for people: what happened, to whom, and what can be done. Pure. */
#ifndef ORTHRUS_GUARD_NOTES_H
#define ORTHRUS_GUARD_NOTES_H

#include "headfailover/guard/loop.h"

/* False: it is no event, only counted. Fills all of `out` but version and time. `now_ns` of the loop's clock. */
bool note_tell(const struct guard_config *config, const struct loop_note *n, int64_t now_ns,
	       struct control_event *out) WARN_UNUSED;

#endif
