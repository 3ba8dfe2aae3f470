/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What setup.c has other programs do: plan, install, and what pages offer to do at once. */
#ifndef ORTHRUS_TUI_SETUP_APPLY_H
#define ORTHRUS_TUI_SETUP_APPLY_H

#include "base/err.h"
#include "base/str.h"

struct answers;
struct draft;
struct facts;
struct screen;
struct setup_opts;

/* --root DIR, unless it is /. */
void setup_root_words(const struct setup_opts *o, struct str_list *argv);

/* Does what the action of that key says; then this machine is looked at again. "again" is only that. */
int setup_act(const char *key, struct err *err) WARN_UNUSED;

enum reviewed {
	REVIEWED_BACK,
	REVIEWED_PAGE,	/* to->page */
	REVIEWED_AGAIN, /* look at this machine again, and plan anew */
	REVIEWED_LEAVE,
	REVIEWED_INSTALLED,
	REVIEWED_GONE,
	REVIEWED_GONE_INSTALLED, /* it came to its end, though nobody looked on any more */
};
/* Where to go from there; `autoclean(review_to_free) struct review_to to = { 0 };` */
struct review_to {
	char *page, *field, *why; /* field and why: what is to be mended there, or NULL */
};
void review_to_free(struct review_to *to);
struct setup_review {
	const struct setup_opts *o;
	struct screen *screen;
	struct answers *answers;
	const struct facts *facts;
	const struct draft *left; /* typed, and not taken yet: wizard_left(); or NULL */
	/* Writes the answers down: all of them, before anything is done by them. */
	int (*keep)(void *ctx, struct err *err);
	void *ctx;
};
/* Shows the plan, and carries it out when that is wanted. Where something that was typed is not taken, and where answers of
 * several pages contradict each other, there is no plan, but the way to the page that is to be mended. */
enum reviewed setup_review(const struct setup_review *s, struct review_to *to);

#endif
