/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/receiver: what it wants, when a block and a chunk are whole, and what it says when, on virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "cast/receiver.h"

#include <string.h>

#define MS ((int64_t)1000 * 1000)
#define CHUNK 70400 /* 50 symbols: two share a block of 100 */

static struct layout *made(uint64_t bytes, uint32_t chunk)
{
	struct layout *l = NULL;
	struct err err = { 0 };

	assert_int_equal(layout_of_pieces(bytes, chunk, LAYOUT_SYMBOL, &l, &err), 0);
	return l;
}

static struct receiver *born(const struct layout *l, const uint8_t *have)
{
	const struct receiver_opts o = { .layout = l, .have = have, .buffer_kib = 4096, .seed = 1 };

	return receiver_new(&o, MS);
}

/* Symbols of a block; true: it is whole. */
static bool give(struct receiver *r, uint32_t block, unsigned int from, unsigned int to)
{
	bool whole = false;

	for (unsigned int i = from; i < to; i++) {
		assert_int_equal(receiver_data(r, block, (uint8_t)i), RECEIVER_WANTED);
		assert_false(whole);
		receiver_heard(r, true, MS);
		whole = receiver_took(r, block, (uint8_t)i);
		assert_false(receiver_took(r, block, (uint8_t)i)); /* told once */
	}
	return whole;
}

static struct wire_poll poll_of(uint32_t seq, enum wire_stage stage, uint64_t sent, uint32_t asked_to)
{
	return (struct wire_poll){ .seq = seq,
				   .stage = stage,
				   .pass = 1,
				   .sent = sent,
				   .now_us = 1000,
				   .grtt_us = 1000,
				   .crowd = 1,
				   .marks = UINT32_MAX,
				   .loss_limit = 20000,
				   .asked_to = asked_to };
}

static void hear(struct receiver *r, const struct wire_poll *p, int64_t now)
{
	struct err err = { 0 };

	assert_int_equal(receiver_poll(r, p, now, &err), 0);
}

static struct receiver_view look(const struct receiver *r)
{
	struct receiver_view v;

	receiver_look(r, &v);
	return v;
}

static void test_blocks_and_chunks(void **state)
{
	struct layout *l = made(4 * (uint64_t)CHUNK, CHUNK);
	struct receiver *r = born(l, NULL);
	uint32_t chunks[128];
	uint8_t have[LAYOUT_K_MAX], rows[255];
	const unsigned int k = layout_block(l, 0)->k;

	(void)state;
	assert_int_equal(look(r).blocks_lacking, layout_blocks(l));
	assert_int_equal(receiver_data(r, layout_blocks(l), 0), RECEIVER_BAD);
	assert_int_equal(receiver_data(r, 0, 255), RECEIVER_BAD);
	assert_false(receiver_took(r, layout_blocks(l), 0));
	assert_false(give(r, 0, 3, k));
	assert_int_equal(receiver_data(r, 0, 3), RECEIVER_KNOWN);
	assert_true(give(r, 0, k, k + 3)); /* three parity rows do for three symbols */
	assert_int_equal(receiver_data(r, 0, 0), RECEIVER_KNOWN);
	assert_int_equal(receiver_block(r, 0, have, rows), 3);
	assert_int_equal(have[2], 0);
	assert_int_equal(have[3], 1);
	assert_int_equal(rows[2], 2);
	assert_int_equal(receiver_decoded(r, 0, chunks, ARRAY_LEN(chunks)), layout_block(l, 0)->n_chunks);
	assert_int_equal(receiver_decoded(r, 0, chunks, ARRAY_LEN(chunks)), 0);
	receiver_chunk_good(r, 0);
	receiver_chunk_good(r, 0);
	assert_int_equal(look(r).chunks_good, 1);
	assert_true(receiver_has_chunk(r, 0));
	assert_int_equal(receiver_chunk_bad(r, 1), 1); /* from the beginning */
	assert_int_equal(look(r).blocks_lacking, layout_blocks(l));
	assert_true(give(r, 0, 0, k));
	assert_int_equal(receiver_decoded(r, 0, chunks, ARRAY_LEN(chunks)), layout_block(l, 0)->n_chunks - 1);
	assert_int_equal(chunks[0], 1);
	assert_int_equal(receiver_chunk_bad(r, 1), 2); /* not a third time */
	assert_int_equal(receiver_data(r, 0, 0), RECEIVER_KNOWN);
	receiver_chunk_good(r, 1); /* it came another way */
	assert_false(give(r, 1, 0, 5));
	receiver_forget(r, 1);
	assert_int_equal(receiver_data(r, 1, 0), RECEIVER_WANTED);
	receiver_forget(r, 0); /* decoded: not forgotten */
	assert_int_equal(receiver_data(r, 0, 0), RECEIVER_KNOWN);
	receiver_free(r);
	layout_drop(l);
}

static void test_has_some(void **state)
{
	struct layout *l = made(4 * (uint64_t)CHUNK, CHUNK);
	const uint8_t most = 0x0b, all = 0x0f;
	struct receiver *r = born(l, &most);
	struct wire_report w;
	int64_t until;

	(void)state;
	assert_int_equal(look(r).chunks_good, 3);
	receiver_chunk_good(r, 2);
	assert_int_equal(look(r).state, WIRE_COMPLETE);
	assert_int_equal(look(r).blocks_lacking, 0);
	receiver_free(r);
	r = born(l, &all);
	assert_false(receiver_report(r, MS, &w, &until)); /* nobody listens yet */
	assert_true(until == INT64_MAX);
	hear(r, &(struct wire_poll){ .seq = 1, .stage = WIRE_GATHER, .crowd = 1 }, 2 * MS);
	assert_true(receiver_report(r, 2 * MS, &w, &until));
	assert_int_equal(w.state, WIRE_COMPLETE);
	receiver_durable(r, 3 * MS);
	assert_true(receiver_report(r, 3 * MS, &w, &until));
	assert_int_equal(w.state, WIRE_DONE);
	assert_false(receiver_report(r, 3 * MS, &w, &until));
	assert_true(until > 3 * MS && until < 100 * MS); /* again, lest it was lost */
	hear(r, &(struct wire_poll){ .seq = 2, .stage = WIRE_OVER, .crowd = 1 }, 4 * MS);
	assert_true(look(r).over);
	assert_false(receiver_report(r, 1000 * MS, &w, &until));
	receiver_free(r);
	layout_drop(l);
}

static void test_reports(void **state)
{
	struct layout *l = made(100 * (uint64_t)CHUNK, CHUNK);
	struct receiver *r = born(l, NULL);
	const unsigned int k = layout_block(l, 0)->k;
	struct wire_poll p = poll_of(1, WIRE_GATHER, 0, 0);
	struct wire_report w;
	struct err err = { 0 };
	int64_t until;

	(void)state;
	hear(r, &p, 2 * MS);
	assert_true(receiver_report(r, 2 * MS, &w, &until));
	assert_int_equal(w.state, WIRE_READY);
	give(r, 0, 3, k);
	give(r, 1, 60, k);
	p = poll_of(2, WIRE_PASS, 2 * k, 3);
	hear(r, &p, 5 * MS);
	receiver_want_rows(r, 7);
	receiver_press(r, true);
	assert_true(receiver_report(r, 6 * MS, &w, &until));
	assert_int_equal(w.n_needs, 1); /* what lacks most waits until it is asked for */
	assert_int_equal(w.needs[0].first, 0);
	assert_int_equal(w.needs[0].deficit, 3);
	assert_int_equal(w.heard, 2 * k - 63);
	assert_int_equal(w.top, 2 * k);
	assert_int_equal(w.held_us, 1000);
	assert_int_equal(w.rows_from, 7);
	assert_true(w.pressed);
	assert_false(receiver_report(r, 6 * MS, &w, &until)); /* once for each POLL */
	p.seq = 3;
	p.n_promises = 1;
	p.promises[0] = (struct wire_promise){ 0, 3 };
	receiver_want_rows(r, UINT32_MAX);
	hear(r, &p, 7 * MS);
	assert_true(receiver_report(r, 7 * MS, &w, &until));
	assert_int_equal(w.n_needs, 0); /* it is on its way */
	p = poll_of(4, WIRE_ASK, 2 * k, layout_blocks(l));
	hear(r, &p, 8 * MS);
	assert_true(receiver_report(r, 8 * MS, &w, &until));
	assert_int_equal(w.n_needs, 3);
	assert_int_equal(w.needs[1].deficit, 60);
	assert_int_equal(w.needs[2].deficit, 255);
	assert_int_equal(w.needs[2].count, layout_blocks(l) - 2);
	p = poll_of(3, WIRE_ASK, 0, 1); /* an old one */
	hear(r, &p, 9 * MS);
	assert_false(receiver_report(r, 9 * MS, &w, &until));
	p = poll_of(5, WIRE_ASK, 0, layout_blocks(l) + 1);
	assert_int_equal(receiver_poll(r, &p, 9 * MS, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	p = poll_of(5, WIRE_ASK, 0, 0);
	p.n_promises = 1;
	p.promises[0].block = layout_blocks(l);
	assert_int_equal(receiver_poll(r, &p, 9 * MS, &err), -1);
	receiver_free(r);
	layout_drop(l);
}

/* A POLL of somebody who has the group key, too: nothing of it lasts longer than until the next signed one. */
static void test_put_right(void **state)
{
	struct layout *l = made(4 * (uint64_t)CHUNK, CHUNK);
	struct receiver *r = born(l, NULL);
	struct wire_poll p = poll_of(1, WIRE_PASS, 0, layout_blocks(l));
	struct wire_report w;
	struct err err = { 0 };
	int64_t until;

	(void)state;
	p.is_signed = true;
	hear(r, &p, 2 * MS);
	assert_true(receiver_report(r, 2 * MS, &w, &until));
	give(r, 0, 0, 10);
	p = poll_of(UINT32_MAX, WIRE_PASS, 100000, 0); /* all was lost, and of a crowd it is to wait */
	p.crowd = UINT16_MAX;
	p.grtt_us = 500000;
	hear(r, &p, 3 * MS);
	assert_int_equal(look(r).loss_ppm, 999900);
	assert_int_equal(look(r).state, WIRE_LAGGING);
	p = poll_of(2, WIRE_ASK, 10, layout_blocks(l));
	hear(r, &p, 4 * MS);
	assert_int_equal(look(r).state, WIRE_LAGGING);
	p.is_signed = true;
	hear(r, &p, 5 * MS);
	assert_int_equal(look(r).state, WIRE_RECEIVING);
	assert_true(receiver_report(r, 5 * MS, &w, &until));
	assert_int_equal(w.seq, 2);
	assert_int_equal(w.top, 10);
	assert_int_equal(w.needs[0].deficit, layout_block(l, 0)->k - 10);
	hear(r, &p, 6 * MS); /* the same again says nothing */
	assert_false(receiver_report(r, 6 * MS, &w, &until));
	p = poll_of(3, WIRE_ASK, 10, layout_blocks(l));
	p.crowd = UINT16_MAX + 1;
	assert_int_equal(receiver_poll(r, &p, 7 * MS, &err), -1);
	p.crowd = 1;
	p.grtt_us = 500001;
	assert_int_equal(receiver_poll(r, &p, 7 * MS, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	receiver_free(r);
	layout_drop(l);
}

/* Of a crowd it waits, and is silent when somebody else's word was enough. */
static void test_crowd(void **state)
{
	struct layout *l = made(100 * (uint64_t)CHUNK, CHUNK);
	unsigned int spoke = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		const struct receiver_opts o = { .layout = l, .buffer_kib = 64, .seed = seed };
		struct receiver *r = receiver_new(&o, MS);
		struct wire_poll p = poll_of(1, WIRE_PASS, 100, 1);
		struct wire_report w;
		int64_t until;

		give(r, 0, 2, layout_block(l, 0)->k);
		p.crowd = 1000;
		p.marks = 0;
		hear(r, &p, 2 * MS);
		assert_false(receiver_report(r, 2 * MS, &w, &until));
		p.seq = 2;
		p.n_promises = 1;
		p.promises[0] = (struct wire_promise){ 0, seed % 2 == 0 ? 2 : 1 };
		hear(r, &p, 2 * MS + 1);
		while (!receiver_report(r, until, &w, &until) && until < 9 * MS) /* K = 6 of 1 ms */
			;
		for (int64_t t = 2 * MS; t < 9 * MS; t += MS / 10)
			w.n_needs += receiver_report(r, t, &w, &until) && w.n_needs > 0;
		if (seed % 2 == 0)
			assert_int_equal(w.n_needs, 0);
		spoke += w.n_needs > 0;
		receiver_free(r);
	}
	assert_in_range(spoke, 15, 20);
	layout_drop(l);
}

/* Its loss is far above the others': silent until its time comes. */
static void test_straggler(void **state)
{
	struct layout *l = made(1000 * (uint64_t)CHUNK, CHUNK);
	struct receiver *r = born(l, NULL);
	struct wire_poll p = poll_of(1, WIRE_PASS, 0, 0);
	struct wire_report w;
	int64_t until;

	(void)state;
	hear(r, &p, 2 * MS);
	assert_true(receiver_report(r, 2 * MS, &w, &until));
	for (uint32_t b = 0; b < 20; b++)
		give(r, b, 10, layout_block(l, b)->k); /* 10 % */
	p = poll_of(2, WIRE_PASS, 2000, 20);
	hear(r, &p, 3 * MS);
	assert_true(receiver_report(r, 3 * MS, &w, &until));
	assert_int_equal(w.state, WIRE_LAGGING);
	assert_int_equal(w.n_needs, 0);
	assert_in_range(w.loss_ppm, 95000, 105000);
	p.seq = 3;
	p.stage = WIRE_SLOW;
	p.loss_limit = 1000000;
	hear(r, &p, 4 * MS);
	assert_true(receiver_report(r, 4 * MS, &w, &until));
	assert_int_equal(w.n_needs, 1);
	assert_int_equal(w.needs[0].count, 20);
	receiver_free(r);
	layout_drop(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_and_chunks), cmocka_unit_test(test_has_some),
		cmocka_unit_test(test_reports),		  cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_straggler),	  cmocka_unit_test(test_put_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
