/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which page is shown, and what becomes of what was typed there: taken, refused on its field, or kept as it is until somebody
 * comes back to it. Pure. After the last page comes the review, which is the caller's. */
#ifndef ORTHRUS_TUI_WIZARD_H
#define ORTHRUS_TUI_WIZARD_H

#include <stdbool.h>
#include <stddef.h>

struct answers;
struct facts;
struct field;
struct page;
struct page_kind;

#define WIZARD_REVIEW "review" /* the key of what comes after the last page */

/* What was typed and refused. Never of a FIELD_SECRET. */
struct draft {
	char *page, *field, *value;
};
struct drafts {
	struct draft *items;
	size_t len, cap;
};
void drafts_free(struct drafts *d);
/* A value of NULL takes it out. */
void drafts_put(struct drafts *d, const char *page, const char *field, const char *value);
const char *drafts_get(const struct drafts *d, const char *page, const char *field);

struct wizard {
	const struct page_kind *const *kinds;
	size_t n_kinds;
	struct answers *answers; /* the caller's, as facts; what was taken is in there */
	const struct facts *facts;
	struct drafts drafts;
	size_t at;	   /* n_kinds: the review */
	struct page *page; /* to be shown; what was typed is put into its fields. NULL at the review */
	char *focus;	   /* the field that the cursor goes to, or NULL: it stays where it is (on a fresh page: the first one) */
	bool fresh;	   /* the page was turned to; cleared by whoever shows it */
	bool returns;	   /* it was turned to from the review, which comes next */
	bool unsaved;	   /* something was taken, or a page turned: write it down, and clear this */
};

/* Zero-initialised but for kinds, n_kinds, answers, facts and drafts; then turn to a page. */
void wizard_clear(struct wizard *w);

enum wizard_turn {
	WIZARD_PAGE, /* w->page is to be shown */
	WIZARD_AT_REVIEW,
	WIZARD_LEAVE, /* back from the first page */
};

/* To the page of that key, or to the review; an unknown key, or NULL: the first page. */
enum wizard_turn wizard_goto(struct wizard *w, const char *key);
/* Takes all values, and goes on when all are right and the page may be left; else the first refused field says why and has the
 * focus. */
enum wizard_turn wizard_next(struct wizard *w);
/* Takes what can be taken, keeps the rest as it was typed, and goes to the page before (from the review: to the last one). */
enum wizard_turn wizard_back(struct wizard *w);
/* The cursor left the field of that key, or another choice was made there: takes it, and makes the page anew. */
enum wizard_turn wizard_changed(struct wizard *w, const char *key);
/* The field of that key (NULL, or none of that key: the first one) says why it must be changed, and has the focus. */
void wizard_refuse(struct wizard *w, const char *key, const char *why);
/* All that was typed is taken or kept: before something else happens than turning the page. */
void wizard_keep(struct wizard *w);
/* Makes the page anew: what was found on this machine is another. */
void wizard_again(struct wizard *w, const struct facts *facts);

/* The first in the order of the pages that was typed and not taken, of a field that there is; or NULL. */
const struct draft *wizard_left(const struct wizard *w);

/* The key of the page, or WIZARD_REVIEW. */
const char *wizard_key(const struct wizard *w);
/* What F1 shows: of a field (NULL: of the page), with the command line that does the same. Caller frees. */
char *wizard_help(const struct page *page, const struct field *field) __attribute__((returns_nonnull));

#endif
