/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/waiting.h"

#include "base/mem.h"
#include "daemon/pending.h"

#include <string.h>

#define PREFIX "pend/"

void waiting_free(struct waiting *w)
{
	for (size_t i = 0; i < w->len; i++)
		free(w->items[i].name);
	free(w->items);
	*w = (struct waiting){ 0 };
}

static int add(struct waiting *w, const char *key, const char *value, struct err *err)
{
	autoclean(pending_free) struct pending p = { 0 };
	struct waiting_one *one;

	if (pending_read(key, value, &p, err) < 0)
		return -1;
	w->items = mem_room(w->items, w->len, &w->cap, sizeof(*w->items));
	one = &w->items[w->len++];
	*one = (struct waiting_one){
		.name = mem_strdup(key + strlen(PREFIX)), .bytes = strlen(value), .seen_s = p.seen_s, .rejected = p.rejected
	};
	audit_source(p.from, one->source);
	return 0;
}

static void forget(struct waiting *w, const char *name)
{
	for (size_t i = 0; i < w->len; i++) {
		if (!str_eq(w->items[i].name, name))
			continue;
		free(w->items[i].name);
		w->items[i] = w->items[--w->len];
		return;
	}
}

int waiting_look(struct daemon *d, const struct waiting **out, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	autoclean(waiting_free) struct waiting w = { .fresh = true };

	*out = &d->waiting;
	if (d->waiting.fresh)
		return 0;
	if (state_list(d->state, PREFIX, &docs, err) < 0)
		return -1;
	for (size_t i = 0; i < docs.len; i++)
		if (add(&w, docs.items[i].key, docs.items[i].value, err) < 0)
			return -1;
	waiting_free(&d->waiting);
	d->waiting = w;
	w = (struct waiting){ 0 };
	return 0;
}

void waiting_follow(struct daemon *d, const char *key, const char *value)
{
	struct err why = { 0 };

	if (!d->waiting.fresh || !str_starts(key, PREFIX))
		return;
	forget(&d->waiting, key + strlen(PREFIX));
	if (value && add(&d->waiting, key, value, &why) < 0)
		d->waiting.fresh = false;
}
