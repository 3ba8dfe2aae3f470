/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/text.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

static size_t step(const char *p)
{
	size_t n = str_utf8_len(p, strlen(p) < 4 ? strlen(p) : 4);

	return n ? n : 1;
}

size_t text_columns(const char *s)
{
	size_t n = 0;

	for (; *s; s += step(s))
		n++;
	return n;
}

/* How many bytes the first `columns` characters of s take, not going past `end`. */
static size_t bytes_of(const char *s, const char *end, size_t columns)
{
	const char *p = s;

	while (columns-- && p < end)
		p += step(p);
	return (size_t)(p - s);
}

char *text_cut(const char *s, size_t columns)
{
	const char *end = s + strlen(s);

	if (text_columns(s) <= columns)
		return mem_strdup(s);
	if (columns <= 3)
		return mem_strndup(s, bytes_of(s, end, columns));
	return str_format("%.*s...", (int)bytes_of(s, end, columns - 3), s);
}

/* Of a line longer than `columns`: where to break it, in bytes. */
static size_t break_at(const char *line, const char *end, size_t columns, size_t indent)
{
	size_t all = bytes_of(line, end, columns), at = all;

	if (line[all] == ' ')
		return all;
	while (at > indent && line[at - 1] != ' ')
		at--;
	return at > indent ? at : all;
}

static void wrap_line(const char *line, const char *end, size_t columns, struct str_list *lines)
{
	size_t indent = strspn(line, " "), at;

	if (indent > columns / 2 && bytes_of(line, end, columns) < (size_t)(end - line)) {
		line += indent; /* what is far in has no room there */
		indent = 0;
	}
	for (bool first = true;; first = false) {
		size_t in = first ? 0 : indent, room = columns - in;

		if (bytes_of(line, end, room) == (size_t)(end - line)) {
			str_list_addf(lines, "%*s%.*s", (int)in, "", (int)(end - line), line);
			return;
		}
		at = break_at(line, end, room, first ? indent : 0);
		while (at && line[at - 1] == ' ')
			at--;
		if (!at)
			at = bytes_of(line, end, room);
		str_list_addf(lines, "%*s%.*s", (int)in, "", (int)at, line);
		line += at;
		while (line < end && *line == ' ')
			line++;
		if (line == end)
			return;
	}
}

void text_wrap(const char *text, size_t columns, struct str_list *lines)
{
	if (!columns)
		columns = 1;
	for (const char *p = text, *end; *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, '\n');
		wrap_line(p, end, columns, lines);
	}
}

char *text_ascii(const char *s)
{
	struct buf b = { 0 };

	for (; *s; s += step(s))
		buf_addc(&b, (unsigned char)*s < 0x80 ? *s : '?');
	return buf_steal(&b);
}
