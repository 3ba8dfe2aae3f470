/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/receiver.h"

#include "base/mem.h"
#include "cast/receiver_priv.h"

#include <string.h>

#define GRTT_MOST_US 500000 /* a sender says no more (cast/sender_poll.c) */

struct part { /* of a block that is not decoded: which symbols are there */
	uint64_t bits[4];
	uint16_t got, k;
};

struct receiver {
	struct talk talk;
	const struct layout *layout;
	uint32_t blocks, chunks, chunks_good, chunks_bad;
	struct part **parts;
	uint64_t *lacking; /* blocks: fewer than k symbols are there */
	uint64_t *decoded; /* blocks: nothing more to do */
	uint64_t *good;	   /* chunks */
	uint8_t *bad;	   /* of each chunk, how often it was wrong; NULL: none yet */
	uint64_t known;
	int64_t heard_ns;
};

static bool bit(const uint64_t *map, uint32_t i)
{
	return map[i / 64] >> (i % 64) & 1;
}
static void bit_set(uint64_t *map, uint32_t i)
{
	map[i / 64] |= (uint64_t)1 << (i % 64);
}
static void bit_clear(uint64_t *map, uint32_t i)
{
	map[i / 64] &= ~((uint64_t)1 << (i % 64));
}

static bool lacking(const void *store, uint32_t from, uint32_t to, struct talk_lack *out)
{
	const struct receiver *r = store;

	while (from < to) {
		uint64_t word = r->lacking[from / 64] >> (from % 64);
		uint32_t b;

		if (word == 0) {
			from = (from / 64 + 1) * 64;
			continue;
		}
		b = from + (uint32_t)__builtin_ctzll(word);
		if (b >= to)
			return false;
		out->block = b;
		out->k = layout_block(r->layout, b)->k;
		out->deficit = r->parts[b] && r->parts[b]->got > 0 ? (uint8_t)(out->k - r->parts[b]->got) : 255;
		return true;
	}
	return false;
}

static void set_lacking(struct receiver *r, uint32_t block)
{
	if (!bit(r->lacking, block))
		r->talk.blocks_lacking++;
	bit_set(r->lacking, block);
}
static void clear_lacking(struct receiver *r, uint32_t block)
{
	if (bit(r->lacking, block))
		r->talk.blocks_lacking--;
	bit_clear(r->lacking, block);
}
static void drop_part(struct receiver *r, uint32_t block)
{
	free(r->parts[block]);
	r->parts[block] = NULL;
}

/* Nothing more is needed of a block when all its chunks are good. */
static void retire(struct receiver *r, uint32_t block)
{
	const struct layout_block *b = layout_block(r->layout, block);

	for (uint32_t i = 0; i < b->n_chunks; i++)
		if (!bit(r->good, b->first_chunk + i))
			return;
	clear_lacking(r, block);
	bit_set(r->decoded, block);
	drop_part(r, block);
}

struct receiver *receiver_new(const struct receiver_opts *opts, int64_t now_ns)
{
	struct receiver *r = mem_zalloc(sizeof(*r));

	r->layout = opts->layout;
	r->blocks = layout_blocks(r->layout);
	r->chunks = layout_chunks(r->layout);
	r->parts = mem_array(r->blocks, sizeof(*r->parts));
	r->lacking = mem_array(r->blocks / 64 + 1, sizeof(*r->lacking));
	r->decoded = mem_array(r->blocks / 64 + 1, sizeof(*r->decoded));
	r->good = mem_array(r->chunks / 64 + 1, sizeof(*r->good));
	talk_init(&r->talk, opts->seed, lacking, r);
	r->talk.buffer_kib = opts->buffer_kib;
	for (uint32_t c = 0; opts->have && c < r->chunks; c++)
		if (opts->have[c / 8] >> (c % 8) & 1) {
			bit_set(r->good, c);
			r->chunks_good++;
		}
	for (uint32_t b = 0; b < r->blocks; b++) {
		set_lacking(r, b);
		retire(r, b);
	}
	if (r->chunks_good == r->chunks)
		talk_state(&r->talk, WIRE_COMPLETE, now_ns);
	return r;
}

void receiver_free(struct receiver *r)
{
	if (!r)
		return;
	for (uint32_t b = 0; b < r->blocks; b++)
		free(r->parts[b]);
	free(r->parts);
	free(r->lacking);
	free(r->decoded);
	free(r->good);
	free(r->bad);
	free(r);
}

enum receiver_word receiver_data(const struct receiver *r, uint32_t block, uint8_t index)
{
	const struct part *p;

	if (block >= r->blocks || index == 255)
		return RECEIVER_BAD;
	p = r->parts[block];
	return bit(r->lacking, block) && !(p && bit(p->bits, index)) ? RECEIVER_WANTED : RECEIVER_KNOWN;
}

void receiver_heard(struct receiver *r, bool wanted, int64_t now_ns)
{
	r->talk.heard++;
	r->known += !wanted;
	r->heard_ns = now_ns;
}

bool receiver_took(struct receiver *r, uint32_t block, uint8_t index)
{
	struct part *p;

	if (block >= r->blocks || index == 255 || !bit(r->lacking, block))
		return false;
	if (!r->parts[block]) {
		r->parts[block] = mem_zalloc(sizeof(*p));
		r->parts[block]->k = layout_block(r->layout, block)->k;
	}
	p = r->parts[block];
	if (bit(p->bits, index))
		return false;
	bit_set(p->bits, index);
	if (++p->got < p->k)
		return false;
	clear_lacking(r, block);
	return true;
}

unsigned int receiver_block(const struct receiver *r, uint32_t block, uint8_t have[LAYOUT_K_MAX], uint8_t rows[255])
{
	const struct part *p = block < r->blocks ? r->parts[block] : NULL;
	unsigned int n = 0;

	memset(have, 0, LAYOUT_K_MAX);
	for (uint32_t i = 0; p && i < 255; i++) {
		if (!bit(p->bits, i))
			continue;
		if (i < p->k)
			have[i] = 1;
		else
			rows[n++] = (uint8_t)(i - p->k);
	}
	return n;
}

void receiver_forget(struct receiver *r, uint32_t block)
{
	if (block >= r->blocks || bit(r->decoded, block))
		return;
	drop_part(r, block);
	set_lacking(r, block);
}

static bool chunk_whole(const struct receiver *r, uint32_t chunk)
{
	uint32_t n, first = layout_chunk_block(r->layout, chunk, &n);

	for (uint32_t i = 0; i < n; i++)
		if (!bit(r->decoded, first + i))
			return false;
	return true;
}

size_t receiver_decoded(struct receiver *r, uint32_t block, uint32_t *chunks, size_t cap)
{
	const struct layout_block *b;
	size_t n = 0;

	if (block >= r->blocks || bit(r->lacking, block) || bit(r->decoded, block))
		return 0;
	b = layout_block(r->layout, block);
	bit_set(r->decoded, block);
	drop_part(r, block);
	for (uint32_t i = 0; i < b->n_chunks && n < cap; i++)
		if (!bit(r->good, b->first_chunk + i) && chunk_whole(r, b->first_chunk + i))
			chunks[n++] = b->first_chunk + i;
	return n;
}

void receiver_chunk_good(struct receiver *r, uint32_t chunk)
{
	uint32_t n, first;

	if (chunk >= r->chunks || bit(r->good, chunk))
		return;
	bit_set(r->good, chunk);
	r->chunks_good++;
	first = layout_chunk_block(r->layout, chunk, &n);
	for (uint32_t i = 0; i < n; i++)
		retire(r, first + i);
	if (r->chunks_good == r->chunks)
		talk_state(&r->talk, WIRE_COMPLETE, r->heard_ns);
}

unsigned int receiver_chunk_bad(struct receiver *r, uint32_t chunk)
{
	uint32_t n, first;

	if (chunk >= r->chunks || bit(r->good, chunk))
		return 0;
	if (!r->bad)
		r->bad = mem_array(r->chunks, 1);
	if (r->bad[chunk] < UINT8_MAX)
		r->bad[chunk]++;
	if (r->bad[chunk] > 1)
		return r->bad[chunk]; /* no third time: it comes another way */
	r->chunks_bad++;
	first = layout_chunk_block(r->layout, chunk, &n);
	for (uint32_t i = 0; i < n; i++) {
		drop_part(r, first + i);
		bit_clear(r->decoded, first + i);
		set_lacking(r, first + i);
	}
	return 1;
}

bool receiver_has_chunk(const struct receiver *r, uint32_t chunk)
{
	return chunk < r->chunks && bit(r->good, chunk);
}

int receiver_poll(struct receiver *r, const struct wire_poll *p, int64_t now_ns, struct err *err)
{
	if (p->asked_from > p->asked_to || p->asked_to > r->blocks || p->n_promises > WIRE_PROMISES_MAX)
		return err_set(err, ERR_DAMAGED, "a POLL asks about blocks %u to %u of %u", p->asked_from, p->asked_to,
			       r->blocks);
	/* It waits for a share of these before it speaks. */
	if (p->grtt_us > GRTT_MOST_US || p->crowd > UINT16_MAX)
		return err_set(err, ERR_DAMAGED, "a POLL speaks of %u receivers that answer within %u us", p->crowd, p->grtt_us);
	for (unsigned int i = 0; i < p->n_promises; i++)
		if (p->promises[i].block >= r->blocks)
			return err_set(err, ERR_DAMAGED, "a POLL promises block %u of %u", p->promises[i].block, r->blocks);
	r->heard_ns = now_ns;
	talk_poll(&r->talk, p, now_ns);
	return 0;
}

void receiver_press(struct receiver *r, bool pressed)
{
	r->talk.pressed = pressed;
}

void receiver_want_rows(struct receiver *r, uint32_t first)
{
	r->talk.rows_from = first;
}

void receiver_durable(struct receiver *r, int64_t now_ns)
{
	if (r->chunks_good == r->chunks)
		talk_state(&r->talk, WIRE_DONE, now_ns);
}

bool receiver_report(struct receiver *r, int64_t now_ns, struct wire_report *out, int64_t *until_ns)
{
	return talk_report(&r->talk, now_ns, out, until_ns);
}

void receiver_look(const struct receiver *r, struct receiver_view *out)
{
	enum wire_state state = r->talk.state;

	if (state == WIRE_READY && r->talk.lagging)
		state = WIRE_LAGGING;
	else if (state == WIRE_READY && r->talk.poll.seq != 0 && r->talk.poll.stage != WIRE_GATHER)
		state = WIRE_RECEIVING;
	*out = (struct receiver_view){
		.state = state,
		.chunks_good = r->chunks_good,
		.chunks_bad_once = r->chunks_bad,
		.blocks_lacking = r->talk.blocks_lacking,
		.loss_ppm = r->talk.loss_ppm,
		.packets = r->talk.heard,
		.known = r->known,
		.over = r->talk.over,
		.heard_ns = r->heard_ns,
	};
}
