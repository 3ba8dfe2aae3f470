/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard as lines on standard output: once, or again after each change. */
#ifndef ORTHRUS_TUI_DASH_PLAIN_H
#define ORTHRUS_TUI_DASH_PLAIN_H

#include "base/err.h"

struct dash_opts;
/* With opts->watch until nobody reads any more, or a signal ends the program. */
int dash_plain(const struct dash_opts *o, struct err *err) WARN_UNUSED;

#endif
