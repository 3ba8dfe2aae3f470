/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was answered so far, in ROOT/var/lib/orthrus/setup.json: a lost terminal goes on at the page where it was. No secret is in
 * there. */
#ifndef ORTHRUS_TUI_SAVE_H
#define ORTHRUS_TUI_SAVE_H

#include "base/buf.h"
#include "base/err.h"
#include "tui/wizard.h"

#include <stdbool.h>
#include <stddef.h>

struct saved {
	char *page;	      /* where it was: the key of a page, or WIZARD_REVIEW; NULL: nowhere yet */
	char *answers;	      /* one JSON object, as answers_print() makes it; NULL: none */
	struct drafts drafts; /* typed and refused */
	bool installed;	      /* the plan was applied to its end */
};
/* `autoclean(saved_free) struct saved s = { 0 };` */
void saved_free(struct saved *s);

/* Pure. On failure `out` is empty. */
int saved_read(const char *text, size_t len, struct saved *out, struct err *err) WARN_UNUSED;
void saved_print(const struct saved *s, struct buf *out);

/* ROOT ("" for /) ... Where nothing was saved, `out` is empty and that is no error. */
int save_load(const char *root, struct saved *out, struct err *err) WARN_UNUSED;
/* Was the file at `path` written after what was saved, or was nothing saved? */
bool save_older(const char *root, const char *path);
/* `err` is what is wrong with what is in that file: says which it is, and what to do. Returns -1. */
int save_damaged(const char *root, struct err *err);
/* All of it or nothing, mode 0600. */
int save_store(const char *root, const struct saved *s, struct err *err) WARN_UNUSED;

/* Only one at a time on a machine: the descriptor holds the lock until it is closed, by whatever end. ERR_REFUSED names the
 * process that has it, its terminal and since when. */
int save_lock(const char *root, struct err *err) WARN_UNUSED;

#endif
