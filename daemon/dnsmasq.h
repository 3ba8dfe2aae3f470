/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor of dnsmasq: starts it, watches it, starts it again when it died, ever more slowly when it keeps dying. */
#ifndef ORTHRUS_DAEMON_DNSMASQ_H
#define ORTHRUS_DAEMON_DNSMASQ_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct dnsmasq;
struct helper_call;
struct dnsmasq_opts {
	const char *program;				     /* NULL: "dnsmasq" */
	const char *conf_path, *pid_path;		     /* outlive it */
	struct helper_call *helper;			     /* starts it for us; outlives it. NULL: we are root, and start it */
	int (*before_start)(void *ctx, struct err *err);     /* while it does not run; may be NULL */
	void (*tell)(void *ctx, bool bad, const char *text); /* "dnsmasq ended (exit 2)": on the supervisor's thread */
	void *ctx;
	/* Who else uses the helper does it here, on the supervisor's thread, each time it wakes. When it wants to be called again
	 * (clock_now_ns()); may be NULL. */
	int64_t (*turn)(void *ctx, int64_t now_ns);
};
/* Starts the supervisor, not yet dnsmasq. An old dnsmasq with our pid file (its supervisor was killed) is ended first. */
int dnsmasq_new(const struct dnsmasq_opts *opts, struct dnsmasq **out, struct err *err) WARN_UNUSED;
void dnsmasq_run(struct dnsmasq *d);			    /* shall run: from now on it is kept running */
void dnsmasq_reload(struct dnsmasq *d);			    /* SIGHUP: reads hosts again */
void dnsmasq_restart(struct dnsmasq *d);		    /* reads its configuration again */
void dnsmasq_turn(struct dnsmasq *d);			    /* opts.turn, soon */
void dnsmasq_status(struct dnsmasq *d, struct json_out *w); /* keys "dnsmasq..." into the open object */
void dnsmasq_stop(struct dnsmasq *d);			    /* ends it and the supervisor */

#endif
