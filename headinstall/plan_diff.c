/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a file changes, line by line. */
#include "headinstall/plan.h"

#include "base/mem.h"

#include <string.h>

#define AROUND 3
#define CELLS_MAX ((size_t)4 << 20)

struct lines {
	const char **at;
	size_t *len, n, cap, cap_len;
};

static void split(const char *text, struct lines *l)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		l->at = mem_room(l->at, l->n, &l->cap, sizeof(*l->at));
		l->len = mem_room(l->len, l->n, &l->cap_len, sizeof(*l->len));
		l->at[l->n] = text;
		l->len[l->n++] = len;
		text += len + (text[len] == '\n');
	}
}

static void lines_free(struct lines *l)
{
	free(l->at);
	free(l->len);
}

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t k)
{
	return a->len[i] == b->len[k] && memcmp(a->at[i], b->at[k], a->len[i]) == 0;
}

/* What becomes of each line, in order: ' ', '-' of the old, '+' of the new. */
struct moves {
	char *what;
	size_t n, cap;
};

static void move(struct moves *m, char what)
{
	m->what = mem_room(m->what, m->n, &m->cap, 1);
	m->what[m->n++] = what;
}

/* Lines [from, na) and [from, nb): by the longest common subsequence, unless that takes too much room. */
static void middle(const struct lines *a, size_t na, const struct lines *b, size_t nb, size_t from, struct moves *m)
{
	size_t wide = nb - from + 1, i = from, k = from;
	bool small = (na - from + 1) < CELLS_MAX / wide;
	autofree uint32_t *longest = mem_array(small ? (na - from + 1) * wide : 1, sizeof(*longest));

	for (size_t x = na; small && x-- > from;)
		for (size_t y = nb; y-- > from;) {
			uint32_t *cell = &longest[(x - from) * wide + (y - from)];

			*cell = same(a, x, b, y) ? cell[wide + 1] + 1 : cell[wide] > cell[1] ? cell[wide] : cell[1];
		}
	while (i < na || k < nb) {
		const uint32_t *cell = &longest[small ? (i - from) * wide + (k - from) : 0];

		if (small && i < na && k < nb && same(a, i, b, k)) {
			move(m, ' ');
			i++;
			k++;
		} else if (i < na && (!small || k == nb || cell[wide] >= cell[1])) {
			move(m, '-');
			i++;
		} else {
			move(m, '+');
			k++;
		}
	}
}

/* Files of configuration have tabs: they stay, what else a terminal might obey does not. */
static void print_line(char mark, const char *line, size_t len, struct buf *out)
{
	buf_addc(out, mark);
	while (len) {
		const char *tab = memchr(line, '\t', len);
		size_t n = tab ? (size_t)(tab - line) : len;
		autofree char *text = str_printable(line, n);

		buf_addf(out, "%s%s", text, tab ? "\t" : "");
		line += n + !!tab;
		len -= n + !!tab;
	}
	buf_addc(out, '\n');
}

static void print_hunks(const struct lines *a, const struct lines *b, const struct moves *m, struct buf *out)
{
	size_t i = 0, k = 0, shown = 0;

	for (size_t at = 0; at < m->n; at++) {
		bool near = false;

		for (size_t x = at > AROUND ? at - AROUND : 0; x < m->n && x <= at + AROUND; x++)
			near = near || m->what[x] != ' ';
		if (near && shown != at)
			buf_addf(out, "@@ line %zu @@\n", i + 1);
		if (near) {
			const struct lines *from = m->what[at] == '+' ? b : a;
			size_t line = m->what[at] == '+' ? k : i;

			print_line(m->what[at], from->at[line], from->len[line], out);
			shown = at + 1;
		}
		i += m->what[at] != '+';
		k += m->what[at] != '-';
	}
}

char *head_diff(const char *path, const char *was, const char *shall)
{
	autoclean(lines_free) struct lines a = { 0 }, b = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct moves m = { 0 };
	size_t head = 0, tail = 0;

	if (str_eq(was, shall))
		return mem_strdup("");
	split(was, &a);
	split(shall, &b);
	while (head < a.n && head < b.n && same(&a, head, &b, head))
		head++;
	while (tail < a.n - head && tail < b.n - head && same(&a, a.n - 1 - tail, &b, b.n - 1 - tail))
		tail++;
	for (size_t i = 0; i < head; i++)
		move(&m, ' ');
	middle(&a, a.n - tail, &b, b.n - tail, head, &m);
	for (size_t i = 0; i < tail; i++)
		move(&m, ' ');
	buf_addf(&out, "--- %s (as it is)\n+++ %s (as it will be)\n", path, path);
	print_hunks(&a, &b, &m, &out);
	free(m.what);
	return buf_steal(&out);
}
