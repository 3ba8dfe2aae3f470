/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A receiver's decisions with anything that authenticates, in any order: somebody who has the group key made it. It keeps its
 * books, says nothing that its own parser refuses, and answers a POLL no more often than it may. */
#include "base/mem.h"
#include "cast/receiver.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHUNKS 12
#define SYMBOL 64
#define SAYS_MOST 4 /* at one time: needs, a mark, a state */

struct input {
	const uint8_t *at;
	size_t left;
};
struct world {
	struct input in;
	struct layout *layout;
	struct receiver *r;
	int64_t now;
};

static void must(bool it)
{
	if (!it)
		abort();
}

static uint64_t get(struct input *in, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0) {
		v = v << 8 | (in->left ? *in->at : 0);
		in->at += in->left > 0;
		in->left -= in->left > 0;
	}
	return v;
}

/* A number that is mostly small, and sometimes as large as can be. */
static uint64_t number(struct input *in)
{
	static const unsigned int bytes[] = { 1, 1, 2, 8 };

	return get(in, bytes[get(in, 1) % 4]);
}

static struct layout *layout_make(void)
{
	uint32_t lens[CHUNKS];
	struct layout *l = NULL;
	struct err err = { 0 };

	for (uint32_t i = 0; i < CHUNKS; i++) /* of several blocks, of one, of a part of one */
		lens[i] = i % 3 == 0 ? 300 * SYMBOL : i % 3 == 1 ? 100 * SYMBOL : 7 * SYMBOL - 1;
	must(layout_new(lens, CHUNKS, SYMBOL, &l, &err) == 0);
	return l;
}

static void books(const struct world *w)
{
	struct receiver_view v;
	uint32_t good = 0;

	receiver_look(w->r, &v);
	for (uint32_t c = 0; c < CHUNKS; c++)
		good += receiver_has_chunk(w->r, c);
	must(v.chunks_good == good && v.blocks_lacking <= layout_blocks(w->layout) && v.loss_ppm <= 1000000);
	must(v.known <= v.packets && (good < CHUNKS || v.blocks_lacking == 0));
	must((v.state == WIRE_COMPLETE || v.state == WIRE_DONE) == (good == CHUNKS));
}

static void whole_block(struct world *w, uint32_t block)
{
	uint8_t have[LAYOUT_K_MAX], rows[255];
	uint32_t chunks[LAYOUT_K_MAX];
	unsigned int n = receiver_block(w->r, block, have, rows), k = layout_block(w->layout, block)->k;
	size_t whole;

	for (unsigned int i = 0; i < k; i++)
		n += have[i];
	must(n == k);
	if (get(&w->in, 1) % 16 == 0) { /* it can't be decoded */
		receiver_forget(w->r, block);
		return;
	}
	whole = receiver_decoded(w->r, block, chunks, LAYOUT_K_MAX);
	for (size_t i = 0; i < whole; i++) {
		must(!receiver_has_chunk(w->r, chunks[i]));
		if (get(&w->in, 1) % 4)
			receiver_chunk_good(w->r, chunks[i]);
		else
			(void)receiver_chunk_bad(w->r, chunks[i]);
	}
}

static void data(struct world *w)
{
	uint32_t block = (uint32_t)number(&w->in);
	uint8_t first = (uint8_t)get(&w->in, 1), n = (uint8_t)get(&w->in, 1);

	for (unsigned int i = first; i < 256u && i < first + (n ? n : 1u); i++) {
		enum receiver_word word = receiver_data(w->r, block, (uint8_t)i);

		must((word == RECEIVER_BAD) == (block >= layout_blocks(w->layout) || i == 255));
		if (word != RECEIVER_BAD)
			receiver_heard(w->r, word == RECEIVER_WANTED, w->now);
		if (word == RECEIVER_WANTED && receiver_took(w->r, block, (uint8_t)i))
			whole_block(w, block);
	}
}

static void poll(struct world *w)
{
	struct wire_poll p = { .seq = (uint32_t)number(&w->in), .stage = (enum wire_stage)(1 + get(&w->in, 1) % 5) };
	uint8_t flags = (uint8_t)get(&w->in, 1), plain[WIRE_PACKET_MAX];
	struct wire_poll read;
	struct err err = { 0 };

	p.is_signed = flags & 1;
	p.pass = flags >> 4;
	p.sent = number(&w->in);
	p.now_us = number(&w->in);
	p.grtt_us = (uint32_t)number(&w->in);
	p.crowd = (uint32_t)number(&w->in);
	p.marks = flags & 2 ? UINT32_MAX : (uint32_t)number(&w->in);
	p.loss_limit = (uint32_t)number(&w->in);
	p.asked_from = (uint32_t)number(&w->in);
	p.asked_to = flags & 4 ? layout_blocks(w->layout) : (uint32_t)number(&w->in);
	p.n_promises = (uint16_t)(get(&w->in, 1) % 8);
	for (unsigned int i = 0; i < p.n_promises; i++)
		p.promises[i] = (struct wire_promise){ (uint32_t)number(&w->in), (uint8_t)get(&w->in, 1) };
	if (wire_poll_read(plain, wire_poll_write(&p, plain), &read, &err) == 0)
		(void)!receiver_poll(w->r, &read, w->now, &err);
}

static void listen(struct world *w)
{
	uint8_t plain[WIRE_PACKET_MAX];
	struct wire_report r, back;
	struct err err = { 0 };
	unsigned int said = 0;
	int64_t until = 0;

	for (; receiver_report(w->r, w->now, &r, &until); said++) {
		must(said < SAYS_MOST);
		must(wire_report_read(plain, wire_report_write(&r, plain), &back, &err) == 0);
		for (unsigned int i = 0; i < r.n_needs; i++)
			must(r.needs[i].first < layout_blocks(w->layout) &&
			     r.needs[i].count <= layout_blocks(w->layout) - r.needs[i].first);
	}
	must(until > w->now);
}

static void step(struct world *w)
{
	switch (get(&w->in, 1) % 8) {
	case 0:
	case 1:
	case 2:
		data(w);
		break;
	case 3:
	case 4:
		poll(w);
		break;
	case 5:
		receiver_press(w->r, get(&w->in, 1) & 1);
		receiver_want_rows(w->r, (uint32_t)number(&w->in));
		break;
	case 6:
		w->now += 1 + (int64_t)(number(&w->in) & 0xffffffffff);
		break;
	default:
		receiver_chunk_good(w->r, (uint32_t)number(&w->in)); /* it came another way */
		receiver_durable(w->r, w->now);
		break;
	}
	listen(w);
	books(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .in = { data, size }, .layout = layout_make(), .now = 1 };
	uint8_t have[2];
	struct receiver_opts o = { .layout = w.layout, .have = have, .rows = true, .buffer_kib = 64 };

	have[0] = (uint8_t)get(&w.in, 1);
	have[1] = (uint8_t)(get(&w.in, 1) & 0x0f);
	o.seed = get(&w.in, 2);
	w.r = receiver_new(&o, w.now);
	while (w.in.left > 0 && w.now < INT64_MAX / 4)
		step(&w);
	receiver_free(w.r);
	layout_drop(w.layout);
	return 0;
}
