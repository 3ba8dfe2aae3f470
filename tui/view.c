/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/view.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* Strings of struct field that may be missing are NULL then. */
static char *copy(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

static void wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

static void field_free(struct field *f)
{
	for (size_t i = 0; i < f->n_choices; i++) {
		free(f->choices[i].key);
		free(f->choices[i].label);
	}
	free(f->choices);
	free(f->key);
	free(f->label);
	if (f->kind == FIELD_SECRET)
		wipe(&f->value);
	free(f->value);
	free(f->help);
	free(f->problem);
}

struct page *page_new(const char *key, const char *title)
{
	struct page *p = mem_zalloc(sizeof(*p));

	p->key = mem_strdup(key);
	p->title = mem_strdup(title);
	return p;
}

void page_free(struct page *page)
{
	if (!page)
		return;
	for (size_t i = 0; i < page->n_fields; i++)
		field_free(&page->fields[i]);
	free(page->fields);
	free(page->key);
	free(page->title);
	free(page->intro);
	free(page->command);
	free(page);
}

struct field *page_add(struct page *page, enum field_kind kind, const char *key, const char *label, const char *value,
		       const char *help)
{
	struct field *f;

	page->fields = mem_grow(page->fields, page->n_fields + 1, sizeof(*f));
	f = &page->fields[page->n_fields++];
	*f = (struct field){ .kind = kind,
			     .key = mem_strdup(key),
			     .label = mem_strdup(label ? label : ""),
			     .value = mem_strdup(value ? value : ""),
			     .help = copy(help) };
	return f;
}

void field_choice(struct field *field, const char *key, const char *label)
{
	field->choices = mem_grow(field->choices, field->n_choices + 1, sizeof(field->choices[0]));
	field->choices[field->n_choices++] = (struct choice){ .key = mem_strdup(key), .label = mem_strdup(label) };
}

void field_set(struct field *field, const char *value)
{
	char *fresh = mem_strdup(value ? value : "");

	if (field->kind == FIELD_SECRET)
		wipe(&field->value);
	free(field->value);
	field->value = fresh;
}

void field_refuse(struct field *field, const char *problem)
{
	char *fresh = copy(problem);

	free(field->problem);
	field->problem = fresh;
}

struct field *page_field(const struct page *page, const char *key)
{
	for (size_t i = 0; key && i < page->n_fields; i++)
		if (str_eq(page->fields[i].key, key))
			return &page->fields[i];
	return NULL;
}

struct field *page_problem(const struct page *page)
{
	for (size_t i = 0; i < page->n_fields; i++)
		if (page->fields[i].problem)
			return &page->fields[i];
	return NULL;
}

bool field_has(const struct field *field, const char *key)
{
	size_t len = strlen(key);

	for (const char *p = field->value, *end; *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, ',');
		if ((size_t)(end - p) == len && memcmp(p, key, len) == 0)
			return true;
	}
	return false;
}

/* In the order of the choices, whatever the order in which they were marked. */
void field_toggle(struct field *field, const char *key)
{
	autofree char *fresh = mem_strdup("");

	for (size_t i = 0; i < field->n_choices; i++) {
		const char *k = field->choices[i].key;

		if (field_has(field, k) != str_eq(k, key)) {
			char *longer = str_format("%s%s%s", fresh, *fresh ? "," : "", k);

			free(fresh);
			fresh = longer;
		}
	}
	field_set(field, fresh);
}
