/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an image's entry to an archive's. */
#include "imaging/export_priv.h"

#include "imaging/posix_acl.h"

#include <archive_entry.h>
#include <string.h>

static __LA_MODE_T file_type(enum tree_type type)
{
	switch (type) {
	case TREE_DIR:
		return AE_IFDIR;
	case TREE_SYMLINK:
		return AE_IFLNK;
	case TREE_FIFO:
		return AE_IFIFO;
	case TREE_CHAR:
		return AE_IFCHR;
	case TREE_BLOCK:
		return AE_IFBLK;
	case TREE_SOCKET:
		return AE_IFSOCK;
	case TREE_FILE:
	case TREE_HARDLINK:
		break;
	}
	return AE_IFREG;
}

/* The text of a negative time is sec "." nanoseconds, and means minus both of them together (POSIX.1-2017, pax): libarchive
 * writes the two as they are. */
static void set_mtime(const struct tree_entry *e, struct archive_entry *out)
{
	if (e->mtime_s < 0 && e->mtime_ns)
		archive_entry_set_mtime(out, e->mtime_s + 1, 1000000000 - (long)e->mtime_ns);
	else
		archive_entry_set_mtime(out, e->mtime_s, (long)e->mtime_ns);
}

static void set_sparse(const struct tree_entry *e, struct archive_entry *out)
{
	for (size_t i = 0; i < e->n_extents; i++)
		archive_entry_sparse_add_entry(out, (la_int64_t)e->extents[i].offset, (la_int64_t)e->extents[i].len);
	if (e->size && !e->stream_len)
		archive_entry_sparse_add_entry(out, (la_int64_t)e->size, 0);
}

static void set_xattrs(const struct tree_entry *e, enum export_format format, struct archive_entry *out)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		const struct tree_xattr *a = &e->xattrs[i];

		/* squashfs has none, and the mode is then what stat(2) says. */
		if (posix_acl_is(a->name) && (format == EXPORT_SQUASHFS || posix_acl_to_entry(a, out)))
			continue;
		if (export_xattr_fits(a))
			archive_entry_xattr_add_entry(out, a->name, a->value, a->len);
	}
}

/* Inodes as a cpio needs them: hard links are told by their number alone. */
static void set_inode(const struct tree_entry *e, const struct tree_entry *first, struct archive_entry *out)
{
	archive_entry_set_dev(out, 0);
	archive_entry_set_ino64(out, first->link);
	archive_entry_set_nlink(out, e->link ? 2 : 1);
}

static void set_owner(const struct tree_entry *e, enum export_format format, struct archive_entry *out)
{
	archive_entry_set_mode(out, file_type(e->type) | e->mode);
	archive_entry_set_uid(out, e->uid);
	archive_entry_set_gid(out, e->gid);
	if (format == EXPORT_CPIO)
		archive_entry_set_mtime(out, e->mtime_s < 0 ? 0 : e->mtime_s > UINT32_MAX ? UINT32_MAX : e->mtime_s, 0);
	else
		set_mtime(e, out);
}

static void set_kind(const struct tree_entry *e, struct archive_entry *out)
{
	if (e->type == TREE_SYMLINK)
		archive_entry_copy_symlink(out, e->target);
	if (e->type == TREE_CHAR || e->type == TREE_BLOCK) {
		archive_entry_set_rdevmajor(out, e->major);
		archive_entry_set_rdevminor(out, e->minor);
	}
}

static void set_extended(const struct tree_entry *e, enum export_format format, struct archive_entry *out)
{
	set_xattrs(e, format, out);
	if (e->type == TREE_FILE)
		set_sparse(e, out);
	if (e->flags && format == EXPORT_PAX)
		archive_entry_set_fflags(out, e->flags, 0);
}

bool export_entry(const struct tree_entry *e, const struct tree_entry *first, enum export_format format,
		  struct archive_entry *out)
{
	bool is_cpio = format == EXPORT_CPIO;

	if (first->type == TREE_SOCKET && !is_cpio)
		return false;
	archive_entry_copy_pathname(out, *e->path ? e->path : ".");
	archive_entry_set_size(out, 0);
	set_owner(first, format, out);
	if (is_cpio)
		set_inode(e, first, out);
	else if (e->type == TREE_HARDLINK)
		archive_entry_copy_hardlink(out, first->path);
	/* What a further name has came with the first one; a cpio tells the kind of file each time. */
	if (e->type != TREE_HARDLINK || is_cpio)
		set_kind(first, out);
	if (e->type == TREE_FILE)
		archive_entry_set_size(out, (la_int64_t)e->size);
	if (e->type != TREE_HARDLINK && !is_cpio)
		set_extended(e, format, out);
	return true;
}
