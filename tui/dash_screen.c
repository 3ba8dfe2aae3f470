/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/dash_screen.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static const char *const fancy[] = {
	[DASH_LINE] = "\u2500",	     [DASH_DOUBLE] = "\u2550",	  [DASH_BAR] = "\u2588",       [DASH_BAR_REST] = "\u2591",
	[DASH_SIDE] = "\u2502",	     [DASH_CORNER_TL] = "\u250c", [DASH_CORNER_TR] = "\u2510", [DASH_CORNER_BL] = "\u2514",
	[DASH_CORNER_BR] = "\u2518", [DASH_SPACE] = " "
};
static const char *const simple[] = {
	[DASH_LINE] = "-",	[DASH_DOUBLE] = "=",	[DASH_BAR] = "#",	[DASH_BAR_REST] = ".",	[DASH_SIDE] = "|",
	[DASH_CORNER_TL] = "+", [DASH_CORNER_TR] = "+", [DASH_CORNER_BL] = "+", [DASH_CORNER_BR] = "+", [DASH_SPACE] = " "
};

void dash_screen_init(struct dash_screen *s, size_t rows, size_t cols, bool ascii)
{
	*s = (struct dash_screen){ .rows = rows, .cols = cols, .ascii = ascii };
	s->cells = mem_array(rows * cols + 1, sizeof(*s->cells));
	for (size_t i = 0; i < rows * cols; i++)
		s->cells[i].text[0] = ' ';
}

void dash_screen_free(struct dash_screen *s)
{
	free(s->cells);
	*s = (struct dash_screen){ 0 };
}

/* Whether the character at `p`, of `len` bytes, is one column wide on every terminal: Latin, Greek, Cyrillic without what
 * combines, punctuation, box drawing and blocks. */
static bool is_narrow(const char *p, size_t len)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned int c;

	if (len == 1)
		return u[0] >= ' ' && u[0] < 127;
	if (len == 4)
		return false;
	c = len == 2 ? (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu) : (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	return (c >= 0xa0 && c < 0x300 && c != 0xad) || (c >= 0x384 && c < 0x483) || (c >= 0x2010 && c < 0x2028) ||
	       (c >= 0x2500 && c < 0x25a0);
}

/* The next character of `*at`: its bytes into `out`, as it is shown; moves on. */
static void next_char(const char **at, bool ascii, char out[5])
{
	const size_t len = str_utf8_len(*at, strlen(*at));

	if (len == 0 || !is_narrow(*at, len) || (ascii && len > 1)) {
		memcpy(out, "?", 2);
	} else {
		memcpy(out, *at, len);
		out[len] = '\0';
	}
	*at += len ? len : 1;
}

size_t dash_width(const char *text)
{
	char c[5];
	size_t n = 0;

	for (; *text; n++)
		next_char(&text, false, c);
	return n;
}

size_t dash_put(struct dash_screen *s, size_t row, size_t col, size_t width, enum dash_attr attr, const char *text)
{
	size_t n = 0;

	if (row >= s->rows || col >= s->cols)
		return 0;
	if (width > s->cols - col)
		width = s->cols - col;
	for (; *text && n < width; n++) {
		struct dash_cell *cell = &s->cells[row * s->cols + col + n];

		next_char(&text, s->ascii, cell->text);
		cell->attr = (unsigned char)attr;
		if (n + 1 == width && *text)
			memcpy(cell->text, s->ascii ? ">" : "\u2026", s->ascii ? 2 : 4);
	}
	return n;
}

void dash_paint(struct dash_screen *s, size_t row, size_t col, size_t width, enum dash_attr attr)
{
	for (size_t i = col; row < s->rows && i < s->cols && i - col < width; i++)
		s->cells[row * s->cols + i].attr = (unsigned char)attr;
}

void dash_glyphs(struct dash_screen *s, size_t row, size_t col, size_t width, enum dash_attr attr, enum dash_glyph glyph)
{
	for (size_t i = col; row < s->rows && i < s->cols && i - col < width; i++) {
		struct dash_cell *cell = &s->cells[row * s->cols + i];

		snprintf(cell->text, sizeof(cell->text), "%s", (s->ascii ? simple : fancy)[glyph]);
		cell->attr = (unsigned char)attr;
	}
}

static void add_row(const struct dash_screen *s, size_t row, struct buf *out)
{
	const struct dash_cell *cells = &s->cells[row * s->cols];
	size_t end = s->cols;

	while (end && cells[end - 1].text[0] == ' ')
		end--;
	for (size_t i = 0; i < end; i++)
		buf_adds(out, cells[i].text);
	buf_addc(out, '\n');
}

void dash_screen_text(const struct dash_screen *s, struct buf *out)
{
	for (size_t row = 0; row < s->rows; row++)
		add_row(s, row, out);
}

void dash_screen_marked(const struct dash_screen *s, struct buf *out)
{
	static const char *const names[] = { [DASH_NORMAL] = "normal",
					     [DASH_BOLD] = "bold",
					     [DASH_REVERSE] = "reverse",
					     [DASH_WARN] = "warn",
					     [DASH_WARN_REVERSE] = "warn-reverse" };

	dash_screen_text(s, out);
	for (size_t row = 0; row < s->rows; row++) {
		const struct dash_cell *cells = &s->cells[row * s->cols];

		for (size_t i = 0, end; i < s->cols; i = end) {
			for (end = i + 1; end < s->cols && cells[end].attr == cells[i].attr;)
				end++;
			if (cells[i].attr != DASH_NORMAL)
				buf_addf(out, "attr %zu %zu-%zu %s\n", row, i, end - 1, names[cells[i].attr]);
		}
	}
	if (s->has_cursor)
		buf_addf(out, "cursor %zu %zu\n", s->cursor_row, s->cursor_col);
}

/* Bytes of `text` that make at most `width` columns, broken at a space where there is one; at least one character. */
static size_t break_at(const char *text, size_t width)
{
	const char *at = text, *space = NULL;
	char c[5];
	size_t n = 0;

	while (*at && n < width) {
		if (*at == ' ' && at > text)
			space = at;
		next_char(&at, false, c);
		n++;
	}
	if (!*at || *at == ' ' || !space)
		return at > text ? (size_t)(at - text) : strlen(text);
	return (size_t)(space - text);
}

void dash_wrap(const char *text, size_t width, size_t indent, struct str_list *out)
{
	bool first = true;

	if (indent >= width)
		indent = 0;
	do {
		const size_t in = first ? 0 : indent, n = break_at(text, width > in ? width - in : 1);

		str_list_addf(out, "%*s%.*s", (int)in, "", (int)n, text);
		text += n;
		if (*text == ' ')
			text++;
		first = false;
	} while (*text);
}

void dash_bar(unsigned int percent, size_t places, bool ascii, struct buf *out)
{
	const char *const *g = ascii ? simple : fancy;
	const size_t full = percent >= 100 ? places : places * percent / 100;

	buf_addc(out, '[');
	for (size_t i = 0; i < places; i++)
		buf_adds(out, g[i < full ? DASH_BAR : DASH_BAR_REST]);
	buf_addc(out, ']');
}
