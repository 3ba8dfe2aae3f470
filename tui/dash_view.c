/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The panels get their places on the screen. */
#include "tui/dash_view.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define TWO_COLS 160 /* from so many columns on there are two of panels */
#define ROWS_MOST 20000

enum { DOWN, HEADS, NODES, WAITING, CASTS, ARRAYS, EVENTS, ALL };

struct panel {
	char *title;		 /* NULL: none */
	struct dash_lines lines; /* all of them; of the nodes those that are seen, once that is known */
	size_t n, least;	 /* how many there are; how many must be seen */
	size_t got, first;	 /* how many are seen, from which on */
	size_t width;
	bool focused;
};
struct view {
	const struct dash_state *s;
	struct dash_ui *ui;
	bool ascii;
	size_t *shown, n_shown;
	struct panel panels[ALL];
};

static void view_free(struct view *v)
{
	free(v->shown);
	for (size_t i = 0; i < ALL; i++) {
		free(v->panels[i].title);
		dash_lines_free(&v->panels[i].lines);
	}
}

/* --- what there is to say --- */

static char *nodes_title(const struct view *v)
{
	struct buf b = { 0 };

	buf_addf(&b, "Nodes %zu", v->s->nodes.len);
	if (v->ui->filter[0])
		buf_addf(&b, "  filter '%s': %zu", v->ui->filter, v->n_shown);
	if (v->ui->marked.len)
		buf_addf(&b, "  marked %zu", v->ui->marked.len);
	dash_node_counts(v->s, &b);
	return buf_steal(&b);
}

static char *waiting_title(const struct view *v, size_t n)
{
	const size_t rejected = v->s->pending.len - n;

	if (rejected)
		return str_format("Waiting for approval %zu, rejected %zu", n, rejected);
	return n ? str_format("Waiting for approval %zu", n) : mem_strdup("Waiting for approval: none");
}

static char *casts_title(const struct view *v)
{
	size_t running = 0;

	for (size_t i = 0; i < v->s->casts.len; i++)
		running += v->s->casts.items[i].runs;
	if (!v->s->casts.len)
		return mem_strdup("Casts: none");
	return str_format("Casts: %zu running, %zu ended lately", running, v->s->casts.len - running);
}

static char *arrays_title(const struct dash_arrays *a)
{
	struct buf b = { 0 };

	if (!a->arrays)
		return mem_strdup("Arrays: none told");
	buf_addf(&b, "Arrays %zu on %zu machine%s: ", a->arrays, a->machines, a->machines == 1 ? "" : "s");
	if (a->broken)
		buf_addf(&b, "%zu broken", a->broken);
	else
		buf_adds(&b, "all whole");
	return buf_steal(&b);
}

static size_t least(size_t n, size_t want)
{
	return n < want ? n : want;
}

static void name(struct view *v)
{
	static const char *const titles[] = {
		[DOWN] = NULL,	   [HEADS] = "Heads",	[NODES] = "Nodes",  [WAITING] = "Waiting for approval",
		[CASTS] = "Casts", [ARRAYS] = "Arrays", [EVENTS] = "Events"
	};
	struct panel *p = v->panels;

	p[HEADS].title = mem_strdup(titles[HEADS]);
	p[EVENTS].title = mem_strdup(titles[EVENTS]);
	/* Nothing was heard yet: that there is nothing would be another thing. */
	for (int i = NODES; i < EVENTS && !v->s->status.version; i++)
		p[i].title = str_format("%s: not known", titles[i]);
	if (!v->s->status.version)
		return;
	p[NODES].title = nodes_title(v);
	p[WAITING].title = waiting_title(v, p[WAITING].lines.len);
	p[CASTS].title = casts_title(v);
	p[ARRAYS].title = arrays_title(&v->s->arrays);
}

static void fill(struct view *v)
{
	struct panel *p = v->panels;

	dash_down_lines(v->s, p[DOWN].width, &p[DOWN].lines);
	dash_head_lines(v->s, v->ui, p[HEADS].width, &p[HEADS].lines);
	dash_waiting_lines(v->s, v->ui, p[WAITING].width, &p[WAITING].lines);
	dash_cast_lines(v->s, v->ui, p[CASTS].width, v->ascii, &p[CASTS].lines);
	dash_array_lines(v->s, &p[ARRAYS].lines);
	dash_event_lines(v->s, p[EVENTS].width, p[EVENTS].focused, &p[EVENTS].lines);
	name(v);
	if (!v->s->nodes.len && v->s->status.version && !v->s->daemon.text)
		dash_line_wrap(&p[NODES].lines, DASH_NORMAL, p[NODES].width,
			       "  No nodes yet. A machine that is switched on and boots from the network waits below for "
			       "approval (a); n adds nodes by their MAC addresses.");
	for (size_t i = 0; i < ALL; i++)
		p[i].n = p[i].lines.len;
	if (v->s->nodes.len)
		p[NODES].n = v->n_shown;
	p[DOWN].least = p[DOWN].n;
	p[HEADS].least = least(p[HEADS].n, 4);
	p[NODES].least = least(p[NODES].n, 3);
	p[WAITING].least = least(p[WAITING].n, 2);
	p[CASTS].least = least(p[CASTS].n, 2);
	p[ARRAYS].least = least(p[ARRAYS].n, 1);
	p[EVENTS].least = least(p[EVENTS].n, 2);
}

/* --- how much of it is seen --- */

static size_t title_rows(const struct panel *p)
{
	return p->title ? 1 : 0;
}

/* Each gets what it must have, then one row after the other; two, where one walks. */
static void share(struct view *v, const int *which, size_t n, size_t rows)
{
	bool more = true;

	for (size_t i = 0; i < n; i++)
		rows -= least(rows, title_rows(&v->panels[which[i]]));
	for (size_t i = 0; i < n; i++) {
		struct panel *p = &v->panels[which[i]];

		p->got = least(p->least, rows);
		rows -= p->got;
	}
	while (rows && more) {
		more = false;
		for (size_t i = 0; i < n && rows; i++) {
			struct panel *p = &v->panels[which[i]];
			const size_t give = least(least(p->n - p->got, p->focused ? 2 : 1), rows);

			p->got += give;
			rows -= give;
			more |= give > 0;
		}
	}
}

/* Whole pages, so that most keys change two rows only. */
static size_t page_of(size_t at, size_t got)
{
	return got ? at / got * got : 0;
}

static void scroll(struct view *v)
{
	struct dash_ui *ui = v->ui;
	struct panel *p = v->panels;
	size_t most;

	p[NODES].first = page_of(ui->at[DASH_NODES], p[NODES].got);
	p[WAITING].first = page_of(ui->at[DASH_WAITING], p[WAITING].got);
	most = p[CASTS].n - p[CASTS].got;
	ui->at[DASH_CASTS] = least(ui->at[DASH_CASTS], most);
	p[CASTS].first = ui->at[DASH_CASTS];
	most = p[EVENTS].n - p[EVENTS].got;
	ui->at[DASH_EVENTS] = least(ui->at[DASH_EVENTS], most);
	p[EVENTS].first = most - ui->at[DASH_EVENTS];
	for (size_t i = 0; i < ALL; i++)
		if (p[i].first >= p[i].n)
			p[i].first = 0;
	if (v->s->nodes.len)
		dash_node_lines(v->s, ui, v->shown, p[NODES].first, least(p[NODES].got, p[NODES].n - p[NODES].first),
				p[NODES].width, v->ascii, &p[NODES].lines);
}

/* --- drawing --- */

static size_t draw_title(const struct panel *p, struct dash_screen *out, size_t row, size_t col)
{
	const enum dash_glyph line = p->focused ? DASH_DOUBLE : DASH_LINE;
	char part[64];
	size_t end;

	if (!p->title)
		return row;
	dash_glyphs(out, row, col, p->width, DASH_NORMAL, line);
	dash_glyphs(out, row, col + 2, 1, DASH_NORMAL, DASH_SPACE);
	end = col + 3 + dash_put(out, row, col + 3, p->width - 6, DASH_BOLD, p->title);
	dash_glyphs(out, row, end, 1, DASH_NORMAL, DASH_SPACE);
	if (p->n > p->got) {
		snprintf(part, sizeof(part), " %zu-%zu of %zu ", p->got ? p->first + 1 : 0, least(p->first + p->got, p->n), p->n);
		if (end + 2 + strlen(part) < col + p->width)
			dash_put(out, row, col + p->width - strlen(part) - 1, strlen(part), DASH_NORMAL, part);
	}
	return row + 1;
}

static size_t draw_panel(const struct view *v, int which, struct dash_screen *out, size_t row, size_t col)
{
	const struct panel *p = &v->panels[which];
	/* Of the nodes there are only lines that are seen. */
	const size_t from = which == NODES ? 0 : p->first;

	row = draw_title(p, out, row, col);
	for (size_t i = 0; i < p->got; i++) {
		if (from + i < p->lines.len && p->first + i < p->n) {
			const struct dash_line *l = &p->lines.items[from + i];

			dash_put(out, row + i, col, v->ui->plain ? out->cols : p->width, l->attr, l->text);
			if (l->attr == DASH_REVERSE || l->attr == DASH_WARN_REVERSE)
				dash_paint(out, row + i, col, p->width, l->attr);
		}
	}
	return row + p->got;
}

static void draw_top(const struct view *v, struct dash_screen *out)
{
	const struct dash_status *t = &v->s->status;
	autofree char *left = NULL;

	if (!v->s->asked)
		left = mem_strdup(" Orthrus   asking orthrusd ...");
	else if (!t->version)
		left = mem_strdup(" Orthrus   orthrusd does not answer");
	else
		left = str_format(" Orthrus   cluster %s   head %s   orthrusd %s", t->cluster ? t->cluster : "none yet",
				  t->head ? t->head : "-",
				  v->s->daemon.text   ? "does not answer"
				  : v->s->daemon_slow ? "is slow to answer"
						      : t->version);
	dash_put(out, 0, 0, out->cols - (v->ui->plain ? 0 : 10), DASH_REVERSE, left);
	if (!v->ui->plain) {
		dash_put(out, 0, out->cols - 9, 8, DASH_REVERSE, "F1 help");
		dash_paint(out, 0, 0, out->cols, DASH_REVERSE);
	}
}

static void draw_bottom(const struct view *v, struct dash_screen *out)
{
	const size_t row = out->rows - 1;
	const struct dash_ui *ui = v->ui;

	if (ui->plain)
		return;
	if (ui->mode == DASH_FILTER) {
		const size_t n = dash_put(out, row, 0, out->cols, DASH_BOLD, "Filter (name, state, @group, address): ");

		out->has_cursor = true;
		out->cursor_row = row;
		out->cursor_col = n + dash_put(out, row, n, out->cols - n - 1, DASH_NORMAL, ui->filter);
		return;
	}
	if (ui->message[0]) {
		dash_put(out, row, 0, out->cols, DASH_BOLD, ui->message);
		return;
	}
	if (ui->mode == DASH_BROWSE)
		dash_put(out, row, 0, out->cols, DASH_NORMAL,
			 "a Approve  n Add  i Reinstall  d Remove  s Switch  / Filter  Tab Panel  q Quit");
	else if (ui->mode == DASH_HELP || ui->mode == DASH_ABOUT)
		dash_put(out, row, 0, out->cols, DASH_NORMAL, "Up, Down, PgUp, PgDn: more of it   Esc back");
}

/* --- all of it --- */

static const int one[] = { DOWN, HEADS, NODES, WAITING, CASTS, ARRAYS, EVENTS };
static const int left[] = { HEADS, NODES, ARRAYS };
static const int right[] = { WAITING, CASTS, EVENTS };

static size_t draw_all(const struct view *v, const int *which, size_t n, struct dash_screen *out, size_t row, size_t col)
{
	for (size_t i = 0; i < n; i++)
		row = draw_panel(v, which[i], out, row, col);
	return row;
}

/* Rows for the panels when they may have as many as they like. */
static size_t rows_wanted(const struct view *v)
{
	size_t rows = 0;

	for (size_t i = 0; i < ALL; i++)
		rows += v->panels[i].n + title_rows(&v->panels[i]);
	return least(rows, ROWS_MOST);
}

/* Lines are cut where they would go beyond a screen; text that goes to a file or a pipe is whole. */
static size_t columns_wanted(const struct view *v, size_t cols)
{
	for (size_t i = 0; v->ui->plain && i < ALL; i++)
		for (size_t k = 0; k < v->panels[i].lines.len; k++) {
			const size_t width = dash_width(v->panels[i].lines.items[k].text);

			cols = width > cols ? width : cols;
		}
	return cols;
}

static void two_columns(struct view *v, struct dash_screen *out)
{
	const size_t rows = out->rows - 2, down = least(v->panels[DOWN].n, rows / 2);

	v->panels[DOWN].got = down;
	share(v, left, ARRAY_LEN(left), rows - down);
	share(v, right, ARRAY_LEN(right), rows - down);
	scroll(v);
	(void)draw_panel(v, DOWN, out, 1, 0);
	(void)draw_all(v, left, ARRAY_LEN(left), out, 1 + down, 0);
	(void)draw_all(v, right, ARRAY_LEN(right), out, 1 + down, v->panels[NODES].width + 1);
}

static void too_small(size_t rows, size_t cols, struct dash_screen *out)
{
	autofree char *text = str_format("This terminal has %zu columns and %zu rows: the dashboard needs %d and %d. q quits.",
					 cols, rows, DASH_COLS_MIN, DASH_ROWS_MIN);
	autoclean(str_list_free) struct str_list lines = { 0 };

	dash_wrap(text, cols ? cols : 1, 0, &lines);
	for (size_t i = 0; i < lines.len; i++)
		dash_put(out, i, 0, cols, DASH_NORMAL, lines.items[i]);
}

void dash_view(const struct dash_state *s, struct dash_ui *ui, size_t rows, size_t cols, bool ascii, struct dash_screen *out)
{
	autoclean(view_free) struct view v = { .s = s, .ui = ui, .ascii = ascii };
	const bool two = cols >= TWO_COLS && rows;

	if (rows && !ui->plain && (rows < DASH_ROWS_MIN || cols < DASH_COLS_MIN)) {
		dash_screen_init(out, rows, cols, ascii);
		too_small(rows, cols, out);
		return;
	}
	v.shown = dash_shown(s, ui->filter, &v.n_shown);
	for (size_t i = 0; i < ALL; i++)
		v.panels[i].width = two && i != DOWN ? (cols - 1) / 2 : cols;
	if (!ui->plain) {
		v.panels[NODES].focused = ui->focus == DASH_NODES;
		v.panels[WAITING].focused = ui->focus == DASH_WAITING;
		v.panels[CASTS].focused = ui->focus == DASH_CASTS;
		v.panels[EVENTS].focused = ui->focus == DASH_EVENTS;
	}
	fill(&v);
	if (two) {
		dash_screen_init(out, rows, cols, ascii);
		two_columns(&v, out);
	} else {
		rows = rows ? rows : rows_wanted(&v) + 1;
		share(&v, one, ARRAY_LEN(one), rows - (ui->plain ? 1 : 2));
		scroll(&v);
		dash_screen_init(out, rows, columns_wanted(&v, cols), ascii);
		(void)draw_all(&v, one, ARRAY_LEN(one), out, 1, 0);
	}
	draw_top(&v, out);
	draw_bottom(&v, out);
	dash_box(s, ui, out);
}
