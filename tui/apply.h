/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan while it is carried out: what `orthrus head install --yes --json` says of its steps, as a page. Pure. */
#ifndef ORTHRUS_TUI_APPLY_H
#define ORTHRUS_TUI_APPLY_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct page;
struct review;

enum apply_state { APPLY_WAITS, APPLY_RUNS, APPLY_DONE, APPLY_KEPT, APPLY_FAILED };

struct apply_step {
	char *id, *text;
	enum apply_state state;
};
struct apply {
	struct apply_step *steps;
	size_t n_steps, at;  /* the step that was told of last */
	struct str_list log; /* for a screen that prints line by line */
	struct err err;	     /* why it ended, once it said so; kind is ERR_NONE before */
};
/* `autoclean(apply_free) struct apply a = { 0 };` */
void apply_free(struct apply *a);
/* All steps of the plan, none begun. */
void apply_begin(struct apply *a, const struct review *r);
/* One line of what it prints: {"step","number","of","state":"begun|done|failed|kept","text"}, or {"error":{..}}. One that is
 * neither is passed over. `kept`: it changes nothing, and says what is left as it is (a step that is done already is in no plan).
 * A step that the plan did not have is added. */
void apply_line(struct apply *a, const char *line);
size_t apply_count(const struct apply *a, enum apply_state state);

#define APPLY_STEPS "steps"
/* `plain`: as a log that only grows; else every step with its mark, and a bar. *line is the line of APPLY_STEPS that must be
 * seen. */
struct page *apply_page(const struct apply *a, bool plain, int64_t elapsed_ns, size_t *line) __attribute__((returns_nonnull));
/* After its end: all is done, or what failed, and what to do next. */
struct page *apply_end_page(const struct apply *a, const struct err *err) __attribute__((returns_nonnull));

#endif
