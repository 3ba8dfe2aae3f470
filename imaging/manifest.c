/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/manifest.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "imaging/chunk_table.h"
#include "imaging/codec.h"
#include "imaging/tree.h"

#include <string.h>

#define FORMAT 1

static const char *const snapshots[] = { "directory", "lvm", "btrfs", "two-pass", "archive", NULL };

char *manifest_id(const char *created, const char *kind)
{
	autoclean(buf_free) struct buf compact = { 0 };

	for (const char *p = created; *p; p++)
		if (*p != '-' && *p != ':')
			buf_addc(&compact, *p);
	return str_format("%s-%s", buf_str(&compact), kind);
}

void manifest_free(struct manifest *m)
{
	free(m->cluster_id);
	free(m->name);
	free(m->kind);
	free(m->suite);
	free(m->created);
	free(m->codec);
	free(m->snapshot);
	free(m->signer);
	*m = (struct manifest){ 0 };
}

static void put_digest(struct json_out *w, const char *key, const struct digest *d)
{
	char hex[DIGEST_HEX_LEN];

	digest_hex(d, hex);
	json_put_str(w, key, hex);
}

void manifest_print(const struct manifest *m, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, true);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "format", m->format);
	json_put_str(&w, "cluster", m->cluster_id);
	json_put_str(&w, "name", m->name);
	json_put_str(&w, "kind", m->kind);
	if (m->suite)
		json_put_str(&w, "suite", m->suite);
	json_put_str(&w, "created", m->created);
	json_put_u64(&w, "sequence", m->sequence);
	json_put_u64(&w, "entries", m->entries);
	json_put_u64(&w, "content_bytes", m->content_bytes);
	json_put_u64(&w, "chunks", m->n_chunks);
	json_put_u64(&w, "stored_bytes", m->stored_bytes);
	json_put_obj(&w, "chunker");
	json_put_u64(&w, "min", m->chunk_min);
	json_put_u64(&w, "avg", m->chunk_avg);
	json_put_u64(&w, "max", m->chunk_max);
	json_end_obj(&w);
	json_put_str(&w, "codec", m->codec);
	json_put_obj(&w, "sha256");
	put_digest(&w, "tree", &m->tree);
	put_digest(&w, "chunks", &m->chunks);
	put_digest(&w, "root", &m->root);
	put_digest(&w, "boot", &m->boot);
	if (m->has_layout)
		put_digest(&w, "layout", &m->layout);
	json_end_obj(&w);
	json_put_str(&w, "snapshot", m->snapshot);
	json_put_bool(&w, "crash_consistent", m->crash_consistent);
	json_put_str(&w, "signer", m->signer);
	json_end_obj(&w);
}

static int read_digest(struct json_obj *o, const char *key, struct digest *out, struct err *err)
{
	autofree char *hex = NULL;
	struct err why = { 0 };

	if (json_str(o, key, JSON_MUST, &hex, err) < 0)
		return -1;
	if (str_unhex(hex, out->bytes, DIGEST_LEN, &why) < 0)
		return json_bad(o, key, err, "%s", why.text);
	return 0;
}

static int read_digests(struct json_obj *o, struct manifest *m, struct err *err)
{
	struct json_obj d;

	if (json_obj(o, "sha256", JSON_MUST, &d, err) < 0 || read_digest(&d, "tree", &m->tree, err) < 0 ||
	    read_digest(&d, "chunks", &m->chunks, err) < 0 || read_digest(&d, "root", &m->root, err) < 0 ||
	    read_digest(&d, "boot", &m->boot, err) < 0)
		return -1;
	m->has_layout = json_has(&d, "layout");
	if (m->has_layout && read_digest(&d, "layout", &m->layout, err) < 0)
		return -1;
	return json_obj_end(&d, err);
}

static int read_chunker(struct json_obj *o, struct manifest *m, struct err *err)
{
	struct json_obj c;

	if (json_obj(o, "chunker", JSON_MUST, &c, err) < 0 ||
	    json_u64(&c, "max", JSON_MUST, 1, CHUNK_RAW_MAX, &m->chunk_max, err) < 0 ||
	    json_u64(&c, "avg", JSON_MUST, 1, m->chunk_max, &m->chunk_avg, err) < 0 ||
	    json_u64(&c, "min", JSON_MUST, 1, m->chunk_avg, &m->chunk_min, err) < 0)
		return -1;
	return json_obj_end(&c, err);
}

/* The names become parts of paths: they are checked as strictly as when they were made. */
static int read_name(struct json_obj *o, const char *key, char **out, struct err *err)
{
	struct err why = { 0 };

	if (json_str(o, key, JSON_MUST, out, err) < 0)
		return -1;
	if (str_check_name(*out, &why) < 0)
		return json_bad(o, key, err, "%s", why.text);
	return 0;
}

static int read_fields(struct json_obj *o, struct manifest *m, struct err *err)
{
	int snapshot = 0;

	if (json_u64(o, "format", JSON_MUST, 1, UINT64_MAX, &m->format, err) < 0)
		return -1;
	if (m->format != FORMAT)
		return json_bad(o, "format", err, "%llu is not one this program reads (%d)", (unsigned long long)m->format,
				FORMAT);
	if (json_str(o, "cluster", JSON_MUST, &m->cluster_id, err) < 0 || read_name(o, "name", &m->name, err) < 0 ||
	    read_name(o, "kind", &m->kind, err) < 0 || json_str(o, "suite", JSON_MAY, &m->suite, err) < 0 ||
	    json_str(o, "created", JSON_MUST, &m->created, err) < 0 ||
	    json_u64(o, "sequence", JSON_MUST, 1, INT64_MAX, &m->sequence, err) < 0 ||
	    json_u64(o, "entries", JSON_MUST, 1, TREE_ENTRIES_MAX, &m->entries, err) < 0 ||
	    json_u64(o, "content_bytes", JSON_MUST, 0, INT64_MAX, &m->content_bytes, err) < 0 ||
	    json_u64(o, "chunks", JSON_MUST, 0, INT64_MAX, &m->n_chunks, err) < 0 ||
	    json_u64(o, "stored_bytes", JSON_MUST, 0, INT64_MAX, &m->stored_bytes, err) < 0 || read_chunker(o, m, err) < 0 ||
	    json_str(o, "codec", JSON_MUST, &m->codec, err) < 0 || read_digests(o, m, err) < 0 ||
	    json_enum(o, "snapshot", JSON_MUST, snapshots, &snapshot, err) < 0 ||
	    json_bool(o, "crash_consistent", JSON_MUST, &m->crash_consistent, err) < 0 ||
	    json_str(o, "signer", JSON_MUST, &m->signer, err) < 0)
		return -1;
	if (!str_eq(m->codec, CODEC_NAME))
		return json_bad(o, "codec", err, "'%.40s' is not one this program reads (%s)", m->codec, CODEC_NAME);
	m->snapshot = mem_strdup(snapshots[snapshot]);
	return json_obj_end(o, err);
}

int manifest_read(const void *json, size_t len, struct manifest *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 || read_fields(&o, out, err) < 0) {
		manifest_free(out);
		return err_wrap(err, "manifest");
	}
	return 0;
}
