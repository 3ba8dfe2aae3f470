/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/certs.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static void cert_free(struct cert *c)
{
	free(c->node);
	free(c->pem);
}

void certs_free(struct certs *l)
{
	for (size_t i = 0; i < l->len; i++)
		cert_free(&l->items[i]);
	free(l->items);
	*l = (struct certs){ 0 };
}

/* A clock that was set back makes none young. */
static bool is_young(const struct cert *c, int64_t now_s)
{
	return c->issued_s <= now_s && now_s - c->issued_s < CERTS_YOUNG_S;
}

static bool is_of(const struct cert *c, const char *node, const struct digest *spki)
{
	return digest_cmp(&c->spki, spki) == 0 && str_eq(c->node, node);
}

const char *certs_find(struct certs *l, const char *node, const struct digest *spki, int64_t now_s)
{
	for (size_t i = 0; i < l->len; i++)
		if (is_of(&l->items[i], node, spki) && is_young(&l->items[i], now_s))
			return l->items[i].pem;
	return NULL;
}

/* Those that are not given again, this key's own before, and of too many the first. */
static void drop(struct certs *l, const char *node, const struct digest *spki, int64_t now_s)
{
	size_t kept = 0, over = l->len >= CERTS_KEPT ? l->len - CERTS_KEPT + 1 : 0;

	for (size_t i = 0; i < l->len; i++) {
		if (i < over || !is_young(&l->items[i], now_s) || is_of(&l->items[i], node, spki))
			cert_free(&l->items[i]);
		else
			l->items[kept++] = l->items[i];
	}
	l->len = kept;
}

void certs_add(struct certs *l, const char *node, const struct digest *spki, const char *pem, int64_t now_s)
{
	drop(l, node, spki, now_s);
	l->items = mem_room(l->items, l->len, &l->cap, sizeof(*l->items));
	l->items[l->len++] = (struct cert){ .spki = *spki, .node = mem_strdup(node), .pem = mem_strdup(pem), .issued_s = now_s };
}
