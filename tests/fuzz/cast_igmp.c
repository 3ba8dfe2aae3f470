/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a packet of IGMP or MLD, as they are and with right checksums: what is taken is written again as the same message,
 * and nothing makes the querier send at once, or wait for longer than a quarter of an hour. */
#include "cast/igmp.h"
#include "cast/querier.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define S INT64_C(1000000000)

static void same_again(const struct igmp_message *m)
{
	uint8_t out[IGMP_PACKET_MAX];
	struct igmp_message again;
	struct err err = { 0 };
	size_t len = igmp_write(m, out);

	if (!len) {
		if (m->rest_len < IGMP_PACKET_MAX - 200)
			abort();
		return;
	}
	/* An address that is written for an IPv4 member is of IPv4. */
	if (igmp_read(out, len, &again, &err) < 0 || again.kind != m->kind || again.v6 != m->v6 || again.version != m->version ||
	    again.answer_ms != m->answer_ms || again.every_s != m->every_s || again.n != m->n || again.rest_len != m->rest_len ||
	    (m->rest_len && memcmp(again.rest, m->rest, m->rest_len) != 0) || memcmp(&again.from, &m->from, sizeof(m->from)) != 0)
		abort();
	if ((m->kind == IGMP_QUERY || !m->n) && memcmp(&again.group, &m->group, sizeof(m->group)) != 0)
		abort();
}

static void ask(const struct igmp_message *m)
{
	static const struct addr6 own6 = { { 0xfe, 0x80, [8] = 0x80 } };
	const struct addr6 own4 = igmp_addr4(0x0a010001);
	struct querier q;

	querier_init(&q, &querier_defaults, 3, 0);
	querier_own(&q, QUERIER_IPV4, &own4);
	querier_own(&q, QUERIER_IPV6, &own6);
	if (querier_step(&q, 200 * S) != 3)
		abort();
	querier_heard(&q, m, 201 * S);
	if (querier_step(&q, 201 * S) || querier_due_ns(&q) > 1101 * S)
		abort();
	free(querier_text(&q.side[m->v6]));
}

static void look(const uint8_t *data, size_t size)
{
	struct igmp_message m;
	struct igmp_record r;
	struct err err = { 0 };
	char text[ADDR6_LEN];
	unsigned int n = 0;
	size_t at = 0;

	if (igmp_read(data, size, &m, &err) < 0) {
		if (err.kind != ERR_INVALID)
			abort();
		return;
	}
	if (m.rest_len && (m.rest < data || m.rest + m.rest_len > data + size))
		abort();
	while (igmp_record(&m, &at, &r)) {
		if (r.n && r.sources + (size_t)r.n * (m.v6 ? 16 : 4) > data + size)
			abort();
		n++;
	}
	if (m.kind == IGMP_REPORT && n != m.n)
		abort();
	igmp_print(&m.from, text);
	same_again(&m);
	ask(&m);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Few inputs have right checksums by chance. */
static void mend(uint8_t *p, size_t size)
{
	size_t head = size ? (p[0] & 0x0fU) * 4 : 0, whole = size > 4 ? (size_t)p[2] << 8 | p[3] : 0;
	struct addr6 from, to;

	if (size >= 20 && p[0] >> 4 == 4 && head >= 20 && head + 8 <= whole && whole <= size) {
		put16(p + head + 2, 0);
		put16(p + head + 2, igmp_checksum(NULL, NULL, p + head, whole - head));
		put16(p + 10, 0);
		put16(p + 10, igmp_checksum(NULL, NULL, p, head));
	} else if (size >= 48 && p[0] >> 4 == 6) {
		whole = 40 + ((size_t)p[4] << 8 | p[5]);
		head = 48 + p[41] * 8U;
		if (head + 4 > whole || whole > size)
			return;
		memcpy(from.bytes, p + 8, 16);
		memcpy(to.bytes, p + 24, 16);
		put16(p + head + 2, 0);
		put16(p + head + 2, igmp_checksum(&from, &to, p + head, whole - head));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	look(data, size);
	copy = malloc(size ? size : 1);
	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	mend(copy, size);
	look(copy, size);
	free(copy);
	return 0;
}
