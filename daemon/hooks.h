/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event hooks: programs of the administrator in hooks.d that are given each event as one JSON object (orthrus-hooks(7)). They run
 * as nobody, one event after the other, beside the daemon: none can hold it up, or another one. */
#ifndef ORTHRUS_DAEMON_HOOKS_H
#define ORTHRUS_DAEMON_HOOKS_H

#include "base/json.h"
#include "daemon/daemon.h"

struct hooks;

/* Starts the thread that looks for hooks and hands out events. */
int hooks_start(struct daemon *d, struct hooks **out, struct err *err) WARN_UNUSED;
/* There are new events, or hooks.d shall be looked at again. From any thread; NULL is fine. */
void hooks_wake(struct hooks *h);
/* What runs is killed, and is given its event again after the next start. Before the state is closed. It may still be woken by
 * those who could not be stopped, until it is freed. NULL is fine. */
void hooks_stop(struct hooks *h);
void hooks_free(struct hooks *h);
/* The keys "directory", "user" and "hooks" into the open object. */
void hooks_status(struct hooks *h, struct json_out *w);

#endif
