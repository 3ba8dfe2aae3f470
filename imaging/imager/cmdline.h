/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the network boot loader told us on the kernel command line. */
#ifndef ORTHRUS_IMAGER_CMDLINE_H
#define ORTHRUS_IMAGER_CMDLINE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

struct cmdline {
	char *server;	       /* orthrus.server=: "https://10.0.0.1:8443"; NULL when absent */
	char mac[STR_MAC_LEN]; /* BOOTIF=: the interface that the firmware booted from; "" when absent */
	const char *mode;      /* orthrus.mode=: "probe", "install", "rescue", "diskless"; only shown, the head decides; static */
};
/* Pure. Other words are the kernel's and are skipped; of one given twice the last counts, as for the kernel. ERR_INVALID names a
 * bad one. */
int cmdline_read(const char *text, struct cmdline *out, struct err *err) WARN_UNUSED;
void cmdline_free(struct cmdline *c);

#endif
