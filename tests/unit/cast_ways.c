/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ways by which a receiver hears the sender: it listens on all, tells which ones bring what, and keeps one. */
#include "tests/unit/cast_fake.h"

#define SYMBOL 1408
#define GROUP6 "ff15::7:9"
#define GROUP6_RAW "ff150000000000000000000000070009"

static const uint32_t lens[] = { 100000, 1, 70000 };

static void make(struct fake *f)
{
	fake_make(f, lens, ARRAY_LEN(lens), SYMBOL, "232.7.7.9", LAN_V4);
	f->session.group2 = lan_addr(GROUP6, 7200);
	f->session.sender2 = lan_addr(LAN_V6, net_port(&f->session.sender));
	f->session.broadcast = lan_addr("10.77.0.255", 7200);
	net_may_broadcast(f->out.fd);
	fake_receive(f, (struct rx_opts){ 0 });
}

static void clear(struct fake *f)
{
	rx_stop(f->rx);
	if (f->running)
		fake_end(f);
	rx_close(f->rx);
	fake_clear(f);
}

static void probe(struct fake *f, enum wire_way way, enum wire_size size, const struct sockaddr_storage *to)
{
	const struct wire_probe p = { .way = way, .size = size };
	uint8_t packet[WIRE_HEAD + WIRE_PROBE_JUMBO];
	const struct sockaddr_storage was = f->out.to;

	f->out.to = *to;
	fake_send_sealed(f, WIRE_PROBE, packet, wire_probe_write(&p, packet + WIRE_HEAD));
	f->out.to = was;
}

static void send_all(struct fake *f)
{
	for (uint32_t b = 0; b < layout_blocks(f->layout); b++)
		for (unsigned int i = 0; i < layout_block(f->layout, b)->k; i++)
			fake_send(f, b, (uint8_t)i);
}

static bool has_joined6(void)
{
	char line[256];
	FILE *all = fopen("/proc/thread-self/net/igmp6", "re");
	bool found = false;

	assert_non_null(all);
	while (fgets(line, sizeof(line), all))
		found |= strstr(line, GROUP6_RAW) != NULL;
	fclose(all);
	return found;
}

/* A report that says this is heard, asking by POLLs. */
static void tells(struct fake *f, enum wire_stage stage, uint16_t probes)
{
	const int64_t limit = clock_now_ns() + FAKE_WAIT_NS;
	struct wire_report r = { 0 };

	do {
		assert_true(clock_now_ns() < limit);
		fake_poll(f, stage);
	} while (!fake_hear(f, &r, 50) || r.probes != probes);
}

static void test_one_is_kept(void **state)
{
	const int64_t limit = clock_now_ns() + FAKE_WAIT_NS;
	struct fake f;

	(void)state;
	make(&f);
	assert_true(has_joined6());
	/* What says that it came another way shows nothing. */
	probe(&f, WIRE_MC6, WIRE_FULL, &f.session.group);
	probe(&f, WIRE_MC4, WIRE_SMALL, &f.session.group);
	tells(&f, WIRE_GATHER, WIRE_HEARD(WIRE_MC4, WIRE_SMALL));
	probe(&f, WIRE_BROADCAST, WIRE_FULL, &f.session.broadcast);
	tells(&f, WIRE_GATHER, WIRE_HEARD(WIRE_MC4, WIRE_SMALL) | WIRE_HEARD(WIRE_BROADCAST, WIRE_FULL));
	/* Large packets are not known to come by the group, until they do. */
	f.ways = WIRE_HEARD_MC4;
	fake_poll(&f, WIRE_PASS);
	assert_true(has_joined6());
	send_all(&f);
	while (has_joined6()) {
		assert_true(clock_now_ns() < limit);
		fake_poll(&f, WIRE_ASK);
		poll(NULL, 0, 5);
	}
	fake_end(&f);
	assert_true(f.whole);
	assert_int_equal(fake_look(&f).rejected, 0);
	clear(&f);
}

/* Who has the group key, and is not the sender, can make nobody leave a way. */
static void test_ways_are_believed_when_signed(void **state)
{
	const uint16_t heard = WIRE_HEARD(WIRE_MC4, WIRE_SMALL) | WIRE_HEARD(WIRE_MC4, WIRE_FULL);
	const int64_t limit = clock_now_ns() + FAKE_WAIT_NS;
	struct wire_poll p;
	struct fake f;

	(void)state;
	make(&f);
	probe(&f, WIRE_MC4, WIRE_FULL, &f.session.group);
	tells(&f, WIRE_GATHER, heard);
	p = fake_poll_of(&f, WIRE_GATHER);
	p.ways = WIRE_HEARD_MC4;
	fake_put_poll(&f, &p, NULL);
	tells(&f, WIRE_GATHER, heard);
	tells(&f, WIRE_GATHER, heard);
	assert_true(has_joined6());
	f.ways = WIRE_HEARD_MC4;
	while (has_joined6()) {
		assert_true(clock_now_ns() < limit);
		fake_poll(&f, WIRE_GATHER);
		poll(NULL, 0, 5);
	}
	clear(&f);
}

/* Who hears nothing says so, and what is sent to it alone reaches it. */
static void test_hello(void **state)
{
	struct wire_report r = { 0 };
	struct fake f;

	(void)state;
	make(&f);
	assert_true(fake_hear(&f, &r, 20000));
	assert_int_equal(r.seq, 0);
	assert_int_equal(r.probes, 0);
	assert_int_equal(r.state, WIRE_READY);
	probe(&f, WIRE_UNICAST, WIRE_SMALL, &f.heard_from);
	probe(&f, WIRE_UNICAST, WIRE_FULL, &f.heard_from);
	while (r.probes != (WIRE_HEARD(WIRE_UNICAST, WIRE_SMALL) | WIRE_HEARD(WIRE_UNICAST, WIRE_FULL)))
		assert_true(fake_hear(&f, &r, 20000));
	assert_int_equal(r.seq, 0);
	f.out.to = f.heard_from;
	f.ways = WIRE_HEARD_UNICAST | WIRE_HEARD_MC4;
	fake_hear_state(&f, WIRE_PASS, WIRE_RECEIVING, &r);
	send_all(&f);
	fake_hear_state(&f, WIRE_ASK, WIRE_COMPLETE, &r);
	fake_end(&f);
	assert_true(f.whole);
	clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_is_kept),
		cmocka_unit_test(test_ways_are_believed_when_signed),
		cmocka_unit_test(test_hello),
	};

	if (!lan_make())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
