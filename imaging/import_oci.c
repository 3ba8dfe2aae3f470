/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An OCI image layout (image-spec 1.0, and what docker writes into one): from the index to the manifest for this machine, to its
 * layers, each blob compared with the digest that names it. */
#include "imaging/import_priv.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOC_MAX ((uint64_t)16 << 20)
#define LAYERS_MAX 1024
#define MANIFESTS_MAX 4096
#define INDEX_DEPTH 4

/* Where the blobs lie: in a directory, or as files of an archive that was read before. */
struct layout {
	struct import_run *run;
	int dir_fd; /* or -1: in `tree` and `spool` */
	struct import_tree tree;
	struct spool spool;
};
struct descriptor {
	char *type;
	struct digest digest;
	uint64_t size;
	char *os, *arch, *name; /* or NULL */
};
struct descriptors {
	struct descriptor *items;
	size_t len, cap;
};

static void descriptor_free(struct descriptor *d)
{
	free(d->type);
	free(d->os);
	free(d->arch);
	free(d->name);
}

static void descriptors_free(struct descriptors *l)
{
	for (size_t i = 0; i < l->len; i++)
		descriptor_free(&l->items[i]);
	free(l->items);
}

/* A file of the layout as a stretch of an open one. */
struct stretch {
	int fd;
	uint64_t at, len;
};

static void stretch_close(struct stretch *s)
{
	if (s->fd >= 0)
		close(s->fd);
}

static int open_file(const struct layout *l, const char *path, struct stretch *out, struct err *err)
{
	const struct import_inode *i;
	struct stat st;

	if (l->dir_fd >= 0) {
		out->fd = fs_open_beneath(l->dir_fd, path, O_RDONLY | O_NONBLOCK, 0, RESOLVE_NO_SYMLINKS, err);
		if (out->fd < 0)
			return err_wrap(err, "%s", path);
		if (fstat(out->fd, &st) < 0 || !S_ISREG(st.st_mode))
			return err_set(err, ERR_REFUSED, "%s is no file", path);
		out->len = (uint64_t)st.st_size;
		return 0;
	}
	i = import_tree_find(&l->tree, path);
	if (!i || i->e.type != TREE_FILE)
		return err_set(err, ERR_REFUSED, "there is no file %s in it", path);
	if (i->e.stream_len != i->e.size)
		return err_set(err, ERR_REFUSED, "%s has holes", path);
	out->fd = fcntl(l->spool.fd, F_DUPFD_CLOEXEC, 3);
	out->at = i->spool_at;
	out->len = i->e.size;
	return out->fd < 0 ? err_errno(err, errno, "use %s", path) : 0;
}

static int read_document(const struct layout *l, const char *path, struct buf *out, struct err *err)
{
	autoclean(stretch_close) struct stretch s = { .fd = -1 };

	if (open_file(l, path, &s, err) < 0)
		return -1;
	if (s.len > DOC_MAX)
		return err_set(err, ERR_REFUSED, "%s is larger than such a document is", path);
	buf_reserve(out, s.len);
	if (fs_pread_all(s.fd, path, out->data, s.len, s.at, err) < 0)
		return -1;
	out->len = s.len;
	out->data[out->len] = '\0';
	return 0;
}

static char *blob_path(const struct descriptor *d)
{
	char hex[DIGEST_HEX_LEN];

	digest_hex(&d->digest, hex);
	return str_format("blobs/sha256/%s", hex);
}

static int wrong_digest(const char *path, struct err *err)
{
	err_set(err, ERR_DAMAGED, "%s is damaged: it does not have the size and SHA-256 that it is named by", path);
	return err_hint(err, "get the layout again");
}

static int read_blob(const struct layout *l, const struct descriptor *d, struct buf *out, struct err *err)
{
	autofree char *path = blob_path(d);
	struct digest got;

	if (read_document(l, path, out, err) < 0)
		return -1;
	digest_of(out->data, out->len, &got);
	return out->len != d->size || digest_cmp(&got, &d->digest) != 0 ? wrong_digest(path, err) : 0;
}

static int read_digest(const char *text, struct digest *out, struct err *err)
{
	static const char prefix[] = "sha256:";

	if (!str_starts(text, prefix))
		return err_set(err, ERR_REFUSED, "digest '%.100s' is not one by SHA-256", text);
	return str_unhex(text + strlen(prefix), out->bytes, DIGEST_LEN, err);
}

/* Keys that are not asked for are allowed: the format has many. */
static int read_descriptor(struct json_obj *o, struct descriptor *d, struct err *err)
{
	autofree char *digest = NULL;
	struct json_obj part;
	int have;

	if (json_str(o, "mediaType", JSON_MUST, &d->type, err) < 0 || json_str(o, "digest", JSON_MUST, &digest, err) < 0 ||
	    json_u64(o, "size", JSON_MUST, 0, INT64_MAX, &d->size, err) < 0 || read_digest(digest, &d->digest, err) < 0)
		return -1;
	have = json_obj(o, "platform", JSON_MAY, &part, err);
	if (have < 0 || (have && (json_str(&part, "os", JSON_MAY, &d->os, err) < 0 ||
				  json_str(&part, "architecture", JSON_MAY, &d->arch, err) < 0)))
		return -1;
	have = json_obj(o, "annotations", JSON_MAY, &part, err);
	return have < 0 || (have && json_str(&part, "org.opencontainers.image.ref.name", JSON_MAY, &d->name, err) < 0) ? -1 : 0;
}

static int read_descriptors(struct json_obj *o, const char *key, size_t max, struct descriptors *out, struct err *err)
{
	struct json_arr a;

	if (json_arr_max(o, key, JSON_MUST, max, &a, err) < 0)
		return -1;
	for (size_t i = 0; i < a.len; i++) {
		struct json_obj one;

		out->items = mem_room(out->items, out->len, &out->cap, sizeof(out->items[0]));
		out->items[out->len] = (struct descriptor){ 0 };
		if (json_arr_obj(&a, i, &one, err) < 0 || read_descriptor(&one, &out->items[out->len++], err) < 0)
			return -1;
	}
	return 0;
}

static bool is_index(const char *type)
{
	return str_eq(type, "application/vnd.oci.image.index.v1+json") ||
	       str_eq(type, "application/vnd.docker.distribution.manifest.list.v2+json");
}

static bool is_manifest(const char *type)
{
	return str_eq(type, "application/vnd.oci.image.manifest.v1+json") ||
	       str_eq(type, "application/vnd.docker.distribution.manifest.v2+json");
}

/* Every manifest that may be for linux on amd64, out of the index in `text` and those it names. */
static int collect(const struct layout *l, const struct buf *text, unsigned int depth, struct descriptors *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(descriptors_free) struct descriptors all = { 0 };
	struct json_obj o;

	if (json_parse(buf_str(text), text->len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    read_descriptors(&o, "manifests", MANIFESTS_MAX, &all, err) < 0)
		return err_wrap(err, "the index");
	for (size_t i = 0; i < all.len; i++) {
		struct descriptor *d = &all.items[i];
		autoclean(buf_free) struct buf inner = { 0 };

		if ((d->os && !str_eq(d->os, "linux")) || (d->arch && !str_eq(d->arch, "amd64")))
			continue;
		if (is_index(d->type)) {
			if (depth + 1 >= INDEX_DEPTH)
				return err_set(err, ERR_REFUSED, "the index is nested too deep");
			if (read_blob(l, d, &inner, err) < 0 || collect(l, &inner, depth + 1, out, err) < 0)
				return -1;
		} else if (is_manifest(d->type)) {
			out->items = mem_room(out->items, out->len, &out->cap, sizeof(out->items[0]));
			out->items[out->len++] = *d;
			*d = (struct descriptor){ 0 };
		}
	}
	return 0;
}

static int choose_one(const struct descriptors *l, struct err *err)
{
	autoclean(buf_free) struct buf names = { 0 };

	if (l->len == 1)
		return 0;
	for (size_t i = 0; i < l->len && names.len < 300; i++)
		buf_addf(&names, "%s%.80s", i ? ", " : "", l->items[i].name ? l->items[i].name : "one without a name");
	if (!l->len)
		return err_set(err, ERR_REFUSED, "the layout has no image for linux on amd64");
	err_set(err, ERR_REFUSED, "the layout has %zu images for linux on amd64: %s", l->len, buf_str(&names));
	return err_hint(err, "make a layout of the one that is meant, for example with `skopeo copy`");
}

/* The config says which layers there are by what they unpack to. */
static int read_config(const struct layout *l, const struct descriptor *d, struct str_list *diff_ids, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *os = NULL, *arch = NULL;
	struct json_obj o, rootfs;

	if (read_blob(l, d, &text, err) < 0)
		return -1;
	if (json_parse(buf_str(&text), text.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_str(&o, "os", JSON_MUST, &os, err) < 0 || json_str(&o, "architecture", JSON_MUST, &arch, err) < 0 ||
	    json_obj(&o, "rootfs", JSON_MUST, &rootfs, err) < 0 || json_strs(&rootfs, "diff_ids", JSON_MUST, diff_ids, err) < 0)
		return err_wrap(err, "the config");
	if (!str_eq(os, "linux") || !str_eq(arch, "amd64"))
		return err_set(err, ERR_REFUSED, "the image is for %.40s on %.40s, not for linux on amd64", os, arch);
	return 0;
}

static bool is_layer(const char *type)
{
	static const char *const types[] = { "application/vnd.oci.image.layer.v1.tar",
					     "application/vnd.oci.image.layer.v1.tar+gzip",
					     "application/vnd.oci.image.layer.v1.tar+zstd",
					     "application/vnd.docker.image.rootfs.diff.tar.gzip",
					     "application/vnd.docker.image.rootfs.diff.tar" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq(types[i], type))
			return true;
	return false;
}

/* Are these bytes what the descriptor names? */
static bool is_blob(const struct stretch *s, const struct descriptor *d)
{
	struct digest_ctx *ctx = digest_new();
	uint8_t block[16384];
	struct digest got;
	struct err err = { 0 };

	for (uint64_t at = 0; at < s->len && err.kind == ERR_NONE;) {
		size_t n = s->len - at < sizeof(block) ? (size_t)(s->len - at) : sizeof(block);

		if (fs_pread_all(s->fd, "it", block, n, s->at + at, &err) == 0)
			digest_add(ctx, block, n);
		at += n;
	}
	digest_end(ctx, &got);
	return err.kind == ERR_NONE && digest_cmp(&got, &d->digest) == 0;
}

static int read_layer(const struct layout *l, const struct descriptor *d, const char *diff_id, struct err *err)
{
	struct import_run *run = l->run;
	autoclean(stretch_close) struct stretch s = { .fd = -1 };
	struct import_input in = { .max_bytes = import_unpacked_max(run->im),
				   .progress = run->im->progress,
				   .ctx = run->im->ctx };
	autofree char *path = blob_path(d);
	struct digest want, packed, unpacked;
	int rc;

	if (!is_layer(d->type))
		return err_set(err, ERR_REFUSED, "%s: '%.100s' is no kind of layer that can be imported", path, d->type);
	if (read_digest(diff_id, &want, err) < 0 || open_file(l, path, &s, err) < 0)
		return -1;
	in.fd = s.fd;
	in.at = s.at;
	in.left = in.total = s.len;
	rc = s.len == d->size ? import_archive(run, &in, &packed, &unpacked, err) : wrong_digest(path, err);
	if (rc == 0 && (digest_cmp(&packed, &d->digest) != 0 || digest_cmp(&unpacked, &want) != 0))
		rc = wrong_digest(path, err);
	/* Bytes that are not the named ones may be anything: then that is the reason. */
	else if (rc < 0 && err->kind == ERR_REFUSED && !is_blob(&s, d))
		rc = wrong_digest(path, err);
	else if (rc < 0)
		err_wrap(err, "%s", path);
	import_input_free(&in);
	return rc;
}

static int read_image(const struct layout *l, const struct descriptor *manifest, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(descriptors_free) struct descriptors layers = { 0 };
	autoclean(descriptor_free) struct descriptor config = { 0 };
	autoclean(str_list_free) struct str_list diff_ids = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct json_obj o, part;

	if (read_blob(l, manifest, &text, err) < 0)
		return -1;
	if (json_parse(buf_str(&text), text.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_obj(&o, "config", JSON_MUST, &part, err) < 0 || read_descriptor(&part, &config, err) < 0 ||
	    read_descriptors(&o, "layers", LAYERS_MAX, &layers, err) < 0)
		return err_wrap(err, "the manifest");
	if (read_config(l, &config, &diff_ids, err) < 0)
		return -1;
	if (diff_ids.len != layers.len || !layers.len)
		return err_set(err, ERR_REFUSED, "the manifest has %zu layers, the config %zu", layers.len, diff_ids.len);
	for (size_t i = 0; i < layers.len; i++) {
		l->run->tree.layer = (uint32_t)i + 1;
		l->run->is_layer = true;
		if (read_layer(l, &layers.items[i], diff_ids.items[i], err) < 0)
			return -1;
	}
	return 0;
}

static int read_layout(const struct layout *l, struct err *err)
{
	autoclean(descriptors_free) struct descriptors manifests = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf version = { 0 }, index = { 0 };
	autofree char *v = NULL;
	struct json_obj o;

	if (read_document(l, "oci-layout", &version, err) < 0 || read_document(l, "index.json", &index, err) < 0)
		return -1;
	if (json_parse(buf_str(&version), version.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_str(&o, "imageLayoutVersion", JSON_MUST, &v, err) < 0)
		return err_wrap(err, "oci-layout");
	if (!str_starts(v, "1."))
		return err_set(err, ERR_REFUSED, "the layout has version %.40s, not 1", v);
	if (collect(l, &index, 0, &manifests, err) < 0 || choose_one(&manifests, err) < 0)
		return -1;
	return read_image(l, &manifests.items[0], err);
}

int import_oci(struct import_run *run, int dir_fd, struct err *err)
{
	struct layout l = { .run = run, .dir_fd = dir_fd, .spool.fd = -1 };
	int rc = 0;

	if (dir_fd < 0) {
		l.tree = run->tree;
		l.spool = run->spool;
		import_tree_init(&run->tree);
		run->spool = (struct spool){ .fd = -1 };
		run->file_bytes = 0;
		rc = spool_open(&run->spool, run->im->tmp_dir, err);
	}
	if (rc == 0)
		rc = read_layout(&l, err);
	import_tree_free(&l.tree);
	if (l.spool.fd >= 0)
		close(l.spool.fd);
	return rc;
}

static void count_known(void *ctx, const char *name)
{
	static const char *const known[] = { "oci-layout", "index.json", "blobs", "manifest.json", "repositories", "ingest" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		*(size_t *)ctx += str_eq(known[i], name);
}

bool import_is_oci(const struct import_tree *t)
{
	size_t known = 0;

	return import_tree_find(t, "oci-layout") && import_tree_find(t, "index.json") && import_tree_find(t, "blobs/sha256") &&
	       import_tree_top(t, count_known, &known) == known;
}
