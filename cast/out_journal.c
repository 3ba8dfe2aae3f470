/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/out_journal.h"

#include "base/mem.h"
#include "cast/layout.h"
#include "cast/ticket.h"

#include <string.h>

static const char magic[8] = "ORTHCAST";
#define VERSION 1
#define HEAD (sizeof(magic) + 4 + 4 + 8 + DIGEST_LEN + 8)
/* What a disk writes in one go: the slots never share such a block. */
#define BLOCK ((size_t)4096)

void out_journal_free(struct out_journal *j)
{
	free(j->have);
	*j = (struct out_journal){ 0 };
}

size_t out_journal_slot(size_t have_len)
{
	return (HEAD + have_len + DIGEST_LEN + BLOCK - 1) / BLOCK * BLOCK;
}

void out_journal_encode(const struct out_journal *j, struct buf *out)
{
	size_t begin = out->len, slot = out_journal_slot(j->have_len);
	struct digest sum;

	buf_reserve(out, slot);
	buf_add(out, magic, sizeof(magic));
	buf_add_u32(out, VERSION);
	buf_add_u32(out, j->piece_bytes);
	buf_add_u64(out, j->turn);
	buf_add(out, j->id.bytes, DIGEST_LEN);
	buf_add_u64(out, j->size_bytes);
	buf_add(out, j->have, j->have_len);
	while (out->len - begin < slot - DIGEST_LEN)
		buf_add_u8(out, 0);
	digest_of(out->data + begin, out->len - begin, &sum);
	buf_add(out, sum.bytes, DIGEST_LEN);
}

static int decode_head(struct cursor *c, struct out_journal *out, struct err *err)
{
	const uint8_t *m, *id;
	uint32_t version;

	if (cursor_bytes(c, sizeof(magic), &m, err) < 0 || cursor_u32(c, &version, err) < 0 ||
	    cursor_u32(c, &out->piece_bytes, err) < 0 || cursor_u64(c, &out->turn, err) < 0 ||
	    cursor_bytes(c, DIGEST_LEN, &id, err) < 0 || cursor_u64(c, &out->size_bytes, err) < 0)
		return -1;
	if (memcmp(m, magic, sizeof(magic)) != 0 || version != VERSION)
		return err_set(err, ERR_DAMAGED, "not a reception's journal of version %d", VERSION);
	memcpy(out->id.bytes, id, DIGEST_LEN);
	if (!out->turn || !out->size_bytes || out->size_bytes > INT64_MAX || !out->piece_bytes ||
	    out->piece_bytes > LAYOUT_CHUNK_BYTES_MAX || (out->size_bytes - 1) / out->piece_bytes >= TICKET_PIECES_MAX)
		return err_set(err, ERR_DAMAGED, "no file has such a size or such pieces");
	return 0;
}

int out_journal_decode(const void *data, size_t len, struct out_journal *out, struct err *err)
{
	struct cursor c = { .data = data, .len = len };
	const uint8_t *have, *rest;
	struct digest sum;
	uint64_t pieces;

	if (len < BLOCK || len % BLOCK)
		return err_set(err, ERR_DAMAGED, "%zu bytes are no slot of a journal", len);
	c.len -= DIGEST_LEN;
	digest_of(data, c.len, &sum);
	if (memcmp(sum.bytes, c.data + c.len, DIGEST_LEN) != 0)
		return err_set(err, ERR_DAMAGED, "it does not have the digest it ends with");
	if (decode_head(&c, out, err) < 0)
		return -1;
	pieces = (out->size_bytes - 1) / out->piece_bytes + 1;
	out->have_len = (size_t)(pieces + 7) / 8;
	if (len != out_journal_slot(out->have_len) || cursor_bytes(&c, out->have_len, &have, err) < 0)
		return err_set(err, ERR_DAMAGED, "it is not as long as its file needs");
	if (pieces % 8 && have[out->have_len - 1] >> (pieces % 8))
		return err_set(err, ERR_DAMAGED, "it notes pieces after the last one");
	for (rest = c.data + c.at; rest < c.data + c.len; rest++)
		if (*rest)
			return err_set(err, ERR_DAMAGED, "there is something behind its end");
	out->have = mem_dup(have, out->have_len);
	return 0;
}

int out_journal_newest(const void *data, size_t len, struct out_journal *out, struct err *err)
{
	const uint8_t *slots = data;

	if (len % 2)
		return err_set(err, ERR_DAMAGED, "%zu bytes are no journal", len);
	for (size_t i = 0; i < 2; i++) {
		struct out_journal j = { 0 };

		if (out_journal_decode(slots + i * (len / 2), len / 2, &j, err) == 0 && j.turn > out->turn) {
			struct out_journal older = *out;

			*out = j;
			j = older;
		}
		out_journal_free(&j);
	}
	return out->turn ? 0 : -1;
}
