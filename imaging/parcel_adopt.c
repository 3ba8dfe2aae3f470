/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What came of an image goes into the store: nothing of it is believed before it was compared with what the signer says. */
#include "base/mem.h"
#include "imaging/chunk_order.h"
#include "imaging/codec.h"
#include "imaging/image_docs.h"
#include "imaging/image_write.h"
#include "imaging/pack_write.h"
#include "imaging/parcel.h"
#include "imaging/store_priv.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 8
#define INDEX_MAX ((uint64_t)16 << 20)

enum { MANIFEST, SIG, CHUNKS, BOOT, TREE, LAYOUT, DOCS };

struct adopt {
	struct store *store;
	const struct parcel_source *src;
	struct buf docs[DOCS];
	struct image_docs checked;
	bool is_checked;
	struct chunk_order order;
	size_t *first; /* pack i has the chunks first[i] .. first[i + 1] - 1 of the order */
	struct digest *packs;
	bool *had; /* it was in the store before */
	size_t n_packs;
};

static void adopt_free(struct adopt *a)
{
	for (size_t i = 0; i < DOCS; i++)
		buf_free(&a->docs[i]);
	if (a->is_checked)
		image_docs_free(&a->checked);
	chunk_order_free(&a->order);
	free(a->first);
	free(a->packs);
	free(a->had);
}

static const struct parcel_file *find(const struct parcel_source *src, const char *name)
{
	for (size_t i = 0; i < src->n; i++)
		if (str_eq(src->files[i].name, name))
			return &src->files[i];
	return NULL;
}

static int read_file(const struct parcel_source *src, const struct parcel_file *f, uint64_t max, struct buf *out, struct err *err)
{
	autofree char *data = NULL;

	if (f->bytes > max)
		return err_set(err, ERR_DAMAGED, "%s has %llu bytes: too many", f->name, (unsigned long long)f->bytes);
	data = mem_zalloc((size_t)f->bytes + 1);
	if (src->read(src->ctx, f->at, data, (size_t)f->bytes, err) < 0)
		return -1;
	buf_add(out, data, (size_t)f->bytes);
	return 0;
}

/* --- the documents --- */

static const char *const doc_names[DOCS] = {
	"manifest.json", "manifest.sig", "chunks.bin", "boot.json", "tree.zst", "layout.json"
};

static int check_other(const struct buf *doc, const struct digest *want, const char *name, struct err *err)
{
	struct digest is;

	digest_of(doc->data, doc->len, &is);
	return digest_cmp(&is, want) == 0 ? 0 : err_set(err, ERR_DAMAGED, "%s is not what the manifest says", name);
}

static int take_documents(struct adopt *a, struct err *err)
{
	struct restore_source src = { .key = a->src->key };
	const struct manifest *m = &a->checked.manifest;

	for (size_t i = 0; i < DOCS; i++) {
		const struct parcel_file *f = find(a->src, doc_names[i]);

		if (!f && i != LAYOUT)
			return err_set(err, ERR_DAMAGED, "%s did not come", doc_names[i]);
		if (f && read_file(a->src, f, i == MANIFEST ? STORE_MANIFEST_MAX : STORE_DOC_MAX, &a->docs[i], err) < 0)
			return -1;
	}
	restore_source_of(
		&(struct image_files){
			.manifest = a->docs[MANIFEST], .sig = a->docs[SIG], .tree = a->docs[TREE], .chunks = a->docs[CHUNKS] },
		&src);
	if (image_docs_check(&src, &a->checked, err) < 0)
		return -1;
	a->is_checked = true;
	if (check_other(&a->docs[BOOT], &m->boot, "boot.json", err) < 0)
		return -1;
	if (m->has_layout != (a->docs[LAYOUT].len > 0))
		return err_set(err, ERR_DAMAGED, "layout.json is not what the manifest says");
	return m->has_layout ? check_other(&a->docs[LAYOUT], &m->layout, "layout.json", err) : 0;
}

/* --- the packs --- */

static void list_packs(struct adopt *a)
{
	const struct chunk_row *rows = a->checked.table.rows;

	chunk_order_make(&a->checked.table, &a->order);
	a->first = mem_array(a->order.len + 1, sizeof(a->first[0]));
	a->packs = mem_array(a->order.len + 1, sizeof(a->packs[0]));
	a->had = mem_array(a->order.len + 1, sizeof(a->had[0]));
	for (size_t i = 0; i < a->order.len; i++) {
		const struct digest *pack = &rows[a->order.rows[a->order.first[i]]].pack;

		if (a->n_packs && digest_cmp(pack, &a->packs[a->n_packs - 1]) == 0)
			continue;
		a->first[a->n_packs] = i;
		a->packs[a->n_packs++] = *pack;
	}
	a->first[a->n_packs] = a->order.len;
}

static const struct pack_entry *entry_at(const struct pack_index *x, uint64_t offset)
{
	size_t low = 0, high = x->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (x->entries[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < x->len && x->entries[low].offset == offset ? &x->entries[low] : NULL;
}

/* What the signed table says is in this pack is in it. */
static int check_rows(const struct adopt *a, size_t pack, const struct pack_index *x, struct err *err)
{
	for (size_t i = a->first[pack]; i < a->first[pack + 1]; i++) {
		const struct chunk_row *r = &a->checked.table.rows[a->order.rows[a->order.first[i]]];
		const struct pack_entry *e = entry_at(x, r->pack_offset);

		if (!e || e->raw_len != r->raw_len || e->stored_len != r->stored_len || digest_cmp(&e->id, &r->id) != 0)
			return err_set(err, ERR_DAMAGED, "a chunk is not where the signed table says");
	}
	return 0;
}

struct worker {
	struct adopt *a;
	struct codec *codec;
	struct buf stored, raw;
};

static int copy_chunk(struct worker *w, const struct pack_entry *e, uint64_t at, struct pack_writer *to, struct err *err)
{
	const struct parcel_source *src = w->a->src;
	struct digest is;
	uint64_t offset;

	if (e->raw_len > CHUNK_RAW_MAX || e->stored_len > codec_bound(e->raw_len))
		return err_set(err, ERR_DAMAGED, "a chunk is longer than chunks are");
	buf_reserve(&w->stored, e->stored_len);
	buf_reserve(&w->raw, e->raw_len);
	if (src->read(src->ctx, at + e->offset, w->stored.data, e->stored_len, err) < 0 ||
	    codec_unpack(w->codec, w->stored.data, e->stored_len, w->raw.data, e->raw_len, err) < 0)
		return -1;
	digest_of(w->raw.data, e->raw_len, &is);
	if (digest_cmp(&is, &e->id) != 0)
		return err_set(err, ERR_DAMAGED, "a chunk is not what its id says");
	return pack_add(to, &e->id, e->raw_len, w->stored.data, e->stored_len, &offset, err);
}

static int copy_pack(struct worker *w, const struct digest *name, const struct parcel_file *file, const struct pack_index *x,
		     struct err *err)
{
	autoclean(pack_writer_free) struct pack_writer to = { .dir = w->a->store->packs, .fd = -1 };
	struct pack_full full = { .fd = -1 };
	int rc = -1;

	for (size_t i = 0; i < x->len; i++)
		if (copy_chunk(w, &x->entries[i], file->at, &to, err) < 0)
			return -1;
	if (pack_close(&to, &full, err) < 0)
		return -1;
	if (digest_cmp(&full.name, name) != 0)
		err_set(err, ERR_DAMAGED, "it is another one by its SHA-256");
	else
		rc = pack_publish(&full, w->a->store->packs, err);
	pack_full_free(&full);
	return rc;
}

static int take_pack(struct worker *w, size_t i, struct err *err)
{
	const struct digest *name = &w->a->packs[i];
	autoclean(pack_index_free) struct pack_index x = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	const struct parcel_file *idx, *file;
	char hex[DIGEST_HEX_LEN], path[DIGEST_HEX_LEN + 16];
	uint64_t bytes;

	digest_hex(name, hex);
	snprintf(path, sizeof(path), "packs/%s.pack", hex);
	file = find(w->a->src, path);
	snprintf(path, sizeof(path), "packs/%s.idx", hex);
	idx = find(w->a->src, path);
	if (!file || !idx)
		return err_set(err, ERR_DAMAGED, "it did not come");
	if (read_file(w->a->src, idx, INDEX_MAX, &text, err) < 0 ||
	    pack_index_decode(text.data, text.len, name, &x, &bytes, err) < 0)
		return -1;
	if (bytes != file->bytes || bytes > PACK_FILE_MAX || !x.len)
		return err_set(err, ERR_DAMAGED, "it has another length than its index says");
	if (check_rows(w->a, i, &x, err) < 0)
		return -1;
	w->a->had[i] = parcel_has(w->a->store, file);
	return w->a->had[i] ? 0 : copy_pack(w, name, file, &x, err);
}

static void *worker_begin(void *ctx)
{
	struct worker *w = mem_zalloc(sizeof(*w));

	w->a = ctx;
	w->codec = codec_new();
	return w;
}

static int worker_each(void *mine, size_t i, struct err *err)
{
	struct worker *w = mine;
	char hex[DIGEST_HEX_LEN];

	if (take_pack(w, i, err) == 0)
		return 0;
	digest_hex(&w->a->packs[i], hex);
	return err_wrap(err, "pack %.12s...", hex);
}

static void worker_end(void *mine)
{
	struct worker *w = mine;

	codec_free(w->codec);
	buf_free(&w->stored);
	buf_free(&w->raw);
	free(w);
}

static int take_packs(struct adopt *a, struct err *err)
{
	struct threads_job job = {
		.n = a->n_packs, .block = 1, .begin = worker_begin, .each = worker_each, .end = worker_end, .ctx = a
	};

	return threads_each(threads_for_work(THREADS_MAX), &job, err);
}

/* --- the image --- */

/* *there: the same one. ERR_EXISTS: another one has its name. */
static int look(const struct adopt *a, const char *id, bool *there, struct err *err)
{
	autofree char *dir = store_image_dir(a->store, a->checked.manifest.name, id), *path = fs_join(dir, "manifest.json");
	autoclean(buf_free) struct buf text = { 0 };

	*there = false;
	if (!fs_exists(dir))
		return 0;
	if (fs_read_nofollow(path, STORE_MANIFEST_MAX, &text, err) == 0 && text.len == a->docs[MANIFEST].len &&
	    memcmp(text.data, a->docs[MANIFEST].data, text.len) == 0) {
		*there = true;
		return 0;
	}
	err_set(err, ERR_EXISTS, "another image %s/%s is in the store", a->checked.manifest.name, id);
	return err_hint(err, "`orthrus image show` tells what it is; delete it first");
}

static int publish(const struct adopt *a, const char *id, struct err *err)
{
	const struct manifest *m = &a->checked.manifest;
	static const int order[DOCS] = { TREE, CHUNKS, BOOT, LAYOUT, MANIFEST, SIG };
	struct image_document docs[DOCS];

	for (size_t i = 0; i < DOCS; i++) {
		const struct buf *b = &a->docs[order[i]];

		docs[i] = (struct image_document){ doc_names[order[i]], b->len ? b->data : NULL, b->len };
	}
	if (store_note_sequence(a->store, m->name, m->sequence, err) < 0)
		return -1;
	return image_publish(a->store, m->name, id, docs, DOCS, err);
}

static void give_up(struct adopt *a)
{
	autofree struct digest *ours = mem_array(a->n_packs + 1, sizeof(*ours));
	struct err kept = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < a->n_packs; i++)
		if (!a->had[i])
			ours[n++] = a->packs[i];
	if (store_drop_packs(a->store, ours, n, &kept) < 0)
		log_warn("imaging", "what was stored stays until an image is deleted: %s", kept.text);
}

int parcel_adopt(struct store *s, const struct parcel_source *src, char **ref, struct err *err)
{
	autoclean(adopt_free) struct adopt a = { .store = s, .src = src };
	autofree char *id = NULL;
	autoclose int lock = -1;
	bool there;

	if (take_documents(&a, err) < 0)
		return -1;
	id = manifest_id(a.checked.manifest.created, a.checked.manifest.kind);
	lock = store_lock(s, err);
	if (lock < 0 || store_clean(s, err) < 0 || look(&a, id, &there, err) < 0)
		return -1;
	list_packs(&a);
	if (take_packs(&a, err) < 0 || (!there && publish(&a, id, err) < 0)) {
		if (!there)
			give_up(&a);
		return err_wrap(err, "image %s/%s", a.checked.manifest.name, id);
	}
	*ref = str_format("%s/%s", a.checked.manifest.name, id);
	return 0;
}
