/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an archive's entry to an image's: what an image can't keep, or nobody could restore, is left out and noted. */
#include "imaging/import_priv.h"
#include "imaging/walk_attr.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/posix_acl.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#define XATTR_RECORD 6 /* bytes that an attribute takes in a tree record beside its name and value */
#define CAPS "security.capability"

void import_note(struct import_notes *notes, enum import_note_kind kind, const char *path)
{
	if (notes->of[kind].count++ == 0)
		notes->of[kind].first = mem_strdup(path);
}

static int bad(const char *path, const char *what, struct err *err)
{
	autofree char *shown = str_printable(path, strlen(path));

	return err_set(err, ERR_REFUSED, "'%.300s' %s", shown, what);
}

/* Would lsetxattr(2) take it? xattr(7) says which kinds of file have user attributes, acl(5) which have access control lists. */
static bool is_kept(const struct tree_entry *e, const char *name, const void *value, size_t len)
{
	bool plain = e->type == TREE_FILE || e->type == TREE_DIR;

	if (strlen(name) > 255 || !walk_keeps_xattr(name))
		return false;
	if (str_starts(name, "user."))
		return plain && name[strlen("user.")];
	if (str_eq(name, POSIX_ACL_ACCESS))
		return e->type != TREE_SYMLINK && posix_acl_valid(value, len);
	if (str_eq(name, POSIX_ACL_DEFAULT))
		return e->type == TREE_DIR && posix_acl_valid(value, len);
	if (str_eq(name, CAPS))
		return e->type == TREE_FILE && (len == 12 || len == 20 || len == 24);
	return (str_starts(name, "trusted.") && name[strlen("trusted.")]) ||
	       (str_starts(name, "security.") && name[strlen("security.")]);
}

static int add_xattr(struct tree_entry *e, struct tree_xattr *x, const char *path, struct err *err)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		if (!str_eq(e->xattrs[i].name, x->name))
			continue;
		/* bsdtar writes each of them in two forms. */
		free(e->xattrs[i].name);
		free(e->xattrs[i].value);
		e->xattrs[i] = *x;
		return 0;
	}
	if (e->n_xattrs >= TREE_XATTRS_MAX) {
		free(x->name);
		free(x->value);
		return bad(path, "has too many extended attributes", err);
	}
	e->xattrs = mem_grow(e->xattrs, e->n_xattrs + 1, sizeof(e->xattrs[0]));
	e->xattrs[e->n_xattrs++] = *x;
	return 0;
}

static int take_xattrs(struct import_run *run, const char *path, struct archive_entry *from, struct tree_entry *e,
		       struct err *err)
{
	const void *value;
	const char *name;
	size_t len;

	archive_entry_xattr_reset(from);
	while (archive_entry_xattr_next(from, &name, &value, &len) == ARCHIVE_OK) {
		struct tree_xattr x;

		if (len > TREE_XATTR_VALUE_MAX)
			return bad(path, "has an extended attribute of more than 64 KiB", err);
		if (!name || !is_kept(e, name, value, len)) {
			import_note(run->notes, NOTE_XATTRS, path);
			continue;
		}
		x = (struct tree_xattr){ .name = mem_strdup(name),
					 .value = mem_dup(value ? value : "", len),
					 .len = (uint32_t)len };
		if (add_xattr(e, &x, path, err) < 0)
			return -1;
		run->tree.raw_bytes += XATTR_RECORD + strlen(name) + len;
	}
	return 0;
}

static int take_acls(struct import_run *run, const char *path, struct archive_entry *from, struct tree_entry *e, struct err *err)
{
	bool lost = archive_entry_acl_types(from) & ARCHIVE_ENTRY_ACL_TYPE_NFS4;

	for (int is_default = 0; is_default < 2; is_default++) {
		struct tree_xattr x;
		uint16_t mode;
		int rc = posix_acl_of_entry(from, is_default, &x, &mode);

		if (rc > 0 && (is_default ? e->type != TREE_DIR : e->type == TREE_SYMLINK)) {
			free(x.name);
			free(x.value);
			rc = -1;
		}
		lost |= rc < 0;
		if (rc <= 0)
			continue;
		run->tree.raw_bytes += XATTR_RECORD + strlen(x.name) + x.len;
		if (add_xattr(e, &x, path, err) < 0)
			return -1;
		if (!is_default)
			e->mode = (uint16_t)((e->mode & ~0777) | mode);
	}
	if (lost)
		import_note(run->notes, NOTE_ACLS, path);
	return 0;
}

static void take_flags(struct import_run *run, const char *path, struct archive_entry *from, struct tree_entry *e)
{
	unsigned long set, clear;

	archive_entry_fflags(from, &set, &clear);
	if (e->type == TREE_FILE || e->type == TREE_DIR)
		e->flags = (uint32_t)set & TREE_FLAGS_KEPT;
	if (set != e->flags)
		import_note(run->notes, NOTE_FLAGS, path);
}

/* The text of a time before 1970 is a sign, seconds and a fraction, all of it negative; libarchive gives seconds and fraction as
 * they stand. */
static int take_time(const char *path, struct archive_entry *from, struct tree_entry *e, struct err *err)
{
	int64_t s = archive_entry_mtime(from);
	long ns = archive_entry_mtime_nsec(from);

	if (ns < 0 || ns > 999999999 || s < -(INT64_C(1) << 55) || s > INT64_C(1) << 55)
		return bad(path, "has a time that cannot be", err);
	e->mtime_s = s < 0 && ns ? s - 1 : s;
	e->mtime_ns = s < 0 && ns ? 1000000000 - (uint32_t)ns : (uint32_t)ns;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tree_xattr *)a)->name, ((const struct tree_xattr *)b)->name);
}

int import_attributes(struct import_run *run, const char *path, struct archive_entry *from, struct tree_entry *e, struct err *err)
{
	int64_t uid = archive_entry_uid(from), gid = archive_entry_gid(from);

	/* The last one stands for "leave it as it is". */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return bad(path, "has an owner that cannot be", err);
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	e->mode = (uint16_t)(archive_entry_perm(from) & 07777);
	if (e->type == TREE_SYMLINK)
		e->mode = 0777;
	if (e->type == TREE_CHAR || e->type == TREE_BLOCK) {
		uint64_t major = archive_entry_rdevmajor(from), minor = archive_entry_rdevminor(from);

		if (major > UINT32_MAX || minor > UINT32_MAX)
			return bad(path, "has a device number that cannot be", err);
		e->major = (uint32_t)major;
		e->minor = (uint32_t)minor;
	}
	if (take_time(path, from, e, err) < 0 || take_xattrs(run, path, from, e, err) < 0 ||
	    take_acls(run, path, from, e, err) < 0)
		return -1;
	take_flags(run, path, from, e);
	if (e->n_xattrs)
		qsort(e->xattrs, e->n_xattrs, sizeof(e->xattrs[0]), by_name);
	return 0;
}
