/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/image_read.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/codec.h"
#include "imaging/image_docs.h"
#include "imaging/pack.h"
#include "imaging/store_priv.h"

#include <string.h>

#define LINKS_MAX 40 /* symbolic links in one path, as in Linux */

struct image_read {
	struct image_files files; /* of them only the lock */
	struct image_docs docs;
	char *ref, *packs;
	uint64_t *row_at;	    /* stream offset of each row of the table, and of the end */
	size_t *first;		    /* the entry that has the attributes of each link id */
	uint32_t *names, *children; /* names of each link id; subdirectories of each entry */
	struct pack_reader reader;
	struct codec *codec;
	struct buf stored;
	uint8_t *raw;	/* the row last unpacked */
	size_t raw_row; /* its number, or SIZE_MAX */
};

void image_read_close(struct image_read *r)
{
	if (!r)
		return;
	pack_reader_close(&r->reader);
	image_docs_free(&r->docs);
	image_files_free(&r->files);
	codec_free(r->codec);
	buf_free(&r->stored);
	free(r->ref);
	free(r->packs);
	free(r->row_at);
	free(r->first);
	free(r->names);
	free(r->children);
	free(r->raw);
	free(r);
}

/* The nearest earlier directory that the path is below; of checked trees there is one. */
static void count_child(struct image_read *r, size_t *above, size_t i)
{
	const struct tree_entry *entries = r->docs.tree.entries;
	size_t dir = i - 1;

	/* Depth first: going up from the entry before, its parents come by. `above` has the parent of each entry. */
	while (dir &&
	       (entries[dir].type != TREE_DIR || strncmp(entries[i].path, entries[dir].path, strlen(entries[dir].path)) != 0 ||
		entries[i].path[strlen(entries[dir].path)] != '/'))
		dir = above[dir];
	above[i] = dir;
	if (entries[i].type == TREE_DIR)
		r->children[dir]++;
}

static void index_tree(struct image_read *r)
{
	const struct tree *t = &r->docs.tree;
	autofree size_t *above = mem_array(t->len, sizeof(*above));

	/* Link ids are at most as many as entries (tree_decode). */
	r->first = mem_array(t->len + 1, sizeof(r->first[0]));
	r->names = mem_array(t->len + 1, sizeof(r->names[0]));
	r->children = mem_array(t->len, sizeof(r->children[0]));
	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *e = &t->entries[i];

		if (i)
			count_child(r, above, i);
		if (e->link && e->type != TREE_HARDLINK)
			r->first[e->link] = i;
		r->names[e->link]++;
	}
}

static int open_docs(struct image_read *r, const char *dir, const char *name, const struct verify_key *key, struct err *err)
{
	struct restore_source src = { .key = key, .name = name };

	if (image_files_read(dir, &r->files, err) < 0)
		return -1;
	restore_source_of(&r->files, &src);
	if (image_docs_check(&src, &r->docs, err) < 0)
		return -1;
	image_files_drop_documents(&r->files);
	return 0;
}

int image_read_open(struct store *s, const char *ref, const struct verify_key *key, struct image_read **out, struct err *err)
{
	autofree char *name = NULL, *id = NULL, *dir = NULL;
	struct image_read *r;

	if (store_find(s, ref, &name, &id, &dir, err) < 0)
		return -1;
	r = mem_zalloc(sizeof(*r));
	r->ref = str_format("%s/%s", name, id);
	r->packs = mem_strdup(s->packs);
	r->reader = (struct pack_reader){ .dir = r->packs, .fd = -1 };
	r->codec = codec_new();
	r->raw_row = SIZE_MAX;
	if (open_docs(r, dir, name, key, err) < 0) {
		err_wrap(err, "image %s", r->ref);
		if (err->kind == ERR_DAMAGED)
			err_hint(err, "see `orthrus image verify %s`", r->ref);
		image_read_close(r);
		return -1;
	}
	r->row_at = mem_array(r->docs.table.len + 1, sizeof(r->row_at[0]));
	for (size_t i = 0; i < r->docs.table.len; i++)
		r->row_at[i + 1] = r->row_at[i] + r->docs.table.rows[i].raw_len;
	r->raw = mem_zalloc(r->docs.manifest.chunk_max);
	index_tree(r);
	*out = r;
	return 0;
}

const char *image_read_ref(const struct image_read *r)
{
	return r->ref;
}

const struct image_docs *image_read_docs(const struct image_read *r)
{
	return &r->docs;
}

const struct tree *image_read_tree(const struct image_read *r)
{
	return &r->docs.tree;
}

const struct tree_entry *image_read_inode(const struct image_read *r, const struct tree_entry *e)
{
	return e->type == TREE_HARDLINK ? &r->docs.tree.entries[r->first[e->link]] : e;
}

uint32_t image_read_links(const struct image_read *r, const struct tree_entry *e)
{
	if (e->type == TREE_DIR)
		return 2 + r->children[e - r->docs.tree.entries];
	return e->link ? r->names[e->link] : 1;
}

/* ---- paths ---- */

struct resolve {
	struct buf at;	 /* what was gone so far: "usr/bin" */
	struct buf rest; /* what is left to go */
	int links;
};

static void resolve_free(struct resolve *v)
{
	buf_free(&v->at);
	buf_free(&v->rest);
}

static void cut_name(struct buf *at)
{
	const char *slash = at->len ? strrchr(at->data, '/') : NULL;

	at->len = slash ? (size_t)(slash - at->data) : 0;
	if (at->data)
		at->data[at->len] = '\0';
}

/* The link at v->at is replaced by what it points to. */
static void go_through(struct resolve *v, const struct tree_entry *link)
{
	struct buf next = { 0 };

	buf_addf(&next, "%s%s", link->target, buf_str(&v->rest));
	buf_free(&v->rest);
	v->rest = next;
	if (*link->target == '/')
		buf_clear(&v->at);
	else
		cut_name(&v->at);
}

/* Where the way ends. */
static int step_error(const struct resolve *v, enum err_kind kind, const char *why, struct err *err)
{
	autofree char *shown = str_printable(buf_str(&v->at), v->at.len);

	return err_set(err, kind, "'/%.300s' %s", shown, why);
}

/* The next name of the path. */
static char *take_name(struct resolve *v)
{
	size_t skip = strspn(buf_str(&v->rest), "/"), n = strcspn(buf_str(&v->rest) + skip, "/");
	char *name = mem_strndup(buf_str(&v->rest) + skip, n);
	autofree char *rest = mem_strdup(buf_str(&v->rest) + skip + n);

	buf_clear(&v->rest);
	buf_adds(&v->rest, rest);
	return name;
}

/* One name further. *e is the entry that v->at is then. */
static int step(const struct image_read *r, struct resolve *v, bool follow, const struct tree_entry **e, struct err *err)
{
	autofree char *name = take_name(v);
	const struct tree_entry *inode = image_read_inode(r, *e);

	if (inode->type != TREE_DIR)
		return step_error(v, ERR_NOT_FOUND, "is no directory", err);
	if (str_eq(name, ".."))
		cut_name(&v->at);
	else if (*name && !str_eq(name, "."))
		buf_addf(&v->at, "%s%s", v->at.len ? "/" : "", name);
	*e = tree_find(&r->docs.tree, buf_str(&v->at));
	if (!*e)
		return step_error(v, ERR_NOT_FOUND, "is not in the image", err);
	inode = image_read_inode(r, *e);
	if (inode->type != TREE_SYMLINK || (!v->rest.len && !follow))
		return 0;
	if (++v->links > LINKS_MAX)
		return step_error(v, ERR_FAILED, "leads through too many symbolic links", err);
	go_through(v, inode);
	*e = tree_find(&r->docs.tree, buf_str(&v->at));
	return 0;
}

int image_read_find(const struct image_read *r, const char *path, bool follow, const struct tree_entry **out, struct err *err)
{
	autoclean(resolve_free) struct resolve v = { 0 };
	const struct tree_entry *e = &r->docs.tree.entries[0];

	buf_adds(&v.rest, path);
	while (v.rest.len) {
		if (step(r, &v, follow, &e, err) < 0) {
			err_wrap(err, "image %s", r->ref);
			return err_hint(err, "`orthrus image ls %s --recursive` lists what there is", r->ref);
		}
	}
	*out = e;
	return 0;
}

/* ---- content ---- */

/* The row in which stream offset `at` lies. */
static size_t row_of(const struct image_read *r, uint64_t at)
{
	size_t lo = 0, hi = r->docs.table.len;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->row_at[mid] <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int unpack_row(struct image_read *r, size_t row, struct err *err)
{
	const struct chunk_row *c = &r->docs.table.rows[row];
	struct digest id;

	if (r->raw_row == row)
		return 0;
	r->raw_row = SIZE_MAX;
	if (pack_read(&r->reader, &c->pack, c->pack_offset, c->stored_len, &r->stored, err) < 0 ||
	    codec_unpack(r->codec, r->stored.data, r->stored.len, r->raw, c->raw_len, err) < 0)
		return -1;
	digest_of(r->raw, c->raw_len, &id);
	if (digest_cmp(&id, &c->id) != 0)
		return err_set(err, ERR_DAMAGED, "its chunk %zu does not have the SHA-256 that names it", row);
	r->raw_row = row;
	return 0;
}

int image_read_piece(struct image_read *r, uint64_t at, size_t max, const uint8_t **data, size_t *len, struct err *err)
{
	size_t row = row_of(r, at);
	uint64_t left;

	if (at >= r->docs.table.raw_bytes)
		return err_set(err, ERR_USAGE, "the content ends before byte %llu", (unsigned long long)at);
	if (unpack_row(r, row, err) < 0) {
		err_wrap(err, "image %s", r->ref);
		return err_hint(err, "`orthrus image verify %s` names all that is hurt", r->ref);
	}
	left = r->row_at[row + 1] - at;
	*data = r->raw + (at - r->row_at[row]);
	*len = left < max ? (size_t)left : max;
	return 0;
}

/* `len` bytes of the stream. */
static int hand_out(struct image_read *r, uint64_t at, uint64_t len, image_read_fn fn, void *ctx, struct err *err)
{
	while (len) {
		const uint8_t *data;
		size_t n;

		if (image_read_piece(r, at, len < SIZE_MAX ? (size_t)len : SIZE_MAX, &data, &n, err) < 0 ||
		    fn(ctx, data, n, err) < 0)
			return -1;
		at += n;
		len -= n;
	}
	return 0;
}

int image_read_file(struct image_read *r, const struct tree_entry *e, image_read_fn fn, void *ctx, struct err *err)
{
	uint64_t at, end = 0;

	e = image_read_inode(r, e);
	at = e->stream_at;
	if (!e->n_extents) {
		if (!e->stream_len)
			return e->size ? fn(ctx, NULL, e->size, err) : 0;
		return hand_out(r, at, e->stream_len, fn, ctx, err);
	}
	for (size_t i = 0; i < e->n_extents; i++) {
		const struct tree_extent *x = &e->extents[i];

		if (x->offset > end && fn(ctx, NULL, x->offset - end, err) < 0)
			return -1;
		if (hand_out(r, at, x->len, fn, ctx, err) < 0)
			return -1;
		at += x->len;
		end = x->offset + x->len;
	}
	return end < e->size ? fn(ctx, NULL, e->size - end, err) : 0;
}
