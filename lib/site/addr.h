/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv4 and IPv6 addresses and subnets: strict text in, canonical text out (RFC 5952), overlap and membership. */
#ifndef ORTHRUS_SITE_ADDR_H
#define ORTHRUS_SITE_ADDR_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct net4 {
	uint32_t base; /* host byte order */
	unsigned int prefix;
};
struct addr6 {
	uint8_t bytes[16];
};
struct net6 {
	struct addr6 base;
	unsigned int prefix;
};
#define ADDR4_LEN 16
#define NET4_LEN 19
#define ADDR6_LEN 46
#define NET6_LEN 50

int addr4_read(const char *s, uint32_t *out, struct err *err) WARN_UNUSED; /* dotted quad, no leading zeros */
void addr4_print(uint32_t a, char out[ADDR4_LEN]);
int net4_read(const char *s, struct net4 *out, struct err *err) WARN_UNUSED; /* "10.1.0.0/16", no host bits set, prefix 8-30 */
void net4_print(const struct net4 *n, char out[NET4_LEN]);
bool net4_has(const struct net4 *n, uint32_t a); /* a usable host address: neither network nor broadcast */
bool net4_overlap(const struct net4 *a, const struct net4 *b);
uint32_t net4_mask(const struct net4 *n);
uint32_t net4_broadcast(const struct net4 *n);
int addr6_read(const char *s, struct addr6 *out, struct err *err) WARN_UNUSED;
void addr6_print(const struct addr6 *a, char out[ADDR6_LEN]);
int net6_read(const char *s, struct net6 *out, struct err *err) WARN_UNUSED;
void net6_print(const struct net6 *n, char out[NET6_LEN]);
bool net6_has(const struct net6 *n, const struct addr6 *a);
bool net6_overlap(const struct net6 *a, const struct net6 *b);
bool addr6_same(const struct addr6 *a, const struct addr6 *b);
int addr6_cmp(const struct addr6 *a, const struct addr6 *b);	       /* <0, 0, >0: as numbers */
bool addr6_plus(const struct addr6 *a, uint64_t n, struct addr6 *out); /* a + n; false: there is no such address */

/* A machine's *host number* is what its address is beyond its subnet's first: 10.1.3.7 in 10.1.0.0/16 and fd00:1::307 in
 * fd00:1::/64 both are number 775. It is how a machine keeps its place from one family to the other. False when the subnet has no
 * host with that number (0 is none), or the address none that fits. */
bool net4_at(const struct net4 *n, uint64_t number, uint32_t *out);
bool net6_at(const struct net6 *n, uint64_t number, struct addr6 *out);
bool net4_number(const struct net4 *n, uint32_t a, uint64_t *out);
bool net6_number(const struct net6 *n, const struct addr6 *a, uint64_t *out);

#endif
