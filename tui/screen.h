/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What shows pages and takes what is typed there: newt.h on a terminal, plain.h line by line. */
#ifndef ORTHRUS_TUI_SCREEN_H
#define ORTHRUS_TUI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

struct page;
struct screen;

enum screen_event {
	SCREEN_NEXT,
	SCREEN_BACK,
	SCREEN_CHANGED, /* *key has another value, and is done with */
	SCREEN_ACTION,	/* do what *key says */
	SCREEN_QUIT,	/* to leave was asked for */
	SCREEN_GONE,	/* the terminal is gone, standard input ended, or the process shall end (SIGHUP, SIGTERM, SIGINT) */
	SCREEN_READY,	/* something can be read from watch_fd, or it ended */
	SCREEN_TICK,	/* tick_ms have passed */
};

struct screen_how {
	const char
		*focus; /* the field that the cursor goes to; NULL: it stays where it is, on a fresh page it goes to the first */
	size_t line;	/* of a note that has the focus: its line */
	bool fresh;	/* the page was turned to */
	size_t number, of; /* page 3 of 9; 0: it has no number */
	const char *next;  /* the word for going on ("Next"), or NULL: there is no way on */
	const char *back;  /* the word for going back ("Back"), or NULL */
	int watch_fd;	   /* 0: none */
	int tick_ms;	   /* 0: none. With watch_fd or tick_ms a page is only looked at: plain asks nothing */
};

struct screen_ops {
	/* What was typed is in the fields of the page whenever it returns. *key points into the page. */
	enum screen_event (*show)(struct screen *s, struct page *page, const struct screen_how *how, const char **key);
	/* A question that is answered with yes or no; `otherwise` where nobody can answer. */
	bool (*ask)(struct screen *s, const char *question, bool otherwise);
	/* Says at once what takes a moment: "looking at this machine". */
	void (*say)(struct screen *s, const char *text);
	/* The terminal is as it was; frees s. */
	void (*close)(struct screen *s);
};

struct screen {
	const struct screen_ops *ops;
	bool plain;
};

/* `autoclean(screen_close) struct screen *s = NULL;` */
static inline void screen_close(struct screen **s)
{
	if (*s)
		(*s)->ops->close(*s);
	*s = 0;
}

#endif
