/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages as plain text, question by question: for terminals that can't be drawn on, screen readers and scripts. What is in
 * brackets is taken by an empty line; "?" asks for help, "<" goes back, "!" leaves, "-" is an empty value. The end of standard
 * input is SCREEN_GONE. */
#ifndef ORTHRUS_TUI_PLAIN_H
#define ORTHRUS_TUI_PLAIN_H

#include "base/err.h"

struct screen;

int plain_open(const char *title, struct screen **out, struct err *err) WARN_UNUSED;

#endif
