/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/mac_index.h"

#include "base/mem.h"
#include "daemon/roster.h"

#include <stdio.h>
#include <string.h>

void mac_index_free(struct mac_index *x)
{
	for (size_t i = 0; i < x->len; i++)
		free(x->items[i].node);
	free(x->items);
	*x = (struct mac_index){ 0 };
}

static int by_mac(const void *a, const void *b)
{
	return strcmp(((const struct mac_entry *)a)->mac, ((const struct mac_entry *)b)->mac);
}

static int refresh(struct daemon *d, struct err *err)
{
	autoclean(roster_free) struct roster roster = { 0 };
	struct mac_index *x = &d->macs;
	size_t cap = 0;

	if (roster_load(d, &roster, err) < 0)
		return -1;
	mac_index_free(x);
	for (size_t i = 0; i < roster.len; i++) {
		for (size_t j = 0; j < roster.nodes[i].macs.len; j++) {
			x->items = mem_room(x->items, x->len, &cap, sizeof(*x->items));
			snprintf(x->items[x->len].mac, STR_MAC_LEN, "%s", roster.nodes[i].macs.items[j]);
			x->items[x->len++].node = mem_strdup(roster.nodes[i].name);
		}
	}
	if (x->len)
		qsort(x->items, x->len, sizeof(*x->items), by_mac);
	x->fresh = true;
	return 0;
}

int mac_index_find(struct daemon *d, const char *mac, char **node, struct err *err)
{
	struct mac_entry key;
	const struct mac_entry *found;

	*node = NULL;
	if (!d->macs.fresh && refresh(d, err) < 0)
		return -1;
	snprintf(key.mac, sizeof(key.mac), "%s", mac);
	found = d->macs.len ? bsearch(&key, d->macs.items, d->macs.len, sizeof(key), by_mac) : NULL;
	*node = found ? mem_strdup(found->node) : NULL;
	return 0;
}
