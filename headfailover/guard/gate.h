/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate: the kernel lets packets of the service addresses through before a deadline, and drops them from then on, whatever
 * became of this process (docs/failover.md, "The gate"). A BPF program at tc's clsact hooks of each interface; where there is no
 * BPF, nftables' netdev hooks. Both behind the same four calls: gate_open(), gate_deadline(), gate_look(), gate_close().
 *
 * What passes only while it is open, on each of its interfaces, with any number of VLAN tags: leaving, IPv4 and IPv6 from a
 * service address, ARP whose sender it is, neighbour advertisements of it, and solicitations by which we would claim it; coming
 * in, IPv4 and IPv6 to a service address, ARP that asks for it, solicitations of it; and frames of these kinds that are too short
 * to say. Everything else passes untouched: what others say as, or we say to, a service address, too, so that the head that has
 * not got it can talk to the one that has. */
#ifndef ORTHRUS_GUARD_GATE_H
#define ORTHRUS_GUARD_GATE_H

#include "base/err.h"
#include "site/addr.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_INTERFACES 16
#define GATE_ADDRS 64

enum gate_kind {
	GATE_ANY = 0, /* asked for: BPF, or nftables where the kernel has no BPF */
	GATE_BPF = 1,
	GATE_NFT = 2, /* up to two jiffies early; a machine that was suspended may find it open: see docs/failover.md */
};
const char *gate_kind_name(enum gate_kind kind); /* "any", "bpf", "nft" */

struct gate_config {
	/* Where the addresses are, and every other one of Ethernet by which a packet for them could come: Linux answers for an
	 * address on any of its interfaces. Not the ports of a bridge or bond, but that. */
	const char *interfaces[GATE_INTERFACES];
	size_t n_interfaces;
	struct addr6 addrs[GATE_ADDRS]; /* IPv4 as ::ffff:a.b.c.d */
	size_t n_addrs;
	enum gate_kind kind;
};
struct gate;

/* The gate is there on every interface, and shut. It takes the place of what an earlier process left (same or other kind) without
 * a moment at which a packet passes. Nothing touches a service address before this returned 0.
 * -1: it may be at some interfaces, shut, and what an earlier process left is where it was: nothing was opened. The guard must
 * not be a head then. ERR_REFUSED: an interface that is no Ethernet; a time namespace, whose clock is not the kernel's. */
int gate_open(const struct gate_config *config, struct gate **out, struct err *err) WARN_UNUSED;

/* Capabilities: all of them are for gate_open() and gate_remove() (CAP_NET_ADMIN, CAP_BPF); afterwards BPF needs none, nftables
 * CAP_NET_ADMIN. */

/* Open until `boot_ns` of CLOCK_BOOTTIME; 0: shut now. It may move either way.
 * BPF: one store into memory, no system call; never fails. nftables: two netlink messages; -1: it is as it was before,
 * so it shuts when it would have. That a *shutting* failed is ERR_REFUSED: it is open until the last deadline, and what must not
 * be before it is shut (a release; the own voter's grant to another) must wait for that. */
int gate_deadline(struct gate *g, int64_t boot_ns, struct err *err) WARN_UNUSED;

struct gate_view {
	enum gate_kind kind;
	int64_t deadline_ns;	  /* the last that was set; 0: shut */
	uint64_t passed, dropped; /* packets of service addresses, since gate_open(), of all interfaces */
	size_t n_missing;	/* interfaces where it is not (any more): somebody took it off, or the interface was made anew */
	char missing[IFNAMSIZ]; /* the first of these */
};
/* Asks the kernel, which may take its time (somebody else's netlink requests come first): not for the loop that renews, unless it
 * is known to be idle. n_missing: the lease must be given up at once, then gate_close() and gate_open() again. -1: nothing is
 * known of the above; count it as missing when it lasts. */
int gate_look(struct gate *g, struct gate_view *out, struct err *err) WARN_UNUSED;

/* Shuts it, and forgets it: what is in the kernel stays there, shut. NULL does nothing. It can only fail to shut at once when
 * gate_deadline(g, 0) would, and shuts at the deadline then. */
void gate_close(struct gate *g);

/* For good, of either kind, from every interface of this network namespace (a head that is none any more). -1: some may
 * still be there. */
int gate_remove(struct err *err) WARN_UNUSED;

#endif
