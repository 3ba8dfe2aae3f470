/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of tui/dash_view.h: the nodes. */
#include "base/mem.h"
#include "tui/dash_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MIN 6
#define NAME_MAX_COLS 24
#define WIDE 110   /* columns from which the group and the image have their own */
#define WIDEST 140 /* and the MAC address too */

/* Text for a file or a pipe is whole. */
static size_t name_width(const struct dash_state *s, const struct dash_ui *ui)
{
	size_t width = NAME_MIN;

	for (size_t i = 0; i < s->nodes.len; i++) {
		const size_t len = strlen(s->nodes.items[i].name);

		if (len > width)
			width = len < NAME_MAX_COLS || ui->plain ? len : NAME_MAX_COLS;
	}
	return width;
}

/* TEXT in WIDTH columns. What is longer lacks its middle: names that belong together differ at their ends. */
static void put_fitted(struct buf *out, const char *text, size_t width)
{
	const size_t len = strlen(text), head = (width - 2) / 2;

	if (len <= width)
		buf_addf(out, "%-*s", (int)width, text);
	else
		buf_addf(out, "%.*s..%s", (int)head, text, text + len - (width - 2 - head));
}

/* Where a node has only IPv6, addresses need more room. */
static size_t address_width(const struct dash_state *s)
{
	size_t width = 15;

	for (size_t i = 0; i < s->nodes.len; i++)
		if (!s->nodes.items[i].ipv4 && s->nodes.items[i].ipv6 && strlen(s->nodes.items[i].ipv6) > width)
			width = strlen(s->nodes.items[i].ipv6);
	return width;
}

static void add_doing(const struct node_row *r, const struct dash_ui *ui, size_t width, bool ascii, struct buf *out)
{
	autofree char *doing = node_row_doing(r);
	const bool installing = str_eq(r->state, "installing");

	if (doing && installing && ui->still)
		buf_adds(out, r->step ? r->step : "");
	else if (doing)
		buf_adds(out, doing);
	else if (width < WIDE && r->image)
		buf_adds(out, r->image);
	if (installing && !ui->still) {
		buf_addc(out, ' ');
		dash_bar((unsigned int)r->percent, 10, ascii, out);
	}
}

static enum dash_attr attr_of(bool chosen, bool bad)
{
	if (chosen)
		return bad ? DASH_WARN_REVERSE : DASH_REVERSE;
	return bad ? DASH_WARN : DASH_NORMAL;
}

void dash_node_lines(const struct dash_state *s, const struct dash_ui *ui, const size_t *shown, size_t first, size_t n,
		     size_t width, bool ascii, struct dash_lines *out)
{
	const size_t name = name_width(s, ui);
	const int address = (int)address_width(s);

	for (size_t i = first; i < first + n; i++) {
		const struct node_row *r = &s->nodes.items[shown[i]];
		const bool chosen = !ui->plain && i == ui->at[DASH_NODES], bad = str_eq(r->state, "failed");
		autoclean(buf_free) struct buf b = { 0 };

		buf_addf(&b, "%c%c", chosen ? '>' : ' ', str_list_has(&ui->marked, r->name) ? '*' : ' ');
		put_fitted(&b, r->name, name);
		buf_addf(&b, " %c%-10s %-*s ", bad ? '!' : ' ', r->state, address, r->ipv4 ? r->ipv4 : r->ipv6 ? r->ipv6 : "-");
		if (width >= WIDE) {
			put_fitted(&b, r->group, 10);
			buf_addc(&b, ' ');
			put_fitted(&b, r->image ? r->image : "-", 24);
			buf_addc(&b, ' ');
		}
		if (width >= WIDEST)
			buf_addf(&b, "%-17s ", r->macs.len ? r->macs.items[0] : "-");
		add_doing(r, ui, width, ascii, &b);
		dash_line_add(out, attr_of(chosen && ui->focus == DASH_NODES, bad), "%s", buf_str(&b));
	}
}

struct count {
	const char *state;
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct count *)a)->state, ((const struct count *)b)->state);
}

void dash_node_counts(const struct dash_state *s, struct buf *out)
{
	struct count counts[16];
	size_t n = 0;

	for (size_t i = 0; i < s->nodes.len; i++) {
		const char *state = s->nodes.items[i].state;
		size_t k = 0;

		while (k < n && !str_eq(counts[k].state, state))
			k++;
		if (k == n && n < ARRAY_LEN(counts))
			counts[n++] = (struct count){ .state = state };
		if (k < n)
			counts[k].n++;
	}
	qsort(counts, n, sizeof(counts[0]), by_name);
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "  %s %zu", counts[i].state, counts[i].n);
}
