/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/igmp.h"

#include <string.h>

#define IP4_MIN 20
#define IP6_HEAD 40
#define PROTOCOL_IGMP 2
#define PROTOCOL_ICMP6 58

static const struct addr6 mapped4 = { { [10] = 0xff, [11] = 0xff } };

struct addr6 igmp_addr4(uint32_t addr)
{
	struct addr6 a = mapped4;

	for (int i = 0; i < 4; i++)
		a.bytes[12 + i] = (uint8_t)(addr >> (24 - 8 * i));
	return a;
}

bool igmp_is4(const struct addr6 *a)
{
	return memcmp(a->bytes, mapped4.bytes, 12) == 0;
}

void igmp_print(const struct addr6 *a, char out[ADDR6_LEN])
{
	const uint8_t *b = a->bytes + 12;

	if (igmp_is4(a))
		addr4_print((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3], out);
	else
		addr6_print(a, out);
}

static unsigned int be16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		s += be16(p + i);
	if (len & 1)
		s += (uint32_t)p[len - 1] << 8;
	return s;
}

uint16_t igmp_checksum(const struct addr6 *from, const struct addr6 *to, const uint8_t *data, size_t len)
{
	uint32_t s = 0;

	if (from)
		s = sum(sum((uint32_t)len + PROTOCOL_ICMP6, from->bytes, 16), to->bytes, 16);
	s = sum(s, data, len);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

/* 16 bytes of an IPv6 address, or 4 of an IPv4 one. */
static struct addr6 addr_at(const uint8_t *p, bool v6)
{
	struct addr6 a = mapped4;

	memcpy(v6 ? a.bytes : a.bytes + 12, p, v6 ? 16 : 4);
	return a;
}

/* Groups of all: 0.0.0.0 and :: are one. */
static struct addr6 group_at(const uint8_t *p, bool v6)
{
	static const uint8_t zero[16];

	return memcmp(p, zero, v6 ? 16 : 4) == 0 ? (struct addr6){ { 0 } } : addr_at(p, v6);
}

static bool is_multicast(const struct addr6 *a)
{
	return igmp_is4(a) ? a->bytes[12] >> 4 == 14 : a->bytes[0] == 0xff;
}

/* RFC 3376, 4.1.1 and 4.1.7: above 127 the byte is a floating-point number. */
static uint32_t code8(uint8_t c)
{
	return c < 128 ? c : (uint32_t)((c & 0x0f) | 0x10) << (((c >> 4) & 7) + 3);
}

/* RFC 3810, 5.1.3. */
static uint32_t code16(unsigned int c)
{
	return c < 32768 ? c : (uint32_t)((c & 0x0fff) | 0x1000) << (((c >> 12) & 7) + 3);
}

static int query_tail(const uint8_t *p, size_t len, struct igmp_message *m, struct err *err)
{
	size_t head = m->v6 ? 28 : 12, each = m->v6 ? 16 : 4;

	m->suppress = p[head - 4] & 8;
	m->robustness = p[head - 4] & 7;
	m->every_s = code8(p[head - 3]);
	m->n = be16(p + head - 2);
	m->rest = p + head;
	m->rest_len = m->n * each;
	if (m->rest_len > len - head)
		return err_set(err, ERR_INVALID, "a query with room for fewer than its %u sources", m->n);
	return 0;
}

static int read_query(const uint8_t *p, size_t len, struct igmp_message *m, struct err *err)
{
	size_t old = m->v6 ? 24 : 8;

	m->kind = IGMP_QUERY;
	m->group = group_at(p + old - (m->v6 ? 16 : 4), m->v6);
	m->version = m->v6 ? 1 : p[1] ? 2 : 1;
	m->answer_ms = m->v6 ? be16(p + 4) : p[1] * 100U;
	if (len == old)
		return 0;
	if (len < old + 4)
		return err_set(err, ERR_INVALID, "a query of %zu bytes, which no version sends", len);
	m->version = m->v6 ? 2 : 3;
	m->answer_ms = m->v6 ? code16(be16(p + 4)) : code8(p[1]) * 100U;
	return query_tail(p, len, m, err);
}

bool igmp_record(const struct igmp_message *m, size_t *at, struct igmp_record *out)
{
	size_t wide = m->v6 ? 16 : 4, len;
	const uint8_t *p;

	if (m->kind != IGMP_REPORT || *at > m->rest_len || m->rest_len - *at < 4 + wide)
		return false;
	p = m->rest + *at;
	*out = (struct igmp_record){ .type = p[0], .group = addr_at(p + 4, m->v6), .n = be16(p + 2), .sources = p + 4 + wide };
	len = 4 + wide + out->n * wide + p[1] * 4U;
	if (len > m->rest_len - *at)
		return false;
	*at += len;
	return true;
}

static int read_records(const uint8_t *p, size_t len, struct igmp_message *m, struct err *err)
{
	struct igmp_record r;
	size_t at = 0;

	m->kind = IGMP_REPORT;
	m->version = m->v6 ? 2 : 3;
	m->n = be16(p + 6);
	m->rest = p + 8;
	m->rest_len = len - 8;
	for (unsigned int i = 0; i < m->n; i++)
		if (!igmp_record(m, &at, &r))
			return err_set(err, ERR_INVALID, "a report with room for %u of its %u records", i, m->n);
	m->rest_len = at;
	return 0;
}

static int read_one_group(const uint8_t *p, struct igmp_message *m, enum igmp_kind kind, unsigned int version)
{
	m->kind = kind;
	m->version = version;
	m->group = group_at(m->v6 ? p + 8 : p + 4, m->v6);
	return 0;
}

static int read_igmp(const uint8_t *p, size_t len, struct igmp_message *m, struct err *err)
{
	if (len < 8)
		return err_set(err, ERR_INVALID, "IGMP of %zu bytes", len);
	if (igmp_checksum(NULL, NULL, p, len) != 0)
		return err_set(err, ERR_INVALID, "IGMP with a wrong checksum");
	switch (p[0]) {
	case 0x11:
		return read_query(p, len, m, err);
	case 0x12:
		return read_one_group(p, m, IGMP_REPORT, 1);
	case 0x16:
		return read_one_group(p, m, IGMP_REPORT, 2);
	case 0x17:
		return read_one_group(p, m, IGMP_LEAVE, 2);
	case 0x22:
		return read_records(p, len, m, err);
	}
	return err_set(err, ERR_INVALID, "IGMP of type %u", p[0]);
}

static int read_mld(const uint8_t *p, size_t len, struct igmp_message *m, struct err *err)
{
	if (len < 8 || (p[0] != 143 && len < 24))
		return err_set(err, ERR_INVALID, "MLD of %zu bytes", len);
	if (igmp_checksum(&m->from, &m->to, p, len) != 0)
		return err_set(err, ERR_INVALID, "MLD with a wrong checksum");
	switch (p[0]) {
	case 130:
		return read_query(p, len, m, err);
	case 131:
		return read_one_group(p, m, IGMP_REPORT, 1);
	case 132:
		return read_one_group(p, m, IGMP_LEAVE, 1);
	case 143:
		return read_records(p, len, m, err);
	}
	return err_set(err, ERR_INVALID, "ICMPv6 of type %u", p[0]);
}

static int read_ip4(const uint8_t *p, size_t len, struct igmp_message *m, struct err *err)
{
	size_t head, whole;

	if (len < IP4_MIN)
		return err_set(err, ERR_INVALID, "IPv4 of %zu bytes", len);
	head = (p[0] & 0x0fU) * 4;
	whole = be16(p + 2);
	if (head < IP4_MIN || whole < head || whole > len || igmp_checksum(NULL, NULL, p, head) != 0)
		return err_set(err, ERR_INVALID, "IPv4 with a wrong length or checksum");
	if (p[9] != PROTOCOL_IGMP || (be16(p + 6) & 0x3fff) != 0)
		return err_set(err, ERR_INVALID, "no IGMP, or a piece of it");
	if (p[8] != 1)
		return err_set(err, ERR_INVALID, "IGMP with time to live %u: it may be from elsewhere", p[8]);
	m->from = addr_at(p + 12, false);
	m->to = addr_at(p + 16, false);
	return read_igmp(p + head, whole - head, m, err);
}

/* RFC 3810, 5: the only extension header is the hop-by-hop one, which has to hold a Router Alert of value 0 (RFC 2711). */
static bool alerts(const uint8_t *p, size_t len)
{
	for (size_t i = 2; i < len;) {
		if (p[i] == 0) { /* Pad1 */
			i++;
			continue;
		}
		if (i + 2 > len || i + 2 + p[i + 1] > len)
			return false;
		if (p[i] == 5)
			return p[i + 1] == 2 && be16(p + i + 2) == 0;
		i += 2U + p[i + 1];
	}
	return false;
}

static int read_ip6(const uint8_t *p, size_t len, struct igmp_message *m, struct err *err)
{
	size_t whole, options;

	m->v6 = true;
	if (len < IP6_HEAD + 8)
		return err_set(err, ERR_INVALID, "IPv6 of %zu bytes", len);
	whole = IP6_HEAD + be16(p + 4);
	options = (p[IP6_HEAD + 1] + 1U) * 8;
	if (whole > len || whole < IP6_HEAD + options)
		return err_set(err, ERR_INVALID, "IPv6 with a wrong length");
	if (p[6] != 0 || p[IP6_HEAD] != PROTOCOL_ICMP6 || !alerts(p + IP6_HEAD, options))
		return err_set(err, ERR_INVALID, "no ICMPv6 with a router alert");
	if (p[7] != 1)
		return err_set(err, ERR_INVALID, "MLD with hop limit %u: it may be from elsewhere", p[7]);
	m->from = addr_at(p + 8, true);
	m->to = addr_at(p + 24, true);
	return read_mld(p + IP6_HEAD + options, whole - IP6_HEAD - options, m, err);
}

/* RFC 3810, 5.1.14: only a link-local address asks. That of a member may be :: while it has none yet. */
static int check_source(const struct igmp_message *m, struct err *err)
{
	static const struct addr6 none;
	bool link_local = m->from.bytes[0] == 0xfe && (m->from.bytes[1] & 0xc0) == 0x80;
	char text[ADDR6_LEN];

	igmp_print(&m->from, text);
	if (is_multicast(&m->from) ||
	    (m->v6 && !link_local && (m->kind == IGMP_QUERY || memcmp(&m->from, &none, sizeof(none)) != 0)))
		return err_set(err, ERR_INVALID, "%s cannot have sent that", text);
	return 0;
}

static int check_group(const struct igmp_message *m, struct err *err)
{
	static const struct addr6 none;
	bool all = memcmp(&m->group, &none, sizeof(none)) == 0;

	if (!is_multicast(&m->to))
		return err_set(err, ERR_INVALID, "IGMP or MLD to a single machine");
	if (!all && !is_multicast(&m->group))
		return err_set(err, ERR_INVALID, "a group that is none");
	if (all && m->kind != IGMP_QUERY && m->version < (m->v6 ? 2U : 3U))
		return err_set(err, ERR_INVALID, "a member of no group");
	return 0;
}

int igmp_read(const uint8_t *packet, size_t len, struct igmp_message *out, struct err *err)
{
	struct igmp_message m = { 0 };
	unsigned int ip = len ? packet[0] >> 4 : 0;

	if (ip != 4 && ip != 6)
		return err_set(err, ERR_INVALID, "no IP packet");
	if ((ip == 4 ? read_ip4(packet, len, &m, err) : read_ip6(packet, len, &m, err)) < 0)
		return -1;
	if (check_source(&m, err) < 0 || check_group(&m, err) < 0)
		return -1;
	*out = m;
	return 0;
}
