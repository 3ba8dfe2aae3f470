/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of tui/dash_view.h: the boxes for help, for what a command needs, and for what it says. */
#include "base/mem.h"
#include "tui/dash_view.h"

#include <stdio.h>
#include <string.h>

#define BOX_COLS_MAX 116

static const char *const help[] = {
	"Tab, Shift-Tab   the next panel (its title stands between double lines)",
	"Up, Down, PgUp, PgDn, Home, End   walk in the panel",
	"Enter all that is known of the node or machine that has '>'",
	"/     filter the nodes: part of a name or address, a state (failed), a group (@compute), names (n[01-20]); several "
	"words must all be "
	"right. Esc takes the filter and the marks away",
	"Space marks a node; * marks all that are shown, or takes all marks away. Reinstall and remove are of the marked nodes, "
	"else of the one with '>'",
	"a     approve the machine that waits and has '>': its words are compared with its console   (orthrus node approve)",
	"n     add nodes by their MAC addresses   (orthrus node add)",
	"i     reinstall nodes: erases their disks   (orthrus node install)",
	"d     remove nodes from the cluster   (orthrus node remove)",
	"s     give the service addresses to the other head   (orthrus head switch)",
	"F5, Ctrl-L   ask again now, and draw all anew",
	"F1, ?, Ctrl-G   this help",
	"q, Ctrl-C    quit; nothing that runs in the cluster depends on this program",
	"",
	"Each of a, n, i, d and s first runs its command with --plan, shows what it would do, and asks. The command line stands "
	"above what it says: "
	"the same can be typed in a shell.",
	"Panels show what these commands print: orthrus head status, node list, node discover --once, cast status, node show, "
	"event list.",
};

static const char *const titles[] = { [DASH_APPROVE] = "Approve a machine",
				      [DASH_ADD] = "Add nodes",
				      [DASH_INSTALL] = "Reinstall nodes",
				      [DASH_REMOVE] = "Remove nodes",
				      [DASH_SWITCH] = "Switch the heads" };

struct box {
	struct dash_screen *out;
	size_t row, col, rows, cols; /* inside */
};

static void open_box(struct box *b, struct dash_screen *out, size_t rows, const char *title)
{
	const size_t cols = out->cols - 4 < BOX_COLS_MAX ? out->cols - 4 : BOX_COLS_MAX, most = out->rows - 4;

	*b = (struct box){ .out = out, .rows = rows < most ? rows : most, .cols = cols - 4 };
	b->row = (out->rows - b->rows) / 2;
	b->col = (out->cols - b->cols) / 2;
	for (size_t r = b->row - 1; r <= b->row + b->rows; r++) {
		dash_glyphs(out, r, b->col - 1, b->cols + 2, DASH_NORMAL, DASH_SPACE);
		dash_glyphs(out, r, b->col - 2, 1, DASH_NORMAL, DASH_SIDE);
		dash_glyphs(out, r, b->col + b->cols + 1, 1, DASH_NORMAL, DASH_SIDE);
	}
	for (size_t i = 0; i < 2; i++) {
		const size_t r = i ? b->row + b->rows : b->row - 1;

		dash_glyphs(out, r, b->col - 1, b->cols + 2, DASH_NORMAL, DASH_LINE);
		dash_glyphs(out, r, b->col - 2, 1, DASH_NORMAL, i ? DASH_CORNER_BL : DASH_CORNER_TL);
		dash_glyphs(out, r, b->col + b->cols + 1, 1, DASH_NORMAL, i ? DASH_CORNER_BR : DASH_CORNER_TR);
	}
	dash_glyphs(out, b->row - 1, b->col, 1, DASH_NORMAL, DASH_SPACE);
	dash_glyphs(out, b->row - 1, b->col + 1 + dash_put(out, b->row - 1, b->col + 1, b->cols - 4, DASH_BOLD, title), 1,
		    DASH_NORMAL, DASH_SPACE);
}

/* Lines from ui->scroll on, in the rows FIRST to FIRST + ROWS - 1 of the box. */
static void put_lines(struct box *b, struct dash_ui *ui, const struct str_list *lines, size_t first, size_t rows)
{
	const size_t most = lines->len > rows ? lines->len - rows : 0;
	char part[64];

	ui->scroll = ui->scroll < most ? ui->scroll : most;
	for (size_t i = 0; i < rows && ui->scroll + i < lines->len; i++)
		dash_put(b->out, b->row + first + i, b->col, b->cols, DASH_NORMAL, lines->items[ui->scroll + i]);
	if (!most)
		return;
	snprintf(part, sizeof(part), " %zu-%zu of %zu, Up and Down ", ui->scroll + 1, ui->scroll + rows, lines->len);
	dash_put(b->out, b->row + b->rows, b->col + b->cols - strlen(part), strlen(part), DASH_NORMAL, part);
}

static void help_box(struct dash_ui *ui, struct dash_screen *out)
{
	autoclean(str_list_free) struct str_list lines = { 0 };
	struct box b;

	open_box(&b, out, out->rows - 4, "Keys of the dashboard");
	for (size_t i = 0; i < ARRAY_LEN(help); i++)
		dash_wrap(help[i], b.cols, 6, &lines);
	put_lines(&b, ui, &lines, 0, b.rows);
}

static void about_box(const struct dash_state *s, struct dash_ui *ui, struct dash_screen *out)
{
	autoclean(str_list_free) struct str_list lines = { 0 };
	/* As wide as the box will be: it is made as high as there are lines. */
	const size_t cols = (out->cols - 4 < BOX_COLS_MAX ? out->cols - 4 : BOX_COLS_MAX) - 4;
	autofree char *title = dash_about(s, ui, cols, &lines);
	struct box b;

	open_box(&b, out, lines.len, title);
	put_lines(&b, ui, &lines, 0, b.rows);
}

/* --- what a command needs --- */

static size_t put_wrapped(struct box *b, size_t row, enum dash_attr attr, const char *text)
{
	autoclean(str_list_free) struct str_list lines = { 0 };

	dash_wrap(text, b->cols, 0, &lines);
	for (size_t i = 0; i < lines.len && row + i < b->rows; i++)
		dash_put(b->out, b->row + row + i, b->col, b->cols, attr, lines.items[i]);
	return row + lines.len;
}

static void form_box(const struct dash_ui *ui, struct dash_screen *out)
{
	const struct dash_field *now = &ui->fields[ui->field];
	size_t row = 0;
	struct box b;

	open_box(&b, out, 14, titles[ui->act]);
	if (ui->about)
		row = put_wrapped(&b, row, DASH_BOLD, ui->about) + 1;
	for (size_t i = 0; i < ui->n_fields; i++) {
		const struct dash_field *f = &ui->fields[i];
		const size_t label = 15;
		size_t used;
		const enum dash_attr attr = i == ui->field ? DASH_REVERSE : DASH_NORMAL;
		const size_t len = strlen(f->value), room = b.cols - label - 1;

		dash_put(out, b.row + row, b.col, label - 1, i == ui->field ? DASH_BOLD : DASH_NORMAL, f->label);
		dash_glyphs(out, b.row + row, b.col + label, b.cols - label, attr, DASH_SPACE);
		/* What is typed is ASCII: of a long value the end is seen. */
		used = dash_put(out, b.row + row, b.col + label, room, attr, f->value + (len > room ? len - room : 0));
		if (i == ui->field) {
			out->has_cursor = true;
			out->cursor_row = b.row + row;
			out->cursor_col = b.col + label + used;
		}
		row++;
	}
	row = put_wrapped(&b, row + 1, DASH_NORMAL, now->help);
	if (now->problem[0]) {
		autofree char *problem = str_format("! %s: %s", now->label, now->problem);

		(void)put_wrapped(&b, row, DASH_WARN, problem);
	}
	dash_put(out, b.row + b.rows - 1, b.col, b.cols, DASH_NORMAL,
		 "Enter goes on, from the last field to the plan   Up, Tab   Esc back");
}

/* --- what a command says --- */

static const char *prompt_of(const struct dash_ui *ui)
{
	switch (ui->mode) {
	case DASH_PLANNING:
		return "Asking for its plan ...   Esc back";
	case DASH_CONFIRM:
		return dash_is_grave(ui->act) ? "Type yes and Enter to do this, Esc to leave it: " : "Do this?   y yes   n no";
	case DASH_RUNNING:
		return "It runs ...   Ctrl-C ends it";
	case DASH_DONE:
		return ui->failed ? "It failed.   Enter back" : "Done.   Enter back";
	case DASH_BROWSE:
	case DASH_FILTER:
	case DASH_HELP:
	case DASH_ABOUT:
	case DASH_FORM:
		break;
	}
	return "";
}

static void command_box(struct dash_ui *ui, struct dash_screen *out)
{
	const bool planned = ui->mode == DASH_PLANNING || ui->mode == DASH_CONFIRM;
	autoclean(str_list_free) struct str_list lines = { 0 };
	autoclean(buf_free) struct buf command = { 0 };
	autofree char *line = NULL;
	size_t row, used;
	struct box b;

	dash_command(ui, ui->last, &command);
	line = str_format("# %s", buf_str(&command));
	open_box(&b, out, out->rows - 4, titles[ui->act]);
	row = put_wrapped(&b, 0, DASH_BOLD, line) + 1;
	if (ui->about && planned)
		row = put_wrapped(&b, row, DASH_WARN, ui->about) + 1;
	for (size_t i = 0; i < ui->said.len; i++)
		dash_wrap(ui->said.items[i], b.cols, 4, &lines);
	if (row + 2 < b.rows)
		put_lines(&b, ui, &lines, row, b.rows - row - 2);
	used = dash_put(out, b.row + b.rows - 1, b.col, b.cols, DASH_BOLD, prompt_of(ui));
	if (ui->mode != DASH_CONFIRM || !dash_is_grave(ui->act))
		return;
	out->has_cursor = true;
	out->cursor_row = b.row + b.rows - 1;
	out->cursor_col = b.col + used + dash_put(out, out->cursor_row, b.col + used, b.cols - used, DASH_NORMAL, ui->typed);
}

void dash_box(const struct dash_state *s, struct dash_ui *ui, struct dash_screen *out)
{
	switch (ui->mode) {
	case DASH_HELP:
		help_box(ui, out);
		break;
	case DASH_ABOUT:
		about_box(s, ui, out);
		break;
	case DASH_FORM:
		form_box(ui, out);
		break;
	case DASH_PLANNING:
	case DASH_CONFIRM:
	case DASH_RUNNING:
	case DASH_DONE:
		command_box(ui, out);
		break;
	case DASH_BROWSE:
	case DASH_FILTER:
		break;
	}
}
