/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a page looks on a terminal. */
#include "base/mem.h"
#include "base/str.h"
#include "tui/newt_priv.h"
#include "tui/text.h"
#include "tui/view.h"

#include <string.h>

#define PAD 1 /* left of the rows */

char *newt_text(const struct newt *n, const char *s, size_t columns)
{
	autofree char *safe = n->ascii ? text_ascii(s) : mem_strdup(s);

	return text_cut(safe, columns);
}

void newt_root_row(const struct newt *n, int row, const char *left, const char *right)
{
	size_t room = n->columns > 2 ? (size_t)n->columns - 2 : 0, used = text_columns(right);
	autofree char *text = newt_text(n, left, room > used + 1 ? room - used - 1 : 0);
	size_t shown = text_columns(text);
	autofree char *line = str_format(" %s%*s%s ", text, (int)(room > shown + used ? room - shown - used : 0), "", right);

	newtDrawRootText(0, row, line);
}

static void draw_around(struct newt *n, const struct page *page, const struct screen_how *how)
{
	autofree char *left = str_format("%s: %s", n->title, page->title), *keys = form_keys(&n->form), *shown = NULL;
	autofree char *right = how->number ? str_format("%zu of %zu", how->number, how->of) : mem_strdup("");
	autofree char *command = page->command ? str_format("$ %s", page->command) : mem_strdup("");
	autofree char *line = str_format(" %s", keys);

	newt_root_row(n, 0, left, right);
	newt_root_row(n, n->rows - 2, command, "");
	shown = newt_text(n, line, (size_t)n->columns);
	newtPopHelpLine();
	newtPushHelpLine(shown);
}

void newt_label(struct newt *n, newtComponent form, int column, int row, const char *text, size_t room, int colours)
{
	autofree char *shown = newt_text(n, text, room);
	newtComponent label = newtLabel(column, row, shown);

	newtLabelSetColors(label, colours);
	newtFormAddComponent(form, label);
}

static size_t room(const struct newt *n, size_t column)
{
	return n->form.columns > column ? n->form.columns - column : 0;
}

/* The line that is typed in; n->entry. */
static void draw_entry(struct newt *n, newtComponent form, const struct form_row *r, size_t width, int row)
{
	const struct field *f = &n->form.page->fields[r->field];
	int flags = NEWT_FLAG_SCROLL | (f->kind == FIELD_SECRET ? NEWT_FLAG_PASSWORD : 0);

	n->entry = newtEntry((int)r->column + PAD, row, f->value, (int)width, NULL, flags);
	if (n->at >= 0 && (size_t)n->at <= strlen(f->value))
		newtEntrySetCursorPosition(n->entry, n->at);
	newtFormAddComponent(form, n->entry);
}

static void draw_row(struct newt *n, newtComponent form, const struct form_row *r, size_t width, int row)
{
	autofree char *filled = NULL;

	if (*r->label)
		newt_label(n, form, PAD, row, r->label, n->form.columns, NEWT_COLORSET_LABEL);
	if (r->kind == FORM_ROW_ENTRY && r->here) {
		draw_entry(n, form, r, width, row);
	} else if (r->kind == FORM_ROW_ENTRY) {
		autofree char *cut = newt_text(n, r->text, width);

		filled = str_format("%s%*s", cut, (int)(width - text_columns(cut)), "");
		for (char *p = filled + strlen(cut); *p; p++)
			*p = '_';
		newt_label(n, form, (int)r->column + PAD, row, filled, width, NEWT_COLORSET_ENTRY);
	} else if (*r->text) {
		newt_label(n, form, (int)r->column + PAD, row, r->text, room(n, r->column),
			   r->here			 ? NEWT_COLORSET_ACTLISTBOX
			   : r->kind == FORM_ROW_PROBLEM ? NEWT_COLORSET_TITLE
			   : r->kind == FORM_ROW_BUTTON	 ? NEWT_COLORSET_COMPACTBUTTON
							 : NEWT_COLORSET_LABEL);
	}
}

static void draw_buttons(struct newt *n, newtComponent form)
{
	const struct form *f = &n->form;
	int column = 0, row = (int)f->height + 1;

	for (size_t i = 0; i < 2; i++) {
		const char *word = i ? f->back : f->next;
		autofree char *text = word ? str_format("< %s >", word) : NULL;

		if (!text)
			continue;
		newt_label(n, form, column + PAD, row, text, room(n, (size_t)column),
			   f->field == f->page->n_fields + i ? NEWT_COLORSET_ACTBUTTON : NEWT_COLORSET_COMPACTBUTTON);
		column += (int)text_columns(text) + 2;
	}
}

newtComponent newt_draw(struct newt *n, const struct screen_how *how)
{
	autoclean(form_rows_free) struct form_rows rows = { 0 };
	newtComponent form = newtForm(NULL, NULL, NEWT_FLAG_NOF12);

	n->entry = NULL;
	form_rows(&n->form, &rows);
	draw_around(n, n->form.page, how);
	/* The whole of the window belongs to the form, or what was drawn before stays. */
	newt_label(n, form, 0, 0, " ", 1, NEWT_COLORSET_LABEL);
	newt_label(n, form, (int)n->form.columns + NEWT_BAR_COLUMNS - 1, (int)n->form.height + 1, " ", 1, NEWT_COLORSET_LABEL);
	for (size_t i = n->form.top; i < rows.len && i < n->form.top + n->form.height; i++)
		draw_row(n, form, &rows.rows[i], rows.width, (int)(i - n->form.top));
	draw_buttons(n, form);
	if (rows.len > n->form.height) {
		newtComponent bar = newtVerticalScrollbar((int)n->form.columns + NEWT_BAR_COLUMNS - 1, 0, (int)n->form.height,
							  NEWT_COLORSET_LABEL, NEWT_COLORSET_ACTLISTBOX);

		newtFormAddComponent(form, bar);
		newtScrollbarSet(bar, (int)n->form.top, (int)(rows.len - n->form.height));
	}
	if (n->entry)
		newtFormSetCurrent(form, n->entry);
	else
		newtCursorOff();
	return form;
}
