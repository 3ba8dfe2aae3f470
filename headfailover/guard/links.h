/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cables between guards: a UDP socket for each, all of them used at once; one that fails, vanishes or comes back is the
 * business of none of the others. No allocation. */
#ifndef ORTHRUS_GUARD_LINKS_H
#define ORTHRUS_GUARD_LINKS_H

#include "base/err.h"
#include "headfailover/guard/wire.h"

#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define GUARD_BATCH 32
#define GUARD_REST_NS INT64_C(500000)

struct guard_link_config {
	char interface[IF_NAMESIZE];		     /* only by this one; "": as the routes say */
	struct sockaddr_storage local;		     /* address and port that others send to; no zone: it is the interface's */
	struct sockaddr_storage peers[LEASE_VOTERS]; /* their addresses, by number; ss_family 0: not by this link */
};
struct guard_link_counts {
	uint64_t sent, got;	 /* datagrams; `got` from voters' addresses */
	uint64_t not_sent;	 /* no route, no interface, no room, forbidden by a filter */
	uint64_t strangers;	 /* datagrams from addresses that no voter has: thrown away unread */
	uint64_t dropped;	 /* by the kernel, because they came faster than they were taken (guard_links_mend() looks) */
	uint64_t opened;	 /* times */
	int64_t sent_ns, got_ns; /* the last time; 0: never */
	int error;		 /* errno of the last failure to open or send; 0: the last one went well */
};
struct guard_link {
	int fd;			     /* -1: it can't be opened now */
	unsigned int index;	     /* of the interface it was opened on */
	uint32_t drops_seen;	     /* of this socket */
	int64_t useless_ns, rest_ns; /* when all that came was refused last; it is not polled until then */
	struct guard_link_config config;
	struct guard_link_counts counts;
};
struct guard_links {
	unsigned int n;
	struct guard_link link[GUARD_LINKS];
};

/* "10.0.0.1" or "fe80::1". ERR_INVALID. */
int guard_link_address(const char *text, uint16_t port, struct sockaddr_storage *out, struct err *err) WARN_UNUSED;
/* Opens what can be opened now; a link whose interface is not there yet comes with guard_links_mend(). ERR_INVALID: no link,
 * families that don't fit, no address or port, a link-local address without an interface. ERR_EXISTS: another process has such a
 * socket: a second guard of this voter must not run. Close it in any case. */
int guard_links_open(struct guard_links *l, const struct guard_link_config *config, unsigned int n, struct err *err) WARN_UNUSED;
void guard_links_close(struct guard_links *l);
/* Looks whether interfaces vanished, came or have other names, and opens sockets anew. Call it each second, and when the kernel
 * says that a link changed; it waits for nothing. Returns bits of links whose socket is gone or another one, which may have the
 * old one's number: poll them anew. */
unsigned int guard_links_mend(struct guard_links *l);
/* Message for `voter`, packets[i] by link i. What can't leave is counted. Never waits. Returns how many links took it. */
unsigned int guard_links_send(struct guard_links *l, uint8_t voter, const uint8_t packets[GUARD_LINKS][GUARD_WIRE_LEN],
			      int64_t now_ns);

struct guard_got {
	size_t len; /* may be more than GUARD_WIRE_LEN: then it was cut off */
	uint8_t data[GUARD_WIRE_LEN];
};
/* Takes at most GUARD_BATCH datagrams of one link, and keeps those of voters' addresses. Returns how many those are; *more: there
 * may be others waiting. Never waits, never fails. */
unsigned int guard_links_receive(struct guard_links *l, unsigned int link, struct guard_got got[GUARD_BATCH], bool *more,
				 int64_t now_ns);

/* What to poll for: p[i] is link i, -1 for those that are closed or rest. Returns when one of those that rest is to be polled
 * again (INT64_MAX: none rests). */
int64_t guard_links_poll(const struct guard_links *l, struct pollfd p[GUARD_LINKS], int64_t now_ns);
/* All that a receiving brought was refused, or it brought nothing. When it was so before within a moment, the link rests for
 * GUARD_REST_NS: who is flooded is woken by some datagrams at once instead of by each, which costs most of all; so much later the
 * good ones are heard, for as long as that lasts. */
void guard_links_useless(struct guard_links *l, unsigned int link, int64_t now_ns);

#endif
