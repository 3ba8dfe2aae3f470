/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals as something to read: that the terminal has another size, that it is gone, that the program shall end. No handler, no
 * variable. */
#ifndef ORTHRUS_TUI_SIGNALS_H
#define ORTHRUS_TUI_SIGNALS_H

#include "base/err.h"

#include <signal.h>
#include <stdbool.h>

struct signals {
	int fd; /* readable when a signal came */
	sigset_t before;
};

enum signals_news { SIGNALS_NONE, SIGNALS_RESIZED, SIGNALS_INTERRUPT, SIGNALS_END };

/* Blocks SIGWINCH, SIGHUP, SIGTERM and SIGINT until signals_close(). */
int signals_open(struct signals *s, struct err *err) WARN_UNUSED;
/* What came; does not wait. The end is told before SIGINT, and that before a new size. */
enum signals_news signals_read(const struct signals *s);
/* Does SIGHUP or SIGTERM wait to be read, of whatever signals_open()? It goes on waiting. */
bool signals_ending(void);
/* The same, and it is taken: whoever asks ends by itself. */
bool signals_end(void);
void signals_close(struct signals *s);

#endif
