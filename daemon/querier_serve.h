/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The querier's process: one packet socket, which somebody else opened, cast/querier.h around it, and no right to anything more.
 */
#ifndef ORTHRUS_DAEMON_QUERIER_SERVE_H
#define ORTHRUS_DAEMON_QUERIER_SERVE_H

#include "base/err.h"
#include "cast/querier.h"

struct querier_serve {
	struct querier_opts opts;
	unsigned int index;    /* of the interface */
	unsigned int families; /* QUERIER_BIT()s */
	int packet_fd;	       /* querier_socket() */
	int tell_fd;	       /* QUERIER_WIRE packets go there as things change, five a second at most; its end is ours */
};
/* Hears queries on the interface, and sends what it is given there; hears nothing else of it, and that cannot be changed by who
 * has it. Needs CAP_NET_RAW. The socket, or -1. */
int querier_socket(unsigned int index, struct err *err) WARN_UNUSED;
/* Until tell_fd's other end is closed, or the interface has gone. */
int querier_serve(const struct querier_serve *s, struct err *err) WARN_UNUSED;

#endif
