/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/rx.h: the memory of chunks that are not whole yet. It has a bound: what is least complete among the oldest goes first.
 */
#include "base/mem.h"
#include "cast/rx_priv.h"

#include <string.h>

#define RX_LOOK_AT 16 /* of the oldest */

void rx_memory_init(struct rx_memory *m, size_t limit, size_t symbol)
{
	*m = (struct rx_memory){ .limit = limit, .symbol = symbol };
}

static void list_clear(struct rx_memory *m, struct rx_free **list)
{
	while (*list) {
		struct rx_free *f = *list;

		*list = f->next;
		m->used -= f->bytes;
		free(f);
	}
}

static struct rx_slab **place_of(struct rx_memory *m, uint32_t first_chunk)
{
	return &m->table[(first_chunk * UINT32_C(2654435761)) >> 20 & (RX_TABLE - 1)];
}

static void give(struct rx_memory *m, struct rx_free **list, uint8_t *room, size_t bytes)
{
	struct rx_free *f = (void *)room;

	/* More than fits: it was taken before something else was, and goes back at once. */
	if (m->used > m->limit) {
		m->used -= bytes;
		free(room);
		return;
	}
	*f = (struct rx_free){ .next = *list, .bytes = bytes };
	*list = f;
}

void rx_parity_give(struct rx *r, uint8_t *room)
{
	give(&r->memory, &r->memory.symbols, room, r->memory.symbol);
}

static void slab_clear(struct rx *r, struct rx_slab *s)
{
	for (size_t i = 0; i < s->n_parity; i++)
		rx_parity_give(r, s->parity[i].data);
	free(s->parity);
	give(&r->memory, &r->memory.rooms, s->data, s->bytes);
	free(s);
}

void rx_slab_let_go(struct rx *r, struct rx_slab *s)
{
	if (s->whole && !s->users && !s->in_batch)
		slab_clear(r, s);
}

void rx_slab_detach(struct rx *r, struct rx_slab *s)
{
	struct rx_memory *m = &r->memory;
	struct rx_slab **at = place_of(m, s->first_chunk);

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	*(s->older ? &s->older->newer : &m->oldest) = s->newer;
	*(s->newer ? &s->newer->older : &m->newest) = s->older;
	s->next = s->older = s->newer = NULL;
	s->whole = true;
}

/* False: there is none that could be given up. */
static bool give_up_one(struct rx *r)
{
	struct rx_slab *worst = NULL, *s = r->memory.oldest;

	for (int i = 0; s && i < RX_LOOK_AT; s = s->newer) {
		if (s->in_batch)
			continue;
		i++;
		if (!worst || (uint64_t)s->symbols * worst->all < (uint64_t)worst->symbols * s->all)
			worst = s;
	}
	if (!worst)
		return false;
	r->view.dropped_for_memory += worst->symbols;
	for (uint32_t b = 0; b < worst->n_blocks; b++)
		receiver_forget(r->receiver, worst->first_block + b);
	rx_slab_detach(r, worst);
	slab_clear(r, worst);
	return true;
}

/* One from the list that is not much too large, else a new one. */
static uint8_t *room_get(struct rx *r, struct rx_free **list, size_t bytes, size_t *got)
{
	struct rx_memory *m = &r->memory;

	for (;;) {
		for (struct rx_free **f = list; *f; f = &(*f)->next) {
			struct rx_free *found = *f;

			if (found->bytes < bytes || found->bytes > bytes + bytes / 2)
				continue;
			*f = found->next;
			*got = found->bytes;
			return (uint8_t *)found;
		}
		if (m->used + bytes <= m->limit) {
			m->used += bytes;
			*got = bytes;
			return mem_aligned(64, bytes);
		}
		if (m->rooms || m->symbols) {
			list_clear(m, &m->rooms);
			list_clear(m, &m->symbols);
		} else if (!give_up_one(r)) {
			return NULL;
		}
	}
}

uint8_t *rx_parity_room(struct rx *r)
{
	size_t got;

	return room_get(r, &r->memory.symbols, r->memory.symbol, &got);
}

static struct rx_slab *slab_new(struct rx *r, uint32_t block)
{
	const struct layout_block *b = layout_block(r->layout, block);
	struct rx_slab *s = mem_zalloc(sizeof(*s)), **at = place_of(&r->memory, b->first_chunk);
	struct rx_memory *m = &r->memory;

	s->first_chunk = b->first_chunk;
	s->first_block = block;
	s->n_blocks = 1;
	if (b->n_chunks == 1)
		s->first_block = layout_chunk_block(r->layout, b->first_chunk, &s->n_blocks);
	for (uint32_t i = 0; i < s->n_blocks; i++)
		s->all += layout_block(r->layout, s->first_block + i)->k;
	s->blocks_left = s->n_blocks;
	s->data = room_get(r, &m->rooms, (size_t)s->all * r->symbol, &s->bytes);
	if (!s->data) {
		free(s);
		return NULL;
	}
	s->next = *at;
	*at = s;
	s->older = m->newest;
	*(m->newest ? &m->newest->newer : &m->oldest) = s;
	m->newest = s;
	return s;
}

struct rx_slab *rx_slab_get(struct rx *r, uint32_t block)
{
	const uint32_t first_chunk = layout_block(r->layout, block)->first_chunk;
	struct rx_slab *s = *place_of(&r->memory, first_chunk);

	while (s && s->first_chunk != first_chunk)
		s = s->next;
	return s ? s : slab_new(r, block);
}

uint8_t *rx_symbol_place(const struct rx *r, const struct rx_slab *s, uint32_t block, uint8_t index)
{
	return s->data + (size_t)(layout_block(r->layout, block)->chunk_symbol + index) * r->symbol;
}

void rx_memory_clear(struct rx_memory *m)
{
	while (m->oldest) {
		struct rx_slab *s = m->oldest;

		m->oldest = s->newer;
		for (size_t i = 0; i < s->n_parity; i++)
			free(s->parity[i].data);
		free(s->parity);
		free(s->data);
		free(s);
	}
	m->newest = NULL;
	memset(m->table, 0, sizeof(m->table));
	list_clear(m, &m->rooms);
	list_clear(m, &m->symbols);
	m->used = 0;
}
