/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's events, for `orthrus event` and for verbs that wait. */
#ifndef ORTHRUS_CMD_EVENTS_H
#define ORTHRUS_CMD_EVENTS_H

#include "cmd/cmd.h"

/* The number of the newest event; 0 when there is none. */
int events_newest(struct cmd *c, uint64_t *number, struct err *err) WARN_UNUSED;
/* Block until there is an event after number *since, or some seconds passed; *since becomes the newest. 0 at first: all there is.
 */
int events_wait(struct cmd *c, uint64_t *since, struct err *err) WARN_UNUSED;

#endif
