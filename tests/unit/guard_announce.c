/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a head tells the network, and what it hears: frames byte by byte, the schedule, and, in a network namespace, the sockets
 * and the addresses. tests/netns/announce.sh has neighbours. */
#include "headfailover/guard/announce.h"
#include "headfailover/guard/announce_frame.h"

#include "base/buf.h"
#include "base/mem.h"
#include "sys/spawn.h"

#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };
static const struct addr6 four = { { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 9, [15] = 1 } };
static const struct addr6 six = { { 0xfd, 9, [15] = 1 } };

static void a_burst_is_said_seven_times(void **state)
{
	static const int64_t at_ms[] = { 0, 1, 5, 20, 100, 1000, 5000 };
	const int64_t began = INT64_C(123456789012);
	struct burst b;
	int64_t next;

	(void)state;
	burst_start(&b, began);
	for (size_t i = 0; i < ARRAY_LEN(at_ms); i++) {
		if (i > 0) {
			assert_int_equal(next, began + at_ms[i] * MS);
			assert_false(burst_due(&b, next - 1, &next));
		}
		assert_true(burst_due(&b, began + at_ms[i] * MS, &next));
		assert_false(burst_due(&b, began + at_ms[i] * MS, &next));
	}
	assert_int_equal(next, INT64_MAX);
	assert_int_equal(BURST_STEPS, ARRAY_LEN(at_ms));
	/* Who comes late says it once, and goes on with what is still to come. */
	burst_start(&b, began);
	assert_true(burst_due(&b, began + 50 * MS, &next));
	assert_int_equal(next, began + 100 * MS);
	burst_stop(&b);
	assert_false(burst_due(&b, began + 10000 * MS, &next));
	assert_int_equal(next, INT64_MAX);
}

static void frames_are_as_the_rfcs_say(void **state)
{
	static const uint8_t request[42] = { 255, 255, 255, 255, 255, 255, 2, 0,  0, 0, 0, 7, 8, 6, 0, 1, 8, 0,	 6, 4, 0,
					     1,	  2,   0,   0,	 0,   0,   7, 10, 9, 0, 1, 0, 0, 0, 0, 0, 0, 10, 9, 0, 1 };
	static const uint8_t advertisement[86] = { 0x33, 0x33, 0,	    0,	  0,	    1,	      2,	 0,  0,
						   0,	 0,    7,	    0x86, 0xdd,	    0x60,     [19] = 32, 58, 255,
						   0xfd, 9,    [37] = 1,    0xff, 2,	    [53] = 1, 136,	 0,  0xda,
						   0x82, 0xa0, [62] = 0xfd, 9,	  [77] = 1, 2,	      1,	 2,  [85] = 7 };
	struct announce_frame f[ANNOUNCE_FRAMES];

	(void)state;
	assert_true(announce_is4(&four));
	assert_false(announce_is4(&six));
	assert_int_equal(announce_make(&four, mac, true, f), 2);
	assert_int_equal(f[0].len, 60);
	assert_memory_equal(f[0].bytes, request, sizeof(request));
	assert_int_equal(f[1].bytes[21], 2);
	assert_memory_equal(f[1].bytes + 32, mac, 6);
	assert_int_equal(announce_make(&six, mac, true, f), 1);
	assert_int_equal(f[0].len, sizeof(advertisement));
	assert_memory_equal(f[0].bytes, advertisement, sizeof(advertisement));
	assert_int_equal(announce_make(&six, mac, false, f), 1);
	assert_int_equal(f[0].bytes[58], 0x20); /* override, no router */
}

static void claims_are_heard(void **state)
{
	struct announce_frame f[ANNOUNCE_FRAMES];
	struct addr6 addr;
	uint8_t who[6];

	(void)state;
	announce_make(&four, mac, false, f);
	for (int i = 0; i < 2; i++) {
		assert_true(announce_claim(f[i].bytes, f[i].len, &addr, who));
		assert_true(addr6_same(&addr, &four));
		assert_memory_equal(who, mac, 6);
	}
	for (size_t len = 0; len < 42; len++)
		assert_false(announce_claim(f[0].bytes, len, &addr, who));
	memset(f[0].bytes + 28, 0, 4); /* a probe claims nothing: RFC 5227 */
	assert_false(announce_claim(f[0].bytes, f[0].len, &addr, who));

	announce_make(&six, mac, false, f);
	assert_true(announce_claim(f[0].bytes, f[0].len, &addr, who));
	assert_true(addr6_same(&addr, &six));
	assert_memory_equal(who, mac, 6);
	for (size_t len = 0; len < f[0].len; len++)
		assert_false(announce_claim(f[0].bytes, len, &addr, who));
	/* All of it counts, but the flow label, of which no checksum is. */
	for (size_t i = 12; i < f[0].len; i++) {
		struct announce_frame g = f[0];

		g.bytes[i] ^= 0x10;
		assert_int_equal(announce_claim(g.bytes, g.len, &addr, who), i >= 15 && i <= 17);
	}
}

static void no_option_is_no_loop(void **state)
{
	struct announce_frame f[ANNOUNCE_FRAMES];
	struct addr6 addr;
	uint8_t who[6];

	(void)state;
	announce_make(&six, mac, false, f);
	f[0].bytes[79] = 0; /* an option of no length; the checksum put right */
	f[0].bytes[57]++;
	assert_false(announce_claim(f[0].bytes, f[0].len, &addr, who));
	announce_make(&six, mac, false, f);
	f[0].bytes[79] = 2; /* longer than the packet */
	f[0].bytes[57]--;
	assert_false(announce_claim(f[0].bytes, f[0].len, &addr, who));
}

static bool settled(struct addresses *s, bool there)
{
	struct pollfd p = { .fd = addresses_fd(s), .events = POLLIN };
	struct addresses_state now;

	for (int i = 0; i < 50; i++) {
		poll(&p, 1, 1000);
		addresses_done(s, &now);
		if (now.there == there && !now.n_failed)
			return true;
	}
	return false;
}

/* Another interface changes more often than a socket that nobody reads has room for. */
static void crowd(void)
{
	autoclean(buf_free) struct buf lines = { 0 };
	const char *const argv[] = { "ip", "-batch", "-", NULL };
	struct spawn s = { .argv = argv };
	struct err err = { 0 };

	for (int i = 0; i < 1000; i++)
		buf_addf(&lines, "link set lo mtu %d\n", 2000 + i);
	s.input = buf_str(&lines);
	s.input_len = lines.len;
	assert_int_equal(spawn_run(&s, NULL, &err), 0);
}

/* The next that is told. The kernel says more of a link than what becomes of it: not all that can be read tells something. */
static enum announce_kind next_told(struct announce *a, struct announce_event *e)
{
	struct pollfd p = { .fd = announce_fd(a), .events = POLLIN };
	enum announce_kind kind;

	while ((kind = announce_read(a, e)) == ANNOUNCE_NOTHING)
		assert_int_equal(poll(&p, 1, 5000), 1);
	return kind;
}

static void sockets_and_addresses(void **state)
{
	const struct service_addr addrs[] = { { .addr = four, .prefix = 32, .interface = "g0" },
					      { .addr = six, .prefix = 128, .interface = "g0" } };
	struct service_addr other[] = { { .addr = four, .prefix = 32, .interface = "g1" },
					{ .addr = six, .prefix = 33, .interface = "g1" } };
	struct announce *a, *b;
	struct announce_event e;
	enum announce_kind kind;
	struct addresses *s;
	struct err err = { 0 };

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		skip();
	assert_int_equal(announce_open(addrs, 2, &a, &err), -1); /* no such interface */
	assert_int_equal(announce_open(addrs, 0, &a, &err), -1);
	assert_int_equal(SPAWN(&err, "ip", "link", "add", "g0", "type", "veth", "peer", "name", "g1"), 0);
	assert_int_equal(announce_open(addrs, 2, &a, &err), 0);
	assert_int_equal(announce_open(other, 2, &b, &err), 0);
	assert_int_equal(announce_send(a), 3);			    /* it is down */
	assert_int_equal(announce_read(a, &e), ANNOUNCE_LINK_DOWN); /* and that is said, once, though it did not become so */
	assert_string_equal(e.interface, "g0");
	assert_int_equal(announce_read(a, &e), ANNOUNCE_NOTHING);
	assert_int_equal(SPAWN(&err, "ip", "link", "set", "g0", "up"), 0);
	assert_int_equal(SPAWN(&err, "ip", "link", "set", "g1", "up"), 0);
	assert_int_equal(next_told(a, &e), ANNOUNCE_LINK_UP);
	assert_string_equal(e.interface, "g0");
	assert_int_equal(announce_send(a), 0);
	/* The other side, which has the same addresses, hears of it. */
	while (next_told(b, &e) != ANNOUNCE_CONFLICT)
		;
	assert_true(addr6_same(&e.addr, &four));
	assert_int_equal(announce_read(a, &e), ANNOUNCE_NOTHING);
	/* Down, and up again before anyone looked: both are told. */
	assert_int_equal(SPAWN(&err, "ip", "link", "set", "g0", "down"), 0);
	assert_int_equal(SPAWN(&err, "ip", "link", "set", "g0", "up"), 0);
	assert_int_equal(announce_read(a, &e), ANNOUNCE_LINK_DOWN);
	while (announce_read(a, &e) != ANNOUNCE_LINK_UP)
		assert_int_not_equal(e.kind, ANNOUNCE_CONFLICT);
	assert_string_equal(e.interface, "g0");
	while (announce_read(a, &e) != ANNOUNCE_NOTHING)
		;
	/* So much happens elsewhere that the kernel has no room to say what becomes of ours: it is told all the same. */
	crowd();
	assert_int_equal(SPAWN(&err, "ip", "link", "set", "g1", "down"), 0);
	do /* the kernel may be late with its last word of g0 from before */
		kind = next_told(a, &e);
	while (kind == ANNOUNCE_LINK_UP);
	assert_int_equal(kind, ANNOUNCE_LINK_DOWN);
	assert_string_equal(e.interface, "g0");
	crowd();
	assert_int_equal(SPAWN(&err, "ip", "link", "del", "g0"), 0);
	while (announce_read(a, &e) != ANNOUNCE_GONE)
		assert_int_not_equal(e.kind, ANNOUNCE_NOTHING);
	assert_int_equal(announce_read(a, &e), ANNOUNCE_NOTHING);
	announce_free(a);
	announce_free(b);
	announce_free(NULL);

	assert_int_equal(SPAWN(&err, "ip", "link", "add", "g0", "type", "veth", "peer", "name", "g1"), 0);
	assert_int_equal(SPAWN(&err, "ip", "link", "set", "g0", "up"), 0);
	other[0].prefix = 33;
	assert_int_equal(addresses_open(other, 2, &s, &err), -1);
	assert_int_equal(addresses_open(addrs, 2, &s, &err), 0);
	addresses_want(s, true);
	assert_true(settled(s, true));
	addresses_want(s, false);
	assert_true(settled(s, false));
	addresses_free(s);
	addresses_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_is_said_seven_times),
		cmocka_unit_test(frames_are_as_the_rfcs_say),
		cmocka_unit_test(claims_are_heard),
		cmocka_unit_test(no_option_is_no_loop),
		cmocka_unit_test(sockets_and_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
