/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/report.h"

#include <stdio.h>

void report_line(const char *fmt, ...)
{
	char text[1400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("orthrus-imager: %s\n", text);
	fflush(stdout);
}

void report_error(const struct err *err)
{
	report_line("error: %s", err->text);
	if (err->hint[0])
		report_line("next: %s", err->hint);
}
