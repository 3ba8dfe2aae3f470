/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a node printed on its console, kept in a file of bounded size: when it is full it becomes NODE.log.1. Mode 0600: it may
 * show what somebody typed. */
#ifndef ORTHRUS_DAEMON_CONSOLE_LOG_H
#define ORTHRUS_DAEMON_CONSOLE_LOG_H

#include "daemon/daemon.h"

#include <stddef.h>

#define CONSOLE_LOG_MAX ((size_t)1 << 20)

struct console_log;
/* A file that cannot be written is logged once; the console works without it. Never NULL. */
struct console_log *console_log_open(struct daemon *d, const char *node);
void console_log_add(struct console_log *log, const void *data, size_t len);
void console_log_close(struct console_log *log); /* NULL is fine */

#endif
