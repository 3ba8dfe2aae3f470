/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiver as it runs: with a sender that loses, forges, repeats, and ends when it likes. */
#include "tests/unit/cast_fake.h"

#define SYMBOL 256
#define HANGS_NS (2 * NS_PER_S)
#define V4 "232.7.7.9", LAN_V4

/* Chunks of several blocks, of one, and short ones that share blocks. */
static const uint32_t lens[] = {
	300 * SYMBOL + 1, 100 * SYMBOL, 1, 20 * SYMBOL, 30 * SYMBOL - 5, 64 * SYMBOL, 128 * SYMBOL + 7, 3
};
#define CHUNKS ARRAY_LEN(lens)

static void make(struct fake *f)
{
	fake_make(f, lens, CHUNKS, SYMBOL, V4);
}

static void end_and_clear(struct fake *f)
{
	if (f->running)
		fake_end(f);
	rx_close(f->rx);
	fake_clear(f);
}

static void assert_all_stored(struct fake *f)
{
	fake_end(f);
	assert_int_equal(f->rc, 0);
	assert_true(f->whole);
	assert_int_equal(f->wrong_content, 0);
	for (uint32_t c = 0; c < layout_chunks(f->layout); c++) {
		assert_int_equal(f->stored[c], 1);
		assert_true(rx_has(f->rx, c));
	}
	assert_int_equal(fake_look(f).stored_bytes, layout_bytes(f->layout));
}

static void send_blocks(struct fake *f, uint32_t from, uint32_t to)
{
	for (uint32_t b = from; b < to; b++)
		for (unsigned int i = 0; i < layout_block(f->layout, b)->k; i++)
			fake_send(f, b, (uint8_t)i);
}

static void whole_by(const char *group, const char *sender, bool one_by_one, uint16_t symbol)
{
	struct wire_report report;
	struct fake f;

	fake_make(&f, lens, CHUNKS, symbol, group, sender);
	fake_receive(&f, (struct rx_opts){ .one_by_one = one_by_one, .hands = 3, .interface = "d0" });
	fake_poll(&f, WIRE_GATHER);
	fake_hear_state(&f, 0, WIRE_READY, &report);
	assert_true(report.buffer_kib >= 100);
	send_blocks(&f, 0, layout_blocks(f.layout));
	assert_all_stored(&f);
	fake_hear_state(&f, WIRE_ASK, WIRE_COMPLETE, &report);
	rx_done(f.rx);
	fake_hear_state(&f, 0, WIRE_DONE, &report);
	fake_poll(&f, WIRE_OVER);
	end_and_clear(&f);
}

static void test_whole(void **state)
{
	(void)state;
	whole_by(V4, false, SYMBOL);
	whole_by(V4, true, SYMBOL);
	whole_by("ff15::7:9", LAN_V6, false, 1408);
	whole_by(LAN_V4, "10.77.0.1", false, 64); /* for one receiver only */
}

/* Of every block some symbols are lost, and as many parity rows come for them. */
static void test_repair(void **state)
{
	uint64_t lost = 0;
	struct fake f;

	(void)state;
	make(&f);
	fake_receive(&f, (struct rx_opts){ 0 });
	for (uint32_t b = 0; b < layout_blocks(f.layout); b++) {
		const unsigned int k = layout_block(f.layout, b)->k;
		unsigned int gone = 0;

		for (unsigned int i = 0; i < k; i++)
			if ((i * 7 + b) % 11 == 3)
				gone++;
			else
				fake_send(&f, b, (uint8_t)i);
		for (unsigned int j = 0; j < gone; j++)
			fake_send(&f, b, (uint8_t)(k + 2 * j));
		lost += gone;
	}
	assert_all_stored(&f);
	assert_int_equal(fake_look(&f).repaired_symbols, lost);
	assert_int_equal(fake_look(&f).rejected, 0);
	end_and_clear(&f);
}

/* One packet of every kind that is no good. */
static unsigned int send_bad(struct fake *f, struct net_out *stranger, uint32_t block, uint8_t index)
{
	uint8_t packet[SYMBOL + WIRE_DATA_MORE], bad[SYMBOL + WIRE_DATA_MORE];
	const size_t len = fake_data(f, block, index, packet);
	struct err err = { 0 };
	static const size_t at[] = { 0, 1, 3, 4, 15, 16, 23, 24, 200, SYMBOL + 39 };

	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		memcpy(bad, packet, len);
		bad[at[i]] ^= 0x40;
		fake_put(f, bad, len);
	}
	fake_put(f, packet, len - 1);
	fake_put(f, packet, 10);
	assert_int_equal(net_send(stranger, packet, len, len, &err), 0);
	return ARRAY_LEN(at) + 3;
}

static void test_no_good(void **state)
{
	struct sockaddr_storage here = lan_addr(LAN_V4, 0);
	struct net_out stranger = { 0 };
	uint8_t packet[SYMBOL + WIRE_DATA_MORE];
	struct err err = { 0 };
	uint64_t bad = 0, all;
	unsigned int d0;
	struct fake f;
	size_t len;

	(void)state;
	make(&f);
	stranger.to = f.session.group;
	assert_int_equal(net_interface("d0", &d0, &err), 0);
	assert_int_equal(net_open(&here, false, &stranger.fd, &err), 0); /* the same host, another port */
	assert_int_equal(net_multicast_by(stranger.fd, AF_INET, d0, 1, &err), 0);
	fake_receive(&f, (struct rx_opts){ 0 });
	for (uint32_t b = 0; b < layout_blocks(f.layout); b++) {
		bad += send_bad(&f, &stranger, b, 0);
		bad += send_bad(&f, &stranger, b, (uint8_t)(layout_block(f.layout, b)->k + 1));
	}
	fake_settle(&f, bad);
	assert_int_equal(fake_look(&f).rejected, bad);
	assert_int_equal(fake_look(&f).bytes, 0);
	/* A packet twice: the second time its counter was seen. */
	len = fake_data(&f, 0, 0, packet);
	for (int i = 0; i < 3; i++)
		fake_put(&f, packet, len);
	fake_settle(&f, bad + 3);
	assert_int_equal(fake_look(&f).rejected, bad + 2);
	all = bad + 3;
	send_blocks(&f, 0, layout_blocks(f.layout));
	assert_all_stored(&f);
	assert_int_equal(fake_look(&f).rejected, bad + 2);
	assert_int_equal(fake_look(&f).receiver.known, 1);
	assert_int_equal(fake_look(&f).dropped_for_memory, 0);
	assert_true(fake_look(&f).packets == all + f.sent);
	close(stranger.fd);
	end_and_clear(&f);
}

static void test_wrong_digest(void **state)
{
	struct wire_report report;
	struct fake f;

	(void)state;
	make(&f);
	f.refuse[0] = 1;
	f.refuse[3] = 2; /* it shares its block */
	fake_receive(&f, (struct rx_opts){ 0 });
	send_blocks(&f, 0, layout_blocks(f.layout));
	do
		fake_hear_state(&f, WIRE_ASK, WIRE_RECEIVING, &report);
	while (fake_look(&f).bad_chunks < 2 || !report.n_needs);
	assert_int_equal(report.needs[0].first, 0);
	send_blocks(&f, 0, layout_blocks(f.layout));
	fake_end(&f);
	assert_int_equal(f.rc, 0);
	assert_false(f.whole);
	for (uint32_t c = 0; c < CHUNKS; c++) {
		assert_int_equal(f.stored[c], c != 3);
		assert_int_equal(rx_has(f.rx, c), c != 3);
	}
	assert_int_equal(fake_look(&f).bad_chunks, 3);
	/* The third one comes from elsewhere. */
	rx_done(f.rx);
	fake_hear_state(&f, 0, WIRE_DONE, &report);
	end_and_clear(&f);
}

static void test_rows(void **state)
{
	struct sign_key other;
	struct wire_report report;
	struct fake f;

	(void)state;
	make(&f);
	crypto_sign_keypair(other.public, other.secret);
	fake_receive(&f, (struct rx_opts){ .rows = true });
	fake_rows(&f, 2, CHUNKS - 2, &f.sign);
	fake_rows(&f, 0, 2, &other);
	send_blocks(&f, 0, layout_blocks(f.layout));
	fake_hear_state(&f, WIRE_ASK, WIRE_RECEIVING, &report);
	while (report.rows_from == UINT32_MAX || fake_look(&f).receiver.chunks_good != CHUNKS - 2)
		fake_hear_state(&f, WIRE_ASK, WIRE_RECEIVING, &report);
	assert_int_equal(report.rows_from, 0);
	assert_int_equal(report.n_needs, 0);
	assert_false(rx_has(f.rx, 0) || rx_has(f.rx, 1));
	assert_int_equal(fake_look(&f).rejected, 1);
	fake_rows(&f, 0, CHUNKS, &f.sign);
	assert_all_stored(&f);
	assert_int_equal(f.with_digest, CHUNKS);
	end_and_clear(&f);
}

/* Room for two chunks, and all of them begun: what is given up is asked for again. */
static void test_memory(void **state)
{
	uint32_t same[20];
	struct fake f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		same[i] = 128 * SYMBOL;
	fake_make(&f, same, ARRAY_LEN(same), SYMBOL, V4);
	fake_receive(&f, (struct rx_opts){ .memory_bytes = 2 * 128 * SYMBOL + SYMBOL });
	for (uint32_t b = 0; b < layout_blocks(f.layout); b++) {
		fake_send(&f, b, 0);
		fake_send(&f, b, 128);
		fake_send(&f, b, 129);
	}
	fake_settle(&f, f.sent);
	assert_true(fake_look(&f).dropped_for_memory >= 18);
	assert_int_equal(fake_look(&f).receiver.blocks_lacking, 20);
	for (uint32_t b = 0; b < layout_blocks(f.layout); b++) {
		send_blocks(&f, b, b + 1);
		fake_settle(&f, f.sent);
		/* Its memory is free again before the next one comes. */
		while (!rx_has(f.rx, b))
			poll(NULL, 0, 1);
	}
	assert_all_stored(&f);
	end_and_clear(&f);
}

/* A disk that takes its time: what comes meanwhile waits in the socket, and nothing is given up for it. */
static void test_slow_disk(void **state)
{
	uint32_t same[40];
	struct fake f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		same[i] = 128 * SYMBOL;
	fake_make(&f, same, ARRAY_LEN(same), SYMBOL, V4);
	f.hold = true;
	fake_receive(&f, (struct rx_opts){ .memory_bytes = 16 * 128 * SYMBOL, .hands = 2 });
	send_blocks(&f, 0, layout_blocks(f.layout));
	pthread_mutex_lock(&f.lock);
	while (f.in_sink < 2)
		pthread_cond_wait(&f.changed, &f.lock);
	f.hold = false;
	pthread_cond_broadcast(&f.changed);
	pthread_mutex_unlock(&f.lock);
	assert_all_stored(&f);
	assert_int_equal(fake_look(&f).dropped_for_memory, 0);
	end_and_clear(&f);
}

/* Whoever waits for its disk does not listen: that is not the sender's silence. */
static void test_disk_that_hangs(void **state)
{
	uint32_t same[40];
	struct fake f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		same[i] = 128 * SYMBOL;
	fake_make(&f, same, ARRAY_LEN(same), SYMBOL, V4);
	f.hold = true;
	fake_receive(&f, (struct rx_opts){ .memory_bytes = 16 * 128 * SYMBOL, .hands = 2, .silence_ns = HANGS_NS / 4 });
	send_blocks(&f, 0, layout_blocks(f.layout));
	clock_sleep_ns(HANGS_NS);
	pthread_mutex_lock(&f.lock);
	assert_int_equal(f.in_sink, 2);
	f.hold = false;
	pthread_cond_broadcast(&f.changed);
	pthread_mutex_unlock(&f.lock);
	assert_all_stored(&f);
	end_and_clear(&f);
}

static void test_ends(void **state)
{
	struct fake f;

	(void)state;
	make(&f); /* somebody stops it */
	fake_receive(&f, (struct rx_opts){ 0 });
	send_blocks(&f, 0, 1);
	fake_settle(&f, f.sent);
	rx_stop(f.rx);
	fake_end(&f);
	assert_true(f.rc == 0 && !f.whole);
	end_and_clear(&f);

	make(&f); /* the sender says nothing any more */
	fake_receive(&f, (struct rx_opts){ .silence_ns = 100 * NS_PER_MS });
	send_blocks(&f, 0, 1);
	fake_end(&f);
	assert_true(f.rc == 0 && !f.whole);
	end_and_clear(&f);

	make(&f); /* only its small packets come: it ends while they go on */
	fake_receive(&f, (struct rx_opts){ .silence_ns = 100 * NS_PER_MS });
	while (pthread_tryjoin_np(f.thread, NULL) != 0) {
		assert_true(f.seq < 500);
		fake_poll(&f, WIRE_PASS);
		clock_sleep_ns(20 * NS_PER_MS);
	}
	f.running = false;
	assert_true(f.rc == 0 && !f.whole);
	end_and_clear(&f);

	make(&f); /* it is over, and all that came is stored */
	fake_receive(&f, (struct rx_opts){ 0 });
	send_blocks(&f, 0, 4);
	fake_poll(&f, WIRE_OVER);
	fake_end(&f);
	assert_true(f.rc == 0 && !f.whole && f.stored[0] == 1 && f.stored[1] == 1 && f.stored[2] == 0);
	end_and_clear(&f);

	make(&f); /* the disk */
	f.broken = true;
	fake_receive(&f, (struct rx_opts){ 0 });
	send_blocks(&f, 0, layout_blocks(f.layout));
	fake_end(&f);
	assert_int_equal(f.rc, -1);
	assert_string_equal(f.err.text, "the disk is broken");
	end_and_clear(&f);
}

/* What was there before is not asked for, and with all of it there it is over at once. */
static void test_have(void **state)
{
	uint8_t have = 0xfe;
	struct fake f;

	(void)state;
	make(&f);
	fake_receive(&f, (struct rx_opts){ .have = &have });
	send_blocks(&f, 0, layout_blocks(f.layout));
	fake_end(&f);
	assert_true(f.rc == 0 && f.whole && f.stored[0] == 1 && f.stored[1] == 0);
	assert_true(rx_has(f.rx, 1));
	end_and_clear(&f);

	make(&f);
	have = 0xff;
	fake_receive(&f, (struct rx_opts){ .have = &have });
	fake_end(&f);
	assert_true(f.rc == 0 && f.whole && f.stored[0] == 0);
	assert_int_equal(rx_run(f.rx, &f.whole, &f.err), -1);
	assert_int_equal(f.err.kind, ERR_USAGE);
	end_and_clear(&f);
}

static void test_cannot(void **state)
{
	struct rx_opts o = { .interface = "nothere" };
	struct err err = { 0 };
	struct fake f;

	(void)state;
	make(&f);
	o.layout = f.layout;
	o.session = &f.session;
	assert_int_equal(rx_open(&o, &f.rx, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	/* Opened and never run. */
	o.interface[0] = '\0';
	assert_int_equal(rx_open(&o, &f.rx, &err), 0);
	rx_close(f.rx);
	rx_close(NULL);
	fake_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	  cmocka_unit_test(test_repair),
		cmocka_unit_test(test_no_good),	  cmocka_unit_test(test_wrong_digest),
		cmocka_unit_test(test_rows),	  cmocka_unit_test(test_memory),
		cmocka_unit_test(test_slow_disk), cmocka_unit_test(test_disk_that_hangs),
		cmocka_unit_test(test_ends),	  cmocka_unit_test(test_have),
		cmocka_unit_test(test_cannot),
	};

	if (!lan_make())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
