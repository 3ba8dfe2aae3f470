/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses: what is taken, what is refused, and one way of writing each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "site/addr.h"

#include <string.h>

static void addr4(void **state)
{
	static const char *const bad[] = { "",		 "10.1.0",	"10.1.0.1.", "10.1.0.1.2", "10.1.0.256",
					   "10.01.0.1",	 " 10.1.0.1",	"10.1.0.1 ", "10.1..1",	   "-1.0.0.0",
					   "0x0a.1.0.1", "10.1.0.1111", "10,1,0,1" };
	char text[ADDR4_LEN];
	struct err err = { 0 };
	uint32_t a = 7;

	(void)state;
	assert_int_equal(addr4_read("10.1.0.255", &a, &err), 0);
	assert_int_equal(a, 0x0a0100ff);
	addr4_print(a, text);
	assert_string_equal(text, "10.1.0.255");
	assert_int_equal(addr4_read("255.255.255.255", &a, &err), 0);
	addr4_print(a, text);
	assert_string_equal(text, "255.255.255.255");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		a = 7;
		if (addr4_read(bad[i], &a, &err) == 0)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(a, 7);
		assert_int_equal(err.kind, ERR_INVALID);
	}
}

static struct net4 net4(const char *s)
{
	struct net4 n = { 0 };
	struct err err = { 0 };

	if (net4_read(s, &n, &err) < 0)
		fail_msg("%s", err.text);
	return n;
}

static void subnet4(void **state)
{
	static const char *const bad[] = { "10.1.0.0",	     "10.1.0.0/",   "10.1.0.0/7",    "10.1.0.0/31",  "10.1.0.0/33",
					   "10.1.0.0/024",   "10.1.0.1/24", "127.0.0.0/8",   "224.0.0.0/8",  "0.0.0.0/8",
					   "169.254.0.0/16", "240.0.0.0/8", "10.1.0.0/16/1", "10.1.0.0/+16", "fd00::/64" };
	struct net4 n = net4("10.1.0.0/16"), other;
	char text[NET4_LEN];
	struct err err = { 0 };

	(void)state;
	net4_print(&n, text);
	assert_string_equal(text, "10.1.0.0/16");
	assert_int_equal(net4_mask(&n), 0xffff0000);
	assert_int_equal(net4_broadcast(&n), 0x0a01ffff);
	assert_true(net4_has(&n, 0x0a010001));
	assert_true(net4_has(&n, 0x0a01fffe));
	assert_false(net4_has(&n, 0x0a010000));
	assert_false(net4_has(&n, 0x0a01ffff));
	assert_false(net4_has(&n, 0x0a020001));
	other = net4("10.0.0.0/8");
	assert_true(net4_overlap(&n, &other) && net4_overlap(&other, &n) && net4_overlap(&n, &n));
	other = net4("10.2.0.0/16");
	assert_false(net4_overlap(&n, &other) || net4_overlap(&other, &n));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (net4_read(bad[i], &n, &err) == 0)
			fail_msg("'%s' was taken", bad[i]);
}

/* The examples of RFC 5952, sections 4 and 5, and the edges of the zero run. */
static void addr6(void **state)
{
	static const char *const cases[][2] = {
		{ "2001:0db8::0001", "2001:db8::1" },
		{ "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:DB8::ABCD", "2001:db8::abcd" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "::1:2", "::1:2" },
		{ "0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7" },
		{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};
	static const char *const bad[] = { "",	    "1:2",     ":::", "1::2::3", "12345::", "fe80::1%eth0", "::ffff:10.1.0.1",
					   "[::1]", "10.1.0.1" };
	struct err err = { 0 };
	char text[ADDR6_LEN];
	struct addr6 a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(addr6_read(cases[i][0], &a, &err), 0);
		addr6_print(&a, text);
		assert_string_equal(text, cases[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (addr6_read(bad[i], &a, &err) == 0)
			fail_msg("'%s' was taken", bad[i]);
}

static struct net6 net6(const char *s)
{
	struct net6 n = { 0 };
	struct err err = { 0 };

	if (net6_read(s, &n, &err) < 0)
		fail_msg("%s", err.text);
	return n;
}

static bool has6(const struct net6 *n, const char *s)
{
	struct err err = { 0 };
	struct addr6 a;

	assert_int_equal(addr6_read(s, &a, &err), 0);
	return net6_has(n, &a);
}

static void subnet6(void **state)
{
	static const char *const bad[] = { "fd00::",	"fd00::/15", "fd00::/127", "fd00:1::1/64",
					   "fe80::/64", "ff02::/16", "::/16",	   "10.1.0.0/16" };
	struct net6 n = net6("fd00:1:0:8::/61"), other = net6("fd00:1::/48");
	struct err err = { 0 };
	char text[NET6_LEN];

	(void)state;
	net6_print(&n, text);
	assert_string_equal(text, "fd00:1:0:8::/61");
	assert_true(has6(&n, "fd00:1:0:f::1"));
	assert_true(has6(&n, "fd00:1:0:8::1"));
	assert_false(has6(&n, "fd00:1:0:8::"));
	assert_false(has6(&n, "fd00:1:0:10::1"));
	assert_true(net6_overlap(&n, &other) && net6_overlap(&other, &n));
	other = net6("fd00:1:0:10::/61");
	assert_false(net6_overlap(&n, &other));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (net6_read(bad[i], &n, &err) == 0)
			fail_msg("'%s' was taken", bad[i]);
}

static struct addr6 a6(const char *s)
{
	struct addr6 a = { { 0 } };
	struct err err = { 0 };

	if (addr6_read(s, &a, &err) < 0)
		fail_msg("%s", err.text);
	return a;
}

static void arithmetic6(void **state)
{
	static const struct {
		const char *from;
		uint64_t n;
		const char *to; /* NULL: there is none */
	} cases[] = {
		{ "fd00::1", 0, "fd00::1" },
		{ "fd00::ff", 1, "fd00::100" },
		{ "fd00::ffff:ffff:ffff:ffff", 1, "fd00:0:0:1::" },
		{ "fd00::1", UINT64_MAX, "fd00:0:0:1::" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 1, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, NULL },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00", UINT64_MAX, NULL },
	};
	struct addr6 from, to, want;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		from = a6(cases[i].from);
		assert_int_equal(addr6_plus(&from, cases[i].n, &to), cases[i].to != NULL);
		want = a6(cases[i].to ? cases[i].to : "fd00::1");
		if (cases[i].to && !addr6_same(&to, &want))
			fail_msg("%s + %llu is not %s", cases[i].from, (unsigned long long)cases[i].n, cases[i].to);
	}
	from = a6("fd00::2");
	to = a6("fd00::10");
	assert_true(addr6_cmp(&from, &to) < 0 && addr6_cmp(&to, &from) > 0 && addr6_cmp(&to, &to) == 0);
}

/* A machine's place in one family is its place in the other. */
static void host_numbers(void **state)
{
	struct net6 n6 = net6("fd00:1::/64"), wide = net6("fd00::/16"), narrow = net6("fd00:1::8/126");
	struct net4 n4 = net4("10.1.0.0/16"), small = net4("10.77.0.0/30");
	struct addr6 a = a6("fd00:1::307"), b;
	uint64_t number = 0;
	uint32_t a4 = 0;

	(void)state;
	assert_true(net6_number(&n6, &a, &number) && number == 775);
	assert_true(net4_at(&n4, number, &a4) && a4 == 0x0a010307);
	assert_true(net4_number(&n4, a4, &number) && number == 775);
	assert_true(net6_at(&n6, number, &b) && addr6_same(&a, &b));
	/* 0 is the subnet itself, and what is beyond it or its broadcast address is no host. */
	assert_false(net4_at(&n4, 0, &a4) || net6_at(&n6, 0, &b) || net4_at(&n4, 65535, &a4) || net4_at(&n4, 65536, &a4));
	assert_false(net4_at(&n4, UINT64_MAX, &a4) || net4_at(&n4, (uint64_t)1 << 32 | 5, &a4) || net4_at(&small, 3, &a4));
	assert_false(net6_at(&narrow, 4, &b));
	assert_true(net6_at(&narrow, 3, &b));
	assert_true(net6_at(&n6, UINT64_MAX, &b));
	a = a6("fd00:2::1");
	assert_false(net6_number(&n6, &a, &number));   /* not in it */
	assert_false(net6_number(&wide, &a, &number)); /* in it, but no 64 bits can say where */
	assert_false(net4_number(&n4, 0x0a02000a, &number) || net4_number(&n4, 0x0a010000, &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(addr4),	   cmocka_unit_test(subnet4),
					    cmocka_unit_test(addr6),	   cmocka_unit_test(subnet6),
					    cmocka_unit_test(arithmetic6), cmocka_unit_test(host_numbers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
