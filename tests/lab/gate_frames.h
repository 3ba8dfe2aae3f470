/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames for tests of the gate: made from who says what to whom, with any VLAN tags and extension headers. Checksums are those
 * that a kernel expects. */
#ifndef ORTHRUS_TESTS_GATE_FRAMES_H
#define ORTHRUS_TESTS_GATE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FRAME_MAX 256
struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

/* Who is who in the tests: number 1 has the service addresses 10.9.0.1 and fd09::1, 2 is the head itself, others are strangers.
 */
#define SERVICE 1
#define HEAD 2
#define STRANGER 77
#define NOBODY 0
static inline void frame_addr4(uint8_t out[4], uint8_t who)
{
	static const uint8_t net[4] = { 10, 9, 0, 0 };

	memcpy(out, net, 4);
	out[3] = who;
	if (who == NOBODY)
		memset(out, 0, 4);
}

static inline void frame_addr6(uint8_t out[16], uint8_t who)
{
	memset(out, 0, 16);
	if (who == NOBODY)
		return;
	out[0] = 0xfd;
	out[1] = 0x09;
	out[15] = who;
}

static inline void frame_put(struct frame *f, const void *p, size_t len)
{
	memcpy(f->bytes + f->len, p, len);
	f->len += len;
}

static inline void frame_put16(struct frame *f, unsigned int v)
{
	const uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	frame_put(f, b, 2);
}

/* `tags`: "" or Ethertypes as letters: c = 8021Q, s = 802.1ad, 0 = 8021Q of VLAN 0 (priority only). The others are VLAN 5. */
static inline void frame_begin(struct frame *f, const uint8_t to[6], const uint8_t from[6], const char *tags, unsigned int type)
{
	f->len = 0;
	frame_put(f, to, 6);
	frame_put(f, from, 6);
	for (; *tags; tags++) {
		frame_put16(f, *tags == 's' ? 0x88a8 : 0x8100);
		frame_put16(f, *tags == '0' ? 0xe000 : 5);
	}
	frame_put16(f, type);
}

static inline uint16_t frame_sum(uint32_t s, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		s += (uint32_t)p[i] << (i % 2 ? 0 : 8);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static inline void frame_arp(struct frame *f, unsigned int op, uint8_t sender, uint8_t target, const uint8_t mac[6])
{
	static const uint8_t head[6] = { 0, 1, 8, 0, 6, 4 }, none[6] = { 0 };
	uint8_t a[4];

	frame_put(f, head, 6);
	frame_put16(f, op);
	frame_put(f, mac, 6);
	frame_addr4(a, sender);
	frame_put(f, a, 4);
	frame_put(f, none, 6);
	frame_addr4(a, target);
	frame_put(f, a, 4);
}

/* An IPv4 header and what it carries; `sum_at`: where in that its own checksum is (0: none), with the pseudo header or not. */
static inline void frame_ip4(struct frame *f, uint8_t src, uint8_t dst, uint8_t protocol, unsigned int fragment,
			     const uint8_t *data, size_t len, size_t sum_at)
{
	uint8_t h[20] = {
		0x45, 0, 0, (uint8_t)(20 + len), 0x12, 0x34, (uint8_t)(fragment >> 8), (uint8_t)fragment, 64, protocol
	};
	size_t at = f->len;
	uint32_t pseudo;
	uint16_t s;

	frame_addr4(h + 12, src);
	frame_addr4(h + 16, dst);
	s = (uint16_t)~frame_sum(0, h, 20);
	h[10] = (uint8_t)(s >> 8);
	h[11] = (uint8_t)s;
	frame_put(f, h, 20);
	frame_put(f, data, len);
	if (!sum_at)
		return;
	pseudo = protocol == 1 ? 0 : frame_sum(protocol + (uint32_t)len, h + 12, 8);
	s = (uint16_t)~frame_sum(pseudo, f->bytes + at + 20, len);
	f->bytes[at + 20 + sum_at] = (uint8_t)(s >> 8);
	f->bytes[at + 20 + sum_at + 1] = (uint8_t)s;
}

/* `headers`: extension headers as letters: h hop-by-hop, d destination options, f first fragment of more, F a later one. */
static inline void frame_ip6(struct frame *f, uint8_t src, const uint8_t dst[16], const char *headers, uint8_t protocol,
			     const uint8_t *data, size_t len, size_t sum_at)
{
	uint8_t h[40] = { 0x60, [7] = 255 }, x[8], *next = h + 6;
	size_t at = f->len, n = strlen(headers);
	uint16_t s;

	h[5] = (uint8_t)(8 * n + len);
	frame_addr6(h + 8, src);
	memcpy(h + 24, dst, 16);
	frame_put(f, h, 40);
	next = f->bytes + at + 6;
	for (; *headers; headers++) {
		memset(x, 0, 8);
		*next = *headers == 'h' ? 0 : *headers == 'd' ? 60 : 44;
		if (*headers == 'h' || *headers == 'd')
			x[2] = 1, x[3] = 4; /* PadN */
		else if (*headers == 'f')
			x[3] = 1, x[7] = 9;
		else
			x[3] = 0x10, x[7] = 9;
		next = f->bytes + f->len;
		frame_put(f, x, 8);
	}
	*next = protocol;
	frame_put(f, data, len);
	if (!sum_at)
		return;
	s = (uint16_t)~frame_sum(frame_sum(protocol + (uint32_t)len, f->bytes + at + 8, 32), f->bytes + f->len - len, len);
	f->bytes[f->len - len + sum_at] = (uint8_t)(s >> 8);
	f->bytes[f->len - len + sum_at + 1] = (uint8_t)s;
}

/* Neighbour discovery about `target`: type 135 or 136. To the group of all nodes, which everybody hears. */
static inline void frame_nd(struct frame *f, uint8_t src, const char *headers, uint8_t type, uint8_t target, const uint8_t mac[6])
{
	static const uint8_t all[16] = { 0xff, 0x02, [15] = 1 };
	uint8_t d[32] = { type, [4] = type == 136 ? 0x20 : 0, [24] = type == 136 ? 2 : 1, [25] = 1 };

	frame_addr6(d + 8, target);
	memcpy(d + 26, mac, 6);
	frame_ip6(f, src, all, headers, 58, d, src == NOBODY && type == 135 ? 24 : 32, 2);
}

#endif
