/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/chunk_index.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <string.h>

void chunk_index_free(struct chunk_index *x)
{
	free(x->packs);
	free(x->slots);
	*x = (struct chunk_index){ 0 };
}

uint32_t chunk_index_add_pack(struct chunk_index *x, const struct digest *name)
{
	x->packs = mem_room(x->packs, x->n_packs, &x->packs_cap, sizeof(x->packs[0]));
	x->packs[x->n_packs] = *name;
	return (uint32_t)x->n_packs++;
}

/* The slot of `id`, or the free one where it belongs. `size` is a power of two and never full. */
static struct chunk_place *slot_of(struct chunk_place *slots, size_t size, const struct digest *id)
{
	uint64_t at;

	memcpy(&at, id->bytes, sizeof(at));
	for (;; at++) {
		struct chunk_place *p = &slots[at & (size - 1)];

		if (p->chunk.raw_len == 0 || memcmp(&p->chunk.id, id, sizeof(*id)) == 0)
			return p;
	}
}

static void grow(struct chunk_index *x)
{
	size_t size = x->size ? x->size * 2 : 1024;
	struct chunk_place *slots = mem_array(size, sizeof(*slots));

	for (size_t i = 0; i < x->size; i++)
		if (x->slots[i].chunk.raw_len)
			*slot_of(slots, size, &x->slots[i].chunk.id) = x->slots[i];
	free(x->slots);
	x->slots = slots;
	x->size = size;
}

void chunk_index_put(struct chunk_index *x, const struct pack_entry *chunk, uint32_t pack)
{
	struct chunk_place *p;

	if (x->used * 4 >= x->size * 3)
		grow(x);
	p = slot_of(x->slots, x->size, &chunk->id);
	if (p->chunk.raw_len == 0)
		x->used++;
	*p = (struct chunk_place){ .chunk = *chunk, .pack = pack };
}

const struct chunk_place *chunk_index_find(const struct chunk_index *x, const struct digest *id)
{
	const struct chunk_place *p = x->size ? slot_of(x->slots, x->size, id) : NULL;

	return p && p->chunk.raw_len ? p : NULL;
}

static void load_pack(struct chunk_index *x, const char *dir, const struct digest *name)
{
	autoclean(pack_index_free) struct pack_index index = { 0 };
	struct err err = { 0 };
	uint64_t bytes;
	uint32_t pack;

	if (pack_index_load(dir, name, &index, &bytes, &err) < 0) {
		log_warn("imaging", "a pack is not used for new images: %s", err.text);
		return;
	}
	pack = chunk_index_add_pack(x, name);
	for (size_t i = 0; i < index.len; i++)
		chunk_index_put(x, &index.entries[i], pack);
}

int chunk_index_load(struct chunk_index *x, const char *dir, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list(dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		struct err ignored = { 0 };
		struct digest name;

		if (strlen(names.items[i]) != DIGEST_HEX_LEN - 1 + 4 || !str_ends(names.items[i], ".idx"))
			continue;
		names.items[i][DIGEST_HEX_LEN - 1] = '\0';
		if (str_unhex(names.items[i], name.bytes, DIGEST_LEN, &ignored) == 0)
			load_pack(x, dir, &name);
	}
	return 0;
}
