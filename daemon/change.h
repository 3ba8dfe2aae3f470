/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One change of the state: documents and the events that tell of it are written together or not at all. */
#ifndef ORTHRUS_DAEMON_CHANGE_H
#define ORTHRUS_DAEMON_CHANGE_H

#include "daemon/daemon.h"

#include <stddef.h>

#define EVENTS_KEPT 2000

enum event_level { EVENT_INFO, EVENT_WARNING, EVENT_ERROR };

/* `autoclean(change_end) struct change c = { 0 }; change_begin(&c, d);` Only one change is under way at a time: what is read
 * after the begin is still so at the commit. One that was not begun may be ended too. */
struct change {
	struct daemon *d;
	struct state_op *ops;
	size_t n_ops, cap_ops;
	struct str_list text;	/* owns keys and values of ops */
	struct str_list topics; /* nodes whose long polls are woken */
	struct str_list said;	/* of its events, for the log: the first byte is the level */
	uint64_t n_events;
	bool released;
};
void change_begin(struct change *c, struct daemon *d);
void change_end(struct change *c);

/* Before a wait for other threads that write too; nothing may be added after it. */
void change_release(struct change *c);

void change_put_key(struct change *c, const char *key, const struct buf *json);
void change_put(struct change *c, const char *prefix, const char *name, const struct buf *json);
void change_delete(struct change *c, const char *prefix, const char *name);
void change_node(struct change *c, const struct node *n);
void change_run(struct change *c, const char *node, const struct run *r);
/* `kind` is a word for programs ("node-added"), `node` may be NULL. Logged by the commit. */
void change_event(struct change *c, enum event_level level, const char *kind, const char *node, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
/* Forget what was put into it: it was only to be seen whether it can be. */
void change_drop(struct change *c);
/* Durable when it returns 0; wakes those who wait. An empty change does nothing. When it fails the change may be there all the
 * same, and what was committed before it is: the reconciler is kicked, so that the machine follows what there is. */
int change_commit(struct change *c, struct err *err) WARN_UNUSED;

/* An event on its own; one that can't be written is logged. */
void event_note(struct daemon *d, enum event_level level, const char *kind, const char *node, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
/* The number of the newest event, when the daemon starts. */
int event_start(struct daemon *d, struct err *err) WARN_UNUSED;

#endif
