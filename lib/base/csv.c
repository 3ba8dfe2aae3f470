/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/csv.h"

#include "base/mem.h"

#include <string.h>

void csv_init(struct csv *c, const char *text, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf";

	*c = (struct csv){ .text = text, .len = len, .line = 1 };
	if (len >= sizeof(bom) - 1 && memcmp(text, bom, sizeof(bom) - 1) == 0)
		c->at = sizeof(bom) - 1;
}

struct place {
	size_t line, begin; /* of the line that is read */
};

static int bad(const struct place *p, size_t at, struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, "line %zu, column %zu: %s", p->line, at - p->begin + 1, what);
}

/* Does a line end at `at`? Its length: 1 for LF, 2 for CRLF; 0: no. The end of the text is none. */
static size_t line_end(const struct csv *c, size_t at)
{
	if (at < c->len && c->text[at] == '\n')
		return 1;
	return at + 1 < c->len && c->text[at] == '\r' && c->text[at + 1] == '\n' ? 2 : 0;
}

/* Behind the opening quote, up to and over the closing one. */
static int read_quoted(struct csv *c, struct place *p, struct buf *cell, struct err *err)
{
	struct place open = *p;
	size_t open_at = c->at - 1;

	for (; c->at < c->len; c->at++) {
		char ch = c->text[c->at];

		if (ch == '"' && (c->at + 1 == c->len || c->text[c->at + 1] != '"')) {
			c->at++;
			return 0;
		}
		if (ch == '\0')
			return bad(p, c->at, err, "a NUL byte");
		c->at += ch == '"';
		buf_addc(cell, ch);
		if (ch == '\n')
			*p = (struct place){ p->line + 1, c->at + 1 };
		if (cell->len > CSV_CELL_MAX)
			break;
	}
	return bad(&open, open_at, err,
		   cell->len > CSV_CELL_MAX ? "the cell is too long; is its closing quote missing?"
					    : "the quote is never closed");
}

static int read_plain(struct csv *c, const struct place *p, struct buf *cell, struct err *err)
{
	for (; c->at < c->len && c->text[c->at] != ',' && !line_end(c, c->at); c->at++) {
		char ch = c->text[c->at];

		if (ch == '\0' || ch == '\r')
			return bad(p, c->at, err, ch ? "a carriage return inside of a line" : "a NUL byte");
		if (ch == '"')
			return bad(p, c->at, err,
				   "a quote inside of a cell; such a cell is quoted as a whole, and its quotes are doubled");
		if (cell->len >= CSV_CELL_MAX)
			return bad(p, c->at, err, "the cell is too long");
		buf_addc(cell, ch);
	}
	return 0;
}

/* 1: another cell follows; 0: the row is over. */
static int read_cell(struct csv *c, struct place *p, struct str_list *cells, struct err *err)
{
	autoclean(buf_free) struct buf cell = { 0 };
	size_t end;

	if (cells->len == CSV_CELLS_MAX)
		return bad(p, c->at, err, "the row has more than 64 cells");
	if (c->at < c->len && c->text[c->at] == '"') {
		c->at++;
		if (read_quoted(c, p, &cell, err) < 0)
			return -1;
	} else if (read_plain(c, p, &cell, err) < 0) {
		return -1;
	}
	str_list_add(cells, buf_str(&cell));
	if (c->at < c->len && c->text[c->at] == ',') {
		c->at++;
		return 1;
	}
	end = line_end(c, c->at);
	if (!end && c->at < c->len)
		return bad(p, c->at, err, "a comma or the end of the line is missing behind the closing quote");
	c->at += end;
	return 0;
}

int csv_row(struct csv *c, struct str_list *cells, struct err *err)
{
	while (c->at < c->len) {
		struct place p = { c->line, c->at };
		int more;

		str_list_free(cells);
		c->row_line = c->line;
		do {
			more = read_cell(c, &p, cells, err);
		} while (more == 1);
		c->line = p.line + 1;
		if (more < 0)
			return -1;
		if (cells->len > 1 || cells->items[0][0])
			return 1;
	}
	str_list_free(cells);
	return 0;
}

void csv_put(struct buf *out, const char *cell, bool first)
{
	if (!first)
		buf_addc(out, ',');
	if (!cell[strcspn(cell, ",\"\r\n")] && cell[0] != ' ' && !str_ends(cell, " ")) {
		buf_adds(out, cell);
		return;
	}
	buf_addc(out, '"');
	for (; *cell; cell++) {
		if (*cell == '"')
			buf_addc(out, '"');
		buf_addc(out, *cell);
	}
	buf_addc(out, '"');
}
