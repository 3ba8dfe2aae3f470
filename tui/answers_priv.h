/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers as what site_init() takes. Private to answers*.c. */
#ifndef ORTHRUS_TUI_ANSWERS_PRIV_H
#define ORTHRUS_TUI_ANSWERS_PRIV_H

#include "base/str.h"
#include "site/site.h"
#include "tui/answers.h"

/* `seed` points into the rest. `autoclean(answers_seed_free) struct answers_seed s = { 0 };` */
struct answers_seed {
	char *text[ANSWER_END], *unique;
	struct str_list servers, packages, admin_keys;
	struct site_seed seed;
};
void answers_seed_free(struct answers_seed *s);
/* Only what is below `end`, the rest as nobody said it: defaults are made of what comes before them. */
void answers_seed_fill(struct answers_seed *s, const struct answers *a, const struct facts *f, enum answer end);
/* The head's address where none is said; "": nothing can be made of what comes before. Caller frees. */
char *answers_first_address(const struct answers *a, const struct facts *f);

#endif
