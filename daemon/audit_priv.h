/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the daemon's audit log share. */
#ifndef ORTHRUS_DAEMON_AUDIT_PRIV_H
#define ORTHRUS_DAEMON_AUDIT_PRIV_H

#include "daemon/audit.h"
#include "daemon/audit_call.h"
#include "daemon/audit_limit.h"
#include "sys/auditlog.h"
#include "sys/clock.h"

struct refusal {
	char *who, *from, *what, *text, at[CLOCK_UTC_LEN];
	unsigned int status;
};
struct audit {
	struct daemon *d;
	struct auditlog *log;
	uint8_t key[AUDIT_KEY_LEN];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more, less; /* something to do; all is done */
	bool stop, written, busy;  /* written: there are lines that the state was not told of */
	struct refusal *waiting;
	size_t n_waiting, cap_waiting;
	struct audit_limit limit;
	/* the thread's own */
	struct audit_anchor anchor;
	int64_t anchored_ns;
};

/* A line was written: the state is told of it soon. */
void audit_written(struct audit *a);
/* For audit_refused(); `status` of HTTP, or 0. */
void audit_refuse(struct audit *a, const char *who, const char *from, const char *what, int status, const char *text);
/* Whoever has neither certificate nor user is known by the address alone. */
const char *audit_who(const char *who, const char *from);

#endif
