/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/chunk_table.h"

#include "base/mem.h"
#include "imaging/codec.h"

#include <string.h>

static const char magic[8] = "ORTHCHNK";
#define VERSION 1
#define ROW_BYTES 80

void chunk_table_add(struct chunk_table *t, const struct chunk_row *row)
{
	t->rows = mem_room(t->rows, t->len, &t->cap, sizeof(t->rows[0]));
	t->rows[t->len++] = *row;
	t->raw_bytes += row->raw_len;
}

void chunk_table_free(struct chunk_table *t)
{
	free(t->rows);
	*t = (struct chunk_table){ 0 };
}

void chunk_table_encode(const struct chunk_table *t, struct buf *out)
{
	buf_add(out, magic, sizeof(magic));
	buf_add_u32(out, VERSION);
	buf_add_u32(out, 0);
	buf_add_u64(out, t->len);
	for (size_t i = 0; i < t->len; i++) {
		const struct chunk_row *r = &t->rows[i];

		buf_add(out, r->id.bytes, DIGEST_LEN);
		buf_add_u32(out, r->raw_len);
		buf_add_u32(out, r->stored_len);
		buf_add(out, r->pack.bytes, DIGEST_LEN);
		buf_add_u64(out, r->pack_offset);
	}
}

static int decode_row(struct cursor *c, uint32_t raw_max, struct chunk_row *r, struct err *err)
{
	const uint8_t *id, *pack;
	uint64_t end;

	if (cursor_bytes(c, DIGEST_LEN, &id, err) < 0 || cursor_u32(c, &r->raw_len, err) < 0 ||
	    cursor_u32(c, &r->stored_len, err) < 0 || cursor_bytes(c, DIGEST_LEN, &pack, err) < 0 ||
	    cursor_u64(c, &r->pack_offset, err) < 0)
		return -1;
	memcpy(r->id.bytes, id, DIGEST_LEN);
	memcpy(r->pack.bytes, pack, DIGEST_LEN);
	if (r->raw_len == 0 || r->raw_len > raw_max)
		return err_set(err, ERR_DAMAGED, "a chunk of %u bytes, allowed are 1 to %u", r->raw_len, raw_max);
	if (r->stored_len == 0 || r->stored_len > codec_bound(r->raw_len))
		return err_set(err, ERR_DAMAGED, "a chunk of %u bytes stored in %u", r->raw_len, r->stored_len);
	if (__builtin_add_overflow(r->pack_offset, r->stored_len, &end) || end > INT64_MAX)
		return err_set(err, ERR_DAMAGED, "a chunk at offset %llu of its pack", (unsigned long long)r->pack_offset);
	return 0;
}

int chunk_table_decode(const void *data, size_t len, uint32_t raw_max, struct chunk_table *out, struct err *err)
{
	struct cursor c = { .data = data, .len = len };
	const uint8_t *m;
	uint32_t version, zero;
	uint64_t n;

	if (cursor_bytes(&c, sizeof(magic), &m, err) < 0 || cursor_u32(&c, &version, err) < 0 || cursor_u32(&c, &zero, err) < 0 ||
	    cursor_u64(&c, &n, err) < 0)
		return err_wrap(err, "chunk table");
	if (memcmp(m, magic, sizeof(magic)) != 0 || version != VERSION || zero != 0)
		return err_set(err, ERR_DAMAGED, "chunk table: not one of version %d", VERSION);
	if (n != cursor_left(&c) / ROW_BYTES || cursor_left(&c) % ROW_BYTES != 0)
		return err_set(err, ERR_DAMAGED, "chunk table: %llu rows said, %zu bytes there", (unsigned long long)n,
			       cursor_left(&c));
	if (raw_max > CHUNK_RAW_MAX)
		raw_max = CHUNK_RAW_MAX;
	for (uint64_t i = 0; i < n; i++) {
		struct chunk_row row = { 0 };

		if (decode_row(&c, raw_max, &row, err) < 0)
			return err_wrap(err, "chunk table, row %llu", (unsigned long long)i);
		chunk_table_add(out, &row);
	}
	return 0;
}

static void hash_pair(const struct digest *left, const struct digest *right, struct digest *out)
{
	struct digest_ctx *ctx = digest_new();

	digest_add(ctx, "\x01", 1);
	digest_add(ctx, left->bytes, DIGEST_LEN);
	digest_add(ctx, right->bytes, DIGEST_LEN);
	digest_end(ctx, out);
}

/* Level by level; an odd last node goes up as it is, which gives the same tree as RFC 6962's split at the largest power of two.
 */
void chunk_table_root(const struct chunk_table *t, struct digest *out)
{
	autofree struct digest *level = mem_array(t->len, sizeof(*level));
	size_t n = t->len;

	if (n == 0) {
		digest_of("", 0, out);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint8_t leaf[1 + DIGEST_LEN] = { 0 };

		memcpy(leaf + 1, t->rows[i].id.bytes, DIGEST_LEN);
		digest_of(leaf, sizeof(leaf), &level[i]);
	}
	while (n > 1) {
		size_t up = 0;

		for (size_t i = 0; i + 1 < n; i += 2)
			hash_pair(&level[i], &level[i + 1], &level[up++]);
		if (n % 2)
			level[up++] = level[n - 1];
		n = up;
	}
	*out = level[0];
}
