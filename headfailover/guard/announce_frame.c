/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/announce_frame.h"

#include "headfailover/guard/announce.h"

#include <string.h>

#define ETHERNET 14
#define ARP_LEN 28
#define IPV6_LEN 40
#define ICMPV6 58
#define ADVERTISEMENT 136
#define ADVERTISEMENT_LEN 24
#define OVERRIDE 0x20
#define ROUTER 0x80
#define TARGET_LINK 2 /* the option "target link-layer address" */

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static const int64_t steps_ns[BURST_STEPS] = { 0, 1000000, 5000000, 20000000, 100000000, 1000000000, 5000000000 };

void burst_start(struct burst *b, int64_t now_ns)
{
	*b = (struct burst){ .start_ns = now_ns };
}

void burst_stop(struct burst *b)
{
	b->done = BURST_STEPS;
}

bool burst_due(struct burst *b, int64_t now_ns, int64_t *next_ns)
{
	unsigned int before = b->done;

	while (b->done < BURST_STEPS && now_ns - b->start_ns >= steps_ns[b->done])
		b->done++;
	*next_ns = b->done < BURST_STEPS ? b->start_ns + steps_ns[b->done] : INT64_MAX;
	return b->done != before;
}

bool announce_is4(const struct addr6 *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

static void put(struct announce_frame *f, const void *p, size_t len)
{
	memcpy(f->bytes + f->len, p, len);
	f->len += len;
}

static void begin(struct announce_frame *f, const uint8_t to[6], const uint8_t from[6], uint16_t type)
{
	const uint8_t t[2] = { (uint8_t)(type >> 8), (uint8_t)type };

	*f = (struct announce_frame){ .len = 0 };
	put(f, to, 6);
	put(f, from, 6);
	put(f, t, 2);
}

/* RFC 5227, 3: the request; some hosts take only the other form. */
static void make_arp(struct announce_frame *f, const uint8_t addr[4], const uint8_t mac[6], uint8_t operation)
{
	const uint8_t head[8] = { 0, 1, 8, 0, 6, 4, 0, operation };
	static const uint8_t nobody[6] = { 0 };

	begin(f, everybody, mac, 0x0806);
	put(f, head, sizeof(head));
	put(f, mac, 6);
	put(f, addr, 4);
	put(f, operation == 1 ? nobody : mac, 6);
	put(f, addr, 4);
	f->len = 60; /* the least that Ethernet has; the rest is zeros */
}

static uint16_t checksum(const uint8_t *ip, size_t len)
{
	uint32_t s = ICMPV6 + (uint32_t)len;

	for (size_t i = 8; i < IPV6_LEN + len; i++)
		s += (uint32_t)ip[i] << (i % 2 ? 0 : 8);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

/* RFC 4861, 4.4 and 7.2.6. */
static void make_advertisement(struct announce_frame *f, const struct addr6 *a, const uint8_t mac[6], bool router)
{
	static const uint8_t all_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 }, all[16] = { 0xff, 0x02, [15] = 1 };
	const uint8_t ip[8] = { 0x60, [5] = ADVERTISEMENT_LEN + 8, [6] = ICMPV6, [7] = 255 };
	const uint8_t head[8] = { ADVERTISEMENT, [4] = OVERRIDE | (router ? ROUTER : 0) }, option[2] = { TARGET_LINK, 1 };
	uint16_t sum;

	begin(f, all_mac, mac, 0x86dd);
	put(f, ip, sizeof(ip));
	put(f, a->bytes, 16);
	put(f, all, 16);
	put(f, head, sizeof(head));
	put(f, a->bytes, 16);
	put(f, option, 2);
	put(f, mac, 6);
	sum = checksum(f->bytes + ETHERNET, ADVERTISEMENT_LEN + 8);
	f->bytes[ETHERNET + IPV6_LEN + 2] = (uint8_t)(sum >> 8);
	f->bytes[ETHERNET + IPV6_LEN + 3] = (uint8_t)sum;
}

size_t announce_make(const struct addr6 *a, const uint8_t mac[6], bool router, struct announce_frame out[ANNOUNCE_FRAMES])
{
	if (!announce_is4(a)) {
		make_advertisement(&out[0], a, mac, router);
		return 1;
	}
	make_arp(&out[0], a->bytes + 12, mac, 1);
	make_arp(&out[1], a->bytes + 12, mac, 2);
	return 2;
}

static bool claim_arp(const uint8_t *p, size_t len, struct addr6 *addr, uint8_t mac[6])
{
	static const uint8_t head[6] = { 0, 1, 8, 0, 6, 4 }, nobody[4] = { 0 };

	if (len < ARP_LEN || memcmp(p, head, 6) != 0 || memcmp(p + 14, nobody, 4) == 0)
		return false;
	*addr = (struct addr6){ .bytes = { [10] = 0xff, [11] = 0xff } };
	memcpy(addr->bytes + 12, p + 14, 4);
	memcpy(mac, p + 8, 6);
	return true;
}

/* RFC 4861, 7.1.2: what is no valid one is not looked at by hosts either. */
static bool claim_advertisement(const uint8_t *p, size_t len, const uint8_t from[6], struct addr6 *addr, uint8_t mac[6])
{
	size_t n, at;

	if (len < IPV6_LEN + ADVERTISEMENT_LEN || p[0] >> 4 != 6 || p[6] != ICMPV6 || p[7] != 255)
		return false;
	n = (size_t)p[4] << 8 | p[5];
	if (n < ADVERTISEMENT_LEN || n > len - IPV6_LEN || p[40] != ADVERTISEMENT || p[41] != 0 || checksum(p, n) != 0)
		return false;
	memcpy(addr->bytes, p + 48, 16);
	memcpy(mac, from, 6);
	for (at = IPV6_LEN + ADVERTISEMENT_LEN; at + 8 <= IPV6_LEN + n; at += (size_t)p[at + 1] * 8) {
		if (p[at + 1] == 0 || at + (size_t)p[at + 1] * 8 > IPV6_LEN + n)
			return false;
		if (p[at] == TARGET_LINK)
			memcpy(mac, p + at + 2, 6);
	}
	return at == IPV6_LEN + n;
}

bool announce_claim(const uint8_t *frame, size_t len, struct addr6 *addr, uint8_t mac[6])
{
	uint16_t type;

	if (len < ETHERNET)
		return false;
	type = (uint16_t)(frame[12] << 8 | frame[13]);
	if (type == 0x0806)
		return claim_arp(frame + ETHERNET, len - ETHERNET, addr, mac);
	return type == 0x86dd && claim_advertisement(frame + ETHERNET, len - ETHERNET, frame + 6, addr, mac);
}
