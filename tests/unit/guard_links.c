/* SPDX-License-Identifier: GPL-2.0-or-later */
/* headfailover/guard/links: what goes over all links at once, from whom, and what is no link. */
#include "tests/unit/guard_lan.h"

static void test_all_at_once(void **state)
{
	struct lan *lan = *state;
	const struct guard_link_counts *c;

	for (uint8_t v = 0; v < 20; v++)
		must_work(lan, 7, v);
	for (unsigned int i = 0; i < LINKS_OF_LAN; i++) {
		c = &lan->a.links.link[i].counts;
		assert_true(c->sent >= 20 && c->got >= 20 && c->got <= lan->b.links.link[i].counts.sent && c->not_sent == 0 &&
			    c->strangers == 0 && c->opened == 1);
		assert_true(c->sent_ns == 5 && c->got_ns == 6 && c->error == 0 && c->dropped == 0);
	}
	assert_int_equal(guard_links_mend(&lan->a.links), 0);
	assert_int_equal(send_byte(&lan->a.links, 1, 0), 3);
	assert_int_equal(send_byte(&lan->a.links, 2, 0), 0); /* no way to that voter */
}

static void test_first_in_every_queue(void **state)
{
	struct lan *lan = *state;
	int v = 0;
	socklen_t len = sizeof(v);

	for (unsigned int i = 0; i < LINKS_OF_LAN; i++) {
		const int fd = lan->a.links.link[i].fd;

		assert_true(getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &v, &len) == 0 && v == 6);
		assert_int_equal(i ? getsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &v, &len)
				   : getsockopt(fd, IPPROTO_IP, IP_TOS, &v, &len),
				 0);
		assert_int_equal(v, 0xc0);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
}

/* From b's address but another port, and of other lengths. */
static void test_strangers_and_lengths(void **state)
{
	static const size_t lens[] = { 0, 1, GUARD_WIRE_LEN - 1, GUARD_WIRE_LEN, GUARD_WIRE_LEN + 1, 1400, 20000 };
	static const uint8_t data[20000];
	struct lan *lan = *state;
	struct sockaddr_storage to = address("10.71.0.1", PORT), from = address("10.71.0.2", PORT + 1);
	struct guard_got got[GUARD_BATCH];
	autoclose int fd = -1;
	bool more;

	enter(&lan->b);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(struct sockaddr_in)), 0);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		assert_true(sendto(fd, data, lens[i], 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in)) >= 0);
		assert_true(sendto(lan->b.links.link[0].fd, data, lens[i], 0, (struct sockaddr *)&to,
				   sizeof(struct sockaddr_in)) >= 0);
	}
	for (size_t done = 0; done < ARRAY_LEN(lens);) {
		unsigned int n;

		assert_true(wait_for(&lan->a.links, 0, 10000));
		n = guard_links_receive(&lan->a.links, 0, got, &more, 6);
		for (unsigned int i = 0; i < n; i++)
			assert_int_equal(got[i].len, lens[done + i]);
		done += n;
	}
	assert_int_equal(lan->a.links.link[0].counts.strangers, ARRAY_LEN(lens));
	must_work(lan, 7, 1);
}

static void test_batches(void **state)
{
	struct lan *lan = *state;
	const uint64_t *dropped = &lan->a.links.link[0].counts.dropped;
	struct guard_got got[GUARD_BATCH];
	unsigned int seen = 0;
	bool more = true;
	uint64_t before;

	must_work(lan, 7, 1);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(send_byte(&lan->b.links, 0, (uint8_t)i), 3);
	while (seen < 100) {
		unsigned int n;

		assert_true(wait_for(&lan->a.links, 0, 10000));
		n = guard_links_receive(&lan->a.links, 0, got, &more, 6);
		assert_int_equal(more, n == GUARD_BATCH);
		for (unsigned int i = 0; i < n; i++)
			seen += got[i].data[0] == seen; /* after what was left of the first ones */
	}
	assert_int_equal(guard_links_receive(&lan->a.links, 0, got, &more, 6), 0);
	assert_false(more);
	/* More than there is room for: the kernel throws them away, and we know how many. */
	for (unsigned int i = 0; i < 100000 && !*dropped; i++) {
		(void)send_byte(&lan->b.links, 0, 0);
		if (i % 500 == 0)
			assert_int_equal(guard_links_mend(&lan->a.links), 0);
	}
	assert_true(*dropped > 0 && *dropped <= 501);
	for (unsigned int i = 0; i < LINKS_OF_LAN; i++)
		while (guard_links_receive(&lan->a.links, i, got, &more, 6))
			;
	must_work(lan, 7, 1);
	assert_int_equal(guard_links_mend(&lan->a.links), 0);
	before = *dropped;
	assert_int_equal(guard_links_mend(&lan->a.links), 0);
	assert_true(*dropped == before && before < 1000);
}

/* By another interface than the link's nothing is heard, even to its address. */
static void test_only_by_its_interface(void **state)
{
	struct lan *lan = *state;
	struct sockaddr_storage to = address("10.71.0.1", PORT), from = address("10.72.0.2", PORT);
	struct guard_got got[GUARD_BATCH];
	struct guard_links one;
	struct guard_link_config any = lan->a.config[0];
	struct err err = { 0 };
	autoclose int fd = -1;
	bool more;

	enter(&lan->b);
	IP("address", "add", "10.72.0.2/24", "dev", "g1");
	IP("route", "add", "10.71.0.1/32", "dev", "g1", "src", "10.72.0.2");
	enter(&lan->a);
	IP("address", "add", "10.72.0.1/24", "dev", "g1");
	lan->a.links.link[0].config.peers[2] = from; /* a voter's address, even */
	enter(&lan->b);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(struct sockaddr_in)), 0);
	assert_true(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in)) == 1);
	IP("route", "del", "10.71.0.1/32", "dev", "g1", "src", "10.72.0.2");
	must_work(lan, 3, 9);
	assert_true(lan->a.links.link[0].counts.got <= lan->b.links.link[0].counts.sent);
	/* Where no interface is named, it is as the routes say. */
	guard_links_close(&lan->a.links);
	enter(&lan->a);
	any.interface[0] = '\0';
	any.peers[2] = from;
	assert_int_equal(guard_links_open(&one, &any, 1, &err), 0);
	enter(&lan->b);
	IP("route", "add", "10.71.0.1/32", "dev", "g1", "src", "10.72.0.2");
	assert_true(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in)) == 1);
	assert_true(wait_for(&one, 0, 10000));
	assert_int_equal(guard_links_receive(&one, 0, got, &more, 6), 1);
	guard_links_close(&one);
}

/* A link rests when twice in a moment all was useless; never for once, nor when something came between, and never for long. */
static void test_rest(void **state)
{
	struct lan *lan = *state;
	struct guard_links *l = &lan->a.links;
	struct pollfd p[GUARD_LINKS];
	int64_t now_ns = 1000 * GUARD_REST_NS;

	guard_links_useless(l, 1, now_ns);
	assert_true(guard_links_poll(l, p, now_ns) == INT64_MAX);
	for (unsigned int i = 0; i < GUARD_LINKS; i++)
		assert_true(p[i].fd == (i < LINKS_OF_LAN ? l->link[i].fd : -1) && p[i].events == POLLIN);
	now_ns += 2 * GUARD_REST_NS;
	guard_links_useless(l, 1, now_ns);
	assert_true(guard_links_poll(l, p, now_ns) == INT64_MAX);
	now_ns += GUARD_REST_NS;
	guard_links_useless(l, 1, now_ns);
	assert_true(guard_links_poll(l, p, now_ns) == now_ns + GUARD_REST_NS);
	assert_true(p[1].fd == -1 && p[0].fd == l->link[0].fd && p[2].fd == l->link[2].fd);
	guard_links_useless(l, 2, now_ns + 1);
	guard_links_useless(l, 2, now_ns + 2);
	assert_true(guard_links_poll(l, p, now_ns + 2) == now_ns + GUARD_REST_NS && p[2].fd == -1);
	now_ns += GUARD_REST_NS;
	assert_true(guard_links_poll(l, p, now_ns) == now_ns + 2 && p[1].fd == l->link[1].fd);
	assert_true(guard_links_poll(l, p, now_ns + 2) == INT64_MAX && p[2].fd == l->link[2].fd);
	/* One whose interface is gone. */
	enter(&lan->a);
	IP("link", "del", "g1");
	assert_int_equal(guard_links_mend(l), 2);
	assert_true(guard_links_poll(l, p, now_ns + 2) == INT64_MAX && p[1].fd == -1);
}

static void refuse(const struct guard_link_config *c, unsigned int n, enum err_kind kind, const char *why)
{
	struct guard_links l;
	struct err err = { 0 };

	assert_int_equal(guard_links_open(&l, c, n, &err), -1);
	if (err.kind != kind || !strstr(err.text, why))
		fail_msg("expected '%s', got '%s'", why, err.text);
	guard_links_close(&l);
}

static void test_senseless(void **state)
{
	static const char *const nobodys[] = { "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1" };
	struct lan *lan = *state;
	struct guard_link_config c = lan->a.config[0], four[4] = { c, c, c, c };
	struct sockaddr_storage a;
	struct err err = { 0 };

	enter(&lan->a);
	refuse(&c, 1, ERR_EXISTS, "in use");
	guard_links_close(&lan->a.links);
	refuse(four, 0, ERR_INVALID, "0 links");
	refuse(four, 5, ERR_INVALID, "5 links");
	refuse(four, 2, ERR_EXISTS, "link 1");
	for (size_t i = 0; i < ARRAY_LEN(nobodys); i++) {
		c = lan->a.config[0];
		c.local = address(nobodys[i], PORT);
		refuse(&c, 1, ERR_INVALID, "no address");
		c = lan->a.config[0];
		c.peers[1] = address(nobodys[i], PORT);
		refuse(&c, 1, ERR_INVALID, "voter 1");
	}
	c = lan->a.config[0];
	c.local = address("10.71.0.1", 0);
	refuse(&c, 1, ERR_INVALID, "port");
	c = lan->a.config[0];
	c.peers[1] = address("10.71.0.2", 0);
	refuse(&c, 1, ERR_INVALID, "voter 1");
	c.peers[1] = c.local;
	refuse(&c, 1, ERR_INVALID, "voter 1");
	c.peers[1] = address("fd71::2", PORT);
	refuse(&c, 1, ERR_INVALID, "voter 1");
	c.peers[1].ss_family = 0;
	refuse(&c, 1, ERR_INVALID, "no voter");
	c = lan->a.config[2];
	c.interface[0] = '\0';
	refuse(&c, 1, ERR_INVALID, "interface");
	c = lan->a.config[2];
	c.peers[1] = address("fd71::2", PORT);
	refuse(&c, 1, ERR_INVALID, "voter 1");
	c = lan->a.config[0];
	memset(c.interface, 'g', sizeof(c.interface));
	refuse(&c, 1, ERR_INVALID, "name");
	assert_int_equal(guard_link_address("head-a", 1, &a, &err), -1);
	assert_int_equal(guard_link_address("10.0.0.1/24", 1, &a, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_at_once), TEST(test_first_in_every_queue),  TEST(test_strangers_and_lengths),
		TEST(test_batches),	TEST(test_only_by_its_interface), TEST(test_rest),
		TEST(test_senseless)
	};

	return may_test() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
