/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What newt.c, its drawing and its small windows share. */
#ifndef ORTHRUS_TUI_NEWT_PRIV_H
#define ORTHRUS_TUI_NEWT_PRIV_H

#include "tui/form.h"
#include "tui/screen.h"
#include "tui/signals.h"

#include <newt.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>

#define NEWT_AWAKE '\x1e'  /* a key of our own: it went on after Ctrl-Z */
#define NEWT_BAR_COLUMNS 3 /* beside the rows: a blank before them, a blank and the scroll bar behind */

struct newt {
	struct screen base;
	struct signals signals;
	struct form form;
	char *title;
	char *page;	     /* the key of the page that the form is about */
	char *here;	     /* the field with the cursor; NULL: it is on a button... */
	size_t button;	     /* ...0 to go on, 1 to go back */
	char *began;	     /* what stood in the line when the cursor came to it */
	newtComponent entry; /* the line that is typed in, while the form runs */
	int at;		     /* where in that line the cursor was, in bytes; -1: at its end */
	int columns, rows;
	struct winsize size; /* of the terminal, as it said itself when all was drawn anew last */
	bool ascii, gone, resized;
};

enum newt_news { NEWT_NOTHING, NEWT_RESIZED, NEWT_GONE };
enum newt_news newt_signals(struct newt *n);

/* The screen is another one by now. */
void newt_resize(struct newt *n);
/* Whether it is, though no signal told of that: on some terminals newt has SIGWINCH ignored in between, and then it is lost. */
bool newt_is_other(const struct newt *n);

/* As this terminal can show it, cut to so many columns. Caller frees. */
char *newt_text(const struct newt *n, const char *s, size_t columns) __attribute__((returns_nonnull));
void newt_label(struct newt *n, newtComponent form, int column, int row, const char *text, size_t room, int colours);

/* A whole row of the screen, outside the window. */
void newt_root_row(const struct newt *n, int row, const char *left, const char *right);
/* The page as it is by now. The caller runs the form, and destroys it; n->entry is the line that is typed in, or NULL. */
newtComponent newt_draw(struct newt *n, const struct screen_how *how);

/* A window over the page with a text that scrolls, until a key closes it. */
void newt_box_help(struct newt *n, const char *text);
/* A window with a question, and yes and no below it. `otherwise` when the terminal is gone. */
bool newt_box_ask(struct newt *n, const char *question, bool otherwise);

#endif
