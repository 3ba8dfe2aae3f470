/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/sender: stories on virtual time. What is sent, who is waited for, and that everything ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "cast/sender.h"

#include <string.h>

#define MS ((int64_t)1000 * 1000)
#define CHUNK 180224 /* 128 symbols: one block */

struct story {
	struct layout *layout;
	struct sender *s;
	int64_t now;
	uint64_t data, overs, rows;
	unsigned int *of; /* symbols sent of each block */
	struct wire_poll poll;
	bool ended;
	bool answer; /* receiver 1 takes everything, and says so */
};

static void begin(struct story *t, uint32_t blocks, uint32_t expected, int64_t empty_ns)
{
	struct sender_opts o = {
		.expected = expected, .gather_ns = 300 * MS, .empty_ns = empty_ns, .rate_first = 50 << 20, .seed = 3
	};
	struct err err = { 0 };

	*t = (struct story){ .now = 1000 * MS };
	assert_int_equal(layout_of_pieces((uint64_t)blocks * CHUNK, CHUNK, LAYOUT_SYMBOL, &t->layout, &err), 0);
	assert_int_equal(layout_blocks(t->layout), blocks);
	o.layout = t->layout;
	t->of = mem_array(blocks, sizeof(*t->of));
	t->s = sender_new(&o, t->now);
}

static void end(struct story *t)
{
	sender_free(t->s);
	layout_drop(t->layout);
	free(t->of);
}

static struct sender_view look(const struct story *t)
{
	struct sender_view v;

	sender_look(t->s, &v);
	return v;
}

static struct wire_report says(const struct story *t, enum wire_state state, uint32_t lacking)
{
	return (struct wire_report){ .seq = t->poll.seq,
				     .poll_us = t->poll.now_us,
				     .heard = t->data,
				     .top = t->data,
				     .buffer_kib = 4096,
				     .rows_from = UINT32_MAX,
				     .blocks_lacking = lacking,
				     .state = state };
}

static void hears(struct story *t, uint16_t number, const struct wire_report *r)
{
	assert_int_equal(sender_heard(t->s, number, r, t->now), 0);
}

/* So many milliseconds go by. */
static void go(struct story *t, int64_t ms)
{
	int64_t until = t->now + ms * MS;
	struct sender_out out;

	while (t->now < until && !t->ended) {
		sender_next(t->s, t->now, &out);
		switch (out.act) {
		case SENDER_WAIT:
			assert_true(out.until_ns > t->now);
			t->now = out.until_ns < until ? out.until_ns : until;
			break;
		case SENDER_SEND_DATA:
			assert_in_range(out.n, 1, SENDER_BURST);
			for (unsigned int i = 0; i < out.n; i++) {
				assert_true(out.symbols[i].block < layout_blocks(t->layout) && out.symbols[i].index < 255);
				t->of[out.symbols[i].block]++;
			}
			t->data += out.n;
			break;
		case SENDER_SEND_POLL:
			assert_int_equal(out.poll.seq, t->poll.seq + 1);
			assert_int_equal(out.poll.sent, t->data);
			t->poll = out.poll;
			t->poll.now_us = (uint64_t)t->now / 1000;
			t->overs += out.poll.stage == WIRE_OVER;
			if (t->answer) {
				enum wire_state state = out.poll.stage >= WIRE_ASK ? WIRE_COMPLETE : WIRE_RECEIVING;
				struct wire_report r = says(t, state, state == WIRE_COMPLETE ? 0 : 1);

				hears(t, 1, &r);
			}
			break;
		case SENDER_SEND_ROWS:
			t->rows += out.rows_n;
			break;
		case SENDER_ENDED:
			t->ended = true;
			break;
		}
	}
}

static void ready(struct story *t, uint16_t number)
{
	struct wire_report r = says(t, WIRE_READY, layout_blocks(t->layout));

	hears(t, number, &r);
}

/* More ways share what was allowed: from then on less is sent. */
static void test_limit(void **state)
{
	struct story t;

	(void)state;
	begin(&t, 64, 1, 0);
	t.answer = true;
	assert_true(sender_join(t.s, 1, NULL, t.now));
	ready(&t, 1);
	sender_limit(t.s, 1000000);
	go(&t, 1000);
	assert_int_equal(look(&t).rate, 1000000);
	assert_in_range(t.data * 1448, 800000, 1100000);
	end(&t);
}

static void test_one_takes_all(void **state)
{
	struct story t;

	(void)state;
	begin(&t, 20, 1, 0);
	sender_join(t.s, 1, NULL, t.now);
	go(&t, 50);
	assert_int_equal(t.poll.stage, WIRE_GATHER);
	assert_int_equal(t.data, 0);
	t.answer = true;
	ready(&t, 1);
	go(&t, 1000);
	assert_true(t.ended);
	assert_int_equal(t.overs, 3);
	assert_int_equal(t.data, 20 * 128);
	for (int b = 0; b < 20; b++)
		assert_int_equal(t.of[b], 128);
	assert_int_equal(look(&t).complete, 1);
	end(&t);
}

static void test_gathering(void **state)
{
	struct story t;

	(void)state;
	begin(&t, 4, 3, 0);
	for (uint16_t i = 1; i <= 3; i++)
		sender_join(t.s, i, NULL, t.now);
	go(&t, 20);
	ready(&t, 1);
	ready(&t, 2);
	go(&t, 200);
	assert_int_equal(t.poll.stage, WIRE_GATHER); /* the third may come yet */
	go(&t, 150);
	assert_true(t.data > 0); /* but not for ever */
	go(&t, 20000);
	assert_true(t.ended); /* and all three are dead */
	end(&t);
	begin(&t, 4, 3, 0); /* nobody comes at all */
	go(&t, 5000);
	assert_true(t.ended);
	assert_int_equal(t.data, 0);
	end(&t);
	begin(&t, 4, 3, 0); /* a person does not want to wait */
	sender_join(t.s, 1, NULL, t.now);
	sender_start(t.s, t.now);
	go(&t, 30);
	assert_true(t.data > 0);
	sender_stop(t.s, t.now);
	go(&t, 100);
	assert_true(t.ended);
	end(&t);
}

static void test_only_what_is_lacking(void **state)
{
	const uint8_t have[3] = { 0xff, 0x7f, 0x0f }; /* all but chunk 15 */
	struct story t;

	(void)state;
	begin(&t, 20, 1, 0);
	sender_join(t.s, 1, have, t.now);
	t.answer = true;
	ready(&t, 1);
	go(&t, 1000);
	assert_true(t.ended);
	assert_int_equal(t.of[15], 128);
	assert_int_equal(t.data, 128);
	end(&t);
}

/* Two lack the same: it is repaired once, by what the greater lack needs. */
static void test_repairs(void **state)
{
	struct story t;
	struct wire_report r;

	(void)state;
	begin(&t, 4, 2, 0);
	sender_join(t.s, 1, NULL, t.now);
	sender_join(t.s, 2, NULL, t.now);
	go(&t, 1);
	ready(&t, 1);
	ready(&t, 2);
	for (int i = 0; i < 8; i++) {
		go(&t, 5);
		r = says(&t, WIRE_RECEIVING, 1);
		hears(&t, 1, &r);
		hears(&t, 2, &r);
	}
	go(&t, 5);
	assert_int_equal(t.poll.stage, WIRE_ASK);
	assert_int_equal(t.data, 4 * 128);
	r = says(&t, WIRE_RECEIVING, 1);
	r.n_needs = 1;
	r.needs[0] = (struct wire_need){ 2, 1, 3 };
	hears(&t, 1, &r);
	r.needs[0].deficit = 5;
	hears(&t, 2, &r);
	hears(&t, 2, &r); /* again, for the same POLL */
	go(&t, 10);
	assert_int_equal(t.of[2], 128 + 5);
	assert_int_equal(t.data, 4 * 128 + 5);
	assert_int_equal(look(&t).repair_packets, 5);
	assert_int_equal(look(&t).nacks, 2);
	r = says(&t, WIRE_COMPLETE, 0);
	hears(&t, 1, &r);
	hears(&t, 2, &r);
	go(&t, 50);
	assert_true(t.ended);
	end(&t);
}

static void test_forged(void **state)
{
	struct story t;
	struct wire_report r;
	struct sender_receiver_view v;
	uint64_t before;

	(void)state;
	begin(&t, 8, 1, 0);
	sender_join(t.s, 1, NULL, t.now);
	go(&t, 1);
	ready(&t, 1);
	go(&t, 60);
	r = says(&t, WIRE_RECEIVING, 8);
	r.n_needs = 1;
	r.needs[0] = (struct wire_need){ 7, 2, 1 };
	assert_int_equal(sender_heard(t.s, 1, &r, t.now), -1); /* there is no block 8 */
	r.needs[0] = (struct wire_need){ UINT32_MAX, UINT32_MAX, 1 };
	assert_int_equal(sender_heard(t.s, 1, &r, t.now), -1);
	/* A block twice, which could be all blocks 140 times; out of order. */
	r.n_needs = 2;
	r.needs[0] = (struct wire_need){ 2, 3, 1 };
	r.needs[1] = (struct wire_need){ 4, 1, 1 };
	assert_int_equal(sender_heard(t.s, 1, &r, t.now), -1);
	r.needs[1] = (struct wire_need){ 1, 1, 1 };
	assert_int_equal(sender_heard(t.s, 1, &r, t.now), -1);
	r.n_needs = WIRE_NEEDS_MAX + 1;
	assert_int_equal(sender_heard(t.s, 1, &r, t.now), -1);
	r = says(&t, WIRE_RECEIVING, 8);
	r.top = UINT64_MAX;
	assert_int_equal(sender_heard(t.s, 1, &r, t.now), -1);
	r = says(&t, WIRE_RECEIVING, 8);
	r.seq++;
	assert_int_equal(sender_heard(t.s, 1, &r, t.now), -1);
	r = says(&t, WIRE_RECEIVING, 8);
	r.rows_from = 8;
	assert_int_equal(sender_heard(t.s, 1, &r, t.now), -1);
	assert_int_equal(sender_heard(t.s, 9, &r, t.now), 0); /* nobody */
	r = says(&t, WIRE_RECEIVING, 8);
	r.heard = UINT64_MAX; /* more than was sent */
	hears(&t, 1, &r);
	assert_true(sender_look_at(t.s, 1, &v));
	assert_true(v.sent <= t.data && v.came <= v.sent);
	/* It says at every chance that it lacks everything: never more than that for one POLL, and not for ever. */
	for (int i = 0; i < 8000 && !t.ended; i++) {
		before = t.data;
		r = says(&t, WIRE_RECEIVING, 8);
		r.loss_ppm = 1000000;
		r.n_needs = 1;
		r.needs[0] = (struct wire_need){ 0, 8, i % 2 ? 254 : 60 };
		hears(&t, 1, &r);
		hears(&t, 1, &r);
		go(&t, 2);
		assert_true(t.data - before <= 2 * 8 * 128);
	}
	assert_true(sender_look_at(t.s, 1, &v));
	assert_false(sender_look_at(t.s, 2, &v));
	assert_true(t.ended);
	end(&t);
}

/* What people are shown of a receiver: counted from its first word on. */
static void test_counts(void **state)
{
	struct sender_receiver_view v;
	struct wire_report r;
	struct story t;
	uint64_t first;

	(void)state;
	begin(&t, 200, 1, 0);
	sender_join(t.s, 1, NULL, t.now);
	go(&t, 1);
	ready(&t, 1);
	go(&t, 20);
	sender_join(t.s, 2, NULL, t.now); /* late */
	r = says(&t, WIRE_RECEIVING, 200);
	r.heard = 3;
	first = r.top;
	hears(&t, 2, &r);
	assert_true(first > 0);
	assert_true(sender_look_at(t.s, 2, &v));
	assert_true(v.sent == 0 && v.came == 0 && v.reports == 1 && v.pressed == 0);
	go(&t, 20);
	r = says(&t, WIRE_RECEIVING, 200);
	r.heard = 3 + (r.top - first) / 2;
	r.pressed = true;
	hears(&t, 2, &r);
	assert_true(sender_look_at(t.s, 2, &v));
	assert_int_equal(v.sent, r.top - first);
	assert_int_equal(v.came, (r.top - first) / 2);
	assert_true(v.reports == 2 && v.pressed == 1);
	end(&t);
}

/* One of two stops in the middle: the other gets all, without much of a pause. */
static void test_dead(void **state)
{
	struct story t;

	(void)state;
	begin(&t, 200, 2, 0);
	sender_join(t.s, 1, NULL, t.now);
	sender_join(t.s, 2, NULL, t.now);
	go(&t, 1);
	ready(&t, 1);
	ready(&t, 2);
	t.answer = true;
	go(&t, 1500);
	assert_true(t.ended);
	assert_int_equal(look(&t).complete, 1);
	assert_int_equal(look(&t).silent, 1);
	assert_true(t.data >= 200 * 128);
	end(&t);
}

static void test_late_and_gone(void **state)
{
	struct story t;
	struct wire_report r;

	(void)state;
	begin(&t, 4, 1, 500 * MS);
	sender_join(t.s, 1, NULL, t.now);
	t.answer = true;
	ready(&t, 1);
	go(&t, 300);
	assert_false(t.ended); /* open for who comes late */
	assert_int_equal(t.data, 4 * 128);
	t.answer = false;
	sender_join(t.s, 2, NULL, t.now);
	go(&t, 60);
	assert_int_equal(t.data, 8 * 128);
	assert_int_equal(look(&t).pass, 2);
	r = says(&t, WIRE_RECEIVING, 0);
	r.rows_from = 1;
	hears(&t, 2, &r);
	go(&t, 10);
	assert_int_equal(t.rows, 3); /* digests from the second of four pieces on */
	sender_leave(t.s, 2, true, t.now);
	sender_leave(t.s, 2, true, t.now);
	sender_leave(t.s, 77, true, t.now);
	assert_int_equal(look(&t).complete, 2);
	go(&t, 2000);
	assert_true(t.ended);
	sender_join(t.s, 3, NULL, t.now);
	assert_int_equal(look(&t).joined, 2);
	end(&t);
}

/* The only one goes while blocks are still to be sent: nothing more goes out for nobody, and it is over after empty_ns. */
static void test_left_in_mid_pass(void **state)
{
	struct story t;
	uint64_t sent;
	uint32_t polls;

	(void)state;
	begin(&t, 200, 1, 2000 * MS);
	assert_true(sender_join(t.s, 1, NULL, t.now));
	assert_false(sender_join(t.s, 1, NULL, t.now)); /* a number once */
	ready(&t, 1);
	t.answer = true;
	go(&t, 10);
	assert_in_range(t.data, 1, 199 * 128);
	t.answer = false;
	sender_leave(t.s, 1, false, t.now);
	sent = t.data;
	polls = t.poll.seq;
	go(&t, 1500);
	assert_false(t.ended);
	assert_int_equal(t.data, sent);
	assert_in_range(t.poll.seq - polls, 1, 200);
	go(&t, 1500);
	assert_true(t.ended);
	assert_false(sender_join(t.s, 2, NULL, t.now)); /* too late */
	end(&t);
}

/* What was repaired is asked about again in the same pass: the repair may be lost too. */
static void test_repair_lost(void **state)
{
	struct story t;

	(void)state;
	begin(&t, 2000, 1, 0);
	assert_true(sender_join(t.s, 1, NULL, t.now));
	ready(&t, 1);
	for (unsigned int asked = 0; asked < 5; asked++) {
		struct wire_report r;

		do {
			go(&t, 1);
			assert_int_equal(t.poll.stage == WIRE_ASK, 0);
			r = says(&t, WIRE_RECEIVING, 2000);
			if (t.of[3] < 128 || t.poll.asked_from > 3 || t.poll.asked_to <= 3)
				hears(&t, 1, &r);
		} while (t.poll.asked_from > 3 || t.poll.asked_to <= 3 || t.of[3] < 128 + asked);
		r.n_needs = 1;
		r.needs[0] = (struct wire_need){ .first = 3, .count = 1, .deficit = 1 };
		hears(&t, 1, &r);
		go(&t, 1);
	}
	assert_in_range(t.of[3], 128 + 4, 128 + 5);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_takes_all),
		cmocka_unit_test(test_gathering),
		cmocka_unit_test(test_only_what_is_lacking),
		cmocka_unit_test(test_repairs),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_late_and_gone),
		cmocka_unit_test(test_left_in_mid_pass),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_repair_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
