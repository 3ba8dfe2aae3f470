/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/store_priv.h"

#include "base/mem.h"
#include "sys/fs.h"

void image_files_free(struct image_files *f)
{
	buf_free(&f->manifest);
	buf_free(&f->sig);
	buf_free(&f->tree);
	buf_free(&f->chunks);
}

static int read_one(const char *dir, const char *name, size_t max, struct buf *out, struct err *err)
{
	autofree char *path = fs_join(dir, name);

	if (fs_read(path, max, out, err) == 0)
		return 0;
	/* A document that is not there is as bad as one that is wrong. */
	err->kind = ERR_DAMAGED;
	return -1;
}

int image_files_read(const char *dir, struct image_files *out, struct err *err)
{
	if (read_one(dir, "manifest.json", STORE_MANIFEST_MAX, &out->manifest, err) < 0 ||
	    read_one(dir, "manifest.sig", SIGNATURE_LEN + 1, &out->sig, err) < 0 ||
	    read_one(dir, "tree.zst", STORE_DOC_MAX, &out->tree, err) < 0 ||
	    read_one(dir, "chunks.bin", STORE_DOC_MAX, &out->chunks, err) < 0)
		return -1;
	return 0;
}

void restore_source_of(const struct image_files *f, struct restore_source *src)
{
	src->manifest = f->manifest.data;
	src->manifest_len = f->manifest.len;
	src->manifest_sig = f->sig.data;
	src->manifest_sig_len = f->sig.len;
	src->tree = f->tree.data;
	src->tree_len = f->tree.len;
	src->chunks = f->chunks.data;
	src->chunks_len = f->chunks.len;
}

int store_read_table(const char *dir, struct manifest *m, struct chunk_table *table, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(buf_free) struct buf chunks = { 0 };
	struct digest got;

	if (read_one(dir, "manifest.json", STORE_MANIFEST_MAX, &text, err) < 0 ||
	    read_one(dir, "chunks.bin", STORE_DOC_MAX, &chunks, err) < 0 || manifest_read(text.data, text.len, m, err) < 0)
		return -1;
	digest_of(chunks.data, chunks.len, &got);
	if (digest_cmp(&got, &m->chunks) != 0)
		return err_set(err, ERR_DAMAGED, "%s/chunks.bin is damaged: its SHA-256 is not the one in the manifest", dir);
	return chunk_table_decode(chunks.data, chunks.len, (uint32_t)m->chunk_max, table, err);
}
