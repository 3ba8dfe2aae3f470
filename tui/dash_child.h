/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a command of orthrus(8) beside the loop: its lines and its end come to the loop's thread. */
#ifndef ORTHRUS_TUI_DASH_CHILD_H
#define ORTHRUS_TUI_DASH_CHILD_H

#include "base/err.h"
#include "base/str.h"

struct dash_child;
struct loop;

struct dash_child_calls {
	void (*line)(void *ctx, const char *line); /* of standard output or error */
	void (*ended)(void *ctx, int status,
		      const char *why); /* why: it could not be run, or was ended; NULL: `status` is its own */
	void *ctx;
};
/* WORDS: argv, copied. It runs until `ended` was called, and belongs to the loop until then; there is at most one. */
int dash_child_start(struct loop *loop, const struct str_list *words, const struct dash_child_calls *calls,
		     struct dash_child **out, struct err *err) WARN_UNUSED;
/* Ends it as soon as may be. */
void dash_child_stop(struct dash_child *c);

#endif
