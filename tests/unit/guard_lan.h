/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of the guards' links: two machines (network namespaces), voters 0 and 1, with three cables between them. */
#ifndef ORTHRUS_TESTS_UNIT_GUARD_LAN_H
#define ORTHRUS_TESTS_UNIT_GUARD_LAN_H

#include "base/mem.h"
#include "headfailover/guard/links.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#define PORT 7140
#define LINKS_OF_LAN 3

struct side {
	int ns;
	struct guard_links links;
	struct guard_link_config config[LINKS_OF_LAN];
};
struct lan {
	struct side a, b; /* voters 0 and 1 */
};

#define IP(...)                                                                                                                  \
	do {                                                                                                                     \
		struct err ip_err = { 0 };                                                                                       \
		if (SPAWN(&ip_err, "ip", __VA_ARGS__) < 0)                                                                       \
			fail_msg("%s", ip_err.text);                                                                             \
	} while (0)

static inline void enter(const struct side *s)
{
	assert_int_equal(setns(s->ns, CLONE_NEWNET), 0);
}

static inline int new_ns(void)
{
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	IP("link", "set", "lo", "up");
	return fd;
}

/* Cable 0 has IPv4, 1 IPv6, 2 only the addresses that IPv6 makes of fixed MACs: fe80::ff:fe00:a2 and b2. */
static inline void cable(const struct lan *lan, unsigned int i)
{
	char name[] = "g0", there[64], mac_a[] = "02:00:00:00:00:a0", mac_b[] = "02:00:00:00:00:b0";

	name[1] = (char)('0' + i);
	mac_a[16] = mac_b[16] = name[1];
	snprintf(there, sizeof(there), "/proc/%d/fd/%d", getpid(), lan->b.ns);
	enter(&lan->a);
	IP("link", "add", name, "address", mac_a, "type", "veth", "peer", "name", name, "address", mac_b, "netns", there);
	for (int b = 0; b < 2; b++) {
		enter(b ? &lan->b : &lan->a);
		if (i == 0)
			IP("address", "add", b ? "10.71.0.2/24" : "10.71.0.1/24", "dev", name);
		if (i == 1)
			IP("address", "add", b ? "fd71::2/64" : "fd71::1/64", "dev", name, "nodad");
		if (i == 2)
			IP("address", "add", b ? "fe80::b2/64" : "fe80::a2/64", "dev", name, "nodad");
		IP("link", "set", name, "up");
	}
	/* veth has a carrier when both are up; then nothing waits for duplicate addresses. */
	enter(&lan->a);
}

static inline struct sockaddr_storage address(const char *text, uint16_t port)
{
	struct sockaddr_storage a;
	struct err err = { 0 };

	assert_int_equal(guard_link_address(text, port, &a, &err), 0);
	return a;
}

static inline void configure(struct side *s, bool b)
{
	static const char *const at[2][LINKS_OF_LAN] = { { "10.71.0.1", "fd71::1", "fe80::a2" },
							 { "10.71.0.2", "fd71::2", "fe80::b2" } };

	for (unsigned int i = 0; i < LINKS_OF_LAN; i++) {
		s->config[i] = (struct guard_link_config){ .local = address(at[b][i], PORT) };
		s->config[i].peers[!b] = address(at[!b][i], PORT);
		s->config[i].interface[0] = 'g';
		s->config[i].interface[1] = (char)('0' + i);
	}
}

static inline void open_side(struct side *s)
{
	struct err err = { 0 };

	enter(s);
	if (guard_links_open(&s->links, s->config, LINKS_OF_LAN, &err) < 0)
		fail_msg("%s", err.text);
}

static inline bool wait_for(const struct guard_links *l, unsigned int link, int ms)
{
	struct pollfd p = { .fd = l->link[link].fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* One datagram, all of its bytes `v`. */
static inline unsigned int send_byte(struct guard_links *l, uint8_t voter, uint8_t v)
{
	uint8_t packets[GUARD_LINKS][GUARD_WIRE_LEN];

	for (unsigned int i = 0; i < GUARD_LINKS; i++)
		memset(packets[i], v + (int)i, GUARD_WIRE_LEN);
	return guard_links_send(l, voter, packets, 5);
}

/* Is one that is all `v` among what is there now, or comes soon? Others are older ones. */
static inline bool got_byte(struct guard_links *l, unsigned int link, uint8_t v)
{
	struct guard_got got[GUARD_BATCH];
	bool found = false, more = wait_for(l, link, 50);

	while (more) {
		const unsigned int n = guard_links_receive(l, link, got, &more, 6);

		for (unsigned int i = 0; i < n; i++)
			found = found || (got[i].len == GUARD_WIRE_LEN && got[i].data[0] == (uint8_t)(v + link) &&
					  got[i].data[GUARD_WIRE_LEN - 1] == (uint8_t)(v + link));
	}
	return found;
}

/* What a sends by the cables of this bit set arrives, and so does what b sends: at some time, since a cable that was just put in
 * loses some. */
static inline void must_work(struct lan *lan, unsigned int links, uint8_t v)
{
	unsigned int there = 0, back = 0;

	for (unsigned int tries = 0; tries < 200 && (there != links || back != links); tries++) {
		(void)send_byte(&lan->a.links, 1, v);
		(void)send_byte(&lan->b.links, 0, (uint8_t)(v + 100));
		for (unsigned int i = 0; i < LINKS_OF_LAN; i++) {
			const unsigned int bit = 1U << i & links;

			if (bit & ~there && got_byte(&lan->b.links, i, v))
				there |= bit;
			if (bit & ~back && got_byte(&lan->a.links, i, (uint8_t)(v + 100)))
				back |= bit;
		}
	}
	if (there != links || back != links)
		fail_msg("of the cables %x only %x and back %x work", links, there, back);
}

static inline int setup(void **state)
{
	struct lan *lan = mem_zalloc(sizeof(*lan));

	lan->a.ns = new_ns();
	lan->b.ns = new_ns();
	for (unsigned int i = 0; i < LINKS_OF_LAN; i++)
		cable(lan, i);
	configure(&lan->a, false);
	configure(&lan->b, true);
	open_side(&lan->a);
	open_side(&lan->b);
	must_work(lan, 7, 200);
	*state = lan;
	return 0;
}

static inline int teardown(void **state)
{
	struct lan *lan = *state;

	guard_links_close(&lan->a.links);
	guard_links_close(&lan->b.links);
	close(lan->a.ns);
	close(lan->b.ns);
	free(lan);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static inline bool may_test(void)
{
	if (geteuid() == 0 && unshare(CLONE_NEWNET) == 0)
		return true;
	puts("needs root and a network namespace");
	return false;
}

#endif
