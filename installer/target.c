/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/target.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name that no file of ours or of a distribution has: a leftover of a power cut is replaced, not kept. */
#define TEMP_NAME ".orthrus-new"

static int open_dir(int root_fd, const char *path, struct err *err)
{
	return fs_open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY, 0, 0, err);
}

int target_open_dir(int root_fd, const char *path, mode_t mode, struct err *err)
{
	for (size_t at = 0;; at++) {
		autofree char *part = NULL;
		autoclose int fd = -1;
		struct err why = { 0 };

		at += strcspn(path + at, "/");
		part = mem_strndup(path, at);
		fd = open_dir(root_fd, part, &why);
		if (fd < 0 && why.kind == ERR_NOT_FOUND) {
			if (mkdirat(root_fd, part, path[at] ? 0755 : mode) < 0)
				return err_errno(err, errno, "make directory /%s", part);
			fd = open_dir(root_fd, part, &why);
		}
		if (fd < 0) {
			*err = why;
			return -1;
		}
		if (!path[at])
			return steal_fd(fd);
	}
}

int target_make_dir(int root_fd, const char *path, mode_t mode, struct err *err)
{
	autoclose int fd = target_open_dir(root_fd, path, mode, err);

	if (fd < 0)
		return -1;
	if (fchown(fd, 0, 0) < 0 || fchmod(fd, mode) < 0)
		return err_errno(err, errno, "set owner and mode of directory /%s", path);
	return 0;
}

/* Where `path` lives: its directory opened (made when `make`), *name pointing at its last component. */
static int open_parent(int root_fd, const char *path, bool make, const char **name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	autofree char *parent = slash ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(".");

	*name = slash ? slash + 1 : path;
	return make ? target_open_dir(root_fd, parent, 0755, err) : open_dir(root_fd, parent, err);
}

static int clear_temp(int parent, struct err *err)
{
	if (unlinkat(parent, TEMP_NAME, 0) < 0 && errno != ENOENT)
		return err_errno(err, errno, "remove %s", TEMP_NAME);
	return 0;
}

int target_write(int root_fd, const char *path, mode_t mode, const void *data, size_t len, struct err *err)
{
	return target_write_as(root_fd, path, mode, 0, 0, data, len, err);
}

int target_write_as(int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid, const void *data, size_t len,
		    struct err *err)
{
	const char *name;
	autoclose int parent = open_parent(root_fd, path, true, &name, err);
	autoclose int fd = -1;

	if (parent < 0 || clear_temp(parent, err) < 0)
		return err_wrap(err, "write /%s", path);
	fd = openat(parent, TEMP_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "create /%s", path);
	if (fs_write_all(fd, path, data, len, err) < 0)
		return -1;
	/* Owner and mode before the name: a secret is never readable by others, not even for a moment. */
	if (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
		return err_errno(err, errno, "set owner and mode of /%s", path);
	if (fsync(fd) < 0)
		return err_errno(err, errno, "write /%s to disk", path);
	if (renameat(parent, TEMP_NAME, parent, name) < 0)
		return err_errno(err, errno, "put /%s in place", path);
	return 0;
}

int target_link(int root_fd, const char *path, const char *content, struct err *err)
{
	const char *name;
	autoclose int parent = open_parent(root_fd, path, true, &name, err);

	if (parent < 0 || clear_temp(parent, err) < 0)
		return err_wrap(err, "link /%s", path);
	if (symlinkat(content, parent, TEMP_NAME) < 0 || renameat(parent, TEMP_NAME, parent, name) < 0)
		return err_errno(err, errno, "link /%s to %s", path, content);
	return 0;
}

int target_remove(int root_fd, const char *path, struct err *err)
{
	const char *name;
	struct err why = { 0 };
	autoclose int parent = open_parent(root_fd, path, false, &name, &why);

	if (parent < 0 && why.kind == ERR_NOT_FOUND)
		return 0;
	if (parent < 0) {
		*err = why;
		return err_wrap(err, "remove /%s", path);
	}
	if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
		return err_errno(err, errno, "remove /%s", path);
	return 0;
}

int target_read(int root_fd, const char *path, size_t max, struct buf *out, struct err *err)
{
	autoclose int fd = fs_open_beneath(root_fd, path, O_RDONLY, 0, 0, err);

	return fd < 0 ? -1 : fs_read_fd(fd, path, max, out, err);
}

int target_exists(int root_fd, const char *path, bool *yes, struct err *err)
{
	struct err why = { 0 };
	autoclose int fd = fs_open_beneath(root_fd, path, O_PATH | O_NOFOLLOW, 0, 0, &why);

	*yes = fd >= 0;
	if (fd >= 0 || why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}
