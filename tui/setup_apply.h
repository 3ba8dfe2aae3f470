/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What setup.c has other programs do: plan, install, and what pages offer to do at once. */
#ifndef ORTHRUS_TUI_SETUP_APPLY_H
#define ORTHRUS_TUI_SETUP_APPLY_H

#include "base/err.h"
#include "base/str.h"

struct answers;
struct facts;
struct screen;
struct setup_opts;

/* --root DIR, unless it is /. */
void setup_root_words(const struct setup_opts *o, struct str_list *argv);

/* Does what the action of that key says; then this machine is looked at again. "again" is only that. */
int setup_act(const char *key, struct err *err) WARN_UNUSED;

enum reviewed {
	REVIEWED_BACK,
	REVIEWED_PAGE,	/* *to is its key; the caller frees it */
	REVIEWED_AGAIN, /* look at this machine again, and plan anew */
	REVIEWED_LEAVE,
	REVIEWED_INSTALLED,
	REVIEWED_GONE,
	REVIEWED_GONE_INSTALLED, /* it came to its end, though nobody looked on any more */
};
/* Shows the plan, and carries it out when that is wanted. */
enum reviewed setup_review(const struct setup_opts *o, struct screen *screen, struct answers *answers, const struct facts *facts,
			   char **to);

#endif
