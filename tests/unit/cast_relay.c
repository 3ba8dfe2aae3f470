/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A relay passes on what can be a sender's, from those whom it was told, to the group that the cast's number says and to relays
 * behind it, unchanged; nothing else. */
#include "tests/unit/cast_lan.h"

#include "base/str.h"
#include "cast/relay.h"
#include "cast/wire.h"

#include <pthread.h>

#define SENDER "10.77.0.2"
#define BEHIND "10.77.0.3"
#define STRANGER "10.77.0.4"
#define GROUP "232.9.9.64"
#define PORT 7300
#define PACKET 1448
#define BURST 40

static void packet(uint8_t *out, size_t len, enum wire_type type, uint16_t from, uint32_t cast, uint64_t counter)
{
	const struct wire_head h = { .type = type, .from = from, .cast = cast, .counter = counter };

	memset(out, (int)counter, len);
	wire_head_write(&h, out);
}

/* --- what is looked at */

static void sifts(void **state)
{
	uint8_t p[6 * 100 + 40];
	struct relay_run r;

	(void)state;
	packet(p, 100, WIRE_DATA, 0, 1, 1);
	packet(p + 100, 100, WIRE_POLL, 0, 1, 2);
	packet(p + 200, 100, WIRE_REPORT, 7, 1, 3);
	packet(p + 300, 100, WIRE_DATA, 0, 2, 4);
	p[400] = 'x';
	packet(p + 500, 100, WIRE_ROWS, 3, 2, 6);
	packet(p + 600, 40, WIRE_PROBE, 0, 2, 7);
	relay_sift(p, sizeof(p), 100, 0, &r);
	assert_int_equal(r.at, 0);
	assert_int_equal(r.len, 200);
	assert_int_equal(r.cast, 1);
	assert_int_equal(r.refused, 0);
	relay_sift(p, sizeof(p), 100, r.at + r.len, &r);
	assert_int_equal(r.at, 300);
	assert_int_equal(r.len, 100);
	assert_int_equal(r.cast, 2);
	assert_int_equal(r.refused, 1);
	relay_sift(p, sizeof(p), 100, r.at + r.len, &r);
	assert_int_equal(r.at, 600);
	assert_int_equal(r.len, 40);
	assert_int_equal(r.refused, 2);
	relay_sift(p, sizeof(p), 100, r.at + r.len, &r);
	assert_int_equal(r.len, 0);
	/* Too short to be sealed; larger than any. */
	relay_sift(p, WIRE_HEAD + WIRE_TAG - 1, 100, 0, &r);
	assert_true(r.len == 0 && r.refused == 1);
}

static void sifts_large_ones(void **state)
{
	autofree uint8_t *p = mem_zalloc(10000);
	struct relay_run r;

	(void)state;
	packet(p, 9000, WIRE_DATA, 0, 1, 1);
	relay_sift(p, 8936, 8936, 0, &r);
	assert_int_equal(r.len, 8936);
	relay_sift(p, 8937, 8937, 0, &r);
	assert_true(r.len == 0 && r.refused == 1);
}

static struct relay_opts options(void)
{
	struct relay_opts o = { .address = lan_addr(LAN_V4, PORT), .group = lan_addr(GROUP, 0), .n_from = 1, .n_to = 1 };

	o.from[0] = lan_addr(SENDER, 0);
	o.to[0] = lan_addr(BEHIND, 0);
	return o;
}

static void refuses(const struct relay_opts *o, const char *words)
{
	struct relay *r = NULL;
	struct err err = { 0 };

	assert_int_equal(relay_check(o, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	if (!strstr(err.text, words))
		fail_msg("'%s' is not in: %s", words, err.text);
	assert_int_equal(relay_open(o, &r, &err), -1);
	assert_null(r);
}

static void checks(void **state)
{
	struct relay_opts good = options(), o = good;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(relay_check(&good, &err), 0);
	o.n_from = 0;
	refuses(&o, "nobody");
	o = good;
	o.group = lan_addr("10.77.0.9", 0);
	refuses(&o, "no group");
	o.group = lan_addr("ff35::8000:40", 0);
	refuses(&o, "family");
	o.group = lan_addr("232.9.9.193", 0);
	refuses(&o, "first of 64");
	o = good;
	o.from[0] = lan_addr(LAN_V6, 0);
	refuses(&o, "another family");
	o.from[0] = lan_addr("232.9.9.9", 0);
	refuses(&o, "is a group");
	o = good;
	o.to[0] = lan_addr(LAN_V4, 5);
	refuses(&o, "round and round");
	o.to[0] = lan_addr(SENDER, 5);
	refuses(&o, "get back");
	o = good;
	snprintf(o.interface, sizeof(o.interface), "nothere0");
	assert_int_equal(relay_check(&o, &err), 0);
}

static void words(void **state)
{
	autoclean(str_list_free) struct str_list from = { 0 }, to = { 0 };
	const struct relay_opts good = options();
	struct relay_opts o;
	struct err err = { 0 };

	(void)state;
	str_list_add(&from, SENDER);
	str_list_add(&to, BEHIND);
	assert_int_equal(relay_words(&o, LAN_V4, PORT, GROUP, &from, &to, &err), 0);
	assert_int_equal(relay_check(&o, &err), 0);
	assert_true(net_same(&o.address, &good.address));
	assert_int_equal(net_port(&o.from[0]), PORT);
	assert_int_equal(o.n_from + o.n_to, 2);
	assert_int_equal(relay_words(&o, LAN_V4, 0, GROUP, &from, &to, &err), -1);
	assert_int_equal(relay_words(&o, LAN_V4, 65536, GROUP, &from, &to, &err), -1);
	assert_int_equal(relay_words(&o, "here", PORT, GROUP, &from, &to, &err), -1);
	for (int i = 0; i < RELAY_TO_MAX; i++)
		str_list_add(&to, BEHIND);
	assert_int_equal(relay_words(&o, LAN_V4, PORT, GROUP, &from, &to, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
}

static void groups(void **state)
{
	struct relay_opts o = options();
	struct sockaddr_storage is, should;

	(void)state;
	relay_group(&o, 0x80000041, &is);
	should = lan_addr("232.9.9.65", 0);
	assert_true(net_same(&is, &should));
	o.group = lan_addr("ff35::8000:40", 9);
	relay_group(&o, 63, &is);
	should = lan_addr("ff35::8000:7f", 0);
	assert_true(net_same(&is, &should));
}

/* --- as it runs */

static void *run(void *relay)
{
	struct err err = { 0 };

	if (relay_run(relay, &err) < 0)
		puts(err.text);
	return NULL;
}

static int hear(const char *at, const char *from)
{
	const struct sockaddr_storage a = lan_addr(at, PORT);
	struct err err = { 0 };
	unsigned int d0;
	int fd;

	assert_int_equal(net_open(&a, from != NULL, &fd, &err), 0);
	(void)net_receive_buffer(fd, NET_BUFFER);
	if (from) {
		const struct sockaddr_storage source = lan_addr(from, 0);

		assert_int_equal(net_interface("d0", &d0, &err), 0);
		assert_int_equal(net_join(fd, &a, &source, d0, &err), 0);
	}
	return fd;
}

/* The packets of the burst but `without`, in their order, from the relay's own address and port. */
static void expect(int fd, const uint8_t *burst, unsigned int without)
{
	const struct sockaddr_storage relay = lan_addr(LAN_V4, PORT);
	struct sockaddr_storage from;
	uint8_t p[2 * PACKET];

	for (unsigned int i = 0; i < BURST; i++) {
		socklen_t len = sizeof(from);

		if (i == without)
			continue;
		assert_true(lan_wait(fd, 10000));
		assert_int_equal(recvfrom(fd, p, sizeof(p), 0, (struct sockaddr *)&from, &len), PACKET);
		assert_memory_equal(p, burst + (size_t)i * PACKET, PACKET);
		assert_true(net_same(&from, &relay));
	}
	assert_int_equal(recv(fd, p, sizeof(p), MSG_DONTWAIT), -1);
}

static void send_from(const char *host, const uint8_t *data, size_t len)
{
	const struct sockaddr_storage from = lan_addr(host, 0);
	struct net_out out = { .to = lan_addr(LAN_V4, PORT) };
	struct err err = { 0 };

	assert_int_equal(net_open(&from, false, &out.fd, &err), 0);
	assert_int_equal(net_send(&out, data, len, PACKET, &err), 0);
	close(out.fd);
}

static void until_seen(const struct relay *r, uint64_t packets, uint64_t refused)
{
	struct relay_view v;

	for (int i = 0; i < 10000; i++) {
		relay_look(r, &v);
		if (v.packets >= packets && v.refused >= refused)
			break;
		(void)poll(NULL, 0, 1);
	}
	assert_int_equal(v.packets, packets);
	assert_int_equal(v.refused, refused);
	assert_int_equal(v.bytes, packets * PACKET);
	assert_int_equal(v.lost + v.dropped, 0);
}

static void passes_on(bool one_by_one)
{
	static uint8_t burst[BURST * PACKET];
	struct relay_opts o = options();
	struct relay *r;
	struct err err = { 0 };
	pthread_t thread;
	const int mine = hear("232.9.9.69", LAN_V4), other = hear("232.9.9.64", LAN_V4), behind = hear(BEHIND, NULL);

	o.one_by_one = one_by_one;
	assert_int_equal(relay_open(&o, &r, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, run, r), 0);
	for (unsigned int i = 0; i < BURST; i++)
		packet(burst + (size_t)i * PACKET, PACKET, WIRE_DATA, 0, 0x80000005, i);
	burst[7 * PACKET] ^= 1;
	send_from(STRANGER, burst, sizeof(burst));
	until_seen(r, 0, BURST);
	send_from(SENDER, burst, sizeof(burst));
	expect(mine, burst, 7);
	expect(behind, burst, 7);
	until_seen(r, BURST - 1, BURST + 1);
	assert_int_equal(recv(other, burst, PACKET, MSG_DONTWAIT), -1);
	relay_stop(r);
	pthread_join(thread, NULL);
	relay_close(r);
	close(mine);
	close(other);
	close(behind);
}

static void many_at_once(void **state)
{
	(void)state;
	passes_on(false);
}

static void one_by_one(void **state)
{
	(void)state;
	passes_on(true);
}

static void opens(void **state)
{
	struct relay_opts o = options();
	struct relay *r = NULL;
	struct err err = { 0 };

	(void)state;
	snprintf(o.interface, sizeof(o.interface), "nothere0");
	assert_int_equal(relay_open(&o, &r, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	o = options();
	o.address = lan_addr("192.0.2.1", PORT); /* not here */
	assert_int_equal(relay_open(&o, &r, &err), -1);
	assert_null(r);
	relay_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sifts),      cmocka_unit_test(sifts_large_ones),
		cmocka_unit_test(checks),     cmocka_unit_test(words),
		cmocka_unit_test(groups),     cmocka_unit_test(many_at_once),
		cmocka_unit_test(one_by_one), cmocka_unit_test(opens),
	};
	struct err err = { 0 };

	if (!lan_make())
		return 77;
	if (SPAWN(&err, "ip", "address", "add", SENDER "/24", "dev", "d0") < 0 ||
	    SPAWN(&err, "ip", "address", "add", BEHIND "/24", "dev", "d0") < 0 ||
	    SPAWN(&err, "ip", "address", "add", STRANGER "/24", "dev", "d0") < 0) {
		puts(err.text);
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
