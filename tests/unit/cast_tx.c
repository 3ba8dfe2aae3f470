/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/tx.h against a receiver that is written here, from docs/cast.md alone: over the loopback interface, to one address. */
#include "cast_tx_run.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

static void try_whole_by(const struct run *by, unsigned int hands, bool scratch, unsigned int drop_every, bool one_by_one)
{
	struct goods g;
	struct ear e;
	struct run r = *by;
	struct tx_view v;
	struct tx_opts o;
	pthread_t thread;

	goods_make(&g, mixed, ARRAY_LEN(mixed));
	g.through_scratch = scratch;
	ear_open(&e, &g);
	e.drop_every = drop_every;
	o = options(&g, &e);
	o.hands = hands;
	o.one_by_one = one_by_one;
	r.tx = open_tx(&o);
	cast_whole(&e, &r, &thread);
	check_whole(&e);
	assert_true(e.overs > 0);
	tx_look(r.tx, &v);
	assert_int_equal(v.sender.complete, 1);
	assert_int_equal(v.rejected, 0);
	assert_true(v.seconds > 0);
	assert_true(v.wire_bytes >= e.data * (SYMBOL + WIRE_DATA_MORE));
	tx_close(r.tx);
	ear_close(&e);
	goods_free(&g);
}

static void try_whole(unsigned int hands, bool scratch, unsigned int drop_every, bool one_by_one)
{
	try_whole_by(&(struct run){ 0 }, hands, scratch, drop_every, one_by_one);
}

static void test_confined(void **state)
{
	(void)state;
	try_whole_by(&(struct run){ .confined = true }, 3, true, 7, false);
	try_whole_by(&(struct run){ .confined = true }, 1, false, 0, true);
}

static void test_whole(void **state)
{
	(void)state;
	try_whole(1, false, 0, false);
	try_whole(1, true, 0, true);
}

static void test_hands(void **state)
{
	(void)state;
	try_whole(3, true, 0, false);
	try_whole(0, false, 7, false);
}

static void test_lost_packets_are_repaired(void **state)
{
	(void)state;
	try_whole(1, true, 3, false);
	try_whole(1, false, 20, true);
}

static void test_rows_come_with_what_they_are_about(void **state)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct tx_opts o;
	pthread_t thread;

	(void)state;
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	o = options(&g, &e);
	o.source.digest = goods_digest;
	o.source.sign = goods_sign;
	o.hands = 2;
	r.tx = open_tx(&o);
	cast_whole(&e, &r, &thread);
	check_whole(&e);
	assert_int_equal(e.digests_wrong, 0);
	for (size_t i = 0; i < ARRAY_LEN(mixed); i++)
		assert_int_equal(e.digests_seen[i], 1);
	tx_close(r.tx);
	ear_close(&e);
	goods_free(&g);
}

static void test_what_is_no_report_is_counted_and_stops_nothing(void **state)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct tx_view v;
	struct tx_opts o;
	pthread_t thread;

	(void)state;
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	e.noise = 50;
	e.drop_every = 10;
	o = options(&g, &e);
	r.tx = open_tx(&o);
	cast_whole(&e, &r, &thread);
	check_whole(&e);
	tx_look(r.tx, &v);
	assert_true(v.rejected >= 50);
	tx_close(r.tx);
	ear_close(&e);
	goods_free(&g);
}

static void test_who_joins_when(void **state)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct err err = { 0 };
	struct sender_receiver_view one;
	struct tx_opts o;
	pthread_t thread;

	(void)state;
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	o = options(&g, &e);
	o.expected = 3;
	r.tx = open_tx(&o);
	assert_int_equal(tx_join(r.tx, 0, e.session.own_key, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_int_equal(tx_join(r.tx, 1, e.session.own_key, NULL, &err), 0);
	assert_int_equal(tx_join(r.tx, 1, e.session.own_key, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	tx_leave(r.tx, 1, false);
	tx_leave(r.tx, 9, false); /* never heard of */
	assert_int_equal(tx_join(r.tx, 1, e.session.own_key, NULL, &err), -1);
	/* Three were expected, one is there: it begins when it is told to. */
	tx_start(r.tx);
	cast_whole(&e, &r, &thread);
	check_whole(&e);
	assert_true(tx_look_at(r.tx, NUMBER, &one));
	assert_true(one.state >= WIRE_COMPLETE);
	assert_false(tx_look_at(r.tx, 100, &one));
	assert_int_equal(tx_join(r.tx, 20, e.session.own_key, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	tx_leave(r.tx, NUMBER, true);
	tx_start(r.tx);
	tx_close(r.tx);
	ear_close(&e);
	goods_free(&g);
}

/* A relay is sent all that the others are, at its own address. */
static void test_who_is_reached_besides(void **state)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct err err = { 0 };
	struct sockaddr_storage here, other;
	uint8_t p[65536];
	uint64_t data = 0;
	struct tx_opts o;
	pthread_t thread;
	ssize_t n;
	int relay;

	(void)state;
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	assert_int_equal(net_parse("127.0.0.1", 0, &here, &err), 0);
	assert_int_equal(net_open(&here, false, &relay, &err), 0);
	net_receive_buffer(relay, 8 << 20);
	assert_int_equal(net_bound(relay, &here, &err), 0);
	o = options(&g, &e);
	r.tx = open_tx(&o);
	assert_int_equal(net_parse("::1", 4580, &other, &err), 0);
	assert_int_equal(tx_relay(r.tx, &other, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_int_equal(tx_relay(r.tx, &here, &err), 0);
	assert_int_equal(tx_relay(r.tx, &here, &err), 0);
	cast_whole(&e, &r, &thread);
	check_whole(&e);
	while ((n = recv(relay, p, sizeof(p), MSG_DONTWAIT)) > 0)
		data += p[1] == WIRE_DATA;
	assert_true(data >= e.data && data < 2 * e.data); /* told twice, it gets all once */
	close(relay);
	tx_close(r.tx);
	ear_close(&e);
	goods_free(&g);
}

static void test_stop_ends_it(void **state)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct tx_opts o;
	pthread_t thread;

	(void)state;
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	e.stays_silent_for = UINT32_MAX; /* nobody ever answers: it gathers */
	o = options(&g, &e);
	o.gather_ns = 1000 * NS_PER_S;
	r.tx = open_tx(&o);
	assert_int_equal(tx_join(r.tx, NUMBER, e.session.own_key, NULL, &r.err), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_main, &r), 0);
	while (e.polls == 0)
		hear_some(&e, 100);
	tx_stop(r.tx);
	listen_until_done(&e, &r);
	pthread_join(thread, NULL);
	assert_int_equal(r.rc, 0);
	assert_true(e.overs > 0);
	tx_stop(r.tx);
	tx_close(r.tx);
	ear_close(&e);
	goods_free(&g);
}

static void test_a_source_that_fails_ends_it(void **state)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct tx_opts o;
	pthread_t thread;

	(void)state;
	for (unsigned int hands = 1; hands < 4; hands += 2) {
		goods_make(&g, mixed, ARRAY_LEN(mixed));
		g.fails_at = 10;
		ear_open(&e, &g);
		o = options(&g, &e);
		o.hands = hands;
		r = (struct run){ .tx = open_tx(&o) };
		assert_int_equal(tx_join(r.tx, NUMBER, e.session.own_key, NULL, &r.err), 0);
		assert_int_equal(pthread_create(&thread, NULL, run_main, &r), 0);
		listen_until_done(&e, &r);
		pthread_join(thread, NULL);
		assert_int_equal(r.rc, -1);
		assert_string_equal(r.err.text, "chunk 10 can't be read");
		assert_true(e.overs > 0);
		tx_close(r.tx);
		ear_close(&e);
		goods_free(&g);
	}
}

static void test_addresses_that_are_not_here(void **state)
{
	struct goods g;
	struct ear e;
	struct tx_opts o;
	struct tx *tx = NULL;
	struct err err = { 0 };

	(void)state;
	assert_true(tx_takes_jumbo("lo"));
	assert_false(tx_takes_jumbo("nowhere0"));
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	o = options(&g, &e);
	snprintf(o.interface, sizeof(o.interface), "nowhere0");
	assert_int_equal(tx_open(&o, &tx, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	o = options(&g, &e);
	assert_int_equal(net_parse("192.0.2.1", 0, &e.session.sender, &err), 0);
	assert_int_equal(tx_open(&o, &tx, &err), -1);
	assert_null(tx);
	ear_close(&e);
	goods_free(&g);
}

/* Three ports in a row that nobody has, and that the kernel gives to nobody by itself: other tests run beside this one. */
static uint16_t free_ports(struct sockaddr_storage *at)
{
	for (;;) {
		const uint16_t first = (uint16_t)(10000 + randombytes_uniform(20000));
		struct err err = { 0 };
		int fd, n = 0;

		while (n < 3) {
			net_port_set(at, first + n);
			if (net_open(at, false, &fd, &err) < 0)
				break;
			close(fd);
			n++;
		}
		net_port_set(at, first);
		if (n == 3)
			return first;
	}
}

/* Ports of a range that a firewall lets in: the first that nobody has. */
static void test_ports(void **state)
{
	struct goods g;
	struct ear e;
	struct tx_opts o;
	struct tx *tx[3], *none;
	struct err err = { 0 };
	uint16_t first;
	char taken[64];

	(void)state;
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	o = options(&g, &e);
	first = free_ports(&e.session.sender);
	o.ports = 3;
	for (uint16_t i = 0; i < 3; i++) {
		tx[i] = open_tx(&o);
		assert_int_equal(tx_port(tx[i]), first + i);
	}
	assert_int_equal(tx_open(&o, &none, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	snprintf(taken, sizeof(taken), "3 ports from %u on are in use", first);
	assert_non_null(strstr(err.text, taken));
	tx_close(tx[1]);
	tx[1] = open_tx(&o);
	assert_int_equal(tx_port(tx[1]), first + 1);
	for (int i = 0; i < 3; i++)
		tx_close(tx[i]);
	o.ports = 0;
	tx[0] = open_tx(&o);
	assert_int_equal(tx_port(tx[0]), first);
	assert_int_equal(tx_open(&o, &none, &err), -1); /* that one, and no other */
	tx_close(tx[0]);
	ear_close(&e);
	goods_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_hands),
		cmocka_unit_test(test_confined),
		cmocka_unit_test(test_lost_packets_are_repaired),
		cmocka_unit_test(test_rows_come_with_what_they_are_about),
		cmocka_unit_test(test_what_is_no_report_is_counted_and_stops_nothing),
		cmocka_unit_test(test_who_joins_when),
		cmocka_unit_test(test_who_is_reached_besides),
		cmocka_unit_test(test_stop_ends_it),
		cmocka_unit_test(test_a_source_that_fails_ends_it),
		cmocka_unit_test(test_addresses_that_are_not_here),
		cmocka_unit_test(test_ports),
	};

	/* Whom the sender does not hear for 100 ms it leaves behind: whatever else this machine does, the ear answers first.
	 * Without root it does so as well as it can. */
	(void)sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &(struct sched_param){ .sched_priority = 1 });
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
