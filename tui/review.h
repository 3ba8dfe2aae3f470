/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page before anything is done: the plan as `orthrus head install --plan --json` gives it, every step and every file of it,
 * and from it back to any page. Pure but for what child.h runs for it. */
#ifndef ORTHRUS_TUI_REVIEW_H
#define ORTHRUS_TUI_REVIEW_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct page;
struct page_kind;

struct review_step {
	char *id, *text;
	struct str_list files;
	struct str_list diff; /* of those that are there and change: "-old", "+new" and " same", line by line */
	bool destructive;
};
struct review {
	struct review_step *steps;
	size_t n_steps, n_destructive;
	char *problem, *hint; /* why there is no plan, or NULL */
	const char *page;     /* the page on which that is mended, not owned; NULL: not known */
};
/* `autoclean(review_free) struct review r = { 0 };` */
void review_free(struct review *r);

/* {"steps":[{"id","text","files":[..],"diff","destructive":bool}]}, diff where there is one; what else a step says is its own. On
 * failure `out` is empty. */
int review_read(const char *text, size_t len, struct review *out, struct err *err) WARN_UNUSED;

/* What may be chosen there, beside the keys of pages. */
#define REVIEW_THEN "then"
#define REVIEW_APPLY "apply"
#define REVIEW_LEAVE "leave"

/* `command` is the command line that applies the same. */
struct page *review_page(const struct review *r, const struct page_kind *const *kinds, size_t n_kinds, const char *command)
	__attribute__((returns_nonnull));

/* What is asked before it begins: "yes" must be typed. */
#define REVIEW_CONFIRM "confirm"
struct page *review_confirm_page(const struct review *r, const char *command) __attribute__((returns_nonnull));

/* The steps as lines: numbered, what erases marked with "!", below it files and the lines that change. Caller frees. */
char *review_lines(const struct review *r, bool destructive_only) __attribute__((returns_nonnull));

#endif
