/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's service addresses: given to the interfaces and taken away by a thread of its own, because netlink may have to wait
 * for somebody else's request for long, and the loop that renews a lease can't. The thread also puts back what others take away
 * (a link that goes down loses its IPv6 addresses). */
#ifndef ORTHRUS_GUARD_ADDRESSES_H
#define ORTHRUS_GUARD_ADDRESSES_H

#include "base/err.h"
#include "site/addr.h"

#include <stdbool.h>
#include <stddef.h>

#define SERVICE_ADDRS 64 /* as many as the gate has */
struct service_addr {
	struct addr6 addr; /* IPv4 as ::ffff:a.b.c.d */
	/* 32, or 128, where this machine has another address of the subnet: IPv4 ones of the same prefix would go with it when it
	 * is taken away. Else that of the subnet, and `route`: it is reached by this address. */
	unsigned int prefix;
	bool route;
	const char *interface;
};

struct addresses;
/* Takes the addresses away that an earlier process left: they are gone when this returns 0 (the gate must be there, shut,
 * before). IPv6 ones are given without duplicate address detection, and are no source that the kernel chooses by itself. */
int addresses_open(const struct service_addr *addrs, size_t n, struct addresses **out, struct err *err) WARN_UNUSED;
/* What shall be; returns at once, allocates nothing, never fails. What is wanted last is what will be. */
void addresses_want(struct addresses *s, bool there);
/* Readable when something was done, or failed, since the last addresses_done(). Failures are tried again every second. */
int addresses_fd(const struct addresses *s);
struct addresses_state {
	bool there;	       /* what was wanted in the last try */
	unsigned int n_failed; /* addresses that are not so; 0: it is as wanted */
	char error[128];       /* of the first of these */
};
void addresses_done(struct addresses *s, struct addresses_state *out);
/* Ends the thread; what the kernel has, stays. NULL does nothing. */
void addresses_free(struct addresses *s);

#endif
