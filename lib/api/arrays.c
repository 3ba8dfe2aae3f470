/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/arrays.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* Printable ASCII only: a node's own words are shown on a terminal. */
static void put_word(char *out, size_t size, const char *from, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++)
		if (from[i] > ' ' && from[i] < 127)
			out[n++] = from[i];
	out[n] = '\0';
}

static size_t word_len(const char *s, size_t left)
{
	size_t n = 0;

	while (n < left && s[n] != ' ' && s[n] != '\t')
		n++;
	return n;
}

/* The next word of [*at, end), behind `*at`. */
static size_t next_word(const char **at, const char *end)
{
	while (*at < end && (**at == ' ' || **at == '\t'))
		(*at)++;
	return word_len(*at, (size_t)(end - *at));
}

static bool is_word(const char *word, size_t len, const char *want)
{
	return len == strlen(want) && memcmp(word, want, len) == 0;
}

/* "md0 : active (auto-read-only) raid1 vdb1[1] vda1[0]" */
static void read_head(struct array_row *r, const char *line, const char *end)
{
	const char *at = line;
	size_t len = next_word(&at, end);

	*r = (struct array_row){ 0 };
	put_word(r->name, sizeof(r->name), at, len);
	for (at += len, len = next_word(&at, end); len; at += len, len = next_word(&at, end)) {
		if (is_word(at, len, ":") || *at == '(')
			continue;
		if (is_word(at, len, "active")) {
			r->whole = true;
			continue;
		}
		put_word(r->level, sizeof(r->level), at, len);
		return;
	}
}

/* "[2/1] [U_]" among other things; bitmaps and bars stand in brackets too. */
static void read_marks(struct array_row *r, const char *line, const char *end)
{
	const char *at = line;

	for (size_t len = next_word(&at, end); len; at += len, len = next_word(&at, end)) {
		if (len < 3 || at[0] != '[' || at[len - 1] != ']' || len >= sizeof(r->marks))
			continue;
		if (strspn(at + 1, "U_") != len - 2)
			continue;
		put_word(r->marks, sizeof(r->marks), at, len);
		if (memchr(at, '_', len))
			r->whole = false;
	}
}

static void read_work(struct array_row *r, const char *line, const char *end)
{
	static const char *const kinds[] = { "recovery", "resync", "reshape", "check", "repair" };
	const char *at = line;

	for (size_t len = next_word(&at, end); len; at += len, len = next_word(&at, end))
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
			const size_t n = strlen(kinds[i]);
			const char *value = at + n;
			char word[ARRAY_WORD_MAX];

			if (len < n || memcmp(at, kinds[i], n) != 0)
				continue;
			while (value < end && (*value == ' ' || *value == '='))
				value++;
			put_word(word, sizeof(word), value, word_len(value, (size_t)(end - value)));
			snprintf(r->work, sizeof(r->work), "%s %.*s", kinds[i], (int)(sizeof(r->work) - n - 2), word);
			return;
		}
}

void array_rows_read(const char *mdstat, struct array_rows *out)
{
	struct array_row *r = NULL;
	const char *line = mdstat, *end;

	out->len = 0;
	for (; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		if (*line == ' ' || *line == '\t') {
			if (r) {
				read_marks(r, line, end);
				read_work(r, line, end);
			}
			continue;
		}
		r = NULL;
		if (strncmp(line, "md", 2) != 0 || out->len == ARRAYS_MAX)
			continue;
		r = &out->items[out->len++];
		read_head(r, line, end);
	}
}

void array_row_line(const struct array_row *r, char out[ARRAY_LINE_MAX])
{
	snprintf(out, ARRAY_LINE_MAX, "%s %s%s%s%s%s", r->name, r->level, r->marks[0] ? " " : "", r->marks,
		 r->work[0] ? ", " : "", r->work);
}
