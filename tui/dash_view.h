/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard as a screen of text: panels for what a state holds, and boxes for the commands in the making. Pure. */
#ifndef ORTHRUS_TUI_DASH_VIEW_H
#define ORTHRUS_TUI_DASH_VIEW_H

#include "tui/dash_screen.h"
#include "tui/dash_ui.h"

#define DASH_ROWS_MIN 24
#define DASH_COLS_MIN 80

/* OUT is made here; the caller frees it with dash_screen_free(). With less than the least size it says that and no more; what is
 * larger is used. ROWS 0 (ui->plain): as many as there is to say. How far one may go in a panel or box is known only here: places
 * in `ui` that are too far are put right. */
void dash_view(const struct dash_state *s, struct dash_ui *ui, size_t rows, size_t cols, bool ascii, struct dash_screen *out);

/* --- of its own parts: tui/dash_panels.c, tui/dash_nodes.c and tui/dash_box.c */

struct dash_line {
	char *text;
	enum dash_attr attr;
};
struct dash_lines {
	struct dash_line *items;
	size_t len, cap;
};
void dash_line_add(struct dash_lines *l, enum dash_attr attr, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* In as many lines as it needs; the second and later ones begin with two spaces. */
void dash_line_wrap(struct dash_lines *l, enum dash_attr attr, size_t width, const char *text);
void dash_lines_free(struct dash_lines *l);

/* The lines of each panel, for a width. */
void dash_down_lines(const struct dash_state *s, size_t width,
		     struct dash_lines *out); /* why the daemon does not answer; none: it does */
void dash_head_lines(const struct dash_state *s, const struct dash_ui *ui, size_t width, struct dash_lines *out);
void dash_waiting_lines(const struct dash_state *s, const struct dash_ui *ui, size_t width, struct dash_lines *out);
void dash_cast_lines(const struct dash_state *s, const struct dash_ui *ui, size_t width, bool ascii, struct dash_lines *out);
void dash_array_lines(const struct dash_state *s, struct dash_lines *out);
/* WHOLE: a text that is too long for one line goes on in the next. */
void dash_event_lines(const struct dash_state *s, size_t width, bool whole, struct dash_lines *out);
/* Nodes are many: only those that are seen become lines. `shown` is of dash_shown(). */
void dash_node_lines(const struct dash_state *s, const struct dash_ui *ui, const size_t *shown, size_t first, size_t n,
		     size_t width, bool ascii, struct dash_lines *out);
/* "failed 2  up 38", of all nodes, appended. */
void dash_node_counts(const struct dash_state *s, struct buf *out);

/* The box of ui->mode, if it has one, over what is there. */
void dash_box(const struct dash_state *s, struct dash_ui *ui, struct dash_screen *out);
/* Of DASH_ABOUT: the lines of its box, and its title, which the caller frees. */
char *dash_about(const struct dash_state *s, const struct dash_ui *ui, size_t width, struct str_list *out)
	__attribute__((returns_nonnull));

#endif
