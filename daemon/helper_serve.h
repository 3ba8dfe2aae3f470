/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The helper: the process that starts dnsmasq, and a querier of multicast members, for an orthrusd that has no privilege. */
#ifndef ORTHRUS_DAEMON_HELPER_SERVE_H
#define ORTHRUS_DAEMON_HELPER_SERVE_H

#include "base/err.h"

#include <sys/types.h>

struct helper_opts {
	int listen_fd; /* where orthrusd connects, or -1 */
	int fd;	       /* its connection, if there is no listen_fd; the end of it ends the helper */
	int signal_fd; /* signalfd(2): whatever comes ends the helper */
	uid_t client;  /* who may connect to listen_fd besides root */
	const char *conf_path, *run_dir, *tftp_dir;
};
/* Until a signal comes, or the connection ends. dnsmasq and the querier belong to the connection by
 * which they were started, and end with it. */
int helper_serve(const struct helper_opts *opts, struct err *err) WARN_UNUSED;

#endif
