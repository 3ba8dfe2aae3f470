/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets by the thousand arrive as they were sent, with the offloads and without; only of the source that was joined. */
#include "tests/unit/cast_lan.h"

#define PACKET 1448

struct pair {
	int in, out;
	struct net_out to;
};

static void open_pair(struct pair *p, const char *group, const char *from)
{
	struct sockaddr_storage g = lan_addr(group, 7100), source = lan_addr(from, 0);
	struct err err = { 0 };
	unsigned int d0;

	assert_int_equal(net_interface("d0", &d0, &err), 0);
	assert_int_equal(net_open(&source, false, &p->out, &err), 0);
	assert_int_equal(net_bound(p->out, &source, &err), 0);
	assert_int_not_equal(net_port(&source), 0);
	assert_int_equal(net_multicast_by(p->out, g.ss_family, d0, 1, &err), 0);
	assert_int_equal(net_open(&g, true, &p->in, &err), 0);
	assert_int_equal(net_join(p->in, &g, &source, d0, &err), 0);
	assert_true(net_receive_buffer(p->in, NET_BUFFER) >= (size_t)100 << 10);
	assert_true(net_send_buffer(p->out, NET_BUFFER) >= (size_t)100 << 10);
	p->to = (struct net_out){ .fd = p->out, .to = g };
}

static void close_pair(struct pair *p)
{
	close(p->in);
	close(p->out);
}

static void fill(uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i / PACKET * 7 + i % PACKET);
}

/* Takes what there is until `len` bytes came; how many units they came in. */
static unsigned int take(int fd, uint8_t *out, size_t len, size_t each, const struct sockaddr_storage *from)
{
	struct net_got got[4] = { 0 };
	struct err err = { 0 };
	unsigned int units = 0;
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_LEN(got); i++)
		got[i].data = mem_zalloc(NET_GOT_BYTES);
	while (at < len) {
		int n;

		assert_true(lan_wait(fd, 10000));
		n = net_receive(fd, got, ARRAY_LEN(got), &err);
		assert_true(n >= 0);
		for (int i = 0; i < n; i++, units++) {
			assert_true(got[i].len && at + got[i].len <= len);
			assert_true(got[i].each == each || (got[i].each == got[i].len && got[i].len < each));
			assert_true(net_same(&got[i].from, from));
			memcpy(out + at, got[i].data, got[i].len);
			at += got[i].len;
		}
	}
	assert_int_equal(net_receive(fd, got, ARRAY_LEN(got), &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(got); i++)
		free(got[i].data);
	return units;
}

static void burst(const char *group, const char *from, bool one_by_one, bool offload)
{
	const size_t len = 44 * PACKET + 100;
	autofree uint8_t *data = mem_zalloc(len), *back = mem_zalloc(len);
	struct sockaddr_storage source;
	struct err err = { 0 };
	struct pair p;
	unsigned int units;

	open_pair(&p, group, from);
	assert_int_equal(net_bound(p.out, &source, &err), 0);
	p.to.one_by_one = one_by_one;
	if (offload)
		net_offload(p.in);
	fill(data, len);
	assert_int_equal(net_send(&p.to, data, len, PACKET, &err), 0);
	assert_int_equal(p.to.lost, 0);
	units = take(p.in, back, len, PACKET, &source);
	assert_memory_equal(data, back, len);
	if (!offload)
		assert_int_equal(units, 45);
	else if (!one_by_one && !p.to.one_by_one)
		assert_int_equal(units, 1);
	assert_int_equal(net_dropped(p.in), 0);
	close_pair(&p);
}

static void test_bursts(void **state)
{
	(void)state;
	for (int how = 0; how < 4; how++) {
		burst("232.7.7.7", LAN_V4, how & 1, how & 2);
		burst("239.255.7.7", LAN_V4, how & 1, how & 2);
		burst("ff3e::8000:77", LAN_V6, how & 1, how & 2);
		burst("ff15::77", LAN_V6, how & 1, how & 2);
	}
}

/* Two receivers of one host, each with its own socket; a packet of another source reaches none. */
static void test_two_receivers_one_source(void **state)
{
	struct sockaddr_storage g = lan_addr("232.7.7.8", 7100), other = lan_addr("10.77.0.2", 0), source;
	struct err err = { 0 };
	struct pair p;
	struct net_out stranger = { .to = g };
	unsigned int d0;
	uint8_t back[2 * 100];
	uint8_t data[200];
	int second;

	(void)state;
	assert_int_equal(SPAWN(&err, "ip", "address", "replace", "10.77.0.2/24", "dev", "d0"), 0);
	open_pair(&p, "232.7.7.8", LAN_V4);
	assert_int_equal(net_interface("d0", &d0, &err), 0);
	assert_int_equal(net_bound(p.out, &source, &err), 0);
	assert_int_equal(net_open(&g, true, &second, &err), 0);
	assert_int_equal(net_join(second, &g, &source, d0, &err), 0);
	assert_int_equal(net_open(&other, false, &stranger.fd, &err), 0);
	assert_int_equal(net_multicast_by(stranger.fd, AF_INET, d0, 1, &err), 0);
	memset(data, 5, sizeof(data));
	assert_int_equal(net_send(&stranger, data, sizeof(data), 100, &err), 0);
	memset(data, 6, sizeof(data));
	assert_int_equal(net_send(&p.to, data, sizeof(data), 100, &err), 0);
	take(p.in, back, sizeof(back), 100, &source);
	assert_memory_equal(data, back, sizeof(back));
	take(second, back, sizeof(back), 100, &source);
	assert_memory_equal(data, back, sizeof(back));
	assert_int_equal(net_join(second, &g, NULL, d0 + 1000, &err), -1);
	close(second);
	close(stranger.fd);
	close_pair(&p);
}

/* What can't be sent now is lost like any packet; what never can is an error. */
static void test_lost_and_wrong(void **state)
{
	struct sockaddr_storage local = lan_addr(LAN_V4, 0), nowhere = lan_addr("198.51.100.1", 9);
	autofree uint8_t *data = mem_zalloc(NET_BURST_BYTES);
	struct net_out o = { .to = nowhere };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(net_open(&local, false, &o.fd, &err), 0);
	assert_int_equal(net_send(&o, data, 3000, 1000, &err), 0);
	assert_int_equal(o.lost, 3);
	assert_int_equal(net_send(&o, data, NET_BURST_BYTES, 0, &err), -1);
	assert_int_equal(net_send(&o, data, NET_BURST_BYTES + 1, 1000, &err), -1);
	close(o.fd);
}

/* A unicast way, connected: more segments than one call may have fall back to plain packets. */
static void test_connected_and_fallback(void **state)
{
	const size_t len = 600 * 100;
	autofree uint8_t *data = mem_zalloc(len), *back = mem_zalloc(len);
	struct sockaddr_storage here = lan_addr(LAN_V6, 0), source;
	struct net_out o = { 0 };
	struct err err = { 0 };
	int in;

	(void)state;
	assert_int_equal(net_open(&here, false, &in, &err), 0);
	assert_int_equal(net_open(&here, false, &o.fd, &err), 0);
	assert_true(net_receive_buffer(in, NET_BUFFER) > 600 * 1000);
	assert_int_equal(net_bound(in, &here, &err), 0);
	assert_int_equal(net_connect(o.fd, &here, &err), 0);
	assert_int_equal(net_bound(o.fd, &source, &err), 0);
	fill(data, len);
	assert_int_equal(net_send(&o, data, len, 100, &err), 0);
	assert_true(o.one_by_one);
	assert_int_equal(take(in, back, len, 100, &source), 600);
	assert_memory_equal(data, back, len);
	close(in);
	close(o.fd);
}

static void test_addresses(void **state)
{
	struct sockaddr_storage a, b;
	struct err err = { 0 };
	char text[NET_TEXT];

	(void)state;
	a = lan_addr("239.255.1.2", 7000);
	assert_true(net_multicast(&a) && net_port(&a) == 7000 && net_len(&a) == 16);
	net_print(&a, text);
	assert_string_equal(text, "239.255.1.2:7000");
	b = lan_addr("fe80::5%d0", 65535);
	assert_false(net_multicast(&b));
	net_print(&b, text);
	assert_string_equal(text, "[fe80::5%d0]:65535");
	assert_false(net_same(&a, &b));
	a = lan_addr("fe80::5", 65535);
	assert_true(net_same(&a, &b));
	net_port_set(&a, 1);
	assert_false(net_same(&a, &b));
	a = lan_addr("ff3e::1", 1);
	assert_true(net_multicast(&a));
	assert_int_equal(net_parse("head", 1, &a, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_int_equal(net_parse("10.0.0.300", 1, &a, &err), -1);
}

static void test_towards(void **state)
{
	struct sockaddr_storage to = lan_addr("10.77.0.200", 7000), self = lan_addr(LAN_V6, 0), local;
	struct err err = { 0 };
	struct net_way way;
	unsigned int d0;

	(void)state;
	assert_int_equal(net_interface("d0", &d0, &err), 0);
	assert_int_equal(net_interface("nothere", &d0, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_int_equal(net_interface("d0", &d0, &err), 0);
	assert_int_equal(net_towards(&to, &way, &err), 0);
	local = lan_addr(LAN_V4, 0);
	assert_true(way.index == d0 && net_same(&way.local, &local));
	assert_string_equal(way.name, "d0");
	assert_int_equal(net_towards(&self, &way, &err), 0);
	assert_int_equal(way.index, d0);
	to = lan_addr("198.51.100.1", 7000);
	assert_int_equal(net_towards(&to, &way, &err), -1);
}

static void test_broadcast(void **state)
{
	struct sockaddr_storage here = lan_addr(LAN_V4, 0), to, want = lan_addr("10.77.0.255", 0), six = lan_addr(LAN_V6, 0);
	struct sockaddr_storage lo = lan_addr("127.0.0.1", 0), from;
	struct net_out out = { 0 };
	struct err err = { 0 };
	uint8_t byte = 7;
	int in;

	(void)state;
	assert_int_equal(net_broadcast(&here, &to, &err), 0);
	assert_true(net_same(&to, &want));
	assert_int_equal(net_broadcast(&six, &from, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_int_equal(net_broadcast(&lo, &from, &err), -1);
	net_port_set(&to, 7100);
	assert_int_equal(net_open(&to, true, &in, &err), 0);
	assert_int_equal(net_open(&here, false, &out.fd, &err), 0);
	out.to = to;
	assert_int_equal(net_send(&out, &byte, 1, 1, &err), 0); /* refused as long as it is not asked for */
	assert_int_equal(out.lost, 1);
	net_may_broadcast(out.fd);
	assert_int_equal(net_send(&out, &byte, 1, 1, &err), 0);
	assert_int_equal(out.lost, 1);
	assert_true(lan_wait(in, 10000));
	close(in);
	close(out.fd);
}

/* What is longer than the link takes leaves in pieces, unless it is to be whole. */
static void test_whole_packets(void **state)
{
	static const uint8_t data[8936];
	struct err err = { 0 };
	struct pair p;

	(void)state;
	assert_int_equal(net_mtu("d0"), 1500);
	assert_int_equal(net_mtu("nothere"), 0);
	for (int six = 0; six < 2; six++) {
		open_pair(&p, six ? "ff15::7:1" : "239.255.7.1", six ? LAN_V6 : LAN_V4);
		assert_int_equal(net_send(&p.to, data, sizeof(data), sizeof(data), &err), 0);
		net_whole(p.out, six ? AF_INET6 : AF_INET);
		assert_int_equal(net_send(&p.to, data, sizeof(data), sizeof(data), &err), -1);
		assert_int_equal(net_send(&p.to, data, 1448, 1448, &err), 0);
		close_pair(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bursts),	       cmocka_unit_test(test_two_receivers_one_source),
		cmocka_unit_test(test_lost_and_wrong), cmocka_unit_test(test_connected_and_fallback),
		cmocka_unit_test(test_addresses),      cmocka_unit_test(test_towards),
		cmocka_unit_test(test_broadcast),      cmocka_unit_test(test_whole_packets),
	};

	if (!lan_make())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
