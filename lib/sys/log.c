/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/log.h"

#include "base/mem.h"
#include "base/str.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

/* The one logger of the process: set once by main before any thread starts, only read afterwards. */
static struct {
	const char *program;
	bool debug, journal, never_waits;
	_Atomic unsigned int lost; /* lines that nobody took */
} logger = { .program = "orthrus" };

/* Is standard error the journal's stream? sd_journal_stream(7): JOURNAL_STREAM=dev:inode. */
static bool stderr_is_journal(void)
{
	const char *s = getenv("JOURNAL_STREAM");
	struct stat st;
	autofree char *mine = NULL;

	if (!s || fstat(STDERR_FILENO, &st) < 0)
		return false;
	mine = str_format("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return str_eq(s, mine);
}

void log_init(const char *program, bool debug)
{
	logger.program = program;
	logger.debug = debug;
	logger.journal = stderr_is_journal();
}

void log_never_wait(void)
{
	logger.never_waits = true;
}

/* What reads our lines stands still, and the pipe or socket to it is full. */
static bool is_full(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return logger.never_waits && poll(&p, 1, 0) == 0;
}

static void write_line(const char *line, size_t len)
{
	/* One write, so that lines of several threads never mix; a log that cannot be written must not stop the work. */
	if (is_full())
		atomic_fetch_add(&logger.lost, 1);
	else if (write(STDERR_FILENO, line, len) < 0)
		return;
}

static void emit(int level, const char *module, const char *fmt, va_list ap)
{
	static const char *const words[] = {
		[LOG_ERR] = "error: ", [LOG_WARNING] = "warning: ", [LOG_INFO] = "", [LOG_DEBUG] = "debug: "
	};
	char text[1024], line[1280];
	unsigned int lost;
	int n;

	vsnprintf(text, sizeof(text), fmt, ap);
	lost = atomic_load(&logger.lost);
	if (lost && !is_full()) {
		atomic_fetch_sub(&logger.lost, lost);
		n = snprintf(line, sizeof(line), "%s%s: %u lines were lost, since nobody took them\n",
			     logger.journal ? "<4>" : "", logger.journal ? "log" : logger.program, lost);
		write_line(line, (size_t)n);
	}
	if (logger.journal)
		n = snprintf(line, sizeof(line), "<%d>%s: %s\n", level, module, text);
	else
		n = snprintf(line, sizeof(line), "%s: %s: %s%s\n", logger.program, module, words[level], text);
	if (n > 0)
		write_line(line, (size_t)n);
}

void log_error(const char *module, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_ERR, module, fmt, ap);
	va_end(ap);
}

void log_warn(const char *module, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_WARNING, module, fmt, ap);
	va_end(ap);
}

void log_info(const char *module, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_INFO, module, fmt, ap);
	va_end(ap);
}

void log_debug(const char *module, const char *fmt, ...)
{
	va_list ap;

	if (!logger.debug)
		return;
	va_start(ap, fmt);
	emit(LOG_DEBUG, module, fmt, ap);
	va_end(ap);
}

void log_err(const char *module, const char *what, const struct err *err)
{
	if (err->hint[0])
		log_error(module, "%s: %s (%s)", what, err->text, err->hint);
	else
		log_error(module, "%s: %s", what, err->text);
}
