/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/igmp.h"

#include <string.h>

#define HEAD4 24 /* with the router alert (RFC 2113) */
#define HEAD6 48 /* ditto (RFC 2711), which is a header of its own */

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The greatest code whose value is at most `v`: `bits` of mantissa, beneath them 3 of the exponent (RFC 3376, 4.1.1). */
static uint32_t code(uint32_t v, unsigned int bits)
{
	uint32_t direct = UINT32_C(8) << bits, mantissa = UINT32_C(1) << bits, e = 0;

	if (v < direct)
		return v;
	while (e < 7 && v >> (e + 3) >= mantissa * 2)
		e++;
	v >>= e + 3;
	if (v >= mantissa * 2) /* more than can be said */
		v = mantissa * 2 - 1;
	return direct | e << bits | (v - mantissa);
}

static struct addr6 link_group(bool v6, uint8_t last)
{
	struct addr6 six = { { 0xff, 0x02, [15] = last } };

	return v6 ? six : igmp_addr4(0xe0000000U | last);
}

/* To whom each kind goes: RFC 3376, 4.1.12 and 4.2.14; RFC 2236, 3; RFC 3810, 5.1.15 and 5.2.14; RFC 2710, 5. */
static struct addr6 addressee(const struct igmp_message *m, bool all)
{
	if (m->kind == IGMP_LEAVE)
		return link_group(m->v6, 2);
	if (m->kind == IGMP_REPORT && m->version == (m->v6 ? 2U : 3U))
		return link_group(m->v6, 0x16);
	return all ? link_group(m->v6, 1) : m->group;
}

static void put_addr(uint8_t *p, const struct addr6 *a, bool v6)
{
	memcpy(p, v6 ? a->bytes : a->bytes + 12, v6 ? 16 : 4);
}

bool igmp_record_write(bool v6, const struct igmp_record *r, uint8_t *out, size_t *len)
{
	size_t wide = v6 ? 16 : 4, need = 4 + wide + r->n * wide;
	uint8_t *p = out + *len;

	if (r->n > 0xffff || need > IGMP_PACKET_MAX - *len)
		return false;
	p[0] = r->type;
	p[1] = 0;
	put16(p + 2, r->n);
	put_addr(p + 4, &r->group, v6);
	if (r->n)
		memcpy(p + 4 + wide, r->sources, r->n * wide);
	*len += need;
	return true;
}

static size_t put_query(const struct igmp_message *m, uint8_t *p)
{
	size_t old = m->v6 ? 24 : 8;
	bool newest = m->version == (m->v6 ? 2 : 3);
	uint32_t tenths = m->answer_ms / 100;

	p[0] = m->v6 ? 130 : 0x11;
	if (m->v6)
		put16(p + 4, newest ? code(m->answer_ms, 12) : m->answer_ms < 0xffff ? m->answer_ms : 0xffff);
	else
		p[1] = (uint8_t)(m->version == 1 ? 0 : newest ? code(tenths, 4) : tenths < 255 ? tenths : 255);
	put_addr(p + old - (m->v6 ? 16 : 4), &m->group, m->v6);
	if (!newest)
		return old;
	p[old] = (uint8_t)((m->suppress ? 8 : 0) | (m->robustness > 7 ? 0 : m->robustness));
	p[old + 1] = (uint8_t)code(m->every_s, 4);
	put16(p + old + 2, m->n);
	if (m->rest_len)
		memcpy(p + old + 4, m->rest, m->rest_len);
	return old + 4 + m->rest_len;
}

static size_t put_member(const struct igmp_message *m, uint8_t *p)
{
	if (m->kind == IGMP_REPORT && m->version == (m->v6 ? 2 : 3)) {
		p[0] = m->v6 ? 143 : 0x22;
		put16(p + 6, m->n);
		if (m->rest_len)
			memcpy(p + 8, m->rest, m->rest_len);
		return 8 + m->rest_len;
	}
	if (m->v6)
		p[0] = m->kind == IGMP_REPORT ? 131 : 132;
	else
		p[0] = m->kind == IGMP_LEAVE ? 0x17 : m->version == 1 ? 0x12 : 0x16;
	put_addr(p + (m->v6 ? 8 : 4), &m->group, m->v6);
	return m->v6 ? 24 : 8;
}

static void put_head4(const struct igmp_message *m, const struct addr6 *to, uint8_t *p, size_t len)
{
	p[0] = 0x46;
	p[1] = 0xc0; /* internetwork control (RFC 3376, 4) */
	put16(p + 2, (uint32_t)len);
	p[6] = 0x40; /* not to be divided */
	p[8] = 1;
	p[9] = 2;
	put_addr(p + 12, &m->from, false);
	put_addr(p + 16, to, false);
	p[20] = 0x94;
	p[21] = 4;
	put16(p + 10, igmp_checksum(NULL, NULL, p, HEAD4));
}

static void put_head6(const struct igmp_message *m, const struct addr6 *to, uint8_t *p, size_t len)
{
	static const uint8_t alert[8] = { 58, 0, 5, 2, 0, 0, 1, 0 };

	p[0] = 0x60;
	put16(p + 4, (uint32_t)(len - 40));
	p[7] = 1;
	put_addr(p + 8, &m->from, true);
	put_addr(p + 24, to, true);
	memcpy(p + 40, alert, sizeof(alert));
}

size_t igmp_write(const struct igmp_message *m, uint8_t out[IGMP_PACKET_MAX])
{
	static const struct addr6 none;
	size_t head = m->v6 ? HEAD6 : HEAD4, len;
	struct addr6 to = addressee(m, memcmp(&m->group, &none, sizeof(none)) == 0);
	uint8_t *body = out + head;

	if (m->version < 1 || m->version > (m->v6 ? 2U : 3U) || (m->kind == IGMP_LEAVE && m->version != (m->v6 ? 1U : 2U)) ||
	    m->n > 0xffff || m->rest_len > IGMP_PACKET_MAX - HEAD6 - 28)
		return 0;
	memset(out, 0, head + 28);
	len = m->kind == IGMP_QUERY ? put_query(m, body) : put_member(m, body);
	put16(body + 2, igmp_checksum(m->v6 ? &m->from : NULL, &to, body, len));
	if (m->v6)
		put_head6(m, &to, out, head + len);
	else
		put_head4(m, &to, out, head + len);
	return head + len;
}
