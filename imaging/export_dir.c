/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/export_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/restore.h"
#include "sys/fs.h"

#include <sys/stat.h>

int export_dir_check(const char *path, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct stat st;

	if (!fs_exists(path))
		return 0;
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		err_set(err, ERR_REFUSED, "%s is there and is no directory", path);
		return err_hint(err, "name a directory that is empty or not there yet");
	}
	if (fs_list(path, &names, err) < 0)
		return -1;
	/* What mkfs leaves in a new file system is nobody's. */
	if (names.len == 0 || (names.len == 1 && str_eq(names.items[0], "lost+found")))
		return 0;
	err_set(err, ERR_REFUSED, "%s is not empty: it holds '%.80s'", path, names.items[0]);
	return err_hint(err, "name a directory that is empty or not there yet");
}

int export_dir(const struct export *x, const struct export_facts *f, struct err *err)
{
	autoclose int fd = -1;

	/* Only the owner, until the image says otherwise: files lie in it with modes that are not theirs yet. */
	if (export_dir_check(x->target, err) < 0 || fs_mkdirs(x->target, 0700, err) < 0)
		return -1;
	fd = fs_open_dir(x->target, err);
	if (fd < 0)
		return -1;
	if (x->progress)
		x->progress(x->ctx, "restore", 0, f->content_bytes);
	if (restore_from_store(x->store, f->ref, x->key, fd, err) < 0) {
		err_wrap(err, "export to %s", x->target);
		return err->hint[0] ? -1 : err_hint(err, "%s holds part of the image: empty it before the next try", x->target);
	}
	if (x->progress)
		x->progress(x->ctx, "restore", f->content_bytes, f->content_bytes);
	return 0;
}
