/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fold.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void fold_free(struct fold *f)
{
	for (size_t i = 0; i < f->len; i++) {
		buf_free(&f->entries[i].text);
		nodeset_free(&f->entries[i].who);
	}
	free(f->entries);
	free(f->table);
	*f = (struct fold){ 0 };
}

/* Where the digest stands in the table, or the free place where it belongs. A digest's bytes are spread evenly by themselves. */
static size_t *place(const struct fold *f, const struct digest *d)
{
	uint64_t hash;
	size_t at;

	memcpy(&hash, d->bytes, sizeof(hash));
	for (at = hash % f->table_len; f->table[at]; at = (at + 1) % f->table_len)
		if (memcmp(f->entries[f->table[at] - 1].digest.bytes, d->bytes, DIGEST_LEN) == 0)
			break;
	return &f->table[at];
}

/* Never more than half full. */
static void make_room(struct fold *f)
{
	if (2 * (f->len + 1) <= f->table_len)
		return;
	f->table_len = f->table_len ? 2 * f->table_len : 64;
	free(f->table);
	f->table = mem_array(f->table_len, sizeof(*f->table));
	for (size_t i = 0; i < f->len; i++)
		*place(f, &f->entries[i].digest) = i + 1;
}

int fold_add(struct fold *f, const char *node, struct buf *text, struct err *err)
{
	struct digest d;
	size_t *at;

	digest_of(buf_str(text), text->len, &d);
	make_room(f);
	at = place(f, &d);
	if (*at) {
		buf_free(text);
		return nodeset_add(&f->entries[*at - 1].who, node, err);
	}
	f->entries = mem_room(f->entries, f->len, &f->cap, sizeof(*f->entries));
	f->entries[f->len] = (struct fold_entry){ .digest = d, .text = *text };
	f->bytes += text->len;
	*text = (struct buf){ 0 };
	*at = ++f->len;
	return nodeset_add(&f->entries[f->len - 1].who, node, err);
}

static int by_size(const void *pa, const void *pb)
{
	struct fold_entry *a = (struct fold_entry *)(uintptr_t)pa, *b = (struct fold_entry *)(uintptr_t)pb;
	size_t na = nodeset_count(&a->who), nb = nodeset_count(&b->who);

	if (na != nb)
		return na < nb ? 1 : -1;
	return na ? nodeset_cmp(nodeset_get(&a->who, 0), nodeset_get(&b->who, 0)) : 0;
}

void fold_sort(struct fold *f)
{
	if (f->len)
		qsort(f->entries, f->len, sizeof(*f->entries), by_size);
}

void fold_who(struct nodeset *who, struct buf *out)
{
	nodeset_fold(who, out);
	buf_addf(out, " (%zu)", nodeset_count(who));
}
