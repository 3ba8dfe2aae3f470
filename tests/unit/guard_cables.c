/* SPDX-License-Identifier: GPL-2.0-or-later */
/* headfailover/guard/links: any cable may be cut, vanish and come back, and the others don't mind. */
#include "tests/unit/guard_lan.h"

#include <sys/wait.h>

static void test_cut_and_back(void **state)
{
	struct lan *lan = *state;
	uint64_t before;

	enter(&lan->a);
	IP("link", "set", "g0", "down");
	before = lan->a.links.link[0].counts.not_sent;
	must_work(lan, 6, 1);
	assert_true(lan->a.links.link[0].counts.not_sent > before && lan->a.links.link[0].counts.error != 0);
	assert_int_equal(guard_links_mend(&lan->a.links), 0);
	IP("link", "set", "g0", "up");
	assert_int_equal(guard_links_mend(&lan->a.links), 0);
	must_work(lan, 7, 2);
	/* Its address is taken away and given back. */
	IP("address", "del", "10.71.0.1/24", "dev", "g0");
	must_work(lan, 6, 3);
	IP("address", "add", "10.71.0.1/24", "dev", "g0");
	must_work(lan, 7, 4);
}

static void test_interface_vanishes(void **state)
{
	struct lan *lan = *state;

	for (unsigned int i = 0; i < LINKS_OF_LAN; i++) {
		char name[] = "g0";

		name[1] = (char)('0' + i);
		enter(&lan->a);
		IP("link", "del", name);
		must_work(lan, 7 & ~(1U << i), (uint8_t)(10 * i + 1));
		assert_int_equal(guard_links_mend(&lan->a.links), 1U << i);
		assert_int_equal(lan->a.links.link[i].fd, -1);
		assert_int_equal(guard_links_mend(&lan->a.links), 0);
		assert_int_equal(lan->a.links.link[i].counts.error, ENODEV);
		must_work(lan, 7 & ~(1U << i), (uint8_t)(10 * i + 2));
		cable(lan, i);
		assert_int_equal(guard_links_mend(&lan->a.links), 1U << i);
		enter(&lan->b);
		assert_int_equal(guard_links_mend(&lan->b.links), 1U << i);
		must_work(lan, 7, (uint8_t)(10 * i + 3));
		assert_int_equal(lan->a.links.link[i].counts.opened, 2);
	}
}

static void test_interface_renamed(void **state)
{
	struct lan *lan = *state;

	enter(&lan->a);
	IP("link", "set", "g0", "down");
	IP("link", "set", "g0", "name", "h0");
	IP("link", "set", "h0", "up");
	assert_int_equal(guard_links_mend(&lan->a.links), 1);
	must_work(lan, 6, 1);
	IP("link", "set", "h0", "down");
	IP("link", "set", "h0", "name", "g0");
	IP("link", "set", "g0", "up");
	assert_int_equal(guard_links_mend(&lan->a.links), 1);
	must_work(lan, 7, 2);
}

/* The guard starts before its network does. */
static void test_before_the_network(void **state)
{
	struct lan *lan = *state;

	guard_links_close(&lan->a.links);
	enter(&lan->a);
	IP("link", "del", "g1");
	IP("address", "del", "10.71.0.1/24", "dev", "g0");
	open_side(&lan->a);
	assert_true(lan->a.links.link[1].fd == -1 && lan->a.links.link[1].counts.error == ENODEV);
	must_work(lan, 4, 1);
	IP("address", "add", "10.71.0.1/24", "dev", "g0");
	must_work(lan, 5, 2);
	cable(lan, 1);
	assert_int_equal(guard_links_mend(&lan->a.links), 2);
	enter(&lan->b);
	assert_int_equal(guard_links_mend(&lan->b.links), 2);
	must_work(lan, 7, 3);
}

/* "Port unreachable" comes back for each, and ends nothing. */
static void test_nobody_listens(void **state)
{
	struct lan *lan = *state;
	struct guard_got got[GUARD_BATCH];
	bool more;

	guard_links_close(&lan->b.links);
	for (unsigned int i = 0; i < 200; i++) {
		assert_int_equal(send_byte(&lan->a.links, 1, 1), 3);
		for (unsigned int k = 0; k < LINKS_OF_LAN; k++)
			assert_int_equal(guard_links_receive(&lan->a.links, k, got, &more, 6), 0);
	}
	open_side(&lan->b);
	must_work(lan, 7, 2);
	assert_int_equal(lan->a.links.link[0].counts.not_sent, 0);
}

/* A witness has no privilege: its links are opened, named interfaces too, and mended. */
static void test_as_nobody(void **state)
{
	struct lan *lan = *state;
	struct err err = { 0 };
	int status = -1;
	pid_t child;

	guard_links_close(&lan->a.links);
	enter(&lan->a);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0 ||
		    guard_links_open(&lan->a.links, lan->a.config, LINKS_OF_LAN, &err) < 0)
			_exit(1);
		close(lan->a.links.link[0].fd);
		lan->a.links.link[0].fd = -1;
		if (guard_links_mend(&lan->a.links) != 1)
			_exit(2);
		_exit(send_byte(&lan->a.links, 1, 77) == LINKS_OF_LAN ? 0 : 3);
	}
	assert_true(waitpid(child, &status, 0) == child && WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	for (unsigned int i = 0; i < LINKS_OF_LAN; i++)
		assert_true(got_byte(&lan->b.links, i, 77));
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_cut_and_back),	  TEST(test_interface_vanishes),
					    TEST(test_interface_renamed), TEST(test_before_the_network),
					    TEST(test_nobody_listens),	  TEST(test_as_nobody) };

	return may_test() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
