/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal, while the dashboard has it: S-Lang's screen, which sends only what is new. The one module that knows libslang. */
#ifndef ORTHRUS_TUI_DASH_DRAW_H
#define ORTHRUS_TUI_DASH_DRAW_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct dash_draw;
struct dash_screen;

/* Standard input and output become the screen. One at a time: S-Lang has its state for itself. ERR_FAILED where they are no
 * terminal that one can draw on. */
int dash_draw_open(bool ascii, struct dash_draw **out, struct err *err) WARN_UNUSED;
/* The terminal is as it was before. NULL is fine. */
void dash_draw_close(struct dash_draw *d);

/* Its size now; after SIGWINCH, dash_draw_resized() first. */
void dash_draw_size(const struct dash_draw *d, size_t *rows, size_t *cols);
void dash_draw_resized(struct dash_draw *d);
/* Whether only ASCII can be shown: asked for, or the locale has no UTF-8. */
bool dash_draw_ascii(const struct dash_draw *d);
/* The screen is this. */
void dash_draw_show(struct dash_draw *d, const struct dash_screen *screen);
/* What the terminal shows is not known any more: all is sent with the next. */
void dash_draw_forget(struct dash_draw *d);

#endif
