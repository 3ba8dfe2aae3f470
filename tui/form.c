/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keys do on a page. */
#include "tui/form.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "tui/view.h"

#include <ctype.h>
#include <stdint.h>

struct field *form_field(const struct form *f)
{
	return f->field < f->page->n_fields ? &f->page->fields[f->field] : NULL;
}

bool form_types(const struct form *f)
{
	const struct field *field = form_field(f);

	return field && (field->kind == FIELD_TEXT || field->kind == FIELD_SECRET);
}

static size_t button_next(const struct form *f)
{
	return f->page->n_fields;
}

static size_t button_back(const struct form *f)
{
	return f->page->n_fields + 1;
}

static bool has_button(const struct form *f, size_t at)
{
	return (at == button_next(f) && f->next) || (at == button_back(f) && f->back);
}

/* What stands where the cursor first goes to when its field is reached by a jump. */
static size_t first_item(const struct form *f, size_t field)
{
	const struct field *x = field < f->page->n_fields ? &f->page->fields[field] : NULL;

	for (size_t i = 0; x && x->kind == FIELD_CHOICE && i < x->n_choices; i++)
		if (str_eq(x->choices[i].key, x->value))
			return i;
	return 0;
}

/* The cursor is seen, and with it what belongs to it; on the first item the whole beginning, on a button the whole end. */
static void scroll(struct form *f)
{
	autoclean(form_rows_free) struct form_rows r = { 0 };
	size_t most, first = 0;

	form_rows(f, &r);
	most = r.len > f->height ? r.len - f->height : 0;
	while (first < r.len && !r.rows[first].stop)
		first++;
	if (r.here == r.len) {
		f->top = most;
	} else if (r.here == first && r.last < f->height) {
		f->top = 0;
	} else {
		size_t from = r.here;

		/* The heading of a list, or of a note, if it can be had. */
		while (from && r.rows[from - 1].field == f->field && r.last - (from - 1) < f->height && f->item < f->height / 2)
			from--;
		if (r.last >= f->top + f->height)
			f->top = r.last + 1 - f->height;
		if (from < f->top)
			f->top = from;
	}
	if (f->top > most)
		f->top = most;
}

/* Whether the cursor stands on something that is there; else to the nearest that is. */
static void land(struct form *f)
{
	autoclean(form_rows_free) struct form_rows r = { 0 };
	size_t best = SIZE_MAX;

	if (has_button(f, f->field))
		return;
	form_rows(f, &r);
	if (r.here < r.len && r.rows[r.here].stop)
		return;
	for (size_t i = 0; i < r.len; i++) {
		if (!r.rows[i].stop)
			continue;
		if (best == SIZE_MAX || r.rows[i].field < f->field || (r.rows[i].field == f->field && r.rows[i].item <= f->item))
			best = i;
	}
	if (best < SIZE_MAX) {
		f->field = r.rows[best].field;
		f->item = r.rows[best].item;
	} else {
		f->field = f->next ? button_next(f) : button_back(f);
		f->item = 0;
	}
}

void form_settle(struct form *f)
{
	land(f);
	scroll(f);
}

void form_focus(struct form *f, const char *key, size_t line)
{
	const struct field *x = page_field(f->page, key);
	autoclean(form_rows_free) struct form_rows r = { 0 };

	f->begun = true;
	f->field = 0;
	if (x) {
		f->field = (size_t)(x - f->page->fields);
		f->item = first_item(f, f->field);
	}
	form_rows(f, &r);
	for (size_t i = 0; !x && i < r.len; i++)
		if (r.rows[i].stop && r.rows[i].kind != FORM_ROW_NOTE && r.rows[i].kind != FORM_ROW_BUTTON) {
			f->field = r.rows[i].field;
			f->item = first_item(f, f->field);
			break;
		}
	if (!x && (f->page->n_fields == 0 || f->page->fields[f->field].kind == FIELD_NOTE)) {
		/* Nothing to fill in: what goes on is at hand, and what there is to read is read from its beginning. */
		f->field = r.len > f->height && f->page->n_fields ? 0 : button_next(f);
		f->item = 0;
	}
	for (size_t i = 0; x && x->kind == FIELD_NOTE && i < r.len; i++)
		if (r.rows[i].field == f->field && r.rows[i].kind == FORM_ROW_NOTE && r.rows[i].line <= line)
			f->item = r.rows[i].item;
	form_settle(f);
}

/* All that the cursor may stand on, one after the other: rows, then buttons. Position `at` of them, or the number. */
struct stops {
	struct form_rows rows;
	struct stop {
		size_t field, item, row;
	} * list;
	size_t len, cap, here;
};

static void stops_free(struct stops *s)
{
	form_rows_free(&s->rows);
	free(s->list);
}

static void stops_add(struct stops *s, const struct form *f, size_t field, size_t item, size_t row)
{
	s->list = mem_room(s->list, s->len, &s->cap, sizeof(s->list[0]));
	s->list[s->len] = (struct stop){ field, item, row };
	if (field == f->field && item == f->item)
		s->here = s->len;
	s->len++;
}

static void stops_of(const struct form *f, struct stops *s)
{
	form_rows(f, &s->rows);
	for (size_t i = 0; i < s->rows.len; i++)
		if (s->rows.rows[i].stop)
			stops_add(s, f, s->rows.rows[i].field, s->rows.rows[i].item, i);
	for (size_t b = button_next(f); b <= button_back(f); b++)
		if (has_button(f, b))
			stops_add(s, f, b, 0, s->rows.len);
}

static void go(struct form *f, const struct stop *to)
{
	f->field = to->field;
	f->item = to->item;
	scroll(f);
}

/* To the next or previous field: around the end. */
static void jump(struct form *f, bool forwards)
{
	autoclean(stops_free) struct stops s = { 0 };
	size_t at;

	stops_of(f, &s);
	if (!s.len)
		return;
	at = s.here;
	for (size_t n = 0; n < s.len && s.list[at].field == f->field; n++)
		at = forwards ? (at + 1) % s.len : (at + s.len - 1) % s.len;
	f->field = s.list[at].field;
	f->item = first_item(f, f->field);
	scroll(f);
}

/* One item up or down; not around the end. */
static void walk(struct form *f, bool forwards)
{
	autoclean(stops_free) struct stops s = { 0 };

	stops_of(f, &s);
	if (forwards ? s.here + 1 < s.len : s.here > 0)
		go(f, &s.list[forwards ? s.here + 1 : s.here - 1]);
}

/* As far as is seen at once; a button is reached by a step of its own. */
static void leaf(struct form *f, bool forwards)
{
	autoclean(stops_free) struct stops s = { 0 };
	size_t at, far = f->height > 1 ? f->height - 1 : 1;

	stops_of(f, &s);
	if (!s.len)
		return;
	at = s.here;
	while (forwards ? at + 1 < s.len && s.list[at + 1].row < s.rows.len && s.list[at + 1].row <= s.list[s.here].row + far
			: at > 0 && s.list[at - 1].row + far >= s.list[s.here].row)
		at = forwards ? at + 1 : at - 1;
	if (at == s.here)
		walk(f, forwards);
	else
		go(f, &s.list[at]);
}

static void to_end(struct form *f, bool last)
{
	autoclean(stops_free) struct stops s = { 0 };

	stops_of(f, &s);
	if (s.len)
		go(f, &s.list[last ? s.len - 1 : 0]);
}

static enum form_result toggle(struct form *f, struct field *x)
{
	switch (x->kind) {
	case FIELD_CHOICE:
		if (f->item >= x->n_choices || str_eq(x->value, x->choices[f->item].key))
			return FORM_STAY;
		field_set(x, x->choices[f->item].key);
		return FORM_CHANGED;
	case FIELD_SET:
		if (f->item >= x->n_choices)
			return FORM_STAY;
		field_toggle(x, x->choices[f->item].key);
		return FORM_CHANGED;
	case FIELD_SWITCH:
		field_set(x, str_eq(x->value, "yes") ? "no" : "yes");
		return FORM_CHANGED;
	case FIELD_ACTION:
		return FORM_ACTION;
	case FIELD_TEXT:
	case FIELD_SECRET:
	case FIELD_NOTE:
		break;
	}
	return FORM_STAY;
}

static enum form_result enter(struct form *f)
{
	struct field *x = form_field(f);

	if (!x)
		return f->field == button_back(f) ? FORM_BACK : f->next ? FORM_NEXT : FORM_STAY;
	if (x->kind == FIELD_ACTION)
		return FORM_ACTION;
	if (x->kind == FIELD_CHOICE && toggle(f, x) == FORM_CHANGED)
		return FORM_CHANGED;
	return f->next ? FORM_NEXT : FORM_STAY;
}

static enum form_result sideways(struct form *f, bool forwards)
{
	struct field *x = form_field(f);

	if (x && x->kind == FIELD_SWITCH)
		return toggle(f, x);
	if (!x)
		jump(f, forwards);
	return FORM_STAY;
}

enum form_result form_press(struct form *f, enum form_key key)
{
	struct field *x = form_field(f);

	switch (key) {
	case FORM_KEY_ENTER:
		return enter(f);
	case FORM_KEY_SPACE:
		return x ? toggle(f, x) : enter(f);
	case FORM_KEY_ESCAPE:
		return FORM_BACK;
	case FORM_KEY_HELP:
		return FORM_HELP;
	case FORM_KEY_QUIT:
		return FORM_QUIT;
	case FORM_KEY_ON:
		return f->next ? FORM_NEXT : FORM_STAY;
	case FORM_KEY_TAB:
	case FORM_KEY_UNTAB:
		jump(f, key == FORM_KEY_TAB);
		return FORM_STAY;
	case FORM_KEY_UP:
	case FORM_KEY_DOWN:
		walk(f, key == FORM_KEY_DOWN);
		return FORM_STAY;
	case FORM_KEY_LEFT:
	case FORM_KEY_RIGHT:
		return sideways(f, key == FORM_KEY_RIGHT);
	case FORM_KEY_PAGE_UP:
	case FORM_KEY_PAGE_DOWN:
		leaf(f, key == FORM_KEY_PAGE_DOWN);
		return FORM_STAY;
	case FORM_KEY_HOME:
	case FORM_KEY_END:
		to_end(f, key == FORM_KEY_END);
		return FORM_STAY;
	}
	return FORM_STAY;
}

static const char *keys_here(const struct form *f)
{
	const struct field *x = form_field(f);

	if (!x)
		return NULL;
	switch (x->kind) {
	case FIELD_CHOICE:
		return f->item < x->n_choices && str_eq(x->value, x->choices[f->item].key) ? NULL : "Enter choose";
	case FIELD_SET:
		return "Space mark";
	case FIELD_SWITCH:
		return "Space change";
	case FIELD_ACTION:
		return "Enter do it";
	case FIELD_NOTE:
		return "PgDn on";
	case FIELD_TEXT:
	case FIELD_SECRET:
		break;
	}
	return NULL;
}

char *form_keys(const struct form *f)
{
	const struct field *x = form_field(f);
	const char *here = keys_here(f), *enters = NULL;
	struct buf b = { 0 };

	if (!(here && str_starts(here, "Enter")))
		enters = f->field == button_back(f) ? f->back : f->next;
	if (here)
		buf_addf(&b, "%s  ", here);
	if (enters)
		buf_addf(&b, "Enter %c%s  ", tolower((unsigned char)enters[0]), enters + 1);
	if (f->page->n_fields > 1 || x)
		buf_adds(&b, "Tab move  ");
	if (f->back)
		buf_addf(&b, "Esc %c%s  ", tolower((unsigned char)f->back[0]), f->back + 1);
	buf_adds(&b, "F1 help");
	return buf_steal(&b);
}
