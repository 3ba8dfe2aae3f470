/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/image_write.h"

#include "base/mem.h"
#include "imaging/chunker.h"
#include "imaging/codec.h"
#include "imaging/image_docs.h"
#include "imaging/store_priv.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int by_id(const void *a, const void *b)
{
	return memcmp(&(*(const struct chunk_row *const *)a)->id, &(*(const struct chunk_row *const *)b)->id, DIGEST_LEN);
}

/* What the chunks take in packs, each counted once. */
static uint64_t stored_bytes(const struct chunk_table *t)
{
	autofree const struct chunk_row **rows = mem_array(t->len, sizeof(*rows));
	uint64_t sum = 0;

	for (size_t i = 0; i < t->len; i++)
		rows[i] = &t->rows[i];
	if (t->len)
		qsort(rows, t->len, sizeof(*rows), by_id);
	for (size_t i = 0; i < t->len; i++)
		if (i == 0 || by_id(&rows[i - 1], &rows[i]) != 0)
			sum += rows[i]->stored_len;
	return sum;
}

static void describe(const struct ingest *in, const struct tree *tree, const struct chunk_table *table, struct manifest *m)
{
	struct verify_key public;
	char key_id[KEY_ID_LEN];

	verify_key_of(in->key, &public);
	verify_key_id(&public, key_id);
	m->format = 1;
	m->cluster_id = mem_strdup(in->cluster_id);
	m->name = mem_strdup(in->name);
	m->kind = mem_strdup(in->kind);
	m->suite = in->suite ? mem_strdup(in->suite) : NULL;
	m->chunk_min = CHUNK_MIN;
	m->chunk_avg = CHUNK_AVG;
	m->chunk_max = CHUNK_MAX;
	m->codec = mem_strdup(CODEC_NAME);
	m->entries = tree->len;
	m->content_bytes = tree->stream_bytes;
	m->n_chunks = table->len;
	m->stored_bytes = stored_bytes(table);
	m->snapshot = mem_strdup(in->snapshot ? in->snapshot : "directory");
	m->crash_consistent = in->crash_consistent;
	m->signer = mem_strdup(key_id);
	chunk_table_root(table, &m->root);
}

/* Two images in one second: the later one is dated to the next free second, for ids must differ and sort. */
static char *free_id(const struct store *s, const struct ingest *in, struct manifest *m)
{
	for (int64_t t = in->wall_s;; t++) {
		char utc[CLOCK_UTC_LEN];
		autofree char *dir = NULL;
		char *id;

		clock_utc(t, utc);
		id = manifest_id(utc, in->kind);
		dir = store_image_dir(s, in->name, id);
		if (!fs_exists(dir)) {
			m->created = mem_strdup(utc);
			return id;
		}
		free(id);
	}
}

static int write_documents(const char *dir, const struct image_document *docs, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		autofree char *path = fs_join(dir, docs[i].name);

		if (docs[i].data && fs_write_atomic(path, docs[i].data, docs[i].len, 0644, err) < 0)
			return -1;
	}
	return 0;
}

static int sync_dir(const char *path, struct err *err)
{
	autoclose int fd = fs_open_dir(path, err);

	if (fd < 0)
		return -1;
	return fsync(fd) < 0 ? err_errno(err, errno, "make %s durable", path) : 0;
}

/* images/NAME/.new -> images/NAME/ID. */
int image_publish(const struct store *s, const char *name, const char *id, const struct image_document *docs, size_t n,
		  struct err *err)
{
	autofree char *parent = fs_join(s->images, name);
	autofree char *temp = fs_join(parent, STORE_UNFINISHED);
	autofree char *final = fs_join(parent, id);

	if (fs_mkdirs(temp, 0755, err) < 0 || sync_dir(s->images, err) < 0 || write_documents(temp, docs, n, err) < 0)
		return -1;
	if (rename(temp, final) < 0)
		return err_errno(err, errno, "name the image %s", final);
	return sync_dir(parent, err);
}

/* Nobody gets an image that the restorer would refuse: whatever its limits are, they are found here, and not at a node's disks.
 */
static int check_readable(const struct ingest *in, const struct buf *manifest, const uint8_t *sig, const struct buf *tree,
			  const struct buf *chunks, struct err *err)
{
	struct verify_key public;
	const struct restore_source src = { .manifest = manifest->data,
					    .manifest_len = manifest->len,
					    .manifest_sig = sig,
					    .manifest_sig_len = SIGNATURE_LEN,
					    .tree = tree->data,
					    .tree_len = tree->len,
					    .chunks = chunks->data,
					    .chunks_len = chunks->len,
					    .key = &public };
	struct image_docs docs;

	verify_key_of(in->key, &public);
	if (image_docs_check(&src, &docs, err) < 0) {
		err->kind = ERR_INVALID;
		err_wrap(err, "this tree can't be an image");
		return err_hint(err, "leave out, or change, what is named; nothing was published");
	}
	image_docs_free(&docs);
	return 0;
}

int image_write(const struct store *s, const struct ingest *in, const struct tree *tree, const struct chunk_table *table,
		const struct buf *boot, char **ref, struct err *err)
{
	autoclean(manifest_free) struct manifest m = { 0 };
	autoclean(codec_freep) struct codec *codec = codec_new();
	autoclean(buf_free) struct buf records = { 0 };
	autoclean(buf_free) struct buf packed = { 0 };
	autoclean(buf_free) struct buf chunks = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *id = NULL;
	uint8_t sig[SIGNATURE_LEN];

	describe(in, tree, table, &m);
	tree_encode(tree, &records);
	if (codec_pack(codec, records.data, records.len, &packed, err) < 0)
		return -1;
	chunk_table_encode(table, &chunks);
	digest_of(packed.data, packed.len, &m.tree);
	digest_of(chunks.data, chunks.len, &m.chunks);
	digest_of(boot->data, boot->len, &m.boot);
	m.has_layout = in->layout_json != NULL;
	if (m.has_layout)
		digest_of(in->layout_json, strlen(in->layout_json), &m.layout);
	if (store_next_sequence(s, in->name, &m.sequence, err) < 0)
		return -1;
	id = free_id(s, in, &m);
	manifest_print(&m, &text);
	if (sign_bytes(in->key, text.data, text.len, sig, err) < 0)
		return err_wrap(err, "sign");
	buf_free(&records);
	if (check_readable(in, &text, sig, &packed, &chunks, err) < 0)
		return -1;
	if (image_publish(s, in->name, id,
			  (const struct image_document[]){
				  { "tree.zst", packed.data, packed.len },
				  { "chunks.bin", chunks.data, chunks.len },
				  { "boot.json", boot->data, boot->len },
				  { "layout.json", in->layout_json, m.has_layout ? strlen(in->layout_json) : 0 },
				  { "manifest.json", text.data, text.len },
				  { "manifest.sig", sig, sizeof(sig) } },
			  6, err) < 0)
		return -1;
	*ref = str_format("%s/%s", in->name, id);
	return 0;
}
