/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The wizard from its first page to the installed head: pages, review, apply, each kept as it is left. */
#ifndef ORTHRUS_TUI_SETUP_H
#define ORTHRUS_TUI_SETUP_H

#include "base/err.h"

#include <stdbool.h>

struct saved;
struct screen;

struct setup_opts {
	const char *root;    /* "" for / */
	const char *site;    /* where the site that was answered is written, for `orthrus head install` */
	const char *orthrus; /* the program that plans and installs */
};

enum setup_end {
	SETUP_LEFT,	      /* somebody left: nothing, or not all, is done yet */
	SETUP_INSTALLED,      /* this machine is a head */
	SETUP_GONE,	      /* nobody is there any more: the terminal, or standard input, ended */
	SETUP_GONE_INSTALLED, /* the same, after the plan was carried out to its end */
};

/* `saved` is what save_load() gave; it is changed as it is on disk. The caller holds save_lock(). */
int setup_run(const struct setup_opts *o, struct saved *saved, struct screen *screen, enum setup_end *end,
	      struct err *err) WARN_UNUSED;

#endif
