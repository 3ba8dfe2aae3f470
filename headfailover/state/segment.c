/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/state/segment.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdbool.h>

/* A segment: u64 format (1), then batches: u32 CRC of the header, u32 CRC of the data, header, data. The header: u64 n, then n
 * times u64 term, u8 type, 3 bytes unused, u32 length. The data: the n entries one after the other. Little-endian. */
#define FORMAT 1
#define ENTRY_HEAD 16

/* CRC-32 with polynomial 0x04c11db7, most significant bit first, starting at 0, not inverted: raft's own choice. */
struct crc {
	uint32_t table[256];
};

static void crc_init(struct crc *c)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i << 24;

		for (int bit = 0; bit < 8; bit++)
			v = v & 0x80000000u ? v << 1 ^ 0x04c11db7u : v << 1;
		c->table[i] = v;
	}
}

static uint32_t crc_of(const struct crc *c, const uint8_t *p, size_t len)
{
	uint32_t v = 0;

	while (len--)
		v = v << 8 ^ c->table[(v >> 24 ^ *p++) & 255];
	return v;
}

static bool only_zeros(const struct cursor *c)
{
	for (size_t i = c->at; i < c->len; i++)
		if (c->data[i])
			return false;
	return true;
}

struct batch {
	const uint8_t *header, *data;
	uint64_t n;
	size_t data_len;
};

static int read_batch(struct cursor *c, const struct crc *crc, struct batch *b, struct err *err)
{
	uint32_t header_crc, data_crc;
	struct cursor h;
	size_t start;

	if (cursor_u32(c, &header_crc, err) < 0 || cursor_u32(c, &data_crc, err) < 0)
		return -1;
	start = c->at;
	if (cursor_u64(c, &b->n, err) < 0)
		return -1;
	if (b->n == 0 || b->n > cursor_left(c) / ENTRY_HEAD)
		return err_set(err, ERR_DAMAGED, "a batch says that it has %llu entries", (unsigned long long)b->n);
	c->at = start;
	if (cursor_bytes(c, 8 + b->n * ENTRY_HEAD, &b->header, err) < 0)
		return -1;
	if (crc_of(crc, b->header, 8 + b->n * ENTRY_HEAD) != header_crc)
		return err_set(err, ERR_DAMAGED, "the checksum of a batch's header is wrong");
	h = (struct cursor){ .data = b->header, .len = 8 + b->n * ENTRY_HEAD, .at = 8 };
	b->data_len = 0;
	for (uint64_t i = 0; i < b->n; i++) {
		uint32_t len;

		h.at = 8 + i * ENTRY_HEAD + 12;
		if (cursor_u32(&h, &len, err) < 0)
			return -1;
		b->data_len += len;
	}
	if (cursor_bytes(c, b->data_len, &b->data, err) < 0)
		return -1;
	if (crc_of(crc, b->data, b->data_len) != data_crc)
		return err_set(err, ERR_DAMAGED, "the checksum of a batch's entries is wrong");
	return 0;
}

static int tell_batch(const struct batch *b, segment_fn fn, void *ctx, struct err *err)
{
	struct cursor h = { .data = b->header, .len = 8 + b->n * ENTRY_HEAD, .at = 8 };
	const uint8_t *data = b->data;

	for (uint64_t i = 0; i < b->n; i++) {
		struct segment_entry e = { .data = data };
		const uint8_t *unused;

		if (cursor_u64(&h, &e.term, err) < 0 || cursor_u8(&h, &e.type, err) < 0 ||
		    cursor_bytes(&h, 3, &unused, err) < 0 || cursor_u32(&h, &e.len, err) < 0 || fn(ctx, &e, err) < 0)
			return -1;
		data += e.len;
	}
	return 0;
}

int segment_read(const void *data, size_t len, segment_fn fn, void *ctx, enum segment_end *end, size_t *at, struct err *err)
{
	struct cursor c = { .data = data, .len = len };
	struct crc crc;
	uint64_t format;

	crc_init(&crc);
	*at = 0;
	if (only_zeros(&c)) {
		*end = len ? SEGMENT_ZEROS : SEGMENT_END;
		return 0;
	}
	*end = SEGMENT_BROKEN;
	if (cursor_u64(&c, &format, err) < 0)
		return 0;
	if (format != FORMAT) {
		err_set(err, ERR_DAMAGED, "format %llu is not known", (unsigned long long)format);
		return 0;
	}
	for (;;) {
		struct batch b;

		*at = c.at;
		if (cursor_left(&c) == 0 || only_zeros(&c)) {
			*end = cursor_left(&c) ? SEGMENT_ZEROS : SEGMENT_END;
			return 0;
		}
		if (read_batch(&c, &crc, &b, err) < 0)
			return 0;
		if (tell_batch(&b, fn, ctx, err) < 0)
			return -1;
	}
}
