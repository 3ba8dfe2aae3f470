/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/capture_priv.h"

#include "base/mem.h"
#include "imaging/walk_attr.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)256 << 10)

struct reading {
	const struct capture_stream *s;
	struct capture_tree *out;
	struct err *err; /* what failed below libarchive */
	uint8_t block[BLOCK_BYTES];
};

void capture_tree_free(struct capture_tree *t)
{
	tree_free(&t->tree);
	free(t->got);
	*t = (struct capture_tree){ 0 };
}

static la_ssize_t more(struct archive *a, void *ctx, const void **data)
{
	struct reading *r = ctx;
	ssize_t n = r->s->read(r->s->ctx, r->block, sizeof(r->block), r->err);

	if (n < 0)
		archive_set_error(a, EIO, "%s", "the stream broke");
	*data = r->block;
	return n;
}

/* What failed below is the cause; what libarchive says of it is not. */
static int damaged(struct reading *r, struct archive *a)
{
	autofree char *shown = NULL;
	const char *why = archive_error_string(a);

	if (r->err->kind != ERR_NONE)
		return -1;
	shown = str_printable(why ? why : "", why ? strlen(why) : 0);
	return err_set(r->err, ERR_DAMAGED, "tar's stream is damaged: %s", shown);
}

/* "./a/b/" -> "a/b"; "./" -> "". */
static char *clean_path(const char *path)
{
	size_t len;

	if (path[0] == '.' && (path[1] == '/' || path[1] == '\0'))
		path += path[1] ? 2 : 1;
	len = strlen(path);
	while (len && path[len - 1] == '/')
		len--;
	return mem_strndup(path, len);
}

static enum tree_type type_of(mode_t mode)
{
	switch (mode) {
	case AE_IFREG:
		return TREE_FILE;
	case AE_IFDIR:
		return TREE_DIR;
	case AE_IFLNK:
		return TREE_SYMLINK;
	case AE_IFIFO:
		return TREE_FIFO;
	case AE_IFCHR:
		return TREE_CHAR;
	case AE_IFBLK:
		return TREE_BLOCK;
	default:
		return 0;
	}
}

/* GNU tar writes '=' in an attribute's name as %3D and '%' as %25. */
static char *attribute_name(const char *name)
{
	char *out = mem_strdup(name), *to = out;

	for (const char *p = name; *p;) {
		if (str_starts(p, "%3D") || str_starts(p, "%25")) {
			*to++ = p[1] == '3' ? '=' : '%';
			p += 3;
		} else {
			*to++ = *p++;
		}
	}
	*to = '\0';
	return out;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tree_xattr *)a)->name, ((const struct tree_xattr *)b)->name);
}

static void take_attributes(struct archive_entry *from, struct tree_entry *e)
{
	size_t cap = 0, size;
	const char *name;
	const void *value;

	archive_entry_xattr_reset(from);
	while (archive_entry_xattr_next(from, &name, &value, &size) == ARCHIVE_OK) {
		char *real = attribute_name(name);

		if (!walk_keeps_xattr(real) || size > TREE_XATTR_VALUE_MAX) {
			free(real);
			continue;
		}
		e->xattrs = mem_room(e->xattrs, e->n_xattrs, &cap, sizeof(e->xattrs[0]));
		e->xattrs[e->n_xattrs++] = (struct tree_xattr){ .name = real,
								.value = size ? mem_dup(value, size) : mem_zalloc(1),
								.len = (uint32_t)size };
	}
	if (e->n_xattrs)
		qsort(e->xattrs, e->n_xattrs, sizeof(e->xattrs[0]), by_name);
}

/* One stretch of data, put behind the last or beginning a new one. */
static int add_extent(struct tree_entry *e, size_t *cap, uint64_t at, uint64_t len, struct err *err)
{
	struct tree_extent *last = e->n_extents ? &e->extents[e->n_extents - 1] : NULL;

	if (at > e->size || len > e->size - at || (last && at < last->offset + last->len))
		return err_set(err, ERR_DAMAGED, "tar's stream is damaged: data outside its file");
	e->stream_len += len;
	if (last && at == last->offset + last->len) {
		last->len += len;
		return 0;
	}
	e->extents = mem_room(e->extents, e->n_extents, cap, sizeof(e->extents[0]));
	e->extents[e->n_extents++] = (struct tree_extent){ .offset = at, .len = len };
	return 0;
}

static int take_content(struct reading *r, struct archive *a, struct tree_entry *e)
{
	size_t cap = 0, len;
	const void *data;
	la_int64_t at;
	int rc;

	while ((rc = archive_read_data_block(a, &data, &len, &at)) == ARCHIVE_OK) {
		if (!len)
			continue;
		if (at < 0 || add_extent(e, &cap, (uint64_t)at, len, r->err) < 0)
			return damaged(r, a);
		r->out->tree.stream_bytes += len;
		if (r->s->put(r->s->ctx, data, len, r->err) < 0)
			return -1;
	}
	if (rc != ARCHIVE_EOF)
		return damaged(r, a);
	/* One stretch from end to end is no sparse file. */
	if (e->n_extents == 1 && e->extents[0].len == e->size) {
		free(e->extents);
		e->extents = NULL;
		e->n_extents = 0;
	}
	return 0;
}

static int take_entry(struct reading *r, struct archive *a, struct archive_entry *from)
{
	struct capture_tree *out = r->out;
	const char *path = archive_entry_pathname(from), *target = archive_entry_symlink(from);
	struct capture_got got = { .ctime_s = archive_entry_ctime(from),
				   .ctime_ns = (uint32_t)archive_entry_ctime_nsec(from),
				   .read_s = out->read_s,
				   .read_ns = out->read_ns };
	autofree char *clean = path ? clean_path(path) : NULL;
	struct tree_entry *e;
	size_t n = out->tree.len;

	if (!path)
		return err_set(r->err, ERR_DAMAGED, "tar's stream is damaged: an entry without a name");
	if (!r->s->wanted(r->s->ctx, clean, archive_entry_filetype(from) == AE_IFDIR))
		return 0;
	e = tree_add(&out->tree);
	out->got = mem_room(out->got, n, &out->got_cap, sizeof(got));
	out->got[n] = got;
	e->path = steal(clean);
	if (n && tree_path_cmp(e[-1].path, e->path) >= 0) {
		autofree char *shown = str_printable(e->path, strlen(e->path));

		return err_set(r->err, ERR_DAMAGED, "tar gave '%.300s' out of order", shown);
	}
	e->type = archive_entry_hardlink(from) ? TREE_HARDLINK : type_of(archive_entry_filetype(from));
	if (!e->type)
		return err_set(r->err, ERR_DAMAGED, "tar gave an entry of an unknown kind");
	e->mode = archive_entry_perm(from) & 07777;
	e->uid = (uint32_t)archive_entry_uid(from);
	e->gid = (uint32_t)archive_entry_gid(from);
	e->mtime_s = archive_entry_mtime(from);
	e->mtime_ns = (uint32_t)archive_entry_mtime_nsec(from);
	if (e->type == TREE_HARDLINK)
		return 0;
	if (e->type == TREE_CHAR || e->type == TREE_BLOCK) {
		e->major = (uint32_t)archive_entry_rdevmajor(from);
		e->minor = (uint32_t)archive_entry_rdevminor(from);
	}
	take_attributes(from, e);
	if (e->type == TREE_SYMLINK)
		e->target = mem_strdup(target ? target : "");
	if (e->type != TREE_FILE)
		return 0;
	e->stream_at = out->tree.stream_bytes;
	e->size = (uint64_t)archive_entry_size(from);
	return take_content(r, a, e);
}

/* Names are bytes: that some can't be written in this program's character set is no fault of theirs. */
static bool is_about_names(struct archive *a)
{
	const char *why = archive_error_string(a);

	return why && strstr(why, "can't be converted");
}

static int read_entries(struct reading *r, struct archive *a)
{
	struct archive_entry *e;
	int rc;

	while ((rc = archive_read_next_header(a, &e)) == ARCHIVE_OK || (rc == ARCHIVE_WARN && is_about_names(a)))
		if (take_entry(r, a, e) < 0)
			return -1;
	return rc == ARCHIVE_EOF ? 0 : damaged(r, a);
}

int capture_tar_read(const struct capture_stream *s, struct capture_tree *out, struct err *err)
{
	autofree struct reading *r = mem_zalloc(sizeof(*r));
	struct archive *a = archive_read_new();
	int rc = -1;

	*r = (struct reading){ .s = s, .out = out, .err = err };
	if (!a || archive_read_support_format_tar(a) != ARCHIVE_OK || archive_read_open(a, r, NULL, more, NULL) != ARCHIVE_OK)
		a ? damaged(r, a) : err_set(err, ERR_FAILED, "libarchive does not start");
	else
		rc = read_entries(r, a);
	/* What is behind the archive's end belongs to nobody, but whoever writes it waits until it is read. */
	while (rc == 0 && (rc = (int)s->read(s->ctx, r->block, sizeof(r->block), err)) > 0)
		rc = 0;
	archive_read_free(a);
	return rc;
}
