/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands against an export: things in the way, and what the format has no place for. */
#include "imaging/export_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/posix_acl.h"
#include "sys/fs.h"

#include <string.h>
#include <sys/stat.h>

#define CPIO_FILE_MAX UINT32_MAX
#define WHITEOUT ".wh." /* begins a name that deletes another in an OCI layer */

int export_file_check(const struct export *x, struct err *err)
{
	struct stat st;

	if (str_eq(x->target, "-") || !fs_exists(x->target))
		return 0;
	if (lstat(x->target, &st) == 0 && !S_ISREG(st.st_mode)) {
		err_set(err, ERR_REFUSED, "%s is there and is no file", x->target);
		return err_hint(err, "name a file that is not there yet%s", S_ISDIR(st.st_mode) ? ", or say --format dir" : "");
	}
	if (x->force && (x->format != EXPORT_OCI || x->as_tar))
		return 0;
	err_set(err, ERR_REFUSED, "%s is there already", x->target);
	return err_hint(err, x->format == EXPORT_OCI && !x->as_tar ? "name a directory that is not there yet"
								   : "name another file, or replace it with --force");
}

const char *export_loss_name(enum export_loss kind)
{
	static const char *const names[] = { [LOST_SOCKETS] = "sockets",
					     [LOST_XATTRS] = "entries with extended attributes",
					     [LOST_ACLS] = "entries with access control lists",
					     [LOST_FLAGS] = "entries with inode flags",
					     [LOST_NANOSECONDS] = "times with fractions of a second",
					     [LOST_TIMES] = "times outside its range",
					     [LOST_HOLES] = "files with holes (written as zeros)" };

	return names[kind];
}

bool export_xattr_fits(const struct tree_xattr *a)
{
	return !strchr(a->name, '=') && !posix_acl_is(a->name);
}

static bool has_xattr(const struct tree_entry *e, bool acl, bool unfit_only)
{
	for (size_t i = 0; i < e->n_xattrs; i++)
		if (posix_acl_is(e->xattrs[i].name) == acl && (!unfit_only || !export_xattr_fits(&e->xattrs[i])))
			return true;
	return false;
}

static bool is_lost(const struct tree_entry *e, enum export_format format, enum export_loss kind)
{
	bool is_pax = format == EXPORT_PAX || format == EXPORT_OCI;

	if (format == EXPORT_DIR || e->type == TREE_HARDLINK)
		return false;
	if (e->type == TREE_SOCKET && format != EXPORT_CPIO)
		return kind == LOST_SOCKETS;
	switch (kind) {
	case LOST_XATTRS:
		return has_xattr(e, false, format != EXPORT_CPIO);
	case LOST_ACLS:
		return !is_pax && has_xattr(e, true, false);
	case LOST_FLAGS:
		return e->flags && format != EXPORT_PAX;
	case LOST_NANOSECONDS:
		return e->mtime_ns && !is_pax;
	case LOST_TIMES:
		/* "-0.5" has no whole second that could carry the sign through libarchive. */
		return is_pax ? e->mtime_s == -1 && e->mtime_ns : e->mtime_s < 0 || e->mtime_s > UINT32_MAX;
	case LOST_HOLES:
		return format == EXPORT_CPIO && e->type == TREE_FILE && e->stream_len < e->size;
	case LOST_SOCKETS:
	case LOST_KINDS:
		break;
	}
	return false;
}

void export_find_lost(const struct tree *tree, enum export_format format, struct export_facts *f)
{
	for (size_t i = 0; i < tree->len; i++) {
		for (int kind = 0; kind < LOST_KINDS; kind++) {
			struct export_lost *l = &f->lost[kind];

			if (is_lost(&tree->entries[i], format, (enum export_loss)kind) && l->count++ == 0)
				l->first = mem_strdup(tree->entries[i].path);
		}
	}
}

int export_tree_check(const struct tree *tree, enum export_format format, struct err *err)
{
	for (size_t i = 0; i < tree->len; i++) {
		const struct tree_entry *e = &tree->entries[i];
		const char *slash = strrchr(e->path, '/');
		autofree char *shown = str_printable(e->path, strlen(e->path));

		if (format == EXPORT_CPIO && e->size > CPIO_FILE_MAX) {
			err_set(err, ERR_REFUSED, "'/%.300s' is larger than a file in a cpio archive can be (4 GiB)", shown);
			return err_hint(err, "export it as pax, squashfs or oci");
		}
		if (format == EXPORT_OCI && str_starts(slash ? slash + 1 : e->path, WHITEOUT)) {
			err_set(err, ERR_REFUSED, "'/%.300s' has a name that deletes another file in an OCI layer", shown);
			return err_hint(err, "export it as pax, cpio or squashfs");
		}
	}
	return 0;
}
