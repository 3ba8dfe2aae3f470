/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/export_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int export_file_begin(struct export_file *f, const struct export *x, struct err *err)
{
	f->x = x;
	/* Readable by its owner only, and so it stays: an image holds secrets of the nodes. */
	f->tmp = str_format("%s.XXXXXX", x->target);
	f->fd = scratch_file(x->scratch, f->tmp);
	if (f->fd >= 0)
		return 0;
	err_errno(err, errno, "create %s", x->target);
	free(steal(f->tmp));
	return -1;
}

void export_file_drop(struct export_file *f)
{
	if (f->fd >= 0)
		close(steal_fd(f->fd));
	if (f->tmp) {
		unlink(f->tmp);
		scratch_release(f->x->scratch, f->tmp);
	}
	free(steal(f->tmp));
}

/* Not every file system can refuse to replace in a rename; a second name it can refuse. */
static int take_name(const char *tmp, const char *path, bool force)
{
	if (force)
		return rename(tmp, path);
	if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	return link(tmp, path) < 0 || unlink(tmp) < 0 ? -1 : 0;
}

int export_file_commit(struct export_file *f, struct err *err)
{
	const char *path = f->x->target, *slash = strrchr(path, '/');
	autofree char *dir = slash ? mem_strndup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
	autoclose int dir_fd = fs_open_dir(dir, err);

	if (dir_fd < 0)
		return -1;
	if (fsync(f->fd) < 0)
		return err_errno(err, errno, "make it durable");
	if (take_name(f->tmp, path, f->x->force) < 0)
		return err_errno(err, errno, "give it its name");
	scratch_release(f->x->scratch, f->tmp);
	free(steal(f->tmp));
	export_file_drop(f);
	return fsync(dir_fd) < 0 ? err_errno(err, errno, "make %s durable", dir) : 0;
}

struct sink *export_compress(enum export_filter filter, struct sink *last)
{
	switch (filter) {
	case EXPORT_GZIP:
		return sink_gzip(last);
	case EXPORT_ZSTD:
		return sink_zstd(last);
	case EXPORT_PLAIN:
		break;
	}
	return last;
}
