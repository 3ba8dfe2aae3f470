/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of tui/dash_view.h: all that is known of one node, or of one machine that waits. */
#include "api/arrays.h"
#include "base/mem.h"
#include "tui/dash_view.h"

#include <stdio.h>

#define LABEL 12

/* "label     text", or nothing without a text. */
static void put(struct str_list *out, size_t width, const char *label, const char *text)
{
	autofree char *line = NULL;

	if (!text || !*text)
		return;
	line = str_format("%-*s%s", LABEL, label, text);
	dash_wrap(line, width, LABEL, out);
}

static void put_arrays(struct str_list *out, size_t width, const char *mdstat)
{
	struct array_rows rows = { 0 };
	char line[ARRAY_LINE_MAX];

	if (!mdstat)
		return;
	array_rows_read(mdstat, &rows);
	for (size_t i = 0; i < rows.len; i++) {
		array_row_line(&rows.items[i], line);
		put(out, width, i ? "" : "arrays", line);
	}
}

static void about_node(const struct node_row *r, size_t width, struct str_list *out)
{
	autofree char *doing = node_row_doing(r);

	put(out, width, "state", r->state);
	put(out, width, str_eq(r->state, "failed") ? "! why" : "", doing);
	put(out, width, "next", r->hint);
	put(out, width, "group", r->group);
	put(out, width, "image", r->image ? r->image : "none yet");
	put(out, width, "addresses", r->ipv4);
	put(out, width, r->ipv4 ? "" : "addresses", r->ipv6);
	for (size_t i = 0; i < r->macs.len; i++)
		put(out, width, i ? "" : "MAC", r->macs.items[i]);
	put_arrays(out, width, r->mdstat);
	str_list_add(out, "");
	str_list_addf(out, "More of it: orthrus node show %s", r->name);
}

static void about_machine(const struct pending_row *m, size_t width, struct str_list *out)
{
	put(out, width, "key", m->words);
	put(out, width, "! why", m->why);
	put(out, width, "node", m->node);
	put(out, width, "! node", m->other_key ? "its node has another key, which this one would replace" : NULL);
	put(out, width, "MAC", m->mac);
	put(out, width, "from", m->from);
	put(out, width, "vendor", m->vendor);
	put(out, width, "product", m->product);
	put(out, width, "serial", m->serial);
	put(out, width, "first seen", m->first_seen);
	put(out, width, "last seen", m->last_seen);
	str_list_add(out, "");
	str_list_add(out, "More of it: orthrus node discover --once --json");
}

char *dash_about(const struct dash_state *s, const struct dash_ui *ui, size_t width, struct str_list *out)
{
	const struct node_row *r = ui->about_node ? node_rows_find(&s->nodes, ui->about_what) : NULL;

	if (r) {
		about_node(r, width, out);
		return mem_strdup(r->name);
	}
	for (size_t i = 0; !ui->about_node && i < s->pending.len; i++) {
		if (!str_eq(s->pending.items[i].fingerprint, ui->about_what))
			continue;
		about_machine(&s->pending.items[i], width, out);
		return str_format("The machine %s", s->pending.items[i].mac);
	}
	str_list_add(out, ui->about_node ? "There is no such node any more." : "It does not wait any more.");
	return mem_strdup(ui->about_node ? ui->about_what : "A machine");
}
