/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs that do what the wizard shows: `orthrus`, asked for JSON, or watched on a page while it works. */
#ifndef ORTHRUS_TUI_CHILD_H
#define ORTHRUS_TUI_CHILD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct page;
struct screen;

/* The `orthrus` that was installed with this program: beside it, or as /usr has it; else the one on PATH. Caller frees. */
char *child_orthrus(void) __attribute__((returns_nonnull));

/* Runs argv to its end; what it prints is in `out`. When it fails, the error is the one that it printed:
 * {"error":{"text","hint"}} on standard output, or the last line that it said. It is ended, and that is an error, when this
 * process shall end (signals_ending()) or nothing came for so long. */
int child_read(const struct str_list *argv, int64_t timeout_ns, struct buf *out, struct err *err) WARN_UNUSED;

/* The error in a document or line that `orthrus --json` printed: true, and `err` is it. Pure. */
bool child_error(const char *text, size_t len, struct err *err);

struct child_watch {
	const struct str_list *argv;
	/* A whole line of what it prints. */
	void (*line)(void *ctx, const char *line);
	/* The page as it is `elapsed_ns` after the begin; *focus and *focus_line say what must be seen. */
	struct page *(*page)(void *ctx, int64_t elapsed_ns, const char **focus, size_t *focus_line);
	/* What Esc asks; yes ends the program (SIGTERM, then it has `grace_ns`). */
	const char *stop;
	const char *stopping; /* what the page says from then on, in place of its introduction */
	int64_t grace_ns;
	void *ctx;
};
enum child_end {
	CHILD_ENDED,   /* with exit 0 */
	CHILD_FAILED,  /* err says how */
	CHILD_STOPPED, /* somebody asked for that */
	CHILD_GONE,    /* it ended, and the terminal is gone by now */
};
/* Runs it, and shows the page anew with every line and every second. A terminal that goes away meanwhile does not end it. */
enum child_end child_watch(struct screen *screen, const struct child_watch *w, struct err *err);

#endif
