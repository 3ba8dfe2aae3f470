/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/text_diff.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CONTEXT 3
#define CELLS_MAX ((size_t)1 << 22) /* of the table: 16 MiB */

struct line {
	const char *text;
	size_t len; /* without its '\n' */
};
struct lines {
	struct line *items;
	size_t len, cap;
	bool unended; /* the last one has no '\n' */
};

static void lines_free(struct lines *l)
{
	free(l->items);
}

static void split(const char *text, struct lines *out)
{
	while (text && *text) {
		size_t n = strcspn(text, "\n");

		out->items = mem_room(out->items, out->len, &out->cap, sizeof(*out->items));
		out->items[out->len++] = (struct line){ text, n };
		out->unended = !text[n];
		text += n + (text[n] == '\n');
	}
}

/* A last line without its end is another line than the same with it. */
static bool same(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
	return a->items[i].len == b->items[j].len && memcmp(a->items[i].text, b->items[j].text, a->items[i].len) == 0 &&
	       (a->unended && i + 1 == a->len) == (b->unended && j + 1 == b->len);
}

/* The way from one text to the other: ' ' a line of both, '-' one of the first, '+' one of the second. */
struct script {
	char *ops;
	size_t len;
};

static void put(struct script *s, char op, size_t n)
{
	memset(s->ops + s->len, op, n);
	s->len += n;
}

/* The longest common part of a[from..to_a) and b[from..to_b), from a table of its length for each pair of ends. */
static void middle(const struct lines *a, const struct lines *b, size_t from, size_t to_a, size_t to_b, struct script *s)
{
	size_t n = to_a - from, m = to_b - from, i = 0, j = 0;
	autofree uint32_t *t = NULL;

	if (n && m && (n + 1) <= CELLS_MAX / (m + 1)) {
		t = mem_array((n + 1) * (m + 1), sizeof(*t));
		for (size_t x = n; x-- > 0;)
			for (size_t y = m; y-- > 0;) {
				uint32_t down = t[(x + 1) * (m + 1) + y], right = t[x * (m + 1) + y + 1];

				t[x * (m + 1) + y] = same(a, from + x, b, from + y) ? t[(x + 1) * (m + 1) + y + 1] + 1
						     : down > right		    ? down
										    : right;
			}
		while (i < n && j < m) {
			if (same(a, from + i, b, from + j)) {
				put(s, ' ', 1);
				i++;
				j++;
			} else if (t[(i + 1) * (m + 1) + j] >= t[i * (m + 1) + j + 1]) {
				put(s, '-', 1);
				i++;
			} else {
				put(s, '+', 1);
				j++;
			}
		}
	}
	put(s, '-', n - i);
	put(s, '+', m - j);
}

static void make_script(const struct lines *a, const struct lines *b, struct script *s)
{
	size_t head = 0, tail = 0;

	s->ops = mem_array(a->len + b->len + 1, 1);
	while (head < a->len && head < b->len && same(a, head, b, head))
		head++;
	while (tail < a->len - head && tail < b->len - head && same(a, a->len - 1 - tail, b, b->len - 1 - tail))
		tail++;
	put(s, ' ', head);
	middle(a, b, head, a->len - tail, b->len - tail, s);
	put(s, ' ', tail);
}

/* "12,7" of a hunk's head: the first line, counted from 1, and how many. */
static void put_range(struct buf *out, char mark, size_t at, size_t n)
{
	buf_addf(out, "%c%zu", mark, n ? at + 1 : at);
	if (n != 1)
		buf_addf(out, ",%zu", n);
}

static void put_line(struct buf *out, char op, const struct lines *l, size_t i)
{
	buf_addc(out, op);
	buf_add(out, l->items[i].text, l->items[i].len);
	buf_addc(out, '\n');
	if (l->unended && i + 1 == l->len)
		buf_adds(out, "\\ No newline at end of file\n");
}

static size_t count(const struct script *s, size_t from, size_t to, char not_this)
{
	size_t n = 0;

	for (size_t i = from; i < to; i++)
		n += s->ops[i] != not_this;
	return n;
}

/* The end of the hunk whose first change is at `i`: after more lines of both than two hunks' context. */
static size_t hunk_end(const struct script *s, size_t i)
{
	size_t last = i;

	for (; i < s->len && i - last <= 2 * CONTEXT + 1; i++)
		if (s->ops[i] != ' ')
			last = i;
	return last + 1 + CONTEXT < s->len ? last + 1 + CONTEXT : s->len;
}

static void put_hunks(const struct script *s, const struct lines *a, const struct lines *b, struct buf *out)
{
	size_t at_a = 0, at_b = 0, done = 0;

	for (size_t i = 0; i < s->len; i++) {
		size_t from, end;

		if (s->ops[i] == ' ')
			continue;
		from = i - done > CONTEXT ? i - CONTEXT : done;
		end = hunk_end(s, i);
		at_a += count(s, done, from, '+');
		at_b += count(s, done, from, '-');
		buf_adds(out, "@@ ");
		put_range(out, '-', at_a, count(s, from, end, '+'));
		buf_addc(out, ' ');
		put_range(out, '+', at_b, count(s, from, end, '-'));
		buf_adds(out, " @@\n");
		for (size_t k = from; k < end; k++) {
			put_line(out, s->ops[k], s->ops[k] == '+' ? b : a, s->ops[k] == '+' ? at_b : at_a);
			at_a += s->ops[k] != '+';
			at_b += s->ops[k] != '-';
		}
		done = end;
		i = end - 1;
	}
}

void text_diff(const char *path, const char *before, const char *after, struct text_diff *counts, struct buf *out)
{
	autoclean(lines_free) struct lines a = { 0 }, b = { 0 };
	struct script s = { 0 };

	*counts = (struct text_diff){ 0 };
	split(before, &a);
	split(after, &b);
	make_script(&a, &b, &s);
	for (size_t i = 0; i < s.len; i++) {
		counts->added += s.ops[i] == '+';
		counts->removed += s.ops[i] == '-';
	}
	if (out && counts->added + counts->removed) {
		buf_addf(out, "--- %s\n+++ %s\n", before ? path : "/dev/null", after ? path : "/dev/null");
		put_hunks(&s, &a, &b, out);
	}
	free(s.ops);
}
