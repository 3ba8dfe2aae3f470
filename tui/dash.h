/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard of orthrus-setup: heads and lease, nodes, machines that wait, casts, arrays and events of a cluster as they are
 * now, and the commands of orthrus(8) that an administrator runs from there. It knows nothing that `orthrus` does not show, and
 * does nothing itself. */
#ifndef ORTHRUS_TUI_DASH_H
#define ORTHRUS_TUI_DASH_H

#include "base/err.h"

#include <stdbool.h>

struct dash_opts {
	const char *root; /* "" for /: below it are the sockets of orthrusd and of the guard; as --root of orthrus(8) */
	const char *api;  /* https://HOST:PORT of another head's orthrusd in place of the one here, or NULL; with it... */
	const char *ca, *cert, *key; /* ...these, or NULL: as --api, --ca, --cert and --key of orthrus(8) */
	const char *names;	     /* the rule that machines are named by (base/naming.h), as the wizard was told; NULL: none */
	const char *orthrus;	     /* the program that does what is asked for; NULL: "orthrus", looked up on PATH */
	bool plain;		     /* print how things are and return, in place of drawing: needs no terminal */
	bool watch;		     /* with plain: once more after each change, until SIGINT, SIGTERM or nobody reads */
	bool ascii;		     /* nothing but ASCII, whatever the locale says */
};

/* Runs until the administrator leaves (q, Ctrl-C, SIGTERM, SIGHUP): then 0, and the terminal is as it was. setlocale(LC_ALL, "")
 * was called before, and nobody else draws on the terminal meanwhile (newtFinished). That the daemon or the guard does not answer
 * is shown, and no error. Errors: standard input or output is no terminal, or one that cannot be drawn on (the hint says
 * --plain); plain: nothing can be printed. */
int dash_run(const struct dash_opts *o, struct err *err) WARN_UNUSED;

#endif
