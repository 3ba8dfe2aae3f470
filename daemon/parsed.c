/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/parsed.h"

#include "base/mem.h"
#include "daemon/model.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	char *key;
	uint64_t version;
	void *item;
};
struct parsed {
	const struct parsed_kind *kind;
	pthread_mutex_t lock;
	struct entry *entries; /* by key, as strcmp() has them, as the state has its documents */
	size_t len, cap;
};

static int read_node(const char *json, void *out, struct err *err)
{
	return node_read(json, out, err);
}

static void copy_node(void *to, const void *from)
{
	node_copy(to, from);
}

static void free_node(void *item)
{
	node_free(item);
}

static int read_run(const char *json, void *out, struct err *err)
{
	return run_read(json, out, err);
}

static void copy_run(void *to, const void *from)
{
	run_copy(to, from);
}

static void free_run(void *item)
{
	run_free(item);
}

const struct parsed_kind parsed_nodes = { sizeof(struct node), read_node, copy_node, free_node };
const struct parsed_kind parsed_runs = { sizeof(struct run), read_run, copy_run, free_run };

struct parsed *parsed_new(const struct parsed_kind *kind)
{
	struct parsed *p = mem_zalloc(sizeof(*p));

	p->kind = kind;
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

static void entry_free(const struct parsed *p, struct entry *e)
{
	p->kind->free(e->item);
	free(e->item);
	free(e->key);
}

void parsed_free(struct parsed *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->len; i++)
		entry_free(p, &p->entries[i]);
	free(p->entries);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* Where the entry of that key is, or belongs. */
static size_t place_of(const struct parsed *p, const char *key, bool *there)
{
	size_t from = 0, to = p->len;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int order = strcmp(p->entries[mid].key, key);

		if (order == 0) {
			*there = true;
			return mid;
		}
		if (order < 0)
			from = mid + 1;
		else
			to = mid;
	}
	*there = false;
	return from;
}

/* Takes `item`. */
static void put(struct parsed *p, const struct state_doc *doc, void *item)
{
	bool there;
	size_t at = place_of(p, doc->key, &there);

	if (there) {
		entry_free(p, &p->entries[at]);
	} else {
		p->entries = mem_room(p->entries, p->len, &p->cap, sizeof(*p->entries));
		memmove(&p->entries[at + 1], &p->entries[at], (p->len - at) * sizeof(*p->entries));
		p->len++;
	}
	p->entries[at] = (struct entry){ mem_strdup(doc->key), doc->version, item };
}

int parsed_get(struct parsed *p, const struct state_doc *doc, void *out, struct err *err)
{
	autofree void *item = NULL;
	bool there;
	size_t at;

	pthread_mutex_lock(&p->lock);
	at = place_of(p, doc->key, &there);
	there = there && p->entries[at].version == doc->version;
	if (there)
		p->kind->copy(out, p->entries[at].item);
	pthread_mutex_unlock(&p->lock);
	if (there)
		return 0;
	item = mem_zalloc(p->kind->size);
	if (p->kind->read(doc->value, item, err) < 0)
		return -1;
	p->kind->copy(out, item);
	pthread_mutex_lock(&p->lock);
	put(p, doc, steal(item));
	pthread_mutex_unlock(&p->lock);
	return 0;
}

void parsed_keep(struct parsed *p, const struct state_docs *docs)
{
	size_t kept = 0, d = 0;

	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->len; i++) {
		while (d < docs->len && strcmp(docs->items[d].key, p->entries[i].key) < 0)
			d++;
		if (d < docs->len && strcmp(docs->items[d].key, p->entries[i].key) == 0)
			p->entries[kept++] = p->entries[i];
		else
			entry_free(p, &p->entries[i]);
	}
	p->len = kept;
	pthread_mutex_unlock(&p->lock);
}

size_t parsed_len(struct parsed *p)
{
	size_t len;

	pthread_mutex_lock(&p->lock);
	len = p->len;
	pthread_mutex_unlock(&p->lock);
	return len;
}
