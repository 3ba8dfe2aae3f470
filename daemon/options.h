/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orthrusd's command line. */
#ifndef ORTHRUS_DAEMON_OPTIONS_H
#define ORTHRUS_DAEMON_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>

struct daemon_options { /* all are words of argv or of the environment, or NULL */
	const char *root, *site, *listen, *netboot_dir;
	const char *user, *helper_socket, *client;
	bool no_dnsmasq, debug, print_routes, helper, prepare, cast_child;
	bool querier; /* started by the helper, or by us: for nobody else */
};

/* Into *o, which is all zero. 0: go on; 1: it was answered (--help, --version); -1: wrong, and said so on standard error. */
int daemon_options_read(int argc, char **argv, struct daemon_options *o) WARN_UNUSED;

#endif
