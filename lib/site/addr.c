/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/addr.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* One number of a dotted quad, at *p, which is moved past it; -1 when there is none, it is over 255 or has a leading zero
 * (some programs read 010 as octal, so nobody may write it). */
static int octet(const char **p)
{
	const char *s = *p;
	int v = 0, n = 0;

	for (; n < 4 && s[n] >= '0' && s[n] <= '9'; n++)
		v = v * 10 + (s[n] - '0');
	if (n == 0 || n > 3 || v > 255 || (n > 1 && s[0] == '0'))
		return -1;
	*p = s + n;
	return v;
}

int addr4_read(const char *s, uint32_t *out, struct err *err)
{
	const char *p = s;
	uint32_t a = 0;

	for (int i = 0; i < 4; i++) {
		int v = octet(&p);

		if (v < 0 || *p != (i < 3 ? '.' : '\0'))
			return err_set(err, ERR_INVALID, "'%.80s' is not an IPv4 address (like 10.1.0.1)", s);
		if (i < 3)
			p++;
		a = a << 8 | (uint32_t)v;
	}
	*out = a;
	return 0;
}

void addr4_print(uint32_t a, char out[ADDR4_LEN])
{
	snprintf(out, ADDR4_LEN, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

/* "ADDRESS/PREFIX" -> the address as text and the prefix length within [min, max]. */
static int split(const char *s, const char *like, unsigned int min, unsigned int max, char *addr, size_t size,
		 unsigned int *prefix, struct err *err)
{
	const char *slash = strchr(s, '/');
	uint64_t v;

	if (!slash || (size_t)(slash - s) >= size)
		return err_set(err, ERR_INVALID, "'%.80s' is not a subnet (like %s)", s, like);
	memcpy(addr, s, (size_t)(slash - s));
	addr[slash - s] = '\0';
	if (str_to_u64(slash + 1, min, max, &v, err) < 0 || (slash[1] == '0' && slash[2]))
		return err_set(err, ERR_INVALID, "'%.80s': the prefix length must be a number from %u to %u", s, min, max);
	*prefix = (unsigned int)v;
	return 0;
}

uint32_t net4_mask(const struct net4 *n)
{
	return n->prefix ? UINT32_MAX << (32 - n->prefix) : 0;
}

uint32_t net4_broadcast(const struct net4 *n)
{
	return n->base | ~net4_mask(n);
}

/* Addresses that no machine of a cluster may have (RFC 6890): this network, loopback, link-local, multicast and beyond. */
static const struct {
	struct net4 net;
	const char *what;
} reserved4[] = {
	{ { 0x00000000, 8 }, "\"this network\"" }, { { 0x7f000000, 8 }, "loopback" }, { { 0xa9fe0000, 16 }, "link-local" },
	{ { 0xe0000000, 4 }, "multicast" },	   { { 0xf0000000, 4 }, "reserved" },
};

int net4_read(const char *s, struct net4 *out, struct err *err)
{
	char text[ADDR4_LEN];
	struct net4 n = { 0 };

	if (split(s, "10.1.0.0/16", 8, 30, text, sizeof(text), &n.prefix, err) < 0 || addr4_read(text, &n.base, err) < 0)
		return -1;
	if (n.base & ~net4_mask(&n)) {
		char base[ADDR4_LEN];

		addr4_print(n.base & net4_mask(&n), base);
		return err_set(err, ERR_INVALID, "%s has bits set beyond its prefix; the subnet is %s/%u", s, base, n.prefix);
	}
	for (size_t i = 0; i < sizeof(reserved4) / sizeof(reserved4[0]); i++)
		if (net4_overlap(&n, &reserved4[i].net))
			return err_set(err, ERR_INVALID, "%s lies in the %s addresses, which machines can't have", s,
				       reserved4[i].what);
	*out = n;
	return 0;
}

void net4_print(const struct net4 *n, char out[NET4_LEN])
{
	char base[ADDR4_LEN];

	addr4_print(n->base, base);
	snprintf(out, NET4_LEN, "%s/%u", base, n->prefix & 63);
}

bool net4_has(const struct net4 *n, uint32_t a)
{
	return (a & net4_mask(n)) == n->base && a != n->base && a != net4_broadcast(n);
}

bool net4_overlap(const struct net4 *a, const struct net4 *b)
{
	uint32_t mask = net4_mask(a->prefix < b->prefix ? a : b);

	return (a->base & mask) == (b->base & mask);
}

int addr6_read(const char *s, struct addr6 *out, struct err *err)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	struct addr6 a;

	if (inet_pton(AF_INET6, s, a.bytes) != 1)
		return err_set(err, ERR_INVALID, "'%.80s' is not an IPv6 address (like fd00:1::1)", s);
	if (memcmp(a.bytes, mapped, sizeof(mapped)) == 0)
		return err_set(err, ERR_INVALID, "'%.80s' is an IPv4 address in IPv6 form; write it as IPv4", s);
	*out = a;
	return 0;
}

static unsigned int group(const struct addr6 *a, size_t i)
{
	return (unsigned int)a->bytes[2 * i] << 8 | a->bytes[2 * i + 1];
}

/* RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as "::". */
void addr6_print(const struct addr6 *a, char out[ADDR6_LEN])
{
	size_t best = 8, best_len = 1, n = 0;

	for (size_t i = 0; i < 8; i++) {
		size_t len = 0;

		while (i + len < 8 && group(a, i + len) == 0)
			len++;
		if (len > best_len) {
			best = i;
			best_len = len;
		}
		i += len;
	}
	out[0] = '\0';
	for (size_t i = 0; i < 8; i++) {
		if (i == best) {
			n += (size_t)snprintf(out + n, ADDR6_LEN - n, "::");
			i += best_len - 1;
			continue;
		}
		n += (size_t)snprintf(out + n, ADDR6_LEN - n, "%s%x", n && out[n - 1] != ':' ? ":" : "", group(a, i));
	}
}

static void mask6(struct addr6 *a, unsigned int prefix)
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int bits = prefix > 8 * i ? prefix - 8 * i : 0;

		if (bits < 8)
			a->bytes[i] &= (uint8_t)(0xff00u >> bits);
	}
}

bool addr6_same(const struct addr6 *a, const struct addr6 *b)
{
	return addr6_cmp(a, b) == 0;
}

int addr6_cmp(const struct addr6 *a, const struct addr6 *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool addr6_plus(const struct addr6 *a, uint64_t n, struct addr6 *out)
{
	struct addr6 sum = *a;

	for (size_t i = sizeof(sum.bytes); i-- > 0 && n;) {
		unsigned int digit = sum.bytes[i] + (unsigned int)(n & 255);

		sum.bytes[i] = (uint8_t)digit;
		n >>= 8;
		n += digit > 255;
	}
	*out = sum;
	return n == 0;
}

static const char *reserved6(const struct addr6 *a)
{
	static const struct addr6 loopback = { .bytes = { [15] = 1 } }, any = { { 0 } };

	if (a->bytes[0] == 0xff)
		return "multicast";
	if (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80)
		return "link-local";
	return addr6_same(a, &loopback) || addr6_same(a, &any) ? "reserved" : NULL;
}

int net6_read(const char *s, struct net6 *out, struct err *err)
{
	char text[ADDR6_LEN];
	struct net6 n;
	struct addr6 base;

	if (split(s, "fd00:1::/64", 16, 126, text, sizeof(text), &n.prefix, err) < 0 || addr6_read(text, &n.base, err) < 0)
		return -1;
	base = n.base;
	mask6(&base, n.prefix);
	if (!addr6_same(&base, &n.base)) {
		addr6_print(&base, text);
		return err_set(err, ERR_INVALID, "%s has bits set beyond its prefix; the subnet is %s/%u", s, text, n.prefix);
	}
	if (reserved6(&n.base))
		return err_set(err, ERR_INVALID, "%s lies in the %s addresses, which machines can't have", s, reserved6(&n.base));
	*out = n;
	return 0;
}

void net6_print(const struct net6 *n, char out[NET6_LEN])
{
	char base[ADDR6_LEN];

	addr6_print(&n->base, base);
	snprintf(out, NET6_LEN, "%s/%u", base, n->prefix & 255);
}

bool net6_has(const struct net6 *n, const struct addr6 *a)
{
	struct addr6 base = *a;

	mask6(&base, n->prefix);
	return addr6_same(&base, &n->base) &&
	       !addr6_same(a, &n->base); /* the base is the routers' anycast address (RFC 4291, 2.6.1) */
}

bool net6_overlap(const struct net6 *a, const struct net6 *b)
{
	unsigned int prefix = a->prefix < b->prefix ? a->prefix : b->prefix;
	struct addr6 x = a->base, y = b->base;

	mask6(&x, prefix);
	mask6(&y, prefix);
	return addr6_same(&x, &y);
}

bool net4_at(const struct net4 *n, uint64_t number, uint32_t *out)
{
	if (number > ~net4_mask(n) || !net4_has(n, n->base + (uint32_t)number))
		return false;
	*out = n->base + (uint32_t)number;
	return true;
}

bool net6_at(const struct net6 *n, uint64_t number, struct addr6 *out)
{
	struct addr6 a;

	if (!addr6_plus(&n->base, number, &a) || !net6_has(n, &a))
		return false;
	*out = a;
	return true;
}

bool net4_number(const struct net4 *n, uint32_t a, uint64_t *out)
{
	if (!net4_has(n, a))
		return false;
	*out = a - n->base;
	return true;
}

bool net6_number(const struct net6 *n, const struct addr6 *a, uint64_t *out)
{
	uint64_t number = 0;

	if (!net6_has(n, a))
		return false;
	for (size_t i = 0; i < sizeof(a->bytes); i++) {
		uint8_t beyond = a->bytes[i] ^ n->base.bytes[i]; /* the base has no bit there */

		if (i < 8 && beyond)
			return false;
		number = number << 8 | beyond;
	}
	*out = number;
	return true;
}
