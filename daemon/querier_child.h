/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The querier's process, from outside: started by whoever may open a packet socket (the helper, or an orthrusd that is root),
 * which keeps nothing of it but a socket to hear how it does. */
#ifndef ORTHRUS_DAEMON_QUERIER_CHILD_H
#define ORTHRUS_DAEMON_QUERIER_CHILD_H

#include "base/err.h"
#include "daemon/querier_wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct querier_child { /* begins as { .fd = -1 } */
	pid_t pid;     /* 0: none */
	int fd;
	unsigned int index, families;
	uint8_t last[QUERIER_WIRE]; /* what it told last; all zero before */
};
/* One that runs already is ended first. It has no capability, and is `nobody` if we are root. */
int querier_child_start(struct querier_child *c, unsigned int index, unsigned int families, struct err *err) WARN_UNUSED;
/* What it told last. ERR_NOT_FOUND: none runs (any more). */
int querier_child_look(struct querier_child *c, struct querier_view *out, struct err *err) WARN_UNUSED;
void querier_child_end(struct querier_child *c);
/* `orthrusd --querier`: be it. */
int querier_child_run(struct err *err) WARN_UNUSED;

#endif
