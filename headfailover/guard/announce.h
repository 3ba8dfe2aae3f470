/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A head that got the lease says so to the network: gratuitous ARP (RFC 5227, section 3: requests and replies) and unsolicited
 * neighbour advertisements (RFC 4861, 7.2.6), several times; its kernel gets the addresses; and who else claims them is told.
 * Order: lease, gate open, announce_send(), addresses_want(true), and announce_send() whenever burst_due() says so. */
#ifndef ORTHRUS_GUARD_ANNOUNCE_H
#define ORTHRUS_GUARD_ANNOUNCE_H

#include "headfailover/guard/addresses.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* When to say it again: a pure schedule, the caller owns clock and timer. */
struct burst {
	int64_t start_ns;
	unsigned int done; /* of the steps: 0, 1, 5, 20, 100 ms, 1 s, 5 s after the start */
};
#define BURST_STEPS 7
void burst_start(struct burst *b, int64_t now_ns);
void burst_stop(struct burst *b);
/* True: say it now (steps that are past are done by that, too). `*next_ns`: when to ask again; INT64_MAX: not any more. */
bool burst_due(struct burst *b, int64_t now_ns, int64_t *next_ns);

struct announce;
/* Sockets and frames for all addresses are made here; later calls allocate nothing. An interface that is down, or has no carrier,
 * is none that fails. It needs CAP_NET_RAW only here. */
int announce_open(const struct service_addr *addrs, size_t n, struct announce **out, struct err *err) WARN_UNUSED;
void announce_free(struct announce *a);

/* One time, all frames. Never waits. Returns how many frames the kernel did not take (link down, queue full): nothing to stop
 * for. */
unsigned int announce_send(struct announce *a);

/* What `announce_fd()` becomes readable for, and at the start, without that, which links have no carrier. Read until
 * ANNOUNCE_NOTHING. */
enum announce_kind {
	ANNOUNCE_NOTHING = 0,
	ANNOUNCE_CONFLICT, /* somebody else says that `addr` is at `mac`: normal while the other head has it, else not */
	ANNOUNCE_LINK_UP,  /* start the burst again if we have the lease */
	ANNOUNCE_LINK_DOWN,
	ANNOUNCE_GONE, /* the interface was taken away: nothing will be said there */
};
struct announce_event {
	enum announce_kind kind;
	char interface[IFNAMSIZ];
	struct addr6 addr; /* CONFLICT */
	uint8_t mac[6];	   /* CONFLICT */
};
int announce_fd(const struct announce *a); /* one for all: an epoll instance */
enum announce_kind announce_read(struct announce *a, struct announce_event *out);

#endif
