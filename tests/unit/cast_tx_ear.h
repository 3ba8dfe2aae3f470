/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A receiver for tests of the sender, written from docs/cast.md alone: it keeps every symbol, reports at each POLL, and makes
 * noise where it is told to. */
#ifndef ORTHRUS_TESTS_CAST_TX_EAR_H
#define ORTHRUS_TESTS_CAST_TX_EAR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "cast/net.h"
#include "cast/seal.h"
#include "cast/tx.h"
#include "cast/wire.h"
#include "sys/keys.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SYMBOL 256
#define NUMBER 7

/* --- what is cast: chunks in one piece of memory */
struct goods {
	struct layout *layout;
	uint8_t *bytes;
	uint32_t fails_at; /* UINT32_MAX: never */
	bool through_scratch;
	struct sign_key key;
	_Atomic unsigned int reads;
};

static const uint8_t *goods_chunk(void *ctx, uint32_t chunk, uint8_t *scratch, struct err *err)
{
	struct goods *g = ctx;
	const uint8_t *at = g->bytes + layout_chunk_at(g->layout, chunk);

	g->reads++;
	if (chunk == g->fails_at) {
		err_set(err, ERR_FAILED, "chunk %u can't be read", chunk);
		return NULL;
	}
	if (!g->through_scratch)
		return at;
	memcpy(scratch, at, layout_chunk_len(g->layout, chunk));
	return scratch;
}

static int goods_digest(void *ctx, uint32_t chunk, struct digest *out, struct err *err)
{
	const struct goods *g = ctx;

	(void)err;
	digest_of(g->bytes + layout_chunk_at(g->layout, chunk), layout_chunk_len(g->layout, chunk), out);
	return 0;
}

static int goods_sign(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64], struct err *err)
{
	const struct goods *g = ctx;

	return sign_bytes(&g->key, data, len, signature, err);
}

static void goods_make(struct goods *g, const uint32_t *lens, size_t n)
{
	struct err err = { 0 };

	*g = (struct goods){ .fails_at = UINT32_MAX };
	assert_int_equal(layout_new(lens, n, SYMBOL, &g->layout, &err), 0);
	g->bytes = mem_aligned(64, layout_bytes(g->layout));
	random_bytes(g->bytes, layout_bytes(g->layout));
	crypto_sign_keypair(g->key.public, g->key.secret);
}

static void goods_free(struct goods *g)
{
	layout_drop(g->layout);
	free(g->bytes);
}

/* --- the receiver */
struct ear {
	const struct goods *goods;
	int fd;
	struct session session;
	struct seal *group, *own;
	uint64_t counter; /* of its reports */
	unsigned int drop_every, stays_silent_for;
	/* What came. */
	uint8_t **symbols; /* of each block, 255 */
	uint8_t *have;	   /* of each block, 255 */
	uint64_t *counters;
	size_t n_counters, cap_counters;
	uint32_t lacking;
	uint64_t data, parity, polls, polls_signed, overs, bad;
	uint8_t *digests_seen;
	uint32_t digests_wrong;
	struct wire_poll last;
	unsigned int noise; /* packets that are no reports, for each one that is */
};

static void ear_open(struct ear *e, const struct goods *g)
{
	struct err err = { 0 };
	struct sockaddr_storage local;
	const uint32_t blocks = layout_blocks(g->layout);

	*e = (struct ear){ .goods = g, .lacking = blocks };
	assert_int_equal(net_parse("127.0.0.1", 0, &local, &err), 0);
	assert_int_equal(net_open(&local, false, &e->fd, &err), 0);
	net_receive_buffer(e->fd, 8 << 20);
	e->session = (struct session){ .cast = 0x12345678, .number = 0, .symbol_bytes = SYMBOL, .sender = local };
	assert_int_equal(net_bound(e->fd, &e->session.group, &err), 0);
	random_bytes(e->session.group_key, SESSION_KEY);
	random_bytes(e->session.own_key, SESSION_KEY);
	e->group = seal_new(e->session.group_key);
	e->own = seal_new(e->session.own_key);
	e->have = mem_array(blocks, 255);
	e->symbols = mem_array(blocks, 255 * sizeof(uint8_t *));
	e->digests_seen = mem_array(layout_chunks(g->layout), 1);
}

static void ear_close(struct ear *e)
{
	for (size_t i = 0; i < (size_t)layout_blocks(e->goods->layout) * 255; i++)
		free(e->symbols[i]);
	free(e->symbols);
	free(e->have);
	free(e->counters);
	free(e->digests_seen);
	seal_free(e->group);
	seal_free(e->own);
	close(e->fd);
}

static void nonce_of(uint16_t from, uint64_t counter, uint8_t out[SEAL_NONCE])
{
	memset(out, 0, SEAL_NONCE);
	out[2] = (uint8_t)(from >> 8);
	out[3] = (uint8_t)from;
	for (int i = 11; i > 3; i--, counter >>= 8)
		out[i] = (uint8_t)counter;
}

static bool open_packet(struct ear *e, uint8_t *p, size_t head, size_t len, uint64_t counter)
{
	uint8_t nonce[SEAL_NONCE];
	struct seal_job job = { .nonce = nonce,
				.aad = p,
				.aad_len = head,
				.in = p + head,
				.out = p + head,
				.len = len - head - SEAL_TAG,
				.tag = p + len - SEAL_TAG };

	nonce_of(WIRE_FROM_SENDER, counter, nonce);
	seal_open_many(e->group, &job, 1);
	return job.ok;
}

static unsigned int block_count(const struct ear *e, uint32_t block)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 255; i++)
		n += e->have[block * 255 + i];
	return n;
}

static void hear_data(struct ear *e, uint8_t *p, size_t len)
{
	struct wire_data d;
	struct err err = { 0 };
	size_t at;

	assert_int_equal(wire_data_read(p, len, &d, &err), 0);
	assert_int_equal(len, SYMBOL + WIRE_DATA_MORE);
	if (!open_packet(e, p, WIRE_DATA_HEAD, len, d.head.counter)) {
		e->bad++;
		return;
	}
	e->data++;
	assert_true(d.block < layout_blocks(e->goods->layout));
	e->parity += d.index >= layout_block(e->goods->layout, d.block)->k;
	at = (size_t)d.block * 255 + d.index;
	if ((e->drop_every && e->data % e->drop_every == 0) || e->have[at])
		return;
	e->have[at] = 1;
	e->symbols[at] = mem_dup(p + WIRE_DATA_HEAD, SYMBOL);
	e->lacking -= block_count(e, d.block) == layout_block(e->goods->layout, d.block)->k;
}

static void hear_rows(struct ear *e, uint8_t *p, size_t len)
{
	struct wire_rows rows;
	struct err err = { 0 };
	struct verify_key key;
	uint8_t text[WIRE_ROWS_SIGNED_MAX];

	assert_int_equal(wire_rows_read(p, len, &rows, &err), 0);
	verify_key_of(&e->goods->key, &key);
	assert_int_equal(
		verify_bytes(&key, text, wire_rows_signed(e->session.cast, &rows, text), rows.signature, WIRE_SIGNATURE, &err),
		0);
	for (uint32_t i = 0; i < rows.n; i++) {
		const uint32_t chunk = rows.first + i;
		struct digest d;

		assert_true(chunk < layout_chunks(e->goods->layout));
		digest_of(e->goods->bytes + layout_chunk_at(e->goods->layout, chunk), layout_chunk_len(e->goods->layout, chunk),
			  &d);
		e->digests_seen[chunk] = 1;
		e->digests_wrong += digest_cmp(&d, &rows.digests[i]) != 0;
	}
}

static void say(struct ear *e, const void *p, size_t len, const struct sockaddr_storage *to)
{
	sendto(e->fd, p, len, 0, (const struct sockaddr *)to, net_len(to));
}

static void make_noise(struct ear *e, const uint8_t *report, size_t len, const struct sockaddr_storage *to)
{
	uint8_t p[WIRE_PACKET_MAX];

	for (unsigned int i = 0; i < e->noise; i++) {
		memcpy(p, report, len);
		switch (i % 5) {
		case 0: /* it was said already */
			say(e, p, len, to);
			break;
		case 1: /* changed */
			p[WIRE_HEAD + i % 7] ^= 1;
			p[15]++;
			say(e, p, len, to);
			break;
		case 2: /* of nobody */
			p[3] ^= 1;
			say(e, p, len, to);
			break;
		case 3: /* cut off */
			say(e, p, i % len, to);
			break;
		default: /* of another cast */
			p[4] ^= 1;
			say(e, p, len, to);
			break;
		}
	}
}

static void report(struct ear *e, const struct wire_poll *poll, const struct sockaddr_storage *to)
{
	uint8_t p[WIRE_HEAD + WIRE_PACKET_MAX + WIRE_TAG], nonce[SEAL_NONCE];
	struct wire_head head = { .type = WIRE_REPORT, .from = NUMBER, .cast = e->session.cast, .counter = ++e->counter };
	struct wire_report r = { .seq = poll->seq,
				 .poll_us = poll->now_us,
				 .heard = e->data,
				 .top = poll->sent,
				 .buffer_kib = 4096,
				 .blocks_lacking = e->lacking,
				 .rows_from = UINT32_MAX,
				 .state = e->lacking == 0 ? WIRE_COMPLETE
					  : e->data	  ? WIRE_RECEIVING
							  : WIRE_READY };
	struct seal_job job = { .nonce = nonce, .aad = p, .aad_len = WIRE_HEAD, .in = p + WIRE_HEAD, .out = p + WIRE_HEAD };

	for (uint32_t b = poll->asked_from; b < poll->asked_to && r.n_needs < WIRE_NEEDS_MAX; b++) {
		const unsigned int n = block_count(e, b), k = layout_block(e->goods->layout, b)->k;

		if (n < k)
			r.needs[r.n_needs++] =
				(struct wire_need){ .first = b, .count = 1, .deficit = n ? (uint8_t)(k - n) : 255 };
	}
	wire_head_write(&head, p);
	nonce_of(NUMBER, head.counter, nonce);
	job.len = wire_report_write(&r, p + WIRE_HEAD);
	job.tag = p + WIRE_HEAD + job.len;
	seal_close_many(e->own, &job, 1);
	say(e, p, WIRE_HEAD + job.len + WIRE_TAG, to);
	make_noise(e, p, WIRE_HEAD + job.len + WIRE_TAG, to);
}

static void check_signature(struct ear *e, uint64_t counter)
{
	uint8_t text[WIRE_POLL_SIGNED_MAX];
	struct verify_key key;
	struct err err = { 0 };
	size_t len;

	assert_true(e->last.is_signed || (e->polls && e->last.stage != WIRE_GATHER && e->last.stage != WIRE_OVER));
	if (!e->last.is_signed)
		return;
	len = wire_poll_signed(e->session.cast, counter, &e->last, text);
	verify_key_of(&e->goods->key, &key);
	assert_int_equal(verify_bytes(&key, text, len, e->last.signature, WIRE_SIGNATURE, &err), 0);
	e->polls_signed++;
}

static void hear_poll(struct ear *e, uint8_t *p, size_t len, uint64_t counter, const struct sockaddr_storage *from)
{
	struct err err = { 0 };

	assert_int_equal(wire_poll_read(p, len, &e->last, &err), 0);
	check_signature(e, counter);
	e->polls++;
	e->overs += e->last.stage == WIRE_OVER;
	if (e->stays_silent_for)
		e->stays_silent_for--;
	else
		report(e, &e->last, from);
}

static void hear(struct ear *e, uint8_t *p, size_t len, const struct sockaddr_storage *from)
{
	struct wire_head h;
	struct err err = { 0 };

	assert_int_equal(wire_head_read(p, len, &h, &err), 0);
	assert_int_equal(h.from, WIRE_FROM_SENDER);
	assert_int_equal(h.cast, e->session.cast);
	e->counters = mem_room(e->counters, e->n_counters, &e->cap_counters, sizeof(*e->counters));
	e->counters[e->n_counters++] = h.counter;
	if (h.type == WIRE_DATA) {
		hear_data(e, p, len);
		return;
	}
	assert_true(open_packet(e, p, WIRE_HEAD, len, h.counter));
	if (h.type == WIRE_ROWS)
		hear_rows(e, p + WIRE_HEAD, len - WIRE_HEAD - WIRE_TAG);
	else
		hear_poll(e, p + WIRE_HEAD, len - WIRE_HEAD - WIRE_TAG, h.counter, from);
}

#endif
