/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A screen of text with attributes, before it is drawn anywhere: cells of one column each. Pure. */
#ifndef ORTHRUS_TUI_DASH_SCREEN_H
#define ORTHRUS_TUI_DASH_SCREEN_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum dash_attr {
	DASH_NORMAL,
	DASH_BOLD,
	DASH_REVERSE,
	DASH_WARN,	   /* its text says it too: there are terminals with one colour and no bold */
	DASH_WARN_REVERSE, /* the chosen row, of which that is said */
	DASH_ATTRS
};

struct dash_cell {
	char text[5]; /* one character; a cell that was not written is a space */
	unsigned char attr;
};
struct dash_screen {
	size_t rows, cols;
	bool ascii;
	struct dash_cell *cells;
	size_t cursor_row, cursor_col; /* where the next letter goes, when has_cursor */
	bool has_cursor;
};
void dash_screen_init(struct dash_screen *s, size_t rows, size_t cols, bool ascii);
void dash_screen_free(struct dash_screen *s);

/* Writes TEXT (UTF-8) from there on, at most WIDTH columns; what does not fit is cut, and its end marked. A character that is not
 * one column wide everywhere (wide ones, combining ones), and with `ascii` each that is not ASCII, becomes '?'. Returns the
 * columns used. */
size_t dash_put(struct dash_screen *s, size_t row, size_t col, size_t width, enum dash_attr attr, const char *text);
/* The attribute of WIDTH cells, whatever is in them. */
void dash_paint(struct dash_screen *s, size_t row, size_t col, size_t width, enum dash_attr attr);
/* WIDTH cells are this character: one of enum dash_glyph. */
enum dash_glyph {
	DASH_LINE,
	DASH_DOUBLE,
	DASH_BAR,
	DASH_BAR_REST,
	DASH_SIDE,
	DASH_CORNER_TL,
	DASH_CORNER_TR,
	DASH_CORNER_BL,
	DASH_CORNER_BR,
	DASH_SPACE
};
void dash_glyphs(struct dash_screen *s, size_t row, size_t col, size_t width, enum dash_attr attr, enum dash_glyph glyph);

/* The rows as lines, without spaces at their ends. */
void dash_screen_text(const struct dash_screen *s, struct buf *out);
/* The same, and behind it a line for each run of cells with an attribute: "attr ROW FIRST-LAST bold". For tests. */
void dash_screen_marked(const struct dash_screen *s, struct buf *out);

/* Columns that TEXT takes, by the rule above. */
size_t dash_width(const char *text);
/* TEXT in lines of at most WIDTH columns, broken between words where there is one; the second and later ones begin with INDENT
 * spaces. */
void dash_wrap(const char *text, size_t width, size_t indent, struct str_list *out);
/* "[#####...............]" of PLACES places, appended. */
void dash_bar(unsigned int percent, size_t places, bool ascii, struct buf *out);

#endif
