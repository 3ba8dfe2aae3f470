/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/wizard.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "tui/pages.h"
#include "tui/view.h"

#include <string.h>

void drafts_free(struct drafts *d)
{
	for (size_t i = 0; i < d->len; i++) {
		free(d->items[i].page);
		free(d->items[i].field);
		free(d->items[i].value);
	}
	free(d->items);
	*d = (struct drafts){ 0 };
}

static struct draft *find(const struct drafts *d, const char *page, const char *field)
{
	for (size_t i = 0; i < d->len; i++)
		if (str_eq(d->items[i].page, page) && str_eq(d->items[i].field, field))
			return &d->items[i];
	return NULL;
}

const char *drafts_get(const struct drafts *d, const char *page, const char *field)
{
	const struct draft *one = find(d, page, field);

	return one ? one->value : NULL;
}

void drafts_put(struct drafts *d, const char *page, const char *field, const char *value)
{
	struct draft *one = find(d, page, field);

	if (!one && !value)
		return;
	if (!one) {
		d->items = mem_room(d->items, d->len, &d->cap, sizeof(d->items[0]));
		one = &d->items[d->len++];
		*one = (struct draft){ .page = mem_strdup(page), .field = mem_strdup(field), .value = mem_strdup(value) };
	} else if (value) {
		char *fresh = mem_strdup(value);

		free(one->value);
		one->value = fresh;
	} else {
		free(one->page);
		free(one->field);
		free(one->value);
		*one = d->items[--d->len];
	}
}

void wizard_clear(struct wizard *w)
{
	page_free(w->page);
	free(w->focus);
	drafts_free(&w->drafts);
	*w = (struct wizard){ 0 };
}

static const struct page_kind *kind_of(const struct wizard *w)
{
	return w->kinds[w->at];
}

const char *wizard_key(const struct wizard *w)
{
	return w->at < w->n_kinds ? kind_of(w)->key : WIZARD_REVIEW;
}

static void set_focus(struct wizard *w, const char *key)
{
	char *fresh = key ? mem_strdup(key) : NULL;

	free(w->focus);
	w->focus = fresh;
}

static bool has_value(const struct field *f)
{
	return f->kind != FIELD_NOTE && f->kind != FIELD_ACTION;
}

/* One value into the answers. Refused: 1, and the field says why. */
static int take(struct wizard *w, struct field *f)
{
	struct err err = { 0 };

	if (kind_of(w)->take(w->answers, w->facts, f->key, f->value, &err) == 0) {
		drafts_put(&w->drafts, wizard_key(w), f->key, NULL);
		field_refuse(f, NULL);
		return 0;
	}
	field_refuse(f, err.text);
	return 1;
}

/* Anew of the answers; what was refused stays as it was typed, with the reason of today. */
static void build(struct wizard *w)
{
	page_free(w->page);
	w->page = NULL;
	if (w->at == w->n_kinds)
		return;
	w->page = kind_of(w)->build(w->answers, w->facts);
	for (size_t i = 0; i < w->page->n_fields; i++) {
		struct field *f = &w->page->fields[i];
		const char *typed = has_value(f) ? drafts_get(&w->drafts, wizard_key(w), f->key) : NULL;

		if (!typed)
			continue;
		field_set(f, typed);
		if (take(w, f) == 0)
			w->unsaved = true;
	}
}

static enum wizard_turn turn(struct wizard *w, size_t at)
{
	w->at = at;
	w->fresh = true;
	w->unsaved = true;
	build(w);
	set_focus(w, NULL);
	if (w->page && page_problem(w->page))
		set_focus(w, page_problem(w->page)->key);
	return at == w->n_kinds ? WIZARD_AT_REVIEW : WIZARD_PAGE;
}

/* What is written down of a value that was refused: of a private key that was pasted by mistake, that it was one. */
static char *to_keep(const char *value)
{
	static const char private[] = "PRIVATE KEY-----";
	const char *at = strstr(value, private);

	return at ? mem_strndup(value, (size_t)(at - value) + strlen(private)) : mem_strdup(value);
}

/* Takes what differs from what the answers say by now, each in its turn: what is taken may change what the next ones would be.
 * Refused values become drafts. `only`: that field, or NULL for all. `taken` gets the keys. */
static size_t take_changed(struct wizard *w, const char *only, struct str_list *taken)
{
	struct page *was = kind_of(w)->build(w->answers, w->facts);
	size_t refused = 0;

	for (size_t i = 0; i < w->page->n_fields; i++) {
		struct field *f = &w->page->fields[i];
		const struct field *before = page_field(was, f->key);

		if (!has_value(f) || (only && !str_eq(only, f->key)))
			continue;
		if (before && str_eq(before->value, f->value)) {
			drafts_put(&w->drafts, wizard_key(w), f->key, NULL);
			field_refuse(f, NULL);
			continue;
		}
		w->unsaved = true;
		if (take(w, f) == 0) {
			str_list_add(taken, f->key);
			continue;
		}
		refused++;
		if (f->kind != FIELD_SECRET) {
			autofree char *kept = to_keep(f->value);

			drafts_put(&w->drafts, wizard_key(w), f->key, kept);
		}
	}
	page_free(was);
	return refused;
}

/* Makes the page anew and gives back what a secret field said: no page shows a secret that was taken. */
static void rebuild(struct wizard *w)
{
	struct page *old = steal(w->page);

	build(w);
	for (size_t i = 0; w->page && i < old->n_fields; i++) {
		const struct field *f = &old->fields[i];
		struct field *now = f->kind == FIELD_SECRET && f->problem ? page_field(w->page, f->key) : NULL;

		if (!now)
			continue;
		field_set(now, f->value);
		field_refuse(now, f->problem);
	}
	page_free(old);
}

static enum wizard_turn stay(struct wizard *w)
{
	if (page_problem(w->page))
		set_focus(w, page_problem(w->page)->key);
	return WIZARD_PAGE;
}

enum wizard_turn wizard_goto(struct wizard *w, const char *key)
{
	w->returns = w->at == w->n_kinds && !str_eq(key, WIZARD_REVIEW) && key;
	if (str_eq(key, WIZARD_REVIEW))
		return turn(w, w->n_kinds);
	for (size_t i = 0; i < w->n_kinds; i++)
		if (str_eq(w->kinds[i]->key, key))
			return turn(w, i);
	return turn(w, 0);
}

/* What nobody touched is taken as well: a default that was seen is an answer. */
static size_t take_rest(struct wizard *w, const struct str_list *taken)
{
	size_t refused = 0;

	for (size_t i = 0; i < w->page->n_fields; i++) {
		struct field *f = &w->page->fields[i];

		if (!has_value(f) || str_list_has(taken, f->key) || (f->kind == FIELD_SECRET && !*f->value))
			continue;
		refused += (size_t)take(w, f);
	}
	return refused;
}

void wizard_refuse(struct wizard *w, const char *key, const char *why)
{
	struct field *f = w->page ? page_field(w->page, key) : NULL;

	if (!f && w->page && w->page->n_fields)
		f = &w->page->fields[0];
	if (!f)
		return;
	field_refuse(f, why);
	set_focus(w, f->key);
}

static int may_leave(struct wizard *w)
{
	struct err err = { 0 };
	const char *key = NULL;

	if (!kind_of(w)->check || kind_of(w)->check(w->answers, w->facts, &key, &err) == 0)
		return 0;
	wizard_refuse(w, key, err.text);
	return -1;
}

enum wizard_turn wizard_next(struct wizard *w)
{
	autoclean(str_list_free) struct str_list taken = { 0 };
	size_t refused;

	if (w->at == w->n_kinds)
		return WIZARD_AT_REVIEW;
	refused = take_changed(w, NULL, &taken);
	rebuild(w);
	if (refused || take_rest(w, &taken) || may_leave(w) < 0)
		return stay(w);
	if (w->returns) {
		w->returns = false;
		return turn(w, w->n_kinds);
	}
	return turn(w, w->at + 1);
}

void wizard_keep(struct wizard *w)
{
	autoclean(str_list_free) struct str_list taken = { 0 };

	if (w->at < w->n_kinds)
		take_changed(w, NULL, &taken);
}

enum wizard_turn wizard_back(struct wizard *w)
{
	wizard_keep(w);
	if (w->at == 0) {
		rebuild(w);
		return WIZARD_LEAVE;
	}
	if (w->returns) {
		w->returns = false;
		return turn(w, w->n_kinds);
	}
	return turn(w, w->at - 1);
}

enum wizard_turn wizard_changed(struct wizard *w, const char *key)
{
	autoclean(str_list_free) struct str_list taken = { 0 };
	autofree char *changed = mem_strdup(key); /* it may be the page's own, and that is made anew */
	const char *known = NULL;
	const struct field *f = page_field(w->page, key);

	/* Typed once more as it was refused: whoever wants to look elsewhere first may. */
	if (f && f->kind != FIELD_SECRET)
		known = drafts_get(&w->drafts, wizard_key(w), key);
	if (known && str_eq(known, f->value))
		return WIZARD_PAGE;
	set_focus(w, take_changed(w, changed, &taken) ? changed : NULL);
	rebuild(w);
	return WIZARD_PAGE;
}

const struct draft *wizard_left(const struct wizard *w)
{
	const struct draft *left = NULL;

	for (size_t i = 0; !left && w->drafts.len && i < w->n_kinds; i++) {
		struct page *page = w->kinds[i]->build(w->answers, w->facts);

		for (size_t k = 0; !left && k < w->drafts.len; k++)
			if (str_eq(w->drafts.items[k].page, w->kinds[i]->key) && page_field(page, w->drafts.items[k].field))
				left = &w->drafts.items[k];
		page_free(page);
	}
	return left;
}

void wizard_again(struct wizard *w, const struct facts *facts)
{
	w->facts = facts;
	if (w->at < w->n_kinds)
		rebuild(w);
}

char *wizard_help(const struct page *page, const struct field *field)
{
	struct buf b = { 0 };

	if (field && *field->label)
		buf_addf(&b, "%s\n\n", field->label);
	if (field && field->help)
		buf_addf(&b, "%s\n", field->help);
	else if (page->intro)
		buf_addf(&b, "%s\n", page->intro);
	if (field && field->problem)
		buf_addf(&b, "\n! %s\n", field->problem);
	if (page->command)
		buf_addf(&b, "\nThe same by command:\n  %s\n", page->command);
	return buf_steal(&b);
}
