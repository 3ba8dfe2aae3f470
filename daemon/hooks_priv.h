/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One hook: its queue, its thread, and what is kept of it over a restart. */
#ifndef ORTHRUS_DAEMON_HOOKS_PRIV_H
#define ORTHRUS_DAEMON_HOOKS_PRIV_H

#include "daemon/hooks.h"
#include "sys/clock.h"

#include <stdatomic.h>
#include <sys/types.h>

#define HOOK_QUEUE 256

/* What outlives the daemon: /var/lib/orthrus/hooks/ID. */
struct hook_record {
	uint64_t last; /* number of the last event that it was given */
	uint64_t delivered, failed, dropped;
	char *error, *error_at; /* of the last failure, or NULL */
};
void hook_record_free(struct hook_record *r);
void hook_record_print(const struct hook_record *r, struct buf *json);
int hook_record_read(const char *json, size_t len, struct hook_record *out, struct err *err) WARN_UNUSED;

struct hook_event {
	uint64_t number;
	char *kind, *json;
};

struct hook {
	struct hooks *all;
	char *id, *kind, *path, *record_path;
	pthread_t thread;
	atomic_bool stop;
	/* under all->lock */
	struct hook_record record;
	struct hook_event queue[HOOK_QUEUE]; /* the oldest at `head` */
	size_t head, len;
	uint64_t pushed; /* the newest that was put into the queue */
	bool running, failing;
	bool tell_failed;     /* the event is still to be written */
	uint64_t dropped_now; /* since it fell behind */
	bool tell_dropped, behind;
};

struct hooks {
	struct daemon *d;
	char *dir, *records_dir, *user;
	uid_t uid;
	gid_t gid;
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t thread;
	bool stop, woken;
	struct hook **items;
	size_t len, cap;
	struct hook_ignored {
		char *id, *why;
	} * ignored;
	size_t n_ignored;
	uint64_t seen; /* the manager's: the newest event that was handed out */
};

/* hooks_run.c: a hook whose thread runs; `newest`: with what it begins when it is new. -1: it can't be started. */
int hook_start(struct hooks *all, const char *id, const char *kind, const char *path, uint64_t newest, struct hook **out,
	       struct err *err) WARN_UNUSED;
/* Waits for its thread, whose program is killed. Not with the lock held. */
void hook_stop(struct hook *h);
void hook_free(struct hook *h); /* once it is stopped */
/* With the lock held: the event is copied. */
void hook_push(struct hook *h, uint64_t number, const char *kind, const char *json);
/* Forget what was kept of it: the program is gone for good. */
void hook_forget(const struct hook *h);

#endif
