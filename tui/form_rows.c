/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where everything of a page stands. */
#include "tui/form.h"

#include "base/mem.h"
#include "base/str.h"
#include "tui/text.h"
#include "tui/view.h"

#include <string.h>

#define LABEL_MAX 30
#define ENTRY_MAX 44
#define NARROW 60 /* below that a label has a row of its own */
#define NOTE_INDENT 2

void form_rows_free(struct form_rows *r)
{
	for (size_t i = 0; i < r->len; i++) {
		free(r->rows[i].label);
		free(r->rows[i].text);
	}
	free(r->rows);
	*r = (struct form_rows){ 0 };
}

/* What every field of the page is laid out with. */
struct sheet {
	const struct form *f;
	struct form_rows *out;
	size_t label_columns, value; /* 0: labels stand above */
	const struct field *field;   /* under way */
	size_t index;
};

/* Takes text. */
static struct form_row *add(struct sheet *s, enum form_row_kind kind, const char *label, char *text, size_t column)
{
	struct form_rows *r = s->out;

	r->rows = mem_room(r->rows, r->len, &r->cap, sizeof(r->rows[0]));
	r->rows[r->len] = (struct form_row){ .kind = kind, .field = s->index, .column = column, .text = text };
	r->rows[r->len].label = label ? text_cut(label, s->value ? s->label_columns : s->f->columns) : mem_strdup("");
	return &r->rows[r->len++];
}

static void blank(struct sheet *s)
{
	const struct form_rows *r = s->out;

	if (r->len && (*r->rows[r->len - 1].text || *r->rows[r->len - 1].label))
		add(s, FORM_ROW_TEXT, NULL, mem_strdup(""), 0)->field = FORM_NO_FIELD;
}

static size_t add_wrapped(struct sheet *s, enum form_row_kind kind, const char *text, size_t column)
{
	autoclean(str_list_free) struct str_list lines = { 0 };

	text_wrap(text, s->f->columns > column ? s->f->columns - column : 1, &lines);
	for (size_t i = 0; i < lines.len; i++)
		add(s, kind, NULL, mem_strdup(lines.items[i]), column);
	return lines.len;
}

/* The label, where the value stands below it; else it goes into the first row of the value. */
static const char *label_first(struct sheet *s)
{
	const char *label = s->field->label;

	if (s->value)
		return label;
	if (*label)
		add(s, FORM_ROW_TEXT, label, mem_strdup(""), 0);
	return NULL;
}

static char *stars(const char *value)
{
	size_t n = text_columns(value);
	char *s = mem_zalloc(n + 1);

	memset(s, '*', n);
	return s;
}

static void entry(struct sheet *s)
{
	const char *label = label_first(s), *value = s->field->value;

	add(s, FORM_ROW_ENTRY, label, s->field->kind == FIELD_SECRET ? stars(value) : mem_strdup(value),
	    s->value ? s->value : NOTE_INDENT)
		->stop = true;
}

/* One choice: its mark, and its words in as many rows as they need. */
static void choice(struct sheet *s, size_t i, const char *label)
{
	const struct choice *c = &s->field->choices[i];
	size_t column = s->value ? s->value : NOTE_INDENT, room = s->f->columns > column + 5 ? s->f->columns - column - 4 : 1;
	autoclean(str_list_free) struct str_list lines = { 0 };
	bool one = s->field->kind == FIELD_CHOICE, on = one ? str_eq(s->field->value, c->key) : field_has(s->field, c->key);
	const char *mark = one ? (on ? "(*)" : "( )") : (on ? "[x]" : "[ ]");

	text_wrap(*c->label ? c->label : c->key, room, &lines);
	for (size_t k = 0; k < lines.len; k++) {
		struct form_row *r =
			add(s, FORM_ROW_MARK, k ? NULL : label, str_format("%s %s", k ? "   " : mark, lines.items[k]), column);

		r->item = i;
		r->stop = k == 0;
	}
}

static void choices(struct sheet *s)
{
	const char *label = label_first(s);

	if (!s->field->n_choices)
		add(s, FORM_ROW_TEXT, label, mem_strdup("(there is none)"), s->value ? s->value : NOTE_INDENT);
	for (size_t i = 0; i < s->field->n_choices; i++)
		choice(s, i, i ? NULL : label);
}

static void yes_no(struct sheet *s)
{
	const char *label = label_first(s);
	bool on = str_eq(s->field->value, "yes");

	add(s, FORM_ROW_MARK, label, mem_strdup(on ? "[x] yes" : "[ ] no"), s->value ? s->value : NOTE_INDENT)->stop = true;
}

static void note(struct sheet *s)
{
	size_t item = 0, line = 0, column = *s->field->label ? NOTE_INDENT : 0;

	if (*s->field->label)
		add(s, FORM_ROW_TEXT, NULL, text_cut(s->field->label, s->f->columns), 0);
	for (const char *p = s->field->value, *end; *p; p = *end ? end + 1 : end, line++) {
		autofree char *one = NULL;
		size_t begin = s->out->len;

		end = strchrnul(p, '\n');
		one = mem_strndup(p, (size_t)(end - p));
		if (!add_wrapped(s, FORM_ROW_NOTE, one, column))
			add(s, FORM_ROW_NOTE, NULL, mem_strdup(""), column);
		for (size_t i = begin; i < s->out->len; i++) {
			s->out->rows[i].item = item++;
			s->out->rows[i].line = line;
			s->out->rows[i].stop = true; /* if the page scrolls: below */
		}
	}
}

static void button(struct sheet *s)
{
	autofree char *label = text_cut(s->field->label, s->f->columns > 4 ? s->f->columns - 4 : 1);

	add(s, FORM_ROW_BUTTON, NULL, str_format("< %s >", label), 0)->stop = true;
}

static void problem(struct sheet *s)
{
	size_t column = s->value && s->field->kind != FIELD_NOTE && s->field->kind != FIELD_ACTION ? s->value : NOTE_INDENT;
	autoclean(str_list_free) struct str_list lines = { 0 };

	text_wrap(s->field->problem, s->f->columns > column + 2 ? s->f->columns - column - 2 : 1, &lines);
	for (size_t i = 0; i < lines.len; i++)
		add(s, FORM_ROW_PROBLEM, NULL, str_format("%s%s", i ? "  " : "! ", lines.items[i]), column);
}

static bool is_block(const struct field *f)
{
	return f->kind == FIELD_NOTE || f->kind == FIELD_CHOICE || f->kind == FIELD_SET || f->kind == FIELD_ACTION;
}

static void lay_field(struct sheet *s, const struct field *before)
{
	const struct field *f = s->field;

	if ((before && (is_block(before) || is_block(f)) && !(before->kind == FIELD_ACTION && f->kind == FIELD_ACTION)) ||
	    s->index == 0)
		blank(s);
	switch (f->kind) {
	case FIELD_TEXT:
	case FIELD_SECRET:
		entry(s);
		break;
	case FIELD_CHOICE:
	case FIELD_SET:
		choices(s);
		break;
	case FIELD_SWITCH:
		yes_no(s);
		break;
	case FIELD_NOTE:
		note(s);
		break;
	case FIELD_ACTION:
		button(s);
		break;
	}
	if (f->problem)
		problem(s);
}

static size_t widest_label(const struct page *p)
{
	size_t widest = 0;

	for (size_t i = 0; i < p->n_fields; i++) {
		size_t n = text_columns(p->fields[i].label);

		if (p->fields[i].kind != FIELD_NOTE && p->fields[i].kind != FIELD_ACTION && n > widest)
			widest = n;
	}
	return widest < LABEL_MAX ? widest : LABEL_MAX;
}

/* Notes are gone through only where not all is seen anyway. */
static void mark_stops(const struct form *f, struct form_rows *r)
{
	r->here = r->last = r->len;
	for (size_t i = 0; i < r->len; i++) {
		struct form_row *row = &r->rows[i];

		if (row->kind == FORM_ROW_NOTE && r->len <= f->height)
			row->stop = false;
		row->here =
			row->field == f->field && row->item == f->item &&
			(row->kind == FORM_ROW_NOTE ? row->stop : row->kind != FORM_ROW_TEXT && row->kind != FORM_ROW_PROBLEM);
		if (row->here && r->here == r->len)
			r->here = i;
		if (row->here || (r->here < r->len && row->kind == FORM_ROW_PROBLEM && row->field == f->field))
			r->last = i;
	}
}

void form_rows(const struct form *f, struct form_rows *out)
{
	struct sheet s = { .f = f, .out = out, .index = FORM_NO_FIELD };

	if (f->columns >= NARROW) {
		s.label_columns = widest_label(f->page);
		s.value = s.label_columns + 2;
	}
	out->width = f->columns - (s.value ? s.value : NOTE_INDENT);
	if (out->width > ENTRY_MAX)
		out->width = ENTRY_MAX;
	if (f->page->intro)
		add_wrapped(&s, FORM_ROW_TEXT, f->page->intro, 0);
	for (size_t i = 0; i < f->page->n_fields; i++) {
		s.index = i;
		s.field = &f->page->fields[i];
		lay_field(&s, i ? s.field - 1 : NULL);
	}
	mark_stops(f, out);
}
