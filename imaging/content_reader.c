/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/content_reader.h"

#include "base/digest.h"
#include "base/mem.h"

void content_reader_init(struct content_reader *r, const struct chunk_table *table, uint64_t chunk_max, const char *packs_dir)
{
	*r = (struct content_reader){ .table = table, .packs = { .dir = packs_dir, .fd = -1 }, .codec = codec_new() };
	r->raw = mem_zalloc(chunk_max);
}

void content_reader_free(struct content_reader *r)
{
	if (!r->codec)
		return;
	pack_reader_close(&r->packs);
	codec_free(r->codec);
	buf_free(&r->stored);
	free(r->raw);
	*r = (struct content_reader){ .packs.fd = -1 };
}

static int unpack_row(struct content_reader *r, struct err *err)
{
	const struct chunk_row *c = &r->table->rows[r->row];
	char hex[DIGEST_HEX_LEN];
	struct digest id;

	digest_hex(&c->pack, hex);
	if (pack_read(&r->packs, &c->pack, c->pack_offset, c->stored_len, &r->stored, err) < 0 ||
	    codec_unpack(r->codec, r->stored.data, r->stored.len, r->raw, c->raw_len, err) < 0)
		return err_wrap(err, "pack %s", hex);
	digest_of(r->raw, c->raw_len, &id);
	if (digest_cmp(&id, &c->id) != 0)
		return err_set(err, ERR_DAMAGED, "pack %s: chunk %zu does not have the SHA-256 that names it", hex, r->row);
	r->loaded = true;
	return 0;
}

int content_read(struct content_reader *r, uint64_t at, const uint8_t **data, size_t *len, struct err *err)
{
	if (at < r->row_at || at >= r->table->raw_bytes)
		return err_set(err, ERR_USAGE, "the content stream has no byte %llu here", (unsigned long long)at);
	while (at >= r->row_at + r->table->rows[r->row].raw_len) {
		r->row_at += r->table->rows[r->row++].raw_len;
		r->loaded = false;
	}
	if (!r->loaded && unpack_row(r, err) < 0)
		return -1;
	*data = r->raw + (at - r->row_at);
	*len = (size_t)(r->row_at + r->table->rows[r->row].raw_len - at);
	return 0;
}
