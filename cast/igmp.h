/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who asks for multicast members, and who is one: packets of IGMP (RFC 1112, 2236, 3376) and MLD (RFC 2710, 3810), whole from the
 * IP header on. Pure. IPv4 addresses are ::ffff:a.b.c.d, so that addresses of either family compare as numbers. */
#ifndef ORTHRUS_CAST_IGMP_H
#define ORTHRUS_CAST_IGMP_H

#include "base/err.h"
#include "site/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IGMP_PACKET_MAX 1280 /* of what is written */

enum igmp_kind { IGMP_QUERY = 1, IGMP_REPORT, IGMP_LEAVE };
struct igmp_message {
	enum igmp_kind kind;
	bool v6;
	unsigned int version; /* of IGMP 1 to 3, of MLD 1 or 2 */
	struct addr6 from;
	struct addr6 to;    /* the writer knows it by itself */
	struct addr6 group; /* all zero: of all groups (a general query, a report of records) */
	/* A query's */
	uint32_t answer_ms;	 /* members answer within this time */
	bool suppress;		 /* other routers' timers stay as they are */
	unsigned int robustness; /* 0: not said (version 1 and 2 of IGMP, 1 of MLD, too) */
	uint32_t every_s;	 /* ditto */
	/* What follows: addresses of sources (a query's), or records (a report's of IGMP 3 and MLD 2). Points into the packet. */
	unsigned int n;
	const uint8_t *rest;
	size_t rest_len;
};
/* ERR_INVALID, with the reason: no IP packet with IGMP or MLD, not sent on this link (hop limit 1), wrong checksum, cut off, what
 * no version sends. `len` may be more than the packet has (Ethernet fills up). */
int igmp_read(const uint8_t *packet, size_t len, struct igmp_message *out, struct err *err) WARN_UNUSED;

enum igmp_record_type {
	IGMP_IS_INCLUDE = 1,
	IGMP_IS_EXCLUDE,
	IGMP_TO_INCLUDE,
	IGMP_TO_EXCLUDE,
	IGMP_ALLOW,
	IGMP_BLOCK,
};
struct igmp_record {
	uint8_t type; /* enum igmp_record_type, or one of the future */
	struct addr6 group;
	unsigned int n; /* sources */
	const uint8_t *sources;
};
/* The record at `*at` (0 at first) of a report that igmp_read() took; false: there is none more. */
bool igmp_record(const struct igmp_message *m, size_t *at, struct igmp_record *out);
/* Appends one at `*len` of `out`, of IGMP_PACKET_MAX bytes; the sources are r->n times 4 (or 16) bytes. False: no room. */
bool igmp_record_write(bool v6, const struct igmp_record *r, uint8_t *out, size_t *len);
/* Returns the packet's length; 0: it does not fit, or no version has that. Times that have no code are rounded down. */
size_t igmp_write(const struct igmp_message *m, uint8_t out[IGMP_PACKET_MAX]);

struct addr6 igmp_addr4(uint32_t addr);			     /* host order */
bool igmp_is4(const struct addr6 *a);			     /* ::ffff:0:0/96 */
void igmp_print(const struct addr6 *a, char out[ADDR6_LEN]); /* 10.1.0.1, fe80::1 */

/* Shared by reader and writer: the Internet checksum (RFC 1071) of what follows an IPv6 pseudo header (`from` not NULL; RFC 8200,
 * 8.1), else of the bytes alone. 0 when the bytes hold the right one already. */
uint16_t igmp_checksum(const struct addr6 *from, const struct addr6 *to, const uint8_t *data, size_t len);

#endif
