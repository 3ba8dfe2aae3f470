/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/pack.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/chunk_table.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <string.h>

static const char magic[8] = "ORTHPIDX";
#define VERSION 1
#define ENTRY_BYTES 48
#define INDEX_FILE_MAX ((size_t)64 << 20)

void pack_index_free(struct pack_index *x)
{
	free(x->entries);
	*x = (struct pack_index){ 0 };
}

void pack_index_encode(const struct pack_index *x, const struct digest *pack, uint64_t pack_bytes, struct buf *out)
{
	size_t begin = out->len;
	struct digest sum;

	buf_add(out, magic, sizeof(magic));
	buf_add_u32(out, VERSION);
	buf_add_u32(out, (uint32_t)x->len);
	buf_add(out, pack->bytes, DIGEST_LEN);
	buf_add_u64(out, pack_bytes);
	for (size_t i = 0; i < x->len; i++) {
		buf_add(out, x->entries[i].id.bytes, DIGEST_LEN);
		buf_add_u64(out, x->entries[i].offset);
		buf_add_u32(out, x->entries[i].raw_len);
		buf_add_u32(out, x->entries[i].stored_len);
	}
	digest_of(out->data + begin, out->len - begin, &sum);
	buf_add(out, sum.bytes, DIGEST_LEN);
}

static int decode_entries(struct cursor *c, uint32_t n, uint64_t pack_bytes, struct pack_index *out, struct err *err)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct pack_entry e = { 0 };
		const uint8_t *id;

		if (cursor_bytes(c, DIGEST_LEN, &id, err) < 0 || cursor_u64(c, &e.offset, err) < 0 ||
		    cursor_u32(c, &e.raw_len, err) < 0 || cursor_u32(c, &e.stored_len, err) < 0)
			return -1;
		memcpy(e.id.bytes, id, DIGEST_LEN);
		if (e.offset != end || e.stored_len == 0 || e.raw_len == 0 || e.raw_len > CHUNK_RAW_MAX)
			return err_set(err, ERR_DAMAGED, "entry %u does not follow the one before it", i);
		end += e.stored_len;
		out->entries = mem_room(out->entries, out->len, &out->cap, sizeof(out->entries[0]));
		out->entries[out->len++] = e;
	}
	if (end != pack_bytes)
		return err_set(err, ERR_DAMAGED, "entries fill %llu of %llu bytes", (unsigned long long)end,
			       (unsigned long long)pack_bytes);
	return 0;
}

int pack_index_decode(const void *data, size_t len, const struct digest *pack, struct pack_index *out, uint64_t *pack_bytes,
		      struct err *err)
{
	struct cursor c = { .data = data, .len = len };
	const uint8_t *m, *name;
	uint32_t version, n;
	struct digest sum;

	if (len < DIGEST_LEN)
		return err_set(err, ERR_DAMAGED, "%zu bytes are no pack index", len);
	c.len -= DIGEST_LEN;
	digest_of(data, c.len, &sum);
	if (memcmp(sum.bytes, c.data + c.len, DIGEST_LEN) != 0)
		return err_set(err, ERR_DAMAGED, "the index does not have the digest it ends with");
	if (cursor_bytes(&c, sizeof(magic), &m, err) < 0 || cursor_u32(&c, &version, err) < 0 || cursor_u32(&c, &n, err) < 0 ||
	    cursor_bytes(&c, DIGEST_LEN, &name, err) < 0 || cursor_u64(&c, pack_bytes, err) < 0)
		return -1;
	if (memcmp(m, magic, sizeof(magic)) != 0 || version != VERSION)
		return err_set(err, ERR_DAMAGED, "not a pack index of version %d", VERSION);
	if (memcmp(name, pack->bytes, DIGEST_LEN) != 0)
		return err_set(err, ERR_DAMAGED, "the index is of another pack");
	if (*pack_bytes > INT64_MAX || n != cursor_left(&c) / ENTRY_BYTES || cursor_left(&c) % ENTRY_BYTES)
		return err_set(err, ERR_DAMAGED, "%u entries said, %zu bytes there", n, cursor_left(&c));
	return decode_entries(&c, n, *pack_bytes, out, err);
}

char *pack_path(const char *dir, const struct digest *pack, const char *suffix)
{
	char hex[DIGEST_HEX_LEN];

	digest_hex(pack, hex);
	return str_format("%s/%s%s", dir, hex, suffix);
}

int pack_index_load(const char *dir, const struct digest *pack, struct pack_index *out, uint64_t *pack_bytes, struct err *err)
{
	autofree char *path = pack_path(dir, pack, ".idx");
	autoclean(buf_free) struct buf data = { 0 };

	if (fs_read_nofollow(path, INDEX_FILE_MAX, &data, err) < 0)
		return -1;
	if (pack_index_decode(data.data, data.len, pack, out, pack_bytes, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

void pack_reader_close(struct pack_reader *r)
{
	if (r->fd >= 0)
		close(steal_fd(r->fd));
}

int pack_read(struct pack_reader *r, const struct digest *pack, uint64_t offset, uint32_t len, struct buf *out, struct err *err)
{
	autofree char *path = pack_path(r->dir, pack, ".pack");

	if (r->fd < 0 || digest_cmp(&r->pack, pack) != 0) {
		pack_reader_close(r);
		r->fd = fs_open_regular(path, O_NOFOLLOW, err);
		if (r->fd < 0)
			return -1;
		r->pack = *pack;
	}
	buf_clear(out);
	buf_reserve(out, len);
	if (fs_pread_all(r->fd, path, out->data, len, offset, err) < 0)
		return -1;
	out->len = len;
	out->data[len] = '\0';
	return 0;
}
