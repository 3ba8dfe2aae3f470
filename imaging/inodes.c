/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/inodes.h"

#include "base/mem.h"

void inodes_free(struct inodes *s)
{
	free(s->items);
	free(s->slots);
	*s = (struct inodes){ 0 };
}

static uint32_t *slot_of(const struct inodes *s, dev_t dev, ino_t ino)
{
	/* Multiplying by an odd constant near 2^64 / golden ratio spreads numbers that lie close together. */
	uint64_t at = ((uint64_t)ino ^ (uint64_t)dev << 32) * UINT64_C(0x9e3779b97f4a7c15) >> 20;

	for (;; at++) {
		uint32_t *slot = &s->slots[at & (s->size - 1)];

		if (!*slot || (s->items[*slot - 1].ino == ino && s->items[*slot - 1].dev == dev))
			return slot;
	}
}

static void grow(struct inodes *s)
{
	s->size = s->size ? s->size * 2 : 256;
	free(s->slots);
	s->slots = mem_array(s->size, sizeof(s->slots[0]));
	for (size_t i = 0; i < s->len; i++)
		*slot_of(s, s->items[i].dev, s->items[i].ino) = (uint32_t)i + 1;
}

uint32_t inodes_id(struct inodes *s, dev_t dev, ino_t ino)
{
	uint32_t *slot;

	if (s->len * 2 >= s->size)
		grow(s);
	slot = slot_of(s, dev, ino);
	if (!*slot) {
		s->items = mem_room(s->items, s->len, &s->cap, sizeof(s->items[0]));
		s->items[s->len++] = (struct inode_seen){ .dev = dev, .ino = ino };
		*slot = (uint32_t)s->len;
	}
	return *slot;
}
