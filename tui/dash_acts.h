/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands that the dashboard makes: what each needs to be told first, and its words. Pure; of tui/dash_keys.c. */
#ifndef ORTHRUS_TUI_DASH_ACTS_H
#define ORTHRUS_TUI_DASH_ACTS_H

#include "tui/dash_ui.h"

/* Begins ACT on what is chosen or marked: ui->mode is DASH_FORM when something must be typed, DASH_PLANNING when the words are
 * whole (then DASH_WANT_PLAN); else ui->message says why not. */
enum dash_want dash_act_begin(struct dash_ui *ui, const struct dash_state *s, enum dash_act act);
/* The form is filled: checks each field, and makes the words. False: ui->field is the first that was refused, and says why. */
bool dash_act_take(struct dash_ui *ui, const struct dash_state *s);
/* The words are whole: their plan is next. */
enum dash_want dash_act_plan(struct dash_ui *ui);
/* What was begun is forgotten. */
void dash_act_end(struct dash_ui *ui);

#endif
