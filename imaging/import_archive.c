/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One tar or cpio archive into the tree in memory and the spool. libarchive takes the formats apart; what their entries may say
 * is decided here. */
#include "imaging/import_priv.h"

#include "base/mem.h"
#include "base/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <string.h>

#define EXTENT_RECORD 16 /* bytes in a tree record */
/* All that stands before an entry's data. libarchive 3.6 believes what a cpio says of the length of a name, and would keep 4 GiB
 * of it in memory. The map of a file with very many holes is some megabytes. */
#define HEADER_MAX ((uint64_t)32 << 20)
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

struct reader {
	struct import_run *run;
	struct import_input *in;
	struct archive *a;
	struct err err;	  /* the input's */
	bool in_header;	  /* bytes that are asked for now belong to one */
	uint64_t header;  /* how many came so far */
	bool input_ended; /* and the archive wanted more */
	char *path;	  /* of the entry under way, clean */
};

/* Names in UTF-8 stay what they are, and so do those that are not: libarchive then leaves the bytes alone. */
static locale_t use_utf8(void)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

	return utf8 ? uselocale(utf8) : (locale_t)0;
}

static void use_before(const locale_t *before)
{
	if (*before)
		freelocale(uselocale(*before));
}

static la_ssize_t feed(struct archive *a, void *ctx, const void **data)
{
	struct reader *r = ctx;
	size_t len;

	if (r->in_header && r->header > HEADER_MAX) {
		err_set(&r->err, ERR_REFUSED, "an entry has headers of more than %llu bytes", (unsigned long long)HEADER_MAX);
		archive_set_error(a, EINVAL, "%s", r->err.text);
		return -1;
	}
	if (import_input_next(r->in, data, &len, &r->err) < 0)
		return -1;
	r->header += len;
	r->input_ended |= len == 0;
	return (la_ssize_t)len;
}

/* Whatever is wrong with the bytes: it may be an accident as well as an attack, and is refused in any case. */
static int archive_error(struct reader *r, struct err *err)
{
	const char *words = archive_error_string(r->a);

	if (r->err.kind != ERR_NONE) {
		*err = r->err;
		return -1;
	}
	if (archive_format(r->a) == 0 && !r->run->entries) {
		err_set(err, ERR_INVALID, "it is no archive that can be imported");
		return err_hint(err,
				"tar and cpio archives can (also compressed by gzip, zstd, xz), squashfs, and OCI image layouts");
	}
	err_set(err, ERR_REFUSED, "it is damaged, or made to do harm: %s",
		words		 ? words
		: r->input_ended ? "it ends in the middle of an entry"
				 : "no reason is given");
	return err_hint(err, "get it again, or make it anew with `tar --format=pax`");
}

static int bad(const char *path, const char *what, struct err *err)
{
	autofree char *shown = str_printable(path, strlen(path));

	return err_set(err, ERR_REFUSED, "'%.300s' %s", shown, what);
}

static int too_large(const char *path, const struct import *im, struct err *err)
{
	autofree char *shown = str_printable(path, strlen(path));
	char size[STR_BYTES_MAX];

	str_from_bytes(im->max_bytes, size);
	err_set(err, ERR_REFUSED, "with '%.300s' the files are larger than %s together", shown, size);
	return err_hint(err, "if the archive is to be trusted with so much, allow it with --max-size");
}

static int check_counts(struct reader *r, struct err *err)
{
	struct import_run *run = r->run;

	if (++run->entries > run->im->max_entries) {
		err_set(err, ERR_REFUSED, "it has more than %llu entries", (unsigned long long)run->im->max_entries);
		return err_hint(
			err,
			"if the archive is to be trusted with more (half a KiB of memory each), allow it with --max-entries");
	}
	if (run->tree.raw_bytes < TREE_RAW_MAX && run->tree.len < TREE_ENTRIES_MAX - 1)
		return 0;
	return err_set(err, ERR_REFUSED, "it has more entries than an image can have");
}

static void add_extent(struct reader *r, struct tree_entry *e, size_t *cap, uint64_t offset, uint64_t len)
{
	struct tree_extent *last = e->n_extents ? &e->extents[e->n_extents - 1] : NULL;

	if (last && last->offset + last->len == offset) {
		last->len += len;
		return;
	}
	e->extents = mem_room(e->extents, e->n_extents, cap, sizeof(e->extents[0]));
	e->extents[e->n_extents++] = (struct tree_extent){ .offset = offset, .len = len };
	r->run->tree.raw_bytes += EXTENT_RECORD;
}

/* The data of the entry into the spool; `e` has its size. */
static int spool_data(struct reader *r, struct tree_entry *e, struct err *err)
{
	size_t cap = e->n_extents, len;
	uint64_t end = 0;
	const void *data;
	la_int64_t at;
	int rc;

	while ((rc = archive_read_data_block(r->a, &data, &len, &at)) == ARCHIVE_OK) {
		if (!len)
			continue;
		if (at < 0 || (uint64_t)at < end || len > e->size || (uint64_t)at > e->size - len)
			return bad(r->path, "has data outside its size or out of order", err);
		end = (uint64_t)at + len;
		add_extent(r, e, &cap, (uint64_t)at, len);
		e->stream_len += len;
		if (r->run->tree.raw_bytes > TREE_RAW_MAX)
			return bad(r->path, "has more holes than an image can hold", err);
		if (spool_add(&r->run->spool, data, len, err) < 0)
			return -1;
	}
	if (rc != ARCHIVE_EOF)
		return archive_error(r, err);
	/* One stretch of data from end to end is no sparse file. */
	if (e->n_extents == 1 && e->extents[0].len == e->size) {
		free(steal(e->extents));
		e->n_extents = 0;
	}
	return 0;
}

static int take_content(struct reader *r, struct archive_entry *from, struct import_inode *inode, struct err *err)
{
	struct import_run *run = r->run;
	int64_t size = archive_entry_size(from);

	if (size < 0)
		return bad(r->path, "has a size that cannot be", err);
	/* Sizes as they are declared: holes take no room here, but would where the image is restored. */
	if ((uint64_t)size > run->im->max_bytes || run->file_bytes > run->im->max_bytes - (uint64_t)size)
		return too_large(r->path, run->im, err);
	run->file_bytes += (uint64_t)size;
	free(steal(inode->e.extents));
	inode->e.n_extents = 0;
	inode->e.size = (uint64_t)size;
	inode->e.stream_len = 0;
	inode->spool_at = run->spool.len;
	return spool_data(r, &inode->e, err);
}

/* A further name. In a cpio the data may come with it; that goes into a file, and nowhere else. */
static int take_link(struct reader *r, struct archive_entry *from, struct err *err)
{
	const char *raw = archive_entry_hardlink(from);
	struct import_inode *inode;
	autofree char *target = NULL;
	int rc = import_path_clean(raw, &target, err);

	if (rc < 0) {
		autofree char *shown = str_printable(r->path, strlen(r->path));

		return err_wrap(err, "'%.300s' is a hard link to something outside", shown);
	}
	inode = import_tree_find(&r->run->tree, target);
	if (!inode) {
		autofree char *shown = str_printable(r->path, strlen(r->path)), *to = str_printable(target, strlen(target));

		return err_set(err, ERR_REFUSED, "'%.300s' is a hard link to '%.200s', which does not come before it", shown, to);
	}
	if (import_tree_put(&r->run->tree, r->path, inode, err) < 0)
		return -1;
	/* Of a symbolic link in a cpio the "data" is its target. */
	if (!archive_entry_size_is_set(from) || archive_entry_size(from) == 0 ||
	    (inode->e.type == TREE_SYMLINK && archive_entry_filetype(from) == AE_IFLNK))
		return 0;
	if (inode->e.type != TREE_FILE)
		return bad(r->path, "is a hard link with data to what is no file", err);
	return take_content(r, from, inode, err);
}

static int type_of(struct reader *r, struct archive_entry *from, enum tree_type *type, struct err *err)
{
	static const struct {
		__LA_MODE_T mode;
		enum tree_type type;
	} types[] = { { AE_IFDIR, TREE_DIR },  { AE_IFREG, TREE_FILE },	 { AE_IFLNK, TREE_SYMLINK }, { AE_IFIFO, TREE_FIFO },
		      { AE_IFCHR, TREE_CHAR }, { AE_IFBLK, TREE_BLOCK }, { AE_IFSOCK, TREE_SOCKET } };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i].mode != archive_entry_filetype(from))
			continue;
		*type = types[i].type;
		if ((*type != TREE_CHAR && *type != TREE_BLOCK) || r->run->im->allow_devices)
			return 0;
		bad(r->path, "is a device", err);
		return err_hint(err, "if the archive is to be trusted with devices, allow them with --allow-devices");
	}
	return bad(r->path, "is of a kind that no file is", err);
}

static int take_target(struct reader *r, struct archive_entry *from, struct import_inode *inode, struct err *err)
{
	const char *target = archive_entry_symlink(from);
	size_t len = target ? strlen(target) : 0;

	if (!len || len > TREE_PATH_MAX)
		return bad(r->path, "is a symbolic link to a path that cannot be", err);
	inode->e.target = mem_strdup(target);
	r->run->tree.raw_bytes += len;
	return 0;
}

static int take_new(struct reader *r, struct archive_entry *from, struct err *err)
{
	struct import_inode *inode;
	enum tree_type type = TREE_FILE;
	int rc;

	if (type_of(r, from, &type, err) < 0)
		return -1;
	inode = import_inode_new(type);
	rc = import_attributes(r->run, r->path, from, &inode->e, err);
	if (rc == 0 && type == TREE_SYMLINK)
		rc = take_target(r, from, inode, err);
	/* Its place is looked at before its data is taken. */
	if (rc == 0)
		rc = import_tree_put(&r->run->tree, r->path, inode, err);
	if (rc < 0) {
		import_inode_drop(inode);
		return -1;
	}
	return type == TREE_FILE ? take_content(r, from, inode, err) : 0;
}

/* Returns 1 when the entry was a whiteout. */
static int take_whiteout(struct reader *r, struct err *err)
{
	char *slash = strrchr(r->path, '/'), *name = slash ? slash + 1 : r->path;
	autofree char *victim = NULL;

	if (!r->run->is_layer || !str_starts(name, WHITEOUT))
		return 0;
	if (str_eq(name, OPAQUE)) {
		name[slash ? -1 : 0] = '\0';
		import_tree_clear_lower(&r->run->tree, r->path);
		return 1;
	}
	if (str_starts(name, WHITEOUT WHITEOUT)) /* what other whiteouts' tools left */
		return 1;
	victim = str_format("%.*s%s", (int)(name - r->path), r->path, name + strlen(WHITEOUT));
	name += strlen(WHITEOUT);
	if (!*name || str_eq(name, ".") || str_eq(name, ".."))
		return bad(r->path, "is a whiteout of no name", err);
	import_tree_remove_lower(&r->run->tree, victim);
	return 1;
}

static int take_entry(struct reader *r, struct archive_entry *from, struct err *err)
{
	const char *raw = archive_entry_pathname(from);
	int rc;

	free(steal(r->path));
	if (check_counts(r, err) < 0)
		return -1;
	if (!raw || !*raw)
		return err_set(err, ERR_REFUSED, "an entry has no name");
	if (import_path_clean(raw, &r->path, err) < 0)
		return -1;
	rc = take_whiteout(r, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return archive_entry_hardlink(from) ? take_link(r, from, err) : take_new(r, from, err);
}

static void note_words(struct reader *r)
{
	const char *words = archive_error_string(r->a), *path = r->path ? r->path : "";

	import_note(r->run->notes, NOTE_WORDS, path);
	if (!r->run->notes->words)
		r->run->notes->words = str_printable(words ? words : "", words ? strlen(words) : 0);
}

/* A tar ends with a block of zeros. What ends without it was cut off, and that between two entries only this tells. */
static int check_end(struct reader *r, struct err *err)
{
	static const uint8_t zeros[sizeof(r->in->tail)];

	if ((archive_format(r->a) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_TAR || !r->input_ended ||
	    memcmp(r->in->tail, zeros, sizeof(zeros)) == 0)
		return 0;
	err_set(err, ERR_REFUSED, "it was cut off: the tar archive has no end");
	return err_hint(err, "get it again");
}

static int take_entries(struct reader *r, struct err *err)
{
	struct archive_entry *from;
	int rc;

	for (;;) {
		r->in_header = true;
		r->header = 0;
		rc = archive_read_next_header(r->a, &from);
		r->in_header = false;
		if (rc == ARCHIVE_EOF)
			return check_end(r, err);
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			return archive_error(r, err);
		if (take_entry(r, from, err) < 0)
			return -1;
		if (rc == ARCHIVE_WARN)
			note_words(r);
		/* Data that was not wanted, so that what comes next is a header. */
		rc = archive_read_data_skip(r->a);
		if (rc != ARCHIVE_OK && rc != ARCHIVE_EOF)
			return archive_error(r, err);
	}
}

int import_archive(struct import_run *run, struct import_input *in, struct digest *packed, struct digest *unpacked,
		   struct err *err)
{
	autoclean(use_before) locale_t before = use_utf8();
	struct reader r = { .run = run, .in = in, .a = archive_read_new() };
	struct digest unused[2];
	int rc = 0;

	if (archive_read_support_format_tar(r.a) != ARCHIVE_OK || archive_read_support_format_cpio(r.a) != ARCHIVE_OK ||
	    archive_read_open(r.a, &r, NULL, feed, NULL) != ARCHIVE_OK)
		rc = archive_error(&r, err);
	if (rc == 0)
		rc = take_entries(&r, err);
	archive_read_free(r.a);
	free(r.path);
	if (rc == 0)
		rc = import_input_finish(in, packed ? packed : &unused[0], unpacked ? unpacked : &unused[1], err);
	return rc;
}
