/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IGMP and MLD: packets as Linux and switches send them, byte by byte, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "cast/igmp.h"

#include <string.h>

static struct addr6 addr(const char *text)
{
	struct addr6 a = { { 0 } };
	struct err err = { 0 };
	uint32_t a4 = 0;

	if (strchr(text, ':'))
		assert_int_equal(addr6_read(text, &a, &err), 0);
	else {
		assert_int_equal(addr4_read(text, &a4, &err), 0);
		a = igmp_addr4(a4);
	}
	return a;
}

static void same_addr(const struct addr6 *a, const char *text)
{
	char got[ADDR6_LEN];

	igmp_print(a, got);
	assert_string_equal(got, text);
}

/* A general query of IGMP 3 from 10.1.0.1, worked out by hand from RFC 3376, 4.1. */
static const uint8_t query3[] = { 0x46, 0xc0, 0,    36,	  0, 0, 0x40, 0,   1, 2, 0, 0, 10, 1, 0, 1,   224, 0,
				  0,	1,    0x94, 0x04, 0, 0, 0x11, 100, 0, 0, 0, 0, 0,  0, 2, 125, 0,   0 };

static void good_sums(uint8_t *p, size_t len, size_t head)
{
	uint16_t s;

	p[10] = p[11] = p[head + 2] = p[head + 3] = 0;
	s = igmp_checksum(NULL, NULL, p, head);
	p[10] = (uint8_t)(s >> 8);
	p[11] = (uint8_t)s;
	s = igmp_checksum(NULL, NULL, p + head, len - head);
	p[head + 2] = (uint8_t)(s >> 8);
	p[head + 3] = (uint8_t)s;
}

static void read_good(const uint8_t *p, size_t len, struct igmp_message *m)
{
	struct err err = { 0 };

	if (igmp_read(p, len, m, &err) < 0)
		fail_msg("%s", err.text);
}

static void read_bad(const uint8_t *p, size_t len, const char *why)
{
	struct igmp_message m;
	struct err err = { 0 };

	assert_int_equal(igmp_read(p, len, &m, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	if (!strstr(err.text, why))
		fail_msg("'%s', not '%s'", err.text, why);
}

static void test_checksum(void **state)
{
	/* RFC 1071, 3. */
	static const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(igmp_checksum(NULL, NULL, bytes, 8), 0xffff & ~0xddf2U);
	assert_int_equal(igmp_checksum(NULL, NULL, bytes, 1), 0xffff);
	assert_int_equal(igmp_checksum(NULL, NULL, bytes + 2, 1), 0xffff & ~0xf200U);
}

static void test_query_of_igmp(void **state)
{
	uint8_t p[64] = { 0 }, out[IGMP_PACKET_MAX];
	struct igmp_message m;

	(void)state;
	memcpy(p, query3, sizeof(query3));
	good_sums(p, sizeof(query3), 24);
	read_good(p, 60, &m); /* as Ethernet fills it up */
	assert_int_equal(m.kind, IGMP_QUERY);
	assert_int_equal(m.version, 3);
	assert_int_equal(m.answer_ms, 10000);
	assert_int_equal(m.robustness, 2);
	assert_int_equal(m.every_s, 125);
	assert_true(igmp_is4(&m.from) && !m.v6 && !m.suppress && m.n == 0);
	same_addr(&m.from, "10.1.0.1");
	same_addr(&m.to, "224.0.0.1");
	/* And that is what we send. */
	assert_int_equal(igmp_write(&m, out), sizeof(query3));
	assert_memory_equal(out, p, sizeof(query3));
	/* Of version 2 it ends earlier, without the router alert too; without a time it is of version 1. */
	p[0] = 0x45;
	p[3] = 28;
	memcpy(p + 20, query3 + 24, 8);
	good_sums(p, 28, 20);
	read_good(p, 60, &m);
	assert_int_equal(m.version, 2);
	assert_int_equal(m.every_s, 0);
	p[21] = 0;
	good_sums(p, 28, 20);
	read_good(p, 28, &m);
	assert_int_equal(m.version, 1);
	/* A length between these is nobody's. */
	p[3] = 30;
	good_sums(p, 30, 20);
	read_bad(p, 60, "no version");
}

static void test_times(void **state)
{
	static const struct {
		uint32_t tenths, read;
	} t[] = { { 1, 1 }, { 127, 127 }, { 128, 128 }, { 131, 128 }, { 300, 288 }, { 31744, 31744 }, { 40000, 31744 } };
	uint8_t out[IGMP_PACKET_MAX];
	struct igmp_message m = { .kind = IGMP_QUERY, .version = 3 }, got;

	(void)state;
	m.from = addr("10.1.0.1");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		m.answer_ms = t[i].tenths * 100;
		m.every_s = t[i].tenths;
		read_good(out, igmp_write(&m, out), &got);
		assert_int_equal(got.answer_ms, t[i].read * 100);
		assert_int_equal(got.every_s, t[i].read);
	}
	m = (struct igmp_message){ .kind = IGMP_QUERY, .v6 = true, .version = 2, .answer_ms = 40000 };
	m.from = addr("fe80::1");
	read_good(out, igmp_write(&m, out), &got);
	assert_int_equal(got.answer_ms, 40000); /* (0x1000 | 904) << 3 */
	m.answer_ms = UINT32_MAX;
	read_good(out, igmp_write(&m, out), &got);
	assert_int_equal(got.answer_ms, 0x1fff << 10);
}

/* A query of MLD 2, as RFC 3810 lays it out: with a group and two sources. */
static void test_query_of_mld(void **state)
{
	uint8_t sources[32] = { 0x20, 1, [15] = 1, [16] = 0x20, [17] = 1, [31] = 2 }, out[IGMP_PACKET_MAX];
	struct igmp_message m = { .kind = IGMP_QUERY,
				  .v6 = true,
				  .version = 2,
				  .answer_ms = 1000,
				  .robustness = 3,
				  .every_s = 60,
				  .suppress = true,
				  .n = 2,
				  .rest = sources,
				  .rest_len = sizeof(sources) };
	struct igmp_message got;
	size_t len;

	(void)state;
	m.from = addr("fe80::5054:ff:fe00:1");
	m.group = addr("ff35::8000:40");
	len = igmp_write(&m, out);
	assert_int_equal(len, 48 + 28 + 32);
	assert_int_equal(out[6], 0);	/* hop-by-hop options, */
	assert_int_equal(out[7], 1);	/* one hop, */
	assert_int_equal(out[40], 58);	/* ICMPv6, */
	assert_int_equal(out[42], 5);	/* a router alert, */
	assert_int_equal(out[48], 130); /* a query */
	read_good(out, len, &got);
	assert_true(got.v6 && got.suppress && !igmp_is4(&got.from));
	assert_int_equal(got.version, 2);
	assert_int_equal(got.robustness, 3);
	assert_int_equal(got.every_s, 60);
	assert_int_equal(got.n, 2);
	assert_memory_equal(got.rest, sources, sizeof(sources));
	same_addr(&got.to, "ff35::8000:40");
	/* It goes to one link, from one link. */
	out[7] = 64;
	read_bad(out, len, "hop limit 64");
	out[7] = 1;
	out[42] = 6;
	read_bad(out, len, "router alert");
	out[42] = 5;
	out[8 + 1] = 0xc0;
	read_bad(out, len, "checksum");
	m.from = addr("fd00::1");
	read_bad(out, igmp_write(&m, out), "cannot have sent");
}

static void one_of(bool v6, enum igmp_kind kind, unsigned int version, const char *to)
{
	struct igmp_message m = { .kind = kind, .v6 = v6, .version = version, .answer_ms = 1000 }, got;
	uint8_t out[IGMP_PACKET_MAX];

	m.from = addr(v6 ? "fe80::1" : "10.1.0.7");
	m.group = addr(v6 ? "ff35::8000:40" : "232.1.2.3");
	read_good(out, igmp_write(&m, out), &got);
	assert_int_equal(got.kind, kind);
	assert_int_equal(got.version, version);
	assert_memory_equal(&got.group, &m.group, sizeof(m.group));
	same_addr(&got.to, to);
}

static void test_members(void **state)
{
	(void)state;
	one_of(false, IGMP_REPORT, 1, "232.1.2.3");
	one_of(false, IGMP_REPORT, 2, "232.1.2.3");
	one_of(false, IGMP_LEAVE, 2, "224.0.0.2");
	one_of(false, IGMP_QUERY, 2, "232.1.2.3");
	one_of(true, IGMP_REPORT, 1, "ff35::8000:40");
	one_of(true, IGMP_LEAVE, 1, "ff02::2");
	one_of(true, IGMP_QUERY, 1, "ff35::8000:40");
}

static void records(bool v6)
{
	uint8_t sources[32] = { 10, 1, 0, 1, 10, 1, 0, 2 }, rest[IGMP_PACKET_MAX], out[IGMP_PACKET_MAX];
	struct igmp_record r = { .type = IGMP_ALLOW, .n = 2, .sources = sources }, got;
	struct igmp_message m = { .kind = IGMP_REPORT, .v6 = v6, .version = v6 ? 2 : 3, .rest = rest }, read;
	size_t at = 0, len;

	m.from = addr(v6 ? "fe80::1" : "10.1.0.7");
	r.group = addr(v6 ? "ff35::8000:40" : "232.1.2.3");
	assert_true(igmp_record_write(v6, &r, rest, &m.rest_len));
	r = (struct igmp_record){ .type = IGMP_TO_EXCLUDE, .group = r.group };
	assert_true(igmp_record_write(v6, &r, rest, &m.rest_len));
	m.n = 2;
	len = igmp_write(&m, out);
	read_good(out, len, &read);
	same_addr(&read.to, v6 ? "ff02::16" : "224.0.0.22");
	assert_true(igmp_record(&read, &at, &got));
	assert_int_equal(got.type, IGMP_ALLOW);
	assert_int_equal(got.n, 2);
	assert_memory_equal(got.sources, sources, v6 ? 32 : 8);
	assert_true(igmp_record(&read, &at, &got));
	assert_int_equal(got.type, IGMP_TO_EXCLUDE);
	assert_memory_equal(&got.group, &r.group, sizeof(r.group));
	assert_false(igmp_record(&read, &at, &got));
	/* One more than there are. */
	m.n = 3;
	read_bad(out, igmp_write(&m, out), "2 of its 3 records");
	m.n = 1;
	read_good(out, igmp_write(&m, out), &read);
	r.n = 400;
	assert_false(igmp_record_write(v6, &r, rest, &m.rest_len));
}

static void test_records(void **state)
{
	(void)state;
	records(false);
	records(true);
}

static void test_nothing_of_ours(void **state)
{
	uint8_t p[64] = { 0 }, out[IGMP_PACKET_MAX], rest[1300] = { 0 };
	struct igmp_message m = { .kind = IGMP_QUERY, .version = 4 };

	(void)state;
	memcpy(p, query3, sizeof(query3));
	good_sums(p, sizeof(query3), 24);
	read_bad(p, 0, "no IP");
	read_bad(p, 35, "wrong length");
	p[8] = 2;
	good_sums(p, sizeof(query3), 24);
	read_bad(p, 60, "time to live 2");
	p[8] = 1;
	p[6] = 0x20;
	good_sums(p, sizeof(query3), 24);
	read_bad(p, 60, "a piece");
	p[6] = 0;
	p[16] = 10;
	good_sums(p, sizeof(query3), 24);
	read_bad(p, 60, "single machine");
	p[16] = 224;
	p[12] = 224;
	good_sums(p, sizeof(query3), 24);
	read_bad(p, 60, "cannot have sent");
	p[12] = 10;
	p[28] = 10; /* the group */
	good_sums(p, sizeof(query3), 24);
	read_bad(p, 60, "a group that is none");
	p[28] = 0;
	p[35] = 1; /* sources */
	good_sums(p, sizeof(query3), 24);
	read_bad(p, 60, "its 1 sources");
	p[24] = 0x13;
	good_sums(p, sizeof(query3), 24);
	read_bad(p, 60, "of type 19");
	p[33] ^= 1;
	read_bad(p, 60, "checksum");
	/* What cannot be written. */
	assert_int_equal(igmp_write(&m, out), 0);
	m.version = 3;
	m.rest = rest;
	m.rest_len = sizeof(rest);
	assert_int_equal(igmp_write(&m, out), 0);
	m = (struct igmp_message){ .kind = IGMP_LEAVE, .version = 3 };
	assert_int_equal(igmp_write(&m, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksum),	cmocka_unit_test(test_query_of_igmp), cmocka_unit_test(test_times),
		cmocka_unit_test(test_query_of_mld),	cmocka_unit_test(test_members),	      cmocka_unit_test(test_records),
		cmocka_unit_test(test_nothing_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
