/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiver as it runs, and somebody who has the group key, or repeats what he heard: he may disturb, but one packet of his
 * ends nothing, and what he makes up counts for nothing. */
#include "tests/unit/cast_fake.h"

#include "cast/chance.h"

#define SYMBOL 256
#define V4 "232.7.7.9", LAN_V4

static const uint32_t lens[] = { 300 * SYMBOL + 1, 100 * SYMBOL, 1, 20 * SYMBOL, 128 * SYMBOL + 7, 3 };
#define CHUNKS ARRAY_LEN(lens)

static void make(struct fake *f)
{
	fake_make(f, lens, CHUNKS, SYMBOL, V4);
}

static void clear(struct fake *f)
{
	if (f->running)
		fake_end(f);
	rx_close(f->rx);
	fake_clear(f);
}

static void send_blocks(struct fake *f, uint32_t from, uint32_t to)
{
	for (uint32_t b = from; b < to; b++)
		for (unsigned int i = 0; i < layout_block(f->layout, b)->k; i++)
			fake_send(f, b, (uint8_t)i);
}

static void assert_whole(struct fake *f)
{
	fake_end(f);
	assert_int_equal(f->rc, 0);
	assert_true(f->whole);
	assert_int_equal(f->wrong_content, 0);
}

/* A POLL of the insider: as if the sender were at `counter` and had said `seq`. */
static void lie(struct fake *f, struct wire_poll p, uint64_t counter, const struct sign_key *key)
{
	const uint64_t was = f->counter;

	f->counter = counter - 1;
	fake_put_poll(f, &p, key);
	f->counter = was;
}

static struct wire_poll lie_of(struct fake *f, enum wire_stage stage, uint32_t seq)
{
	struct wire_poll p = fake_poll_of(f, stage);

	f->seq--;
	p.seq = seq;
	return p;
}

/* Before anything was heard of the sender, and after: OVER, and the greatest numbers that there are. */
static void lies(struct fake *f, const struct sign_key *his)
{
	struct wire_poll p = lie_of(f, WIRE_OVER, UINT32_MAX);

	lie(f, p, UINT64_MAX, NULL);
	lie(f, p, UINT64_MAX, his);
	lie(f, lie_of(f, WIRE_OVER, f->seq + 1), f->counter + 100, his);
	p.stage = WIRE_PASS;
	lie(f, p, UINT64_MAX, NULL);
	lie(f, p, UINT64_MAX, his);
	lie(f, p, f->counter + 100, NULL); /* there can't have been so many */
	p.seq = (uint32_t)(f->counter + 1);
	p.sent = UINT64_MAX;
	lie(f, p, f->counter + 100, NULL);
}

static void test_over(void **state)
{
	struct sign_key his;
	struct wire_report report;
	struct err err = { 0 };
	struct fake f;

	(void)state;
	make(&f);
	assert_int_equal(sign_key_make(&his, &err), 0);
	fake_receive(&f, (struct rx_opts){ 0 });
	lies(&f, &his);
	fake_settle(&f, 7);
	fake_poll(&f, WIRE_GATHER);
	fake_hear_state(&f, 0, WIRE_READY, &report);
	send_blocks(&f, 0, 2);
	lies(&f, &his);
	send_blocks(&f, 2, layout_blocks(f.layout));
	assert_whole(&f);
	assert_false(fake_look(&f).receiver.over);
	assert_int_equal(fake_look(&f).rejected, 14);
	fake_poll(&f, WIRE_OVER);
	while (!fake_look(&f).receiver.over)
		poll(NULL, 0, 1);
	clear(&f);
}

/* DATA of his that is far ahead, before the sender proved where it is: after that, what the sender sends is taken again. */
static void test_far_ahead(void **state)
{
	struct wire_report report;
	struct fake f;

	(void)state;
	make(&f);
	fake_receive(&f, (struct rx_opts){ 0 });
	f.counter = UINT64_C(1) << 62;
	fake_send(&f, 0, 0);
	fake_settle(&f, 1);
	f.counter = 1000;
	fake_send(&f, 0, 1);
	fake_settle(&f, 2);
	assert_int_equal(fake_look(&f).rejected, 1);
	fake_poll(&f, WIRE_PASS);
	fake_hear(&f, &report, 1000);
	f.counter = UINT64_C(1) << 62; /* once more, and as far as he may */
	fake_send(&f, 0, 2);
	f.counter = 1002 + 65536 - 1;
	fake_send(&f, 0, 2);
	f.counter = 1002 + 65536;
	fake_send(&f, 0, 3);
	f.counter = 1002;
	fake_settle(&f, 6);
	assert_int_equal(fake_look(&f).rejected, 3);
	send_blocks(&f, 0, layout_blocks(f.layout));
	assert_whole(&f);
	assert_int_equal(fake_look(&f).rejected, 3);
	clear(&f);
}

/* What he may say: he is one POLL ahead, and asks about nothing. The next signed one counts although its number is less. */
static void test_put_right(void **state)
{
	struct wire_report report = { 0 };
	struct wire_poll p;
	struct fake f;

	(void)state;
	make(&f);
	fake_receive(&f, (struct rx_opts){ 0 });
	f.counter = 5000;
	fake_poll(&f, WIRE_PASS);
	send_blocks(&f, 0, 1);
	p = lie_of(&f, WIRE_PASS, 4000);
	p.asked_to = 0;
	p.sent = 4500;
	p.now_us = 9;
	lie(&f, p, 5900, NULL);
	while (report.seq != 4000)
		assert_true(fake_hear(&f, &report, 5000));
	p = fake_poll_of(&f, WIRE_ASK); /* not signed: he is ahead of it */
	fake_put_poll(&f, &p, NULL);
	fake_poll(&f, WIRE_ASK);
	while (report.seq == 4000)
		assert_true(fake_hear(&f, &report, 5000));
	assert_int_equal(report.seq, 3);
	assert_true(report.n_needs > 0);
	assert_int_equal(report.top, f.sent);
	send_blocks(&f, 1, layout_blocks(f.layout));
	assert_whole(&f);
	clear(&f);
}

/* A DATA packet that nobody made: a good head of a symbol that is there already, and noise. */
static void put_noise(struct fake *f, uint64_t counter)
{
	const struct wire_data d = {
		.head = { .type = WIRE_DATA, .cast = f->session.cast, .counter = counter }, .block = 0, .index = 0, .pass = 1
	};
	uint8_t packet[SYMBOL + WIRE_DATA_MORE];

	random_bytes(packet, sizeof(packet));
	wire_data_write(&d, packet);
	fake_put(f, packet, sizeof(packet));
}

/* Who repeats, or makes up, what is not needed any more, does not make us say that nothing is lost. */
static void test_heard(void **state)
{
	enum { MADE_UP = 3000, AGAIN = 200 };
	uint8_t packet[SYMBOL + WIRE_DATA_MORE];
	struct fake f;
	uint64_t heard;
	size_t len;

	(void)state;
	make(&f);
	fake_receive(&f, (struct rx_opts){ 0 });
	fake_poll(&f, WIRE_PASS);
	send_blocks(&f, 0, 1);
	len = fake_data(&f, 0, 0, packet);
	for (int i = 0; i < AGAIN; i++)
		fake_put(&f, packet, len);
	fake_settle(&f, 1 + f.sent + AGAIN);
	assert_int_equal(fake_look(&f).receiver.packets, f.sent + 1);
	assert_int_equal(fake_look(&f).receiver.known, 1);
	assert_int_equal(fake_look(&f).rejected, AGAIN - 1);
	for (unsigned int i = 0; i < MADE_UP; i++) {
		put_noise(&f, f.counter + 1000 + i);
		if (i % 200 == 0) /* as fast as it is taken */
			fake_settle(&f, 1 + f.sent + AGAIN + i);
	}
	fake_settle(&f, 1 + f.sent + AGAIN + MADE_UP);
	heard = fake_look(&f).receiver.packets;
	assert_in_range(heard, f.sent + 1, f.sent + 1 + MADE_UP / 2); /* 64 or so; so many in one run of 10^10 */
	/* From then on none counts, and each of the sender's does, whatever was made up with its counter. */
	f.counter += 1000 + MADE_UP;
	for (unsigned int i = 1; i <= 100; i++)
		put_noise(&f, f.counter + i);
	for (unsigned int i = 0; i < 100; i++)
		fake_send(&f, 0, (uint8_t)i);
	fake_settle(&f, 1 + f.sent + AGAIN + MADE_UP + 100);
	assert_int_equal(fake_look(&f).receiver.packets, heard + 100);
	send_blocks(&f, 1, layout_blocks(f.layout));
	assert_whole(&f);
	clear(&f);
}

/* ROWS that he made up, of every piece, between those of the sender: each costs one look, and hides none. */
static void test_rows(void **state)
{
	enum { MADE_UP = 400 };
	struct sign_key his;
	struct err err = { 0 };
	struct fake f;

	(void)state;
	make(&f);
	assert_int_equal(sign_key_make(&his, &err), 0);
	fake_receive(&f, (struct rx_opts){ .rows = true });
	fake_poll(&f, WIRE_PASS);
	send_blocks(&f, 0, layout_blocks(f.layout));
	for (unsigned int i = 0; i < MADE_UP; i++) {
		fake_rows(&f, 0, CHUNKS, &his);
		if (i % 50 == 0)
			fake_settle(&f, 1 + f.sent + i);
	}
	fake_settle(&f, 1 + f.sent + MADE_UP);
	assert_int_equal(fake_look(&f).receiver.chunks_good, 0);
	fake_rows(&f, 0, 3, &f.sign);
	for (unsigned int i = 0; i < 40; i++)
		fake_rows(&f, 0, CHUNKS, &his);
	fake_rows(&f, 3, CHUNKS - 3, &f.sign);
	assert_whole(&f);
	assert_int_equal(f.with_digest, CHUNKS);
	assert_true(fake_look(&f).rejected >= MADE_UP);
	clear(&f);
}

static uint32_t dice(uint64_t *state, uint32_t below)
{
	return (uint32_t)(chance_next(state) >> 33) % below;
}

/* A symbol of his: any, where it may be or not. */
static void put_symbol(struct fake *f, uint64_t *state)
{
	const struct wire_data d = { .head = { .type = WIRE_DATA, .cast = f->session.cast, .counter = ++f->counter },
				     .block = dice(state, layout_blocks(f->layout) + 2),
				     .index = (uint8_t)dice(state, 256),
				     .pass = 1 };
	uint8_t packet[SYMBOL + WIRE_DATA_MORE], nonce[SEAL_NONCE];
	struct seal_job job = { .nonce = nonce,
				.aad = packet,
				.aad_len = WIRE_DATA_HEAD,
				.in = packet + WIRE_DATA_HEAD,
				.out = packet + WIRE_DATA_HEAD,
				.len = SYMBOL,
				.tag = packet + WIRE_DATA_HEAD + SYMBOL };

	random_bytes(packet, sizeof(packet));
	wire_data_write(&d, packet);
	fake_nonce(0, d.head.counter, nonce);
	seal_close_many(f->group, &job, 1);
	fake_put(f, packet, sizeof(packet));
}

static void put_any_poll(struct fake *f, uint64_t *state)
{
	struct wire_poll p = fake_poll_of(f, (enum wire_stage)(1 + dice(state, 5)));

	f->seq--;
	p.seq += dice(state, 50);
	p.sent += dice(state, 1000);
	p.asked_from = dice(state, 8);
	p.asked_to = p.asked_from + dice(state, 8);
	p.crowd = dice(state, 100000);
	p.grtt_us = dice(state, 1000000);
	p.n_promises = (uint16_t)dice(state, 4);
	for (unsigned int i = 0; i < p.n_promises; i++)
		p.promises[i] = (struct wire_promise){ dice(state, 9), (uint8_t)(1 + dice(state, 255)) };
	fake_put_poll(f, &p, p.stage == WIRE_OVER || dice(state, 2) ? NULL : &f->sign);
}

/* All that he can make, in any order, within what the sender sends: what is stored is right, and it ends. */
static void test_storm(void **state)
{
	uint64_t seed = 5;
	struct sign_key his;
	struct err err = { 0 };
	struct fake f;

	(void)state;
	make(&f);
	f.checks = true;
	assert_int_equal(sign_key_make(&his, &err), 0);
	fake_receive(&f, (struct rx_opts){ .rows = true, .memory_bytes = 1 << 17 });
	fake_poll(&f, WIRE_PASS);
	for (unsigned int i = 0; i < 6000; i++) {
		const uint32_t what = dice(&seed, 20), block = dice(&seed, layout_blocks(f.layout));

		if (what < 4)
			put_symbol(&f, &seed);
		else if (what == 4 && i < 5000)
			put_noise(&f, f.counter + dice(&seed, 100));
		else if (what == 5)
			fake_rows(&f, 0, CHUNKS, dice(&seed, 4) ? &his : &f.sign);
		else if (what > 6)
			fake_send(&f, block, (uint8_t)dice(&seed, layout_block(f.layout, block)->k));
		else
			put_any_poll(&f, &seed);
		if (i % 100 == 0)
			poll(NULL, 0, 1);
	}
	f.counter += 1000;
	f.seq += 100;
	for (int i = 0; i < 5; i++)
		fake_poll(&f, WIRE_OVER);
	fake_end(&f);
	assert_int_equal(f.rc, 0);
	assert_int_equal(f.wrong_content, 0);
	for (uint32_t c = 0; c < CHUNKS; c++)
		assert_true(f.stored[c] <= 1);
	clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_over),  cmocka_unit_test(test_far_ahead), cmocka_unit_test(test_put_right),
		cmocka_unit_test(test_heard), cmocka_unit_test(test_rows),	cmocka_unit_test(test_storm),
	};

	if (!lan_make())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
