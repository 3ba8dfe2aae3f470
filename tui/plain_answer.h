/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is typed as the answer to a question of plain.c, read as the value of a field. Pure. */
#ifndef ORTHRUS_TUI_PLAIN_ANSWER_H
#define ORTHRUS_TUI_PLAIN_ANSWER_H

#include "base/buf.h"
#include "base/err.h"

struct field;

/* Numbers or keys of choices become keys, y and n become yes and no, "-" nothing at all. An empty line is the value as it is.
 * *value is new. ERR_INVALID says what may be typed. */
int plain_answer(const struct field *f, const char *typed, char **value, struct err *err) WARN_UNUSED;

/* The label, and the choices, one a line, with their numbers and a star at those that are chosen. */
void plain_choices(const struct field *f, struct buf *out);

/* "Label [value]: " */
void plain_prompt(const struct field *f, struct buf *out);

#endif
