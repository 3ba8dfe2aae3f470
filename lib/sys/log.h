/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines for people: to journald when it is our stderr (sd-daemon(3) level prefixes), else to stderr. Never a secret. */
#ifndef ORTHRUS_SYS_LOG_H
#define ORTHRUS_SYS_LOG_H

#include "base/err.h"

#include <stdbool.h>

void log_init(const char *program, bool debug);
/* After it: a line that standard error has no room for is lost, and counted in the next one that it has room for. */
void log_never_wait(void);
void log_error(const char *module, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_warn(const char *module, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_info(const char *module, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_debug(const char *module, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "what: err->text (hint)" at error level. */
void log_err(const char *module, const char *what, const struct err *err);

#endif
