/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text in columns: counted, cut and broken into lines for a terminal of any width. Pure. One character is one column: what the
 * pages say is narrow, and names from elsewhere were made printable before. */
#ifndef ORTHRUS_TUI_TEXT_H
#define ORTHRUS_TUI_TEXT_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* Characters of valid UTF-8; a byte that is none counts as one. */
size_t text_columns(const char *s);

/* A copy of at most `columns` characters; what was longer ends with "..." where that fits. Caller frees. */
char *text_cut(const char *s, size_t columns) __attribute__((returns_nonnull));

/* Appends the lines of TEXT ('\n' parts them), each broken between words where it is longer than `columns` (at least 1), what
 * follows as far in as the line began. A word that is too long is broken. Nothing is lost but the blanks at a break. An empty
 * text is no line. */
void text_wrap(const char *text, size_t columns, struct str_list *lines);

/* A copy in ASCII where the terminal has nothing else: every other character, or byte, becomes '?'. Caller frees. */
char *text_ascii(const char *s) __attribute__((returns_nonnull));

#endif
