/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/store_priv.h"

#include "base/mem.h"
#include "imaging/codec.h"
#include "imaging/image_docs.h"
#include "imaging/pack.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct extract_run {
	struct image_docs docs;
	uint64_t *row_at; /* stream offset of each row of the table, and of the end */
	struct pack_reader reader;
	struct codec *codec;
	struct buf stored;
	uint8_t *raw;	/* the row last unpacked */
	size_t raw_row; /* its number, or SIZE_MAX */
	int dir_fd;
	int file_fd; /* the file being written, which `piece` is for */
	const uint8_t *piece;
};

static void run_free(struct extract_run *x)
{
	image_docs_free(&x->docs);
	pack_reader_close(&x->reader);
	codec_free(x->codec);
	buf_free(&x->stored);
	free(x->row_at);
	free(x->raw);
	if (x->dir_fd >= 0)
		close(x->dir_fd);
}

static int entry_error(const struct tree_entry *e, struct err *err)
{
	autofree char *shown = str_printable(e->path, strlen(e->path));

	return err_wrap(err, "'/%.400s'", shown);
}

static int unpack_row(struct extract_run *x, size_t row, struct err *err)
{
	const struct chunk_row *c = &x->docs.table.rows[row];
	struct digest id;

	if (x->raw_row == row)
		return 0;
	x->raw_row = SIZE_MAX;
	if (pack_read(&x->reader, &c->pack, c->pack_offset, c->stored_len, &x->stored, err) < 0 ||
	    codec_unpack(x->codec, x->stored.data, x->stored.len, x->raw, c->raw_len, err) < 0)
		return -1;
	digest_of(x->raw, c->raw_len, &id);
	if (digest_cmp(&id, &c->id) != 0)
		return err_set(err, ERR_DAMAGED, "its chunk %zu does not have the SHA-256 that names it", row);
	x->raw_row = row;
	return 0;
}

static int write_piece(void *ctx, const struct tree_entry *e, uint64_t offset, size_t skip, size_t len, struct err *err)
{
	struct extract_run *x = ctx;

	(void)e;
	return fs_pwrite_all(x->file_fd, "its copy", x->piece + skip, len, offset, err);
}

/* The row in which stream offset `at` lies. */
static size_t row_of(const struct extract_run *x, uint64_t at)
{
	size_t lo = 0, hi = x->docs.table.len;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->row_at[mid] <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int copy_content(struct extract_run *x, const struct tree_entry *e, struct err *err)
{
	uint64_t at = e->stream_at, end = e->stream_at + e->stream_len;

	if (e->size && ftruncate(x->file_fd, (off_t)e->size) < 0)
		return err_errno(err, errno, "give its copy its size");
	for (size_t row = row_of(x, at); at < end; row++) {
		uint64_t stop = x->row_at[row + 1] < end ? x->row_at[row + 1] : end;

		if (unpack_row(x, row, err) < 0)
			return -1;
		x->piece = x->raw + (at - x->row_at[row]);
		if (content_map_each(&x->docs.map, at, (size_t)(stop - at), write_piece, x, err) < 0)
			return -1;
		at = stop;
	}
	return 0;
}

/* Open the directory `path` below `dir_fd`, making what is missing, name by name: no symlink is ever gone through. */
static int open_made(int dir_fd, const char *path, struct err *err)
{
	int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return err_errno(err, errno, "use the directory to copy to");
	while (*path) {
		size_t n = strcspn(path, "/");
		autofree char *name = mem_strndup(path, n);
		autoclose int above = fd;

		if (mkdirat(above, name, 0755) < 0 && errno != EEXIST)
			return err_errno(err, errno, "create directory %.100s", name);
		fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return err_errno(err, errno, "open directory %.100s", name);
		path += n + (path[n] == '/');
	}
	return fd;
}

static int copy_file(struct extract_run *x, int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = e->mtime_s, .tv_nsec = (long)e->mtime_ns } };
	autoclose int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, errno, "create its copy");
	x->file_fd = fd;
	if (copy_content(x, e, err) < 0)
		return -1;
	if (fchmod(fd, e->mode & 0777) < 0 || futimens(fd, times) < 0)
		return err_errno(err, errno, "set its mode and time");
	return 0;
}

/* `e` as `path`; another name of the same inode becomes a copy, for the first may not have been asked for. */
static int copy_entry(struct extract_run *x, const char *path, const struct tree_entry *e, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	autofree char *dir = slash ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup("");
	autoclose int parent = -1;

	if (e->type != TREE_FILE && e->type != TREE_SYMLINK)
		return 0;
	parent = open_made(x->dir_fd, dir, err);
	if (parent < 0)
		return -1;
	if (e->type == TREE_FILE)
		return copy_file(x, parent, name, e, err);
	return symlinkat(e->target, parent, name) < 0 ? err_errno(err, errno, "create its copy") : 0;
}

static bool is_wanted(const struct tree_entry *e, const char *const *prefixes)
{
	for (size_t i = 0; prefixes[i]; i++)
		if (str_starts(e->path, prefixes[i]))
			return true;
	return false;
}

static int copy_wanted(struct extract_run *x, const char *const *prefixes, struct err *err)
{
	const struct tree *t = &x->docs.tree;
	autofree const struct tree_entry **first = mem_array(t->len + 1, sizeof(*first)); /* of each link id */

	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *e = &t->entries[i], *what = e->type == TREE_HARDLINK ? first[e->link] : e;

		if (e->link && e->type != TREE_HARDLINK)
			first[e->link] = e;
		if (is_wanted(e, prefixes) && copy_entry(x, e->path, what, err) < 0)
			return entry_error(e, err);
	}
	return 0;
}

static int run(struct extract_run *x, const char *image_dir, const char *name, const struct verify_key *key,
	       const char *const *prefixes, struct err *err)
{
	autoclean(image_files_free) struct image_files files = { 0 };
	struct restore_source src = { .key = key, .name = name };

	/* orthrusd makes payloads in the background: of an image that nobody needs any more, which may go meanwhile. */
	if (image_files_peek(image_dir, &files, err) < 0)
		return -1;
	restore_source_of(&files, &src);
	if (image_docs_check(&src, &x->docs, err) < 0)
		return -1;
	x->row_at = mem_array(x->docs.table.len + 1, sizeof(x->row_at[0]));
	for (size_t i = 0; i < x->docs.table.len; i++)
		x->row_at[i + 1] = x->row_at[i] + x->docs.table.rows[i].raw_len;
	x->raw = mem_zalloc(x->docs.manifest.chunk_max);
	return copy_wanted(x, prefixes, err);
}

int store_extract(struct store *s, const char *ref, const struct verify_key *key, const char *const *prefixes, const char *dir,
		  struct err *err)
{
	autoclean(run_free) struct extract_run x = { .reader = { .dir = s->packs, .fd = -1 }, .raw_row = SIZE_MAX, .dir_fd = -1 };
	autofree char *name = NULL;
	autofree char *id = NULL;
	autofree char *image_dir = NULL;

	if (store_find(s, ref, &name, &id, &image_dir, err) < 0)
		return -1;
	x.dir_fd = fs_open_dir(dir, err);
	if (x.dir_fd < 0)
		return -1;
	x.codec = codec_new();
	if (run(&x, image_dir, name, key, prefixes, err) < 0)
		return err_wrap(err, "copy out of image %s/%s", name, id);
	return 0;
}
