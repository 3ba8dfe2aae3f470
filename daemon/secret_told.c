/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/secret_told.h"

#include "base/mem.h"

#include <pthread.h>

struct told {
	struct digest whom, what;
};
struct secret_told {
	pthread_mutex_t lock;
	struct told *items;
	size_t len, cap;
};

struct secret_told *secret_told_new(void)
{
	struct secret_told *t = mem_zalloc(sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void secret_told_free(struct secret_told *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t->items);
	free(t);
}

static struct told *find(struct secret_told *t, const struct digest *whom)
{
	for (size_t i = 0; i < t->len; i++)
		if (digest_cmp(&t->items[i].whom, whom) == 0)
			return &t->items[i];
	return NULL;
}

bool secret_told_is(struct secret_told *t, const struct digest *whom, const struct digest *what)
{
	const struct told *e;
	bool same;

	pthread_mutex_lock(&t->lock);
	e = find(t, whom);
	same = e && digest_cmp(&e->what, what) == 0;
	pthread_mutex_unlock(&t->lock);
	return same;
}

void secret_told_set(struct secret_told *t, const struct digest *whom, const struct digest *what)
{
	struct told *e;

	pthread_mutex_lock(&t->lock);
	e = find(t, whom);
	if (!e && t->len == SECRET_TOLD_MAX)
		t->len = 0;
	if (!e) {
		t->items = mem_room(t->items, t->len, &t->cap, sizeof(*t->items));
		e = &t->items[t->len++];
	}
	*e = (struct told){ *whom, *what };
	pthread_mutex_unlock(&t->lock);
}
