/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pages of the wizard in their order: each is made of the answers so far and of what was found on this machine, and takes
 * what was typed. Pure. To add a page is to write its file pages_NAME.c and to name it in PAGES. */
#ifndef ORTHRUS_TUI_PAGES_H
#define ORTHRUS_TUI_PAGES_H

#include <stddef.h>

struct answers; /* answers.h: all that was answered; reads from and prints to JSON; becomes site.json */
struct facts;	/* facts.h: what this machine has: interfaces, disks, packages, what is missing, other DHCP servers */
struct err;
struct page;

struct page_kind {
	const char *key, *title;
	/* Makes the page anew: with the answers, what they cause shown in notes. Free with page_free. */
	struct page *(*build)(const struct answers *answers, const struct facts *facts);
	/* Puts VALUE of the field KEY into the answers. Returns -1 with why it is refused, in words for the one who typed it, and
	 * the answers as they were. */
	int (*take)(struct answers *answers, const struct facts *facts, const char *key, const char *value, struct err *err);
	/* Whether the page may be left forwards, with all its values taken: returns -1 with why not, and *key is the field that
	 * it is about. NULL: always. */
	int (*check)(const struct answers *answers, const struct facts *facts, const char **key, struct err *err);
};

/* In their order; the last two, review and apply, are the frame's (review.h, apply.h) and not in the table. */
extern const struct page_kind *const pages[];
extern const size_t n_pages;

/* Whether all answers are right on all pages, as if each was turned over once more: answers that were saved, or that others made
 * wrong since. Returns -1 with why not; *page and *key say where it is to be mended. */
int pages_check(const struct answers *answers, const struct facts *facts, const char **page, const char **key, struct err *err);

#endif
