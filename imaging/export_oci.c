/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An OCI image layout (image-spec 1.0): the whole tree as one layer, with the config, manifest and index that name it by digest.
 */
#include "imaging/export_priv.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#define BLOBS "blobs/sha256"
#define OCI "application/vnd.oci.image."
#define DIGEST_TEXT_LEN (sizeof("sha256:") + DIGEST_HEX_LEN)
#define COPY_BLOCK ((size_t)1 << 20)

struct layout {
	const struct export *x;
	const struct export_facts *f;
	char *dir;
	struct sink_sum layer, diff; /* compressed and not */
};

static void digest_text(const struct digest *d, char out[DIGEST_TEXT_LEN])
{
	char hex[DIGEST_HEX_LEN];

	digest_hex(d, hex);
	snprintf(out, DIGEST_TEXT_LEN, "sha256:%s", hex);
}

static char *blob_path(const struct layout *l, const struct digest *d)
{
	char hex[DIGEST_HEX_LEN];

	digest_hex(d, hex);
	return str_format("%s/" BLOBS "/%s", l->dir, hex);
}

static int write_layer(struct layout *l, struct err *err)
{
	autofree char *tmp = str_format("%s/" BLOBS "/layer", l->dir), *path = NULL;
	autoclose int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	autoclean(sink_freep) struct sink *chain = NULL;

	if (fd < 0)
		return err_errno(err, errno, "create %s", tmp);
	chain = sink_digest(sink_zstd(sink_digest(sink_fd(fd, tmp), &l->layer)), &l->diff);
	if (export_archive(l->x, l->f, EXPORT_OCI, chain, err) < 0 || sink_end(chain, err) < 0)
		return -1;
	path = blob_path(l, &l->layer.digest);
	return rename(tmp, path) < 0 ? err_errno(err, errno, "name %s", path) : 0;
}

static int write_blob(struct layout *l, const struct buf *text, struct sink_sum *sum, struct err *err)
{
	autofree char *path = NULL;

	digest_of(text->data, text->len, &sum->digest);
	sum->bytes = text->len;
	path = blob_path(l, &sum->digest);
	return fs_write_atomic(path, text->data, text->len, 0644, err);
}

static void put_descriptor(struct json_out *w, const char *key, const char *type, const struct sink_sum *sum)
{
	char digest[DIGEST_TEXT_LEN];

	digest_text(&sum->digest, digest);
	json_put_obj(w, key);
	json_put_str(w, "mediaType", type);
	json_put_str(w, "digest", digest);
	json_put_u64(w, "size", sum->bytes);
}

static void print_config(const struct layout *l, struct buf *out)
{
	char diff[DIGEST_TEXT_LEN];
	struct json_out w;

	digest_text(&l->diff.digest, diff);
	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "created", l->f->created);
	json_put_str(&w, "architecture", "amd64");
	json_put_str(&w, "os", "linux");
	json_put_obj(&w, "config");
	json_end_obj(&w);
	json_put_obj(&w, "rootfs");
	json_put_str(&w, "type", "layers");
	json_put_arr(&w, "diff_ids");
	json_put_str(&w, NULL, diff);
	json_end_arr(&w);
	json_end_obj(&w);
	json_put_arr(&w, "history");
	json_put_obj(&w, NULL);
	json_put_str(&w, "created", l->f->created);
	json_put_str(&w, "created_by", "orthrus image export");
	json_end_obj(&w);
	json_end_arr(&w);
	json_end_obj(&w);
}

static void print_manifest(const struct layout *l, const struct sink_sum *config, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "schemaVersion", 2);
	json_put_str(&w, "mediaType", OCI "manifest.v1+json");
	put_descriptor(&w, "config", OCI "config.v1+json", config);
	json_end_obj(&w);
	json_put_arr(&w, "layers");
	put_descriptor(&w, NULL, OCI "layer.v1.tar+zstd", &l->layer);
	json_end_obj(&w);
	json_end_arr(&w);
	json_end_obj(&w);
}

static void print_index(const struct layout *l, const struct sink_sum *manifest, struct buf *out)
{
	autofree char *name = mem_strndup(l->f->ref, strcspn(l->f->ref, "/"));
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "schemaVersion", 2);
	json_put_str(&w, "mediaType", OCI "index.v1+json");
	json_put_arr(&w, "manifests");
	put_descriptor(&w, NULL, OCI "manifest.v1+json", manifest);
	json_put_obj(&w, "platform");
	json_put_str(&w, "architecture", "amd64");
	json_put_str(&w, "os", "linux");
	json_end_obj(&w);
	json_put_obj(&w, "annotations");
	json_put_str(&w, "org.opencontainers.image.ref.name", name);
	json_put_str(&w, "org.opencontainers.image.version", l->f->ref + strlen(name) + 1);
	json_end_obj(&w);
	json_end_obj(&w);
	json_end_arr(&w);
	json_end_obj(&w);
}

/* Each of its own, not with what is above: a signal may just have removed the layout, which must not be made again. */
static int make_blobs(const struct layout *l, struct err *err)
{
	autofree char *above = fs_join(l->dir, "blobs"), *blobs = fs_join(l->dir, BLOBS);

	if (mkdir(above, 0755) < 0)
		return err_errno(err, errno, "%s", above);
	return mkdir(blobs, 0755) < 0 ? err_errno(err, errno, "%s", blobs) : 0;
}

static int write_layout(struct layout *l, struct err *err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	autoclean(buf_free) struct buf config = { 0 }, manifest = { 0 }, index = { 0 };
	autofree char *index_path = fs_join(l->dir, "index.json");
	autofree char *version_path = fs_join(l->dir, "oci-layout");
	struct sink_sum sum;

	if (make_blobs(l, err) < 0 || write_layer(l, err) < 0)
		return -1;
	print_config(l, &config);
	if (write_blob(l, &config, &sum, err) < 0)
		return -1;
	print_manifest(l, &sum, &manifest);
	if (write_blob(l, &manifest, &sum, err) < 0)
		return -1;
	print_index(l, &sum, &index);
	if (fs_write_atomic(index_path, index.data, index.len, 0644, err) < 0)
		return -1;
	return fs_write_atomic(version_path, version, sizeof(version) - 1, 0644, err);
}

static int copy_file(struct archive *a, const char *path, uint64_t size, struct err *err)
{
	autofree uint8_t *block = mem_zalloc(COPY_BLOCK);
	autoclose int fd = fs_open_regular(path, 0, err);

	if (fd < 0)
		return -1;
	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < COPY_BLOCK ? (size_t)(size - at) : COPY_BLOCK;

		if (fs_pread_all(fd, path, block, n, at, err) < 0)
			return -1;
		if (archive_write_data(a, block, n) != (la_ssize_t)n)
			return err_set(err, ERR_FAILED, "write the archive: %s", archive_error_string(a));
		at += n;
	}
	return 0;
}

static int add_file(struct archive *a, const struct layout *l, const char *name, struct err *err)
{
	autofree char *path = fs_join(l->dir, name);
	struct archive_entry *e = archive_entry_new();
	struct stat st;
	int rc = 0;

	if (lstat(path, &st) < 0) {
		rc = err_errno(err, errno, "look at %s", path);
	} else {
		archive_entry_copy_pathname(e, name);
		archive_entry_set_mode(e, S_ISDIR(st.st_mode) ? S_IFDIR | 0755 : S_IFREG | 0644);
		archive_entry_set_size(e, S_ISDIR(st.st_mode) ? 0 : st.st_size);
		archive_entry_set_mtime(e, 0, 0);
		if (archive_write_header(a, e) != ARCHIVE_OK)
			rc = err_set(err, ERR_FAILED, "write the archive: %s", archive_error_string(a));
		else if (S_ISREG(st.st_mode))
			rc = copy_file(a, path, (uint64_t)st.st_size, err);
	}
	archive_entry_free(e);
	return rc;
}

static int fill_tar(struct archive *a, const struct layout *l, int fd, struct err *err)
{
	static const char *const first[] = { "oci-layout", "index.json", "blobs", BLOBS };
	autofree char *blobs = fs_join(l->dir, BLOBS);
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list(blobs, &names, err) < 0)
		return -1;
	if (archive_write_set_format_ustar(a) != ARCHIVE_OK || archive_write_open_fd(a, fd) != ARCHIVE_OK)
		return err_set(err, ERR_FAILED, "write the archive: %s", archive_error_string(a));
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		if (add_file(a, l, first[i], err) < 0)
			return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *name = fs_join(BLOBS, names.items[i]);

		if (add_file(a, l, name, err) < 0)
			return -1;
	}
	if (archive_write_close(a) != ARCHIVE_OK)
		return err_set(err, ERR_FAILED, "write the archive: %s", archive_error_string(a));
	return 0;
}

static int commit_tar(const struct layout *l, struct err *err)
{
	struct export_file file = { .fd = -1 };
	struct archive *a;
	int rc;

	if (export_file_begin(&file, l->x, err) < 0)
		return -1;
	a = archive_write_new();
	rc = fill_tar(a, l, file.fd, err);
	archive_write_free(a);
	if (rc == 0)
		rc = export_file_commit(&file, err);
	export_file_drop(&file);
	return rc;
}

static int commit_dir(struct layout *l, struct err *err)
{
	autoclose int fd = fs_open_dir(l->dir, err);

	if (fd < 0)
		return -1;
	if (syncfs(fd) < 0)
		return err_errno(err, errno, "make it durable");
	if (renameat2(AT_FDCWD, l->dir, AT_FDCWD, l->x->target, RENAME_NOREPLACE) < 0)
		return err_errno(err, errno, "give it its name");
	scratch_release(l->x->scratch, l->dir);
	free(steal(l->dir));
	return syncfs(fd) < 0 ? err_errno(err, errno, "make it durable") : 0;
}

int export_oci(const struct export *x, const struct export_facts *f, struct err *err)
{
	struct layout l = { .x = x, .f = f, .dir = str_format("%s.XXXXXX", x->target) };
	struct err cleanup = { 0 };
	int rc;

	if (scratch_dir(x->scratch, l.dir) < 0) {
		err_errno(err, errno, "create %s", x->target);
		free(l.dir);
		return -1;
	}
	rc = write_layout(&l, err);
	if (rc == 0)
		rc = x->as_tar ? commit_tar(&l, err) : commit_dir(&l, err);
	if (l.dir && fs_remove_tree(l.dir, &cleanup) < 0)
		log_warn("imaging", "%s", cleanup.text);
	if (l.dir)
		scratch_release(x->scratch, l.dir);
	free(l.dir);
	return rc < 0 ? err_wrap(err, "export to %s", x->target) : 0;
}
