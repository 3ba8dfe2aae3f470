/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who uses which chunk. Millions of them: each is 20 bytes here, known by the number of its pack and its place in that. */
#include "imaging/usage.h"

#include "base/mem.h"
#include "imaging/chunk_table.h"

#include <string.h>

#define SHARED UINT32_MAX
#define SLOTS_FIRST ((size_t)1 << 12)

struct place { /* stored 0: a free slot */
	uint32_t pack, offset, stored;
	uint32_t owner; /* the only image that uses it, or SHARED */
	uint32_t last;	/* the image that was last seen to use it: one that has it twice counts it once */
};
struct sums {
	uint64_t all, unique;
};
struct usage_count {
	struct digest *packs; /* by number */
	size_t n_packs, packs_cap;
	uint32_t *pack_slots; /* open addressing by the name's first bytes: number + 1 */
	size_t pack_size;
	struct place *slots; /* open addressing */
	size_t used, size;
	struct sums *images;
	size_t n_images, images_cap;
	uint64_t used_bytes;
};

struct usage_count *usage_count_new(void)
{
	struct usage_count *c = mem_zalloc(sizeof(*c));

	c->pack_size = c->size = SLOTS_FIRST;
	c->pack_slots = mem_array(c->pack_size, sizeof(c->pack_slots[0]));
	c->slots = mem_array(c->size, sizeof(c->slots[0]));
	return c;
}

void usage_count_free(struct usage_count *c)
{
	if (!c)
		return;
	free(c->packs);
	free(c->pack_slots);
	free(c->slots);
	free(c->images);
	free(c);
}

/* The slot of the pack, or the free one where it would be. A name is a hash already. */
static uint32_t *pack_slot(const struct usage_count *c, const struct digest *pack)
{
	uint64_t h;
	size_t i;

	memcpy(&h, pack->bytes, sizeof(h));
	for (i = (size_t)h & (c->pack_size - 1); c->pack_slots[i]; i = (i + 1) & (c->pack_size - 1))
		if (memcmp(&c->packs[c->pack_slots[i] - 1], pack, sizeof(*pack)) == 0)
			break;
	return &c->pack_slots[i];
}

static uint32_t pack_number(struct usage_count *c, const struct digest *pack)
{
	uint32_t *slot = pack_slot(c, pack);

	if (*slot)
		return *slot - 1;
	c->packs = mem_room(c->packs, c->n_packs, &c->packs_cap, sizeof(c->packs[0]));
	c->packs[c->n_packs++] = *pack;
	*slot = (uint32_t)c->n_packs;
	if (2 * c->n_packs > c->pack_size) {
		free(c->pack_slots);
		c->pack_size *= 2;
		c->pack_slots = mem_array(c->pack_size, sizeof(c->pack_slots[0]));
		for (size_t i = 0; i < c->n_packs; i++)
			*pack_slot(c, &c->packs[i]) = (uint32_t)i + 1;
	}
	return (uint32_t)c->n_packs - 1;
}

/* splitmix64's end: neighbours in a pack must not be neighbours in the table. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static struct place *place_slot(const struct usage_count *c, uint32_t pack, uint32_t offset)
{
	size_t i = (size_t)mix((uint64_t)pack << 32 | offset) & (c->size - 1);

	while (c->slots[i].stored && (c->slots[i].pack != pack || c->slots[i].offset != offset))
		i = (i + 1) & (c->size - 1);
	return &c->slots[i];
}

static void grow(struct usage_count *c)
{
	struct place *old = c->slots;
	size_t n = c->size;

	c->size *= 2;
	c->slots = mem_array(c->size, sizeof(c->slots[0]));
	for (size_t i = 0; i < n; i++)
		if (old[i].stored)
			*place_slot(c, old[i].pack, old[i].offset) = old[i];
	free(old);
}

static void count_row(struct usage_count *c, uint32_t image, uint32_t pack, const struct chunk_row *row)
{
	struct place *p = place_slot(c, pack, (uint32_t)row->pack_offset);

	if (p->stored && p->last == image)
		return;
	c->images[image].all += p->stored ? p->stored : row->stored_len;
	if (p->stored) {
		if (p->owner != SHARED)
			c->images[p->owner].unique -= p->stored;
		p->owner = SHARED;
		p->last = image;
		return;
	}
	*p = (struct place){
		.pack = pack, .offset = (uint32_t)row->pack_offset, .stored = row->stored_len, .owner = image, .last = image
	};
	c->used_bytes += row->stored_len;
	c->images[image].unique += row->stored_len;
	if (3 * ++c->used > 2 * c->size)
		grow(c);
}

int usage_count_add(struct usage_count *c, const struct chunk_table *t, struct err *err)
{
	uint32_t image = (uint32_t)c->n_images, pack = 0;

	for (size_t i = 0; i < t->len; i++)
		if (t->rows[i].pack_offset > UINT32_MAX || !t->rows[i].stored_len)
			return err_set(err, ERR_DAMAGED, "row %zu of its chunk table is in no place that a pack has", i);
	c->images = mem_room(c->images, c->n_images, &c->images_cap, sizeof(c->images[0]));
	c->images[c->n_images++] = (struct sums){ 0 };
	for (size_t i = 0; i < t->len; i++) {
		/* Rows of one pack mostly follow one another. */
		if (!i || memcmp(&t->rows[i].pack, &t->rows[i - 1].pack, sizeof(t->rows[i].pack)) != 0)
			pack = pack_number(c, &t->rows[i].pack);
		count_row(c, image, pack, &t->rows[i]);
	}
	return 0;
}

void usage_count_image(const struct usage_count *c, size_t image, uint64_t *unique_bytes, uint64_t *shared_bytes)
{
	*unique_bytes = c->images[image].unique;
	*shared_bytes = c->images[image].all - c->images[image].unique;
}

bool usage_count_has_pack(const struct usage_count *c, const struct digest *pack)
{
	return *pack_slot(c, pack) != 0;
}

uint64_t usage_count_used(const struct usage_count *c)
{
	return c->used_bytes;
}
