/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The audit log as the daemon writes it: every act before it is done, how it ended before it is answered, and who was refused. */
#ifndef ORTHRUS_DAEMON_AUDIT_H
#define ORTHRUS_DAEMON_AUDIT_H

#include "base/audit_chain.h"
#include "base/err.h"
#include "daemon/daemon.h"
#include "sys/http_server.h"

struct audit;

/* Reads what the cluster's state knows of the log ("audit/head"), and starts the thread that writes refusals, compares the log
 * with itself once, and tells the state of the newest line. Needs d->state. */
int audit_start(struct daemon *d, struct audit **out, struct err *err) WARN_UNUSED;
/* What is still to be written is written. NULL is fine. Before the state is closed. */
void audit_stop(struct audit *a);

/* For http_server_opts; its ctx is struct daemon. */
const struct http_auditor *audit_of_http(void);

/* For a handler whose route is a report (daemon/audit_call.h) and that is about to do what must be written down first (issue a
 * certificate, hand out a secret): writes the line that it begins; the server writes how it ended. A second call does nothing.
 * `what` and `nodes` may be NULL: as the request says. -1: it must not be done; return the error as it is. */
int audit_act(struct daemon *d, struct http_call *call, const char *what, const char *nodes, struct err *err) WARN_UNUSED;
/* For a handler whose act goes on after its answer: the number of its line (0: it has none), and the server writes no end of it.
 * Who keeps it writes how it ended, once; a daemon that dies before leaves an act without an end. */
uint64_t audit_keep(struct http_call *call);
void audit_ended(struct daemon *d, uint64_t act, enum audit_result result, const char *text);
/* Who was refused outside of a request (a key that is no node's), at most some of one source in a minute. From any thread. */
void audit_refused(struct daemon *d, const char *who, const char *from, const char *what, const struct err *why);

/* Refusals that came before this call are in the log when it returns; it waits for 2 s at most. */
void audit_drain(struct audit *a);
/* The document "audit/head"; number 0: there is none yet. */
int audit_anchor(struct daemon *d, struct audit_anchor *out, struct err *err) WARN_UNUSED;

#endif
