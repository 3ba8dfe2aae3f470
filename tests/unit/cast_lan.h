/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of the cast: this process alone in a network namespace with an interface d0 (a veth with nobody at its other end:
 * what it sends to a group is heard by this host again, as IP_MULTICAST_LOOP wants it). */
#ifndef ORTHRUS_TESTS_UNIT_CAST_LAN_H
#define ORTHRUS_TESTS_UNIT_CAST_LAN_H

#include "base/mem.h"
#include "cast/net.h"
#include "sys/spawn.h"

#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#define LAN_V4 "10.77.0.1"
#define LAN_V6 "fd77::1"

static inline bool lan_make(void)
{
	struct err err = { 0 };

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		puts("needs root and a network namespace");
		return false;
	}
	if (SPAWN(&err, "ip", "link", "set", "lo", "up") < 0 ||
	    SPAWN(&err, "ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1") < 0 ||
	    SPAWN(&err, "ip", "link", "set", "d0", "up", "multicast", "on") < 0 ||
	    SPAWN(&err, "ip", "link", "set", "d1", "up", "address", "02:00:00:00:00:d1") < 0 ||
	    SPAWN(&err, "ip", "address", "add", LAN_V4 "/24", "dev", "d0") < 0 ||
	    SPAWN(&err, "ip", "address", "add", LAN_V6 "/64", "dev", "d0", "nodad") < 0) {
		puts(err.text);
		return false;
	}
	return true;
}

static inline struct sockaddr_storage lan_addr(const char *host, uint16_t port)
{
	struct sockaddr_storage a;
	struct err err = { 0 };

	assert_int_equal(net_parse(host, port, &a, &err), 0);
	return a;
}

/* Until there is something to read; false: nothing came for so long that nothing will. */
static inline bool lan_wait(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

#endif
