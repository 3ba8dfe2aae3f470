/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/image_docs.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/codec.h"

void image_docs_free(struct image_docs *d)
{
	manifest_free(&d->manifest);
	content_map_free(&d->map);
	tree_free(&d->tree);
	chunk_table_free(&d->table);
}

static int check_digest(const void *data, size_t len, const struct digest *want, const char *document, struct err *err)
{
	struct digest got;

	digest_of(data, len, &got);
	if (digest_cmp(&got, want) != 0)
		return err_set(err, ERR_DAMAGED, "%s is damaged: its SHA-256 is not the one in the manifest", document);
	return 0;
}

static int check_identity(const struct restore_source *src, const struct manifest *m, struct err *err)
{
	struct digest got;
	char key_id[KEY_ID_LEN];
	autofree char *id = manifest_id(m->created, m->kind);

	verify_key_id(src->key, key_id);
	digest_of(src->manifest, src->manifest_len, &got);
	if (src->manifest_digest && digest_cmp(&got, src->manifest_digest) != 0)
		return err_set(err, ERR_REFUSED, "the image is not the one that was approved: its manifest has another digest");
	if (!str_eq(m->signer, key_id))
		return err_set(err, ERR_REFUSED, "the manifest says it is signed by key %.40s, but the signature is by %s",
			       m->signer, key_id);
	if (src->cluster_id && !str_eq(src->cluster_id, m->cluster_id))
		return err_set(err, ERR_REFUSED, "the image belongs to cluster %.80s, not to %.80s", m->cluster_id,
			       src->cluster_id);
	if (src->name && !str_eq(src->name, m->name))
		return err_set(err, ERR_REFUSED, "the image is called %s, not %.80s", m->name, src->name);
	if (src->id && !str_eq(src->id, id))
		return err_set(err, ERR_REFUSED, "the image is %.80s, put in the place of %s", id, src->id);
	if (m->sequence < src->min_sequence)
		return err_set(err, ERR_REFUSED, "the image has number %llu, older than the %llu that is the least allowed",
			       (unsigned long long)m->sequence, (unsigned long long)src->min_sequence);
	return 0;
}

static int read_tree(const struct restore_source *src, struct tree *out, struct err *err)
{
	autoclean(codec_freep) struct codec *codec = codec_new();
	autofree void *raw = NULL;
	size_t raw_len;

	if (codec_raw_len(src->tree, src->tree_len, TREE_RAW_MAX, &raw_len, err) < 0)
		return -1;
	raw = mem_zalloc(raw_len);
	if (codec_unpack(codec, src->tree, src->tree_len, raw, raw_len, err) < 0)
		return -1;
	return tree_decode(raw, raw_len, out, err);
}

/* The documents are the signer's; that they fit one another is checked all the same. */
static int check_sums(const struct image_docs *d, struct err *err)
{
	const struct manifest *m = &d->manifest;
	struct digest root;

	chunk_table_root(&d->table, &root);
	if (digest_cmp(&root, &m->root) != 0)
		return err_set(err, ERR_DAMAGED, "the chunk table does not have the Merkle root that the manifest says");
	if (d->tree.len != m->entries || d->table.len != m->n_chunks)
		return err_set(err, ERR_DAMAGED,
			       "tree and chunk table have %zu entries and %zu chunks, the manifest says %llu and %llu",
			       d->tree.len, d->table.len, (unsigned long long)m->entries, (unsigned long long)m->n_chunks);
	if (d->tree.stream_bytes != m->content_bytes || d->table.raw_bytes != m->content_bytes)
		return err_set(err, ERR_DAMAGED, "tree, chunk table and manifest do not agree on how much content there is");
	return 0;
}

int image_docs_manifest(const struct restore_source *src, struct manifest *out, struct err *err)
{
	*out = (struct manifest){ 0 };
	if (!src->key)
		return err_set(err, ERR_REFUSED, "there is no key to check the image's signature with");
	if (verify_bytes(src->key, src->manifest, src->manifest_len, src->manifest_sig, src->manifest_sig_len, err) < 0)
		return err_wrap(err, "manifest.json or manifest.sig");
	if (manifest_read(src->manifest, src->manifest_len, out, err) == 0 && check_identity(src, out, err) == 0)
		return 0;
	manifest_free(out);
	*out = (struct manifest){ 0 };
	return -1;
}

int image_docs_check(const struct restore_source *src, struct image_docs *out, struct err *err)
{
	struct manifest *m = &out->manifest;

	*out = (struct image_docs){ 0 };
	if (image_docs_manifest(src, m, err) < 0 || check_digest(src->tree, src->tree_len, &m->tree, "tree.zst", err) < 0 ||
	    check_digest(src->chunks, src->chunks_len, &m->chunks, "chunks.bin", err) < 0 ||
	    read_tree(src, &out->tree, err) < 0 ||
	    chunk_table_decode(src->chunks, src->chunks_len, (uint32_t)m->chunk_max, &out->table, err) < 0 ||
	    check_sums(out, err) < 0) {
		image_docs_free(out);
		*out = (struct image_docs){ 0 };
		return -1;
	}
	content_map_init(&out->map, &out->tree);
	return 0;
}
