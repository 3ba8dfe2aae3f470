/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a page of the wizard is, whatever draws it: labelled fields with values, help and problems. Pure: renderers (newt.h,
 * plain.h) show pages and put what was typed into their fields; pages.h makes pages of answers and takes values from them. */
#ifndef ORTHRUS_TUI_VIEW_H
#define ORTHRUS_TUI_VIEW_H

#include <stdbool.h>
#include <stddef.h>

enum field_kind {
	FIELD_TEXT,   /* a line that is typed */
	FIELD_SECRET, /* a line that is typed and not shown */
	FIELD_CHOICE, /* one of the choices: the value is its key */
	FIELD_SET,    /* any of the choices: the value is their keys, with commas between them */
	FIELD_SWITCH, /* yes or no: the value is "yes" or "no" */
	FIELD_NOTE,   /* lines that are only read; they scroll when there are many */
	FIELD_ACTION, /* something that the page can do at once (install what is missing): a button */
};

struct choice {
	char *key;   /* what the value becomes */
	char *label; /* what is shown */
};

struct field {
	enum field_kind kind;
	char *key;     /* names it to pages_take, in the saved answers, and in plain mode */
	char *label;   /* at most 30 columns */
	char *value;   /* never NULL; for FIELD_NOTE its lines, for FIELD_ACTION "" */
	char *help;    /* what F1 shows: what it is for, what may be written, an example */
	char *problem; /* why the value was refused, or NULL */
	struct choice *choices;
	size_t n_choices;
};

struct page {
	char *key;     /* "networks": names it in the saved answers, the tests and the documentation */
	char *title;   /* "Networks" */
	char *intro;   /* one or two sentences, or NULL */
	char *command; /* the command line that does the same as this page, or NULL */
	struct field *fields;
	size_t n_fields;
};

/* A page without fields. KEY and TITLE are copied. Free with page_free. */
struct page *page_new(const char *key, const char *title);
void page_free(struct page *page);

/* Adds a field to PAGE; all strings are copied. The result is valid until the next is added. */
struct field *page_add(struct page *page, enum field_kind kind, const char *key, const char *label, const char *value,
		       const char *help);

/* Adds a choice to FIELD; the strings are copied. */
void field_choice(struct field *field, const char *key, const char *label);

/* Replaces the value, or the problem (NULL: there is none); copied. */
void field_set(struct field *field, const char *value);
void field_refuse(struct field *field, const char *problem);

/* Whether a FIELD_SET has that key among its values; and with it taken in, or out. */
bool field_has(const struct field *field, const char *key);
void field_toggle(struct field *field, const char *key);

/* The field of that key, or NULL. */
struct field *page_field(const struct page *page, const char *key);

/* The first field that has a problem, or NULL. */
struct field *page_problem(const struct page *page);

#endif
