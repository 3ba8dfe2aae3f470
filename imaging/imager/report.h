/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the person at the console sees. /init copies our output to every console. */
#ifndef ORTHRUS_IMAGER_REPORT_H
#define ORTHRUS_IMAGER_REPORT_H

#include "base/err.h"

/* "orthrus-imager: ..." and a line end, at once. */
void report_line(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Two lines: what failed and why; what to do next, if there is something. */
void report_error(const struct err *err);

#endif
