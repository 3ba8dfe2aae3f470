/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of tui/dash_ui.h: which nodes and machines are shown, and which of them is chosen. */
#include "base/mem.h"
#include "base/nodeset.h"
#include "tui/dash_ui.h"

#include <stdlib.h>
#include <string.h>

struct word {
	char *text;
	struct nodeset set; /* where it is one */
	bool is_set;
};
struct words {
	struct word *items;
	size_t len, cap;
};

static void words_free(struct words *w)
{
	for (size_t i = 0; i < w->len; i++) {
		free(w->items[i].text);
		nodeset_free(&w->items[i].set);
	}
	free(w->items);
}

static void read_words(const char *filter, struct words *out)
{
	for (const char *at = filter + strspn(filter, " "); *at; at += strspn(at, " ")) {
		const size_t len = strcspn(at, " ");
		struct err not_one = { 0 };
		struct word *w;

		out->items = mem_room(out->items, out->len, &out->cap, sizeof(*out->items));
		w = &out->items[out->len++];
		*w = (struct word){ .text = mem_strndup(at, len) };
		if (strpbrk(w->text, "[,"))
			w->is_set = nodeset_parse(w->text, NULL, NULL, &w->set, &not_one) == 0;
		at += len;
	}
}

static bool has(const char *text, const char *part)
{
	return text && strstr(text, part);
}

static bool matches(const struct node_row *r, struct word *w)
{
	if (w->is_set)
		return nodeset_has(&w->set, r->name);
	if (w->text[0] == '@')
		return str_eq(r->group, w->text + 1);
	for (size_t i = 0; i < r->macs.len; i++)
		if (has(r->macs.items[i], w->text))
			return true;
	return str_starts(r->state, w->text) || has(r->name, w->text) || has(r->ipv4, w->text) || has(r->ipv6, w->text);
}

size_t *dash_shown(const struct dash_state *s, const char *filter, size_t *n)
{
	autoclean(words_free) struct words words = { 0 };
	size_t *shown = mem_array(s->nodes.len ? s->nodes.len : 1, sizeof(*shown));

	read_words(filter, &words);
	*n = 0;
	for (size_t i = 0; i < s->nodes.len; i++) {
		size_t w = 0;

		while (w < words.len && matches(&s->nodes.items[i], &words.items[w]))
			w++;
		if (w == words.len)
			shown[(*n)++] = i;
	}
	return shown;
}

size_t *dash_waiting(const struct dash_state *s, size_t *n)
{
	size_t *waiting = mem_array(s->pending.len ? s->pending.len : 1, sizeof(*waiting));

	*n = 0;
	for (size_t i = 0; i < s->pending.len; i++)
		if (str_eq(s->pending.items[i].state, "pending"))
			waiting[(*n)++] = i;
	return waiting;
}

/* The one of that key is where it is now; when it is gone, the one that has its place. */
static void settle(struct dash_ui *ui, enum dash_panel panel, const char *const *keys, size_t n)
{
	size_t at = ui->at[panel] < n ? ui->at[panel] : n ? n - 1 : 0;

	for (size_t i = 0; ui->chosen[panel] && i < n; i++)
		if (str_eq(keys[i], ui->chosen[panel])) {
			at = i;
			break;
		}
	ui->at[panel] = at;
	free(ui->chosen[panel]);
	ui->chosen[panel] = n ? mem_strdup(keys[at]) : NULL;
}

void dash_settle(struct dash_ui *ui, const struct dash_state *s)
{
	size_t n_shown, n_waiting;
	autofree size_t *shown = dash_shown(s, ui->filter, &n_shown), *waiting = dash_waiting(s, &n_waiting);
	autofree const char **keys = mem_array(n_shown + n_waiting + 1, sizeof(*keys));

	for (size_t i = 0; i < n_shown; i++)
		keys[i] = s->nodes.items[shown[i]].name;
	settle(ui, DASH_NODES, keys, n_shown);
	for (size_t i = 0; i < n_waiting; i++)
		keys[i] = s->pending.items[waiting[i]].fingerprint;
	settle(ui, DASH_WAITING, keys, n_waiting);
}
