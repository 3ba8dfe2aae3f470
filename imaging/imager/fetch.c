/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/fetch.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/restore.h"

#define DOC_MAX ((size_t)1 << 20)
#define TABLE_MAX ((size_t)512 << 20)
/* One request: large enough that its round trip does not count, small enough for the smallest machine's memory. */
#define RANGE_MAX ((uint64_t)8 << 20)
/* Bytes of other images between two chunks that are cheaper to read than to ask anew. */
#define GAP_MAX ((uint64_t)64 << 10)
#define AGAIN 3

static int get_doc(const struct fetch_source *s, const char *dir, const char *file, size_t max, struct buf *out, struct err *err)
{
	autofree char *path = str_format("%s/%s", dir, file);

	return s->get(s->ctx, path, 0, 0, max, out, err);
}

int fetch_docs(const struct fetch_source *s, const char *name, const char *id, struct fetch_docs *out, struct err *err)
{
	autofree char *dir = str_format("/v1/images/%s/%s", name, id);

	if (get_doc(s, dir, "manifest.json", DOC_MAX, &out->manifest, err) < 0 ||
	    get_doc(s, dir, "manifest.sig", DOC_MAX, &out->signature, err) < 0 ||
	    get_doc(s, dir, "tree.zst", TABLE_MAX, &out->tree, err) < 0 ||
	    get_doc(s, dir, "chunks.bin", TABLE_MAX, &out->chunks, err) < 0)
		return -1;
	return 0;
}

void fetch_docs_free(struct fetch_docs *d)
{
	buf_free(&d->manifest);
	buf_free(&d->signature);
	buf_free(&d->tree);
	buf_free(&d->chunks);
}

static int get_range(const struct fetch_source *s, const struct digest *pack, uint64_t first, uint64_t len, struct buf *out,
		     struct err *err)
{
	char hex[DIGEST_HEX_LEN];
	autofree char *path = NULL;

	digest_hex(pack, hex);
	path = str_format("/v1/packs/%s.pack", hex);
	buf_clear(out);
	if (s->get(s->ctx, path, first, len, (size_t)len, out, err) < 0)
		return -1;
	if (out->len != len)
		return err_set(err, ERR_DAMAGED, "%s: asked for %llu bytes, got %zu", path, (unsigned long long)len, out->len);
	return 0;
}

/* A chunk that was wrong: perhaps a cache or a cable on the way. The disk of the head is not helped by asking, so not for ever.
 */
static int put_again(const struct fetch_source *s, struct restore *r, struct restore_hand *hand, size_t i, struct err *err)
{
	const struct restore_chunk *c = restore_chunk_at(r, i);
	char chunk[DIGEST_HEX_LEN], pack[DIGEST_HEX_LEN];

	for (unsigned int n = 0; n < AGAIN && err->kind == ERR_DAMAGED; n++) {
		autoclean(buf_free) struct buf data = { 0 };

		*err = (struct err){ 0 };
		if (get_range(s, &c->pack, c->pack_offset, c->stored_len, &data, err) == 0 &&
		    restore_put(hand, i, data.data, data.len, err) == 0)
			return 0;
	}
	digest_hex(&c->id, chunk);
	digest_hex(&c->pack, pack);
	err_wrap(err, "chunk %.16s of pack %.16s", chunk, pack);
	if (err->kind == ERR_DAMAGED)
		err_hint(err, "run `orthrus image verify` on the head; an image that is damaged there must be built again");
	return -1;
}

/* How many chunks from `i` on are needed and lie in one pack, near enough to be read at once; *len is the range from the first
 * one's offset. */
static size_t run_length(struct restore *r, size_t i, uint64_t *len)
{
	const struct restore_chunk *first = restore_chunk_at(r, i);
	size_t n = restore_chunk_count(r), j;

	*len = first->stored_len;
	for (j = i + 1; j < n; j++) {
		const struct restore_chunk *c = restore_chunk_at(r, j);
		uint64_t from = c->pack_offset - first->pack_offset;

		if (digest_cmp(&c->pack, &first->pack) != 0 || from < *len || from - *len > GAP_MAX ||
		    from + c->stored_len > RANGE_MAX || restore_chunk_done(r, j))
			break;
		*len = from + c->stored_len;
	}
	return j - i;
}

static int fetch_run(const struct fetch_source *s, struct restore *r, struct restore_hand *hand, size_t i, size_t n, uint64_t len,
		     struct buf *data, struct err *err)
{
	const struct restore_chunk *first = restore_chunk_at(r, i);
	struct err why = { 0 };
	bool whole = get_range(s, &first->pack, first->pack_offset, len, data, &why) == 0;

	if (!whole && why.kind != ERR_DAMAGED) {
		*err = why;
		return -1;
	}
	for (size_t j = i; j < i + n; j++) {
		const struct restore_chunk *c = restore_chunk_at(r, j);

		if (whole && restore_put(hand, j, data->data + (c->pack_offset - first->pack_offset), c->stored_len, err) == 0)
			continue;
		if (!whole)
			*err = why;
		if (put_again(s, r, hand, j, err) < 0)
			return -1;
	}
	return 0;
}

uint64_t fetch_there(struct restore *r)
{
	uint64_t there = 0;

	for (size_t i = 0; i < restore_chunk_count(r); i++)
		if (restore_chunk_done(r, i))
			there += restore_chunk_at(r, i)->stored_len;
	return there;
}

int fetch_chunks(const struct fetch_source *s, struct restore *r,
		 void (*progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes), void *ctx, struct err *err)
{
	autoclean(restore_hand_freep) struct restore_hand *hand = restore_hand_new(r);
	autoclean(buf_free) struct buf data = { 0 };
	uint64_t done = fetch_there(r), total = restore_stored_bytes(r);
	size_t count = restore_chunk_count(r), n;

	for (size_t i = 0; i < count; i += n) {
		uint64_t len;

		n = 1;
		if (restore_chunk_done(r, i))
			continue;
		n = run_length(r, i, &len);
		if (fetch_run(s, r, hand, i, n, len, &data, err) < 0)
			return -1;
		for (size_t j = i; j < i + n; j++)
			done += restore_chunk_at(r, j)->stored_len;
		if (progress)
			progress(ctx, done, total);
	}
	return 0;
}
