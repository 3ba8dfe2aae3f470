/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/store_priv.h"

#include "base/mem.h"
#include "imaging/codec.h"
#include "imaging/image_docs.h"
#include "imaging/pack.h"
#include "sys/fs.h"

#include <stdio.h>
#include <string.h>

struct verify_run {
	struct store *store;
	const char *ref;
	struct image_docs docs;
	struct codec *codec;
	size_t *order;		  /* rows sorted by pack and offset */
	bool *hurt;		  /* entries of the tree */
	uint8_t *raw;		  /* scratch of the longest chunk */
	struct str_list bad;	  /* files of the store that are damaged, with what is wrong */
	struct str_list counters; /* the same, but no part of the image: a new build alone heals them */
	store_progress_fn progress;
	void *ctx;
	uint64_t done_bytes;
};

static void run_free(struct verify_run *v)
{
	image_docs_free(&v->docs);
	codec_free(v->codec);
	free(v->order);
	free(v->hurt);
	free(v->raw);
	str_list_free(&v->bad);
	str_list_free(&v->counters);
}

static int by_place(const void *a, const void *b, void *rows)
{
	const struct chunk_row *x = (const struct chunk_row *)rows + *(const size_t *)a;
	const struct chunk_row *y = (const struct chunk_row *)rows + *(const size_t *)b;
	int c = memcmp(x->pack.bytes, y->pack.bytes, DIGEST_LEN);

	return c ? c : x->pack_offset < y->pack_offset ? -1 : x->pack_offset > y->pack_offset;
}

static int mark_hurt(void *ctx, const struct tree_entry *e, uint64_t offset, size_t skip, size_t len, struct err *err)
{
	struct verify_run *v = ctx;

	(void)offset, (void)skip, (void)len, (void)err;
	v->hurt[e - v->docs.tree.entries] = true;
	return 0;
}

/* Where in the content stream each row begins: rows are few, so it is counted when something is wrong only. */
static int hurt_row(struct verify_run *v, size_t row, struct err *err)
{
	uint64_t at = 0;

	for (size_t i = 0; i < row; i++)
		at += v->docs.table.rows[i].raw_len;
	return content_map_each(&v->docs.map, at, v->docs.table.rows[row].raw_len, mark_hurt, v, err);
}

static bool chunk_is_whole(struct verify_run *v, const struct chunk_row *row, const struct buf *pack)
{
	struct err why = { 0 };
	struct digest id;

	if (row->pack_offset > pack->len || row->stored_len > pack->len - row->pack_offset)
		return false;
	if (codec_unpack(v->codec, pack->data + row->pack_offset, row->stored_len, v->raw, row->raw_len, &why) < 0)
		return false;
	digest_of(v->raw, row->raw_len, &id);
	return digest_cmp(&id, &row->id) == 0;
}

static bool same_chunk(const struct chunk_row *a, const struct chunk_row *b)
{
	return a->pack_offset == b->pack_offset && memcmp(&a->id, &b->id, sizeof(a->id)) == 0;
}

/* All rows in `order` from `first` on that are in one pack, against its bytes. Returns how many, or 0 with an error. */
static size_t check_rows(struct verify_run *v, size_t first, const struct buf *pack, struct err *err)
{
	const struct chunk_row *rows = v->docs.table.rows, *begin = &rows[v->order[first]], *last = NULL;
	bool whole = false;
	size_t n = 0;

	for (; first + n < v->docs.table.len; n++) {
		const struct chunk_row *row = &rows[v->order[first + n]];

		if (digest_cmp(&row->pack, &begin->pack) != 0)
			break;
		/* The same chunk at several places of the stream is unpacked once. */
		if (!last || !same_chunk(last, row))
			whole = chunk_is_whole(v, row, pack);
		last = row;
		if (!whole && hurt_row(v, v->order[first + n], err) < 0)
			return 0;
		v->done_bytes += row->raw_len;
		if (v->progress)
			v->progress(v->ctx, "verify", v->done_bytes, v->docs.manifest.content_bytes);
	}
	return n;
}

/* One pack: its bytes against its name, its chunks against their ids, its index. */
static size_t check_pack(struct verify_run *v, size_t first, struct err *err)
{
	const struct digest *pack = &v->docs.table.rows[v->order[first]].pack;
	autofree char *path = pack_path(v->store->packs, pack, ".pack");
	autoclean(buf_free) struct buf data = { 0 };
	autoclean(pack_index_free) struct pack_index index = { 0 };
	struct err why = { 0 };
	char hex[DIGEST_HEX_LEN];
	struct digest got;
	uint64_t bytes;
	bool read_all = fs_read_nofollow(path, PACK_FILE_MAX, &data, &why) == 0;
	bool is_link = why.kind == ERR_REFUSED;

	digest_hex(pack, hex);
	digest_of(data.data, data.len, &got);
	if (!read_all || digest_cmp(&got, pack) != 0)
		str_list_addf(&v->bad, "packs/%s.pack%s", hex, is_link ? " (not a file itself)" : "");
	if (pack_index_load(v->store->packs, pack, &index, &bytes, &why) < 0)
		str_list_addf(&v->bad, "packs/%s.idx", hex);
	return check_rows(v, first, &data, err);
}

static int check_packs(struct verify_run *v, struct err *err)
{
	size_t n = v->docs.table.len;

	v->order = mem_array(n, sizeof(v->order[0]));
	v->hurt = mem_array(v->docs.tree.len, sizeof(v->hurt[0]));
	v->raw = mem_zalloc(v->docs.manifest.chunk_max);
	for (size_t i = 0; i < n; i++)
		v->order[i] = i;
	if (n)
		qsort_r(v->order, n, sizeof(v->order[0]), by_place, v->docs.table.rows);
	for (size_t i = 0, took; i < n; i += took) {
		took = check_pack(v, i, err);
		if (!took)
			return -1;
	}
	return 0;
}

/* boot.json and layout.json: nobody needs them to read the rest, so the check goes on after them. */
static void check_side(struct verify_run *v, const char *dir, const char *document, const struct digest *want)
{
	autofree char *path = fs_join(dir, document);
	autoclean(buf_free) struct buf data = { 0 };
	struct err why = { 0 };
	struct digest got;

	if (fs_read_nofollow(path, STORE_DOC_MAX, &data, &why) == 0) {
		digest_of(data.data, data.len, &got);
		if (digest_cmp(&got, want) == 0)
			return;
	}
	str_list_addf(&v->bad, "images/%s/%s", v->ref, document);
}

/* All names of a hurt inode are hurt. */
static void list_hurt(struct verify_run *v, struct str_list *files)
{
	const struct tree *t = &v->docs.tree;
	autofree bool *link_hurt = mem_array(t->len + 1, sizeof(*link_hurt));

	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *e = &t->entries[i];

		if (e->link && v->hurt[i])
			link_hurt[e->link] = true;
		if (v->hurt[i] || (e->link && link_hurt[e->link]))
			str_list_addf(files, "/%s", e->path);
	}
}

/* The image itself is whole: it need not be built for its own sake. */
static int judge_counters(const struct verify_run *v, const char *name, struct err *err)
{
	struct err why = { 0 };

	if (!v->counters.len)
		return 0;
	err_set(err, ERR_DAMAGED, "image %s is whole, but the counter that numbers the next one is damaged: %s%s%s", v->ref,
		v->counters.items[0], v->counters.len > 1 ? ", " : "", v->counters.len > 1 ? v->counters.items[1] : "");
	if (store_check_counter(v->store, name, &why) < 0)
		return err_hint(err, "%s", why.hint);
	return err_hint(err, "the next `orthrus image build %s` writes it anew; this image can stay", name);
}

static int judge(const struct verify_run *v, const char *name, size_t n_files, struct err *err)
{
	autoclean(buf_free) struct buf all = { 0 };
	struct err why = { 0 };

	if (!v->bad.len && !n_files)
		return judge_counters(v, name, err);
	for (size_t i = 0; i < v->bad.len + v->counters.len && all.len < 400; i++)
		buf_addf(&all, "%s%s", i ? ", " : "", i < v->bad.len ? v->bad.items[i] : v->counters.items[i - v->bad.len]);
	if (all.len >= 400)
		buf_adds(&all, ", ...");
	err_set(err, ERR_DAMAGED, "image %s is damaged: %s; %zu of its files are hurt", v->ref, buf_str(&all), n_files);
	/* What stops a build comes first. */
	if (store_check_counter(v->store, name, &why) < 0)
		return err_hint(err, "%s; then build the image again", why.hint);
	return err_hint(err,
			"build the image again: what is whole is kept, what is damaged is stored anew; then delete this one");
}

static int run(struct verify_run *v, const char *name, const char *dir, const struct verify_key *key, struct err *err)
{
	autoclean(image_files_free) struct image_files files = { 0 };
	struct restore_source src = { .key = key, .name = name };

	if (image_files_read(dir, &files, err) < 0)
		return -1;
	restore_source_of(&files, &src);
	if (image_docs_check(&src, &v->docs, err) < 0)
		return -1;
	check_side(v, dir, "boot.json", &v->docs.manifest.boot);
	if (v->docs.manifest.has_layout)
		check_side(v, dir, "layout.json", &v->docs.manifest.layout);
	store_check_sequence(v->store, name, v->docs.manifest.sequence, &v->counters);
	return check_packs(v, err);
}

int store_verify(struct store *s, const char *ref, const struct verify_key *key, store_progress_fn progress, void *ctx,
		 struct str_list *files, struct err *err)
{
	autofree char *name = NULL;
	autofree char *id = NULL;
	autofree char *dir = NULL;
	autofree char *full = NULL;
	autoclean(run_free) struct verify_run v = { .store = s, .progress = progress, .ctx = ctx };
	size_t before = files->len;

	if (store_find(s, ref, &name, &id, &dir, err) < 0)
		return -1;
	full = str_format("%s/%s", name, id);
	v.ref = full;
	v.codec = codec_new();
	if (run(&v, name, dir, key, err) < 0) {
		err_wrap(err, "images/%s", full);
		return -1;
	}
	list_hurt(&v, files);
	return judge(&v, name, files->len - before, err);
}
