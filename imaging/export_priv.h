/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that export an image share. */
#ifndef ORTHRUS_IMAGING_EXPORT_PRIV_H
#define ORTHRUS_IMAGING_EXPORT_PRIV_H

#include "base/err.h"
#include "imaging/export.h"
#include "imaging/image_docs.h"
#include "imaging/sink.h"

#include <stdbool.h>

struct archive_entry;

/* export_check.c: what stands against a file, or a new directory of EXPORT_OCI, at the target. */
int export_file_check(const struct export *x, struct err *err) WARN_UNUSED;
/* export_place.c: ERR_REFUSED when the target is, holds or lies in the image store, by whatever path, or is the root directory.
 */
int export_place_check(const struct export *x, struct err *err) WARN_UNUSED;
/* export_check.c, pure: what of the tree `format` can't hold, and whether it can hold the rest at all (ERR_REFUSED). */
void export_find_lost(const struct tree *tree, enum export_format format, struct export_facts *f);
int export_tree_check(const struct tree *tree, enum export_format format, struct err *err) WARN_UNUSED;
/* Ditto for one attribute: can it stand in a pax header? */
bool export_xattr_fits(const struct tree_xattr *a);

/* export_dir.c: ERR_REFUSED when the target is there and is no empty directory (lost+found alone is empty), unless it is to be
 * updated or an export into it was cut off. With x->update and another tree in it facts->delta says what becomes of that. */
int export_dir_probe(const struct export *x, struct export_facts *out, struct err *err) WARN_UNUSED;
void export_dir_plan(const struct export *x, const struct export_facts *f, struct plan *plan);
/* export_dir.c, export_oci.c, export_squashfs.c */
int export_dir(const struct export *x, const struct export_facts *f, struct err *err) WARN_UNUSED;
int export_oci(const struct export *x, const struct export_facts *f, struct err *err) WARN_UNUSED;
/* Over the file `path`, which is there. */
int export_squashfs(const struct export *x, const struct export_facts *f, const char *path, struct err *err) WARN_UNUSED;

/* export_archive.c: the image as a pax or cpio archive, not compressed, put into `out` (which is not ended). `format`: what it is
 * for. */
int export_archive(const struct export *x, const struct export_facts *f, enum export_format format, struct sink *out,
		   struct err *err) WARN_UNUSED;
/* export_entry.c: fill `out` (empty) from `e`; `first` is what a further name is a name of. False: this format has no such entry.
 */
bool export_entry(const struct tree_entry *e, const struct tree_entry *first, enum export_format format,
		  struct archive_entry *out);

/* A new file beside x->target, to take its name when it is whole. */
struct export_file {
	const struct export *x;
	char *tmp;
	int fd;
};
int export_file_begin(struct export_file *f, const struct export *x, struct err *err) WARN_UNUSED;
/* Durable, then under its name; without x->force not when there is something by now. */
int export_file_commit(struct export_file *f, struct err *err) WARN_UNUSED;
void export_file_drop(struct export_file *f); /* does nothing after a commit */
/* The chain that compresses into `last` as x->filter says; its first link, to be put into and ended. */
struct sink *export_compress(enum export_filter filter, struct sink *last);

#endif
