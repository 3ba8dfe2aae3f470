/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

void restore_free(struct restore *r)
{
	if (!r)
		return;
	image_docs_free(&r->docs);
	codec_free(r->codec);
	free(r->chunks);
	free(r->first_at);
	free(r->at);
	free(r->done);
	free(r->raw);
	free(r->parent_path);
	if (r->parent_fd >= 0)
		close(r->parent_fd);
	if (r->file_fd >= 0)
		close(r->file_fd);
	if (r->target_fd >= 0)
		close(r->target_fd);
	free(r);
}

int restore_entry_error(const struct tree_entry *e, struct err *err)
{
	autofree char *shown = str_printable(e->path, strlen(e->path));

	return err_wrap(err, "restore '/%.400s'", shown);
}

int restore_parent(struct restore *r, const struct tree_entry *e, const char **name, struct err *err)
{
	const char *slash = strrchr(e->path, '/');
	size_t len = slash ? (size_t)(slash - e->path) : 0;

	*name = slash ? slash + 1 : *e->path ? e->path : ".";
	if (r->parent_fd >= 0 && strlen(r->parent_path) == len && memcmp(r->parent_path, e->path, len) == 0)
		return r->parent_fd;
	if (r->parent_fd >= 0)
		close(steal_fd(r->parent_fd));
	free(r->parent_path);
	r->parent_path = mem_strndup(e->path, len);
	r->parent_fd =
		fs_open_beneath(r->target_fd, len ? r->parent_path : ".", O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS, err);
	return r->parent_fd;
}

/* What was there before (a mount point, lost+found) is used when it is a directory. */
static int make_directory(int parent, const char *name, struct err *err)
{
	struct stat st;

	if (mkdirat(parent, name, 0700) == 0)
		return 0;
	if (errno != EEXIST || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, errno, "create directory");
	return S_ISDIR(st.st_mode) ? 0 : err_set(err, ERR_EXISTS, "something that is no directory is in its place");
}

static int make_file(int parent, const char *name, uint64_t size, struct err *err)
{
	autoclose int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, errno, "create file");
	if (size && ftruncate(fd, (off_t)size) < 0)
		return err_errno(err, errno, "give it its size");
	return 0;
}

static int make_node(int parent, const char *name, mode_t type, dev_t dev, struct err *err)
{
	return mknodat(parent, name, type | 0600, dev) < 0 ? err_errno(err, errno, "create it") : 0;
}

static int make_entry(struct restore *r, const struct tree_entry *e, struct err *err)
{
	const char *name;
	int parent = restore_parent(r, e, &name, err);

	if (parent < 0)
		return -1;
	switch (e->type) {
	case TREE_DIR:
		return *e->path ? make_directory(parent, name, err) : 0;
	case TREE_FILE:
		return make_file(parent, name, e->size, err);
	case TREE_SYMLINK:
		return symlinkat(e->target, parent, name) < 0 ? err_errno(err, errno, "create symbolic link") : 0;
	case TREE_FIFO:
		return make_node(parent, name, S_IFIFO, 0, err);
	case TREE_SOCKET:
		return make_node(parent, name, S_IFSOCK, 0, err);
	case TREE_CHAR:
		return make_node(parent, name, S_IFCHR, makedev(e->major, e->minor), err);
	case TREE_BLOCK:
		return make_node(parent, name, S_IFBLK, makedev(e->major, e->minor), err);
	case TREE_HARDLINK:
		return 0; /* restore_finish: all that it can point to is there by then */
	}
	return err_set(err, ERR_DAMAGED, "unknown entry type %d", (int)e->type);
}

static int by_place(const void *a, const void *b, void *rows)
{
	const struct chunk_row *x = (const struct chunk_row *)rows + *(const size_t *)a;
	const struct chunk_row *y = (const struct chunk_row *)rows + *(const size_t *)b;
	int c = memcmp(x->pack.bytes, y->pack.bytes, DIGEST_LEN);

	if (c == 0)
		c = x->pack_offset < y->pack_offset ? -1 : x->pack_offset > y->pack_offset;
	if (c == 0)
		c = memcmp(x->id.bytes, y->id.bytes, DIGEST_LEN);
	/* Where the same chunk is needed twice, in the order of the stream. */
	return c ? c : *(const size_t *)a < *(const size_t *)b ? -1 : *(const size_t *)a > *(const size_t *)b;
}

static bool same_chunk(const struct restore_chunk *c, const struct chunk_row *row)
{
	return c->pack_offset == row->pack_offset && c->stored_len == row->stored_len && c->raw_len == row->raw_len &&
	       digest_cmp(&c->pack, &row->pack) == 0 && digest_cmp(&c->id, &row->id) == 0;
}

/* From the table in stream order to each chunk once, in the order of the packs, with all its places in the stream. */
static void list_chunks(struct restore *r)
{
	const struct chunk_table *t = &r->docs.table;
	autofree size_t *order = mem_array(t->len, sizeof(*order));
	autofree uint64_t *stream_at = mem_array(t->len, sizeof(*stream_at));
	uint64_t at = 0;

	r->chunks = mem_array(t->len, sizeof(r->chunks[0]));
	r->first_at = mem_array(t->len + 1, sizeof(r->first_at[0]));
	r->at = mem_array(t->len, sizeof(r->at[0]));
	for (size_t i = 0; i < t->len; i++) {
		order[i] = i;
		stream_at[i] = at;
		at += t->rows[i].raw_len;
	}
	if (t->len)
		qsort_r(order, t->len, sizeof(order[0]), by_place, t->rows);
	for (size_t i = 0; i < t->len; i++) {
		const struct chunk_row *row = &t->rows[order[i]];

		if (!r->n_chunks || !same_chunk(&r->chunks[r->n_chunks - 1], row)) {
			r->first_at[r->n_chunks] = i;
			r->chunks[r->n_chunks++] = (struct restore_chunk){ .id = row->id,
									   .pack = row->pack,
									   .pack_offset = row->pack_offset,
									   .stored_len = row->stored_len,
									   .raw_len = row->raw_len };
			r->stored_bytes += row->stored_len;
		}
		r->at[i] = stream_at[order[i]];
	}
	r->first_at[r->n_chunks] = t->len;
	r->done = mem_array(r->n_chunks, sizeof(r->done[0]));
}

int restore_begin(const struct restore_source *src, int target_fd, struct restore **out, struct err *err)
{
	struct restore *r = mem_zalloc(sizeof(*r));

	r->parent_fd = r->file_fd = -1;
	r->codec = codec_new();
	r->target_fd = fcntl(target_fd, F_DUPFD_CLOEXEC, 3);
	if (r->target_fd < 0) {
		err_errno(err, errno, "use the target directory");
		goto failed;
	}
	if (image_docs_check(src, &r->docs, err) < 0)
		goto failed;
	r->raw = mem_zalloc(r->docs.manifest.chunk_max);
	list_chunks(r);
	for (size_t i = 0; i < r->docs.tree.len; i++) {
		if (make_entry(r, &r->docs.tree.entries[i], err) < 0) {
			restore_entry_error(&r->docs.tree.entries[i], err);
			goto failed;
		}
	}
	*out = r;
	return 0;
failed:
	restore_free(r);
	return -1;
}

size_t restore_chunk_count(const struct restore *r)
{
	return r->n_chunks;
}

const struct restore_chunk *restore_chunk_at(const struct restore *r, size_t i)
{
	return i < r->n_chunks ? &r->chunks[i] : NULL;
}

uint64_t restore_stored_bytes(const struct restore *r)
{
	return r->stored_bytes;
}

/* The file stays open for the next range: neighbours in a pack are mostly neighbours in the tree. */
static int write_range(void *ctx, const struct tree_entry *e, uint64_t offset, size_t skip, size_t len, struct err *err)
{
	struct restore *r = ctx;

	if (r->file_fd < 0 || r->file != e) {
		if (r->file_fd >= 0)
			close(steal_fd(r->file_fd));
		r->file_fd = fs_open_beneath(r->target_fd, e->path, O_WRONLY | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS, err);
		r->file = e;
	}
	if (r->file_fd < 0 || fs_pwrite_all(r->file_fd, "it", r->raw + skip, len, offset, err) < 0)
		return restore_entry_error(e, err);
	return 0;
}

int restore_put(struct restore *r, size_t i, const void *stored, size_t stored_len, struct err *err)
{
	const struct restore_chunk *c = restore_chunk_at(r, i);
	struct digest id;

	if (!c)
		return err_set(err, ERR_USAGE, "there is no chunk %zu", i);
	if (stored_len != c->stored_len)
		return err_set(err, ERR_DAMAGED, "chunk %zu came with %zu bytes, not %u", i, stored_len, c->stored_len);
	if (codec_unpack(r->codec, stored, stored_len, r->raw, c->raw_len, err) < 0)
		return err_wrap(err, "chunk %zu", i);
	digest_of(r->raw, c->raw_len, &id);
	if (digest_cmp(&id, &c->id) != 0)
		return err_set(err, ERR_DAMAGED, "chunk %zu does not have the SHA-256 that names it", i);
	for (size_t k = r->first_at[i]; k < r->first_at[i + 1]; k++)
		if (content_map_each(&r->docs.map, r->at[k], c->raw_len, write_range, r, err) < 0)
			return -1;
	if (!r->done[i])
		r->n_done++;
	r->done[i] = true;
	return 0;
}
