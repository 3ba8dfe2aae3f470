/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a cast of a file leaves the machine, and by which ways. */
#include "cast/desk.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check(int rc, const struct err *err)
{
	if (rc != 0)
		fail_msg("%s", err->text);
}

static void test_places_and_groups(void **state)
{
	struct sockaddr_storage g, h;
	struct desk_place p;
	struct err err = { 0 };

	(void)state;
	check(desk_place("lo", NULL, false, &p, &err), &err);
	assert_string_equal(p.address, "127.0.0.1");
	assert_string_equal(p.interface, "lo");
	check(desk_place(NULL, "127.0.0.1", false, &p, &err), &err);
	check(desk_place_towards("127.0.0.9", &p, &err), &err);
	assert_string_equal(p.interface, "lo");
	assert_string_equal(p.address, "127.0.0.1");
	assert_int_equal(desk_place_towards("n01", &p, &err), -1);
	assert_int_equal(desk_place("nothere0", NULL, false, &p, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_int_equal(desk_place(NULL, "192.0.2.1", false, &p, &err), -1);
	assert_int_equal(desk_place(NULL, "localhost", false, &p, &err), -1);
	check(desk_group(NULL, false, &g, &err), &err);
	check(desk_group(NULL, false, &h, &err), &err);
	assert_int_equal(g.ss_family, AF_INET);
	assert_int_equal(ntohl(((struct sockaddr_in *)&g)->sin_addr.s_addr) >> 24, 232);
	assert_memory_not_equal(&g, &h, sizeof(struct sockaddr_in));
	check(desk_group(NULL, true, &g, &err), &err);
	assert_int_equal(((struct sockaddr_in6 *)&g)->sin6_addr.s6_addr[0], 0xff);
	check(desk_group("ff15::1", true, &g, &err), &err);
	check(desk_group("239.1.1.1", false, &g, &err), &err);
	assert_int_equal(desk_group("224.0.0.1", false, &g, &err), -1);
	assert_int_equal(desk_group("10.0.0.1", false, &g, &err), -1);
	assert_int_equal(desk_group("ff02::1", true, &g, &err), -1);
	assert_int_equal(desk_group("232.1.1.1", true, &g, &err), -1);
}

/* On the loopback there is no broadcast; the other family where the kernel has it. */
static void test_other_ways(void **state)
{
	struct session s = { 0 };
	struct desk_place p;
	struct err err = { 0 };

	(void)state;
	check(desk_place("lo", NULL, false, &p, &err), &err);
	check(desk_group("232.9.8.7", false, &s.group, &err), &err);
	s.sender = p.addr;
	desk_ways(&p, &s);
	assert_int_equal(s.broadcast.ss_family, 0);
	assert_int_equal(s.group2.ss_family, s.sender2.ss_family);
	if (s.group2.ss_family) {
		assert_int_equal(s.group2.ss_family, AF_INET6);
		assert_int_equal(((struct sockaddr_in6 *)&s.group2)->sin6_port, ((struct sockaddr_in *)&s.group)->sin_port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_and_groups),
		cmocka_unit_test(test_other_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
