/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guard of this head tells becomes events of the cluster; how it stands is part of the status. */
#ifndef ORTHRUS_DAEMON_GUARD_WATCH_H
#define ORTHRUS_DAEMON_GUARD_WATCH_H

#include "base/err.h"

struct daemon;
struct guard_watch;
struct json_out;

/* A thread that hears it whenever it runs; where there is none, it looks every 2 s whether there is one now. */
int guard_watch_start(struct daemon *d, struct guard_watch **out, struct err *err) WARN_UNUSED;
void guard_watch_stop(struct guard_watch *w); /* NULL is fine */
/* The object "guard" for the status; nothing where none runs. */
void guard_watch_status(struct daemon *d, struct json_out *w);

#endif
