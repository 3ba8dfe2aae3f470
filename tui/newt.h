/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages on a terminal, by libnewt: with or without colours, UTF-8 or ASCII, of any size, which may change at any moment. form.h
 * says where everything stands and what keys do; here it is drawn, and lines are edited. */
#ifndef ORTHRUS_TUI_NEWT_H
#define ORTHRUS_TUI_NEWT_H

#include "base/err.h"

#include <stdbool.h>

struct screen;

/* Whether standard input and output are a terminal on which pages can be drawn: TERM says what it is, and not "dumb". */
bool newt_can(void);

/* `title` stands in the first row of every page. setlocale(LC_ALL, "") was called before. */
int newt_open(const char *title, struct screen **out, struct err *err) WARN_UNUSED;

#endif
