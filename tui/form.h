/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A page as rows of a screen, with a cursor that keys move: where everything stands, what scrolls, what a key does. Pure: newt.c
 * only draws the rows and edits the one line of text that the cursor is in.
 *
 * The cursor stands on one item: a field, one of its choices, a line of a note that scrolls, or one of the two buttons below the
 * page. Moving it changes nothing; Space or Enter on a choice takes it, Enter elsewhere goes on. */
#ifndef ORTHRUS_TUI_FORM_H
#define ORTHRUS_TUI_FORM_H

#include <stdbool.h>
#include <stddef.h>

struct field;
struct page;

enum form_key {
	FORM_KEY_ENTER,
	FORM_KEY_SPACE,
	FORM_KEY_ESCAPE,
	FORM_KEY_HELP,
	FORM_KEY_QUIT,
	FORM_KEY_ON, /* to the next page, wherever the cursor is */
	FORM_KEY_TAB,
	FORM_KEY_UNTAB,
	FORM_KEY_UP,
	FORM_KEY_DOWN,
	FORM_KEY_LEFT,
	FORM_KEY_RIGHT,
	FORM_KEY_PAGE_UP,
	FORM_KEY_PAGE_DOWN,
	FORM_KEY_HOME,
	FORM_KEY_END,
};

enum form_result {
	FORM_STAY,    /* draw again */
	FORM_CHANGED, /* the value of the field with the cursor is another one */
	FORM_NEXT,
	FORM_BACK,
	FORM_HELP,
	FORM_QUIT,
	FORM_ACTION, /* the field with the cursor is an action, and is to be done */
};

enum form_row_kind {
	FORM_ROW_TEXT,	  /* the introduction, the heading of a note, an empty row */
	FORM_ROW_ENTRY,	  /* a line to type in: text is the value (of a secret: stars) */
	FORM_ROW_MARK,	  /* "(*) label", "[ ] label" */
	FORM_ROW_NOTE,	  /* a line that is only read */
	FORM_ROW_BUTTON,  /* "< label >" */
	FORM_ROW_PROBLEM, /* "! why" */
};

#define FORM_NO_FIELD ((size_t)-1)

struct form_row {
	enum form_row_kind kind;
	size_t field; /* index, or FORM_NO_FIELD */
	size_t item;  /* the choice, or the line of the note as it is shown */
	size_t line;  /* of a note: the line of its value */
	char *label;  /* at column 0; or "" */
	char *text;
	size_t column; /* where text begins */
	bool stop;     /* the cursor may stand here */
	bool here;     /* it does; every row of a choice that takes several */
};
struct form_rows {
	struct form_row *rows;
	size_t len, cap;
	size_t width;	   /* of lines to type in */
	size_t here, last; /* the row of the cursor, and the last one that belongs to it: its problem, too; len: on a button */
};
/* `autoclean(form_rows_free) struct form_rows r = { 0 };` */
void form_rows_free(struct form_rows *r);

/* Zero-initialised but for page; `page` is the caller's and may be replaced by another one of the same key. */
struct form {
	struct page *page;
	const char *next, *back; /* the words on the buttons, or NULL: there is none */
	size_t columns, height;	 /* of the part that scrolls */
	size_t field, item; /* the cursor: a field's index, n_fields: the button to go on, n_fields + 1: the one to go back */
	size_t top;	    /* the first row that is seen */
	bool begun;
};

/* Puts the cursor on the field of that key (NULL: on the first one; a note: line `line` of it), and makes it seen. */
void form_focus(struct form *f, const char *key, size_t line);
/* After page, columns or height changed: the cursor stays on what it was on, or as near as possible, and is seen. */
void form_settle(struct form *f);
/* The rows of the whole page; those from f->top on are seen. */
void form_rows(const struct form *f, struct form_rows *out);
enum form_result form_press(struct form *f, enum form_key key);

/* The field with the cursor, or NULL on a button. */
struct field *form_field(const struct form *f);
/* Whether what is typed goes into it. */
bool form_types(const struct form *f);
/* What the keys do here: one line. Caller frees. */
char *form_keys(const struct form *f) __attribute__((returns_nonnull));

#endif
