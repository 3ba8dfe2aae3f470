/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serial consoles of nodes over their BMCs: a session is opened for whoever looks first, shared by all that look, and closed when
 * nobody has looked for a while. What nodes print is kept below the state directory: console/NODE.log, and .1 before it. */
#ifndef ORTHRUS_DAEMON_CONSOLE_H
#define ORTHRUS_DAEMON_CONSOLE_H

#include "base/buf.h"
#include "daemon/daemon.h"

#include <stdbool.h>
#include <stdint.h>

#define CONSOLE_TOPIC "console/"
#define CONSOLE_INPUT_MAX ((size_t)4096) /* bytes typed in one request */

struct consoles;
int consoles_start(struct daemon *d, struct consoles **out, struct err *err) WARN_UNUSED;
bool consoles_stop(struct consoles *cs) WARN_UNUSED; /* as power_stop() */

/* Opens a session unless there is one; *from is where what comes next will begin. */
int console_open(struct consoles *cs, const char *node, uint64_t *from, struct err *err) WARN_UNUSED;
/* What the node printed from byte *from on; *from is moved when so old output is kept no more. *open: more may come; when not,
 * `end` says why (kind ERR_NONE: it was closed). ERR_NOT_FOUND: there is no session. */
int console_read(struct consoles *cs, const char *node, uint64_t *from, struct buf *out, bool *open, struct err *end,
		 struct err *err) WARN_UNUSED;
int console_type(struct consoles *cs, const char *node, const void *data, size_t len, struct err *err) WARN_UNUSED;
/* The last of what was kept, whether or not there is a session; nothing when there is none. */
int console_log(struct daemon *d, const char *node, struct buf *out, struct err *err) WARN_UNUSED;

#endif
