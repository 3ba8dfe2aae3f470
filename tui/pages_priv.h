/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the pages have in common: a page is a table of fields, each an answer with its check. Private to pages*.c. */
#ifndef ORTHRUS_TUI_PAGES_PRIV_H
#define ORTHRUS_TUI_PAGES_PRIV_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "tui/answers.h"
#include "tui/facts.h"
#include "tui/pages.h"
#include "tui/view.h"

struct page_field {
	enum answer answer;
	enum field_kind kind;
	const char *label, *help;
	void (*choices)(const struct answers *a, const struct facts *f, struct field *field); /* of FIELD_CHOICE, FIELD_SET */
	/* Why VALUE is refused; NULL: whatever the kind allows. `a` is without it. */
	int (*check)(const struct answers *a, const struct facts *f, const char *value, struct err *err);
};
struct page_def {
	const char *key, *title, *intro;
	const struct page_field *fields;
	size_t n_fields;
	enum answer last; /* of this page: the command says what was answered up to it */
};

/* The page with its fields and its command; notes are the caller's. */
struct page *pages_build(const struct page_def *def, const struct answers *a, const struct facts *f);
int pages_take(const struct page_def *def, struct answers *a, const struct facts *f, const char *key, const char *value,
	       struct err *err) WARN_UNUSED;
/* Whether the answers up to this page's last make a site, whatever was answered behind it; *key is the field that is to blame. */
int pages_site(const struct page_def *def, const struct answers *a, const struct facts *f, const char **key,
	       struct err *err) WARN_UNUSED;

void pages_command(struct page *page, const char *command);
void pages_note(struct page *page, const char *key, const char *label, const struct buf *lines, const char *help);

/* "1 Gbit/s", "2.5 Gbit/s", "100 Mbit/s"; appended. */
void pages_speed(uint64_t mbit, struct buf *out);

/* For FIELD_SWITCH. */
int pages_yes_no(const struct answers *a, const struct facts *f, const char *value, struct err *err) WARN_UNUSED;
/* An address in the subnet that was answered; `what` names it: "the gateway". */
int pages_in_subnet(const struct answers *a, const struct facts *f, const char *what, const char *value, uint32_t *out,
		    struct err *err) WARN_UNUSED;
/* Lines that show what a layout makes of disks: drawing.c. Appends. */
struct layout;
void pages_draw(const struct layout *l, struct buf *out);

extern const struct page_kind page_preflight, page_cluster, page_networks, page_head, page_headdisks, page_image, page_nodedisks,
	page_naming, page_keys;

#endif
