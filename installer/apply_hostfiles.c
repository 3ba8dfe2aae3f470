/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/hostfiles.h"

#include "base/mem.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name that no file of ours or of a distribution has: a leftover of a power cut is replaced, not kept. */
#define TEMP_NAME ".orthrus-new"

static int exists(int dirfd, const char *path, bool *yes, struct err *err)
{
	struct err why = { 0 };
	autoclose int fd = fs_open_beneath(dirfd, path, O_PATH, 0, 0, &why);

	*yes = fd >= 0;
	if (fd >= 0 || why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

int hostfiles_probe(int target_fd, struct hostfiles_facts *out, struct err *err)
{
	*out = (struct hostfiles_facts){ 0 };
	if (exists(target_fd, "usr/sbin/chronyd", &out->chrony, err) < 0 ||
	    exists(target_fd, "usr/lib/systemd/systemd-resolved", &out->resolved, err) < 0)
		return -1;
	return 0;
}

/* Open the directory `path` below dirfd, making what is missing of it. */
static int open_dirs(int dirfd, const char *path, unsigned int mode, struct err *err)
{
	for (size_t at = 0;; at++) {
		autofree char *part = NULL;
		autoclose int fd = -1;
		struct err why = { 0 };

		at += strcspn(path + at, "/");
		part = mem_strndup(path, at);
		fd = fs_open_beneath(dirfd, part, O_RDONLY | O_DIRECTORY, 0, 0, &why);
		if (fd < 0 && why.kind == ERR_NOT_FOUND) {
			if (mkdirat(dirfd, part, path[at] ? 0755 : mode) < 0)
				return err_errno(err, errno, "make directory /%s", part);
			fd = fs_open_beneath(dirfd, part, O_RDONLY | O_DIRECTORY, 0, 0, &why);
		}
		if (fd < 0) {
			*err = why;
			return -1;
		}
		if (!path[at])
			return steal_fd(fd);
	}
}

static int write_text(int parent, const char *name, const struct hostfile *f, struct err *err)
{
	autoclose int fd = -1;

	if (unlinkat(parent, TEMP_NAME, 0) < 0 && errno != ENOENT)
		return err_errno(err, errno, "remove %s", TEMP_NAME);
	fd = openat(parent, TEMP_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "create");
	if (fs_write_all(fd, f->path, f->content, strlen(f->content), err) < 0)
		return -1;
	/* Owner and mode before the name: a secret is never readable by others, not even for a moment. */
	if (fchown(fd, 0, 0) < 0 || fchmod(fd, f->mode) < 0)
		return err_errno(err, errno, "set owner and mode");
	if (fsync(fd) < 0)
		return err_errno(err, errno, "write to disk");
	if (renameat(parent, TEMP_NAME, parent, name) < 0)
		return err_errno(err, errno, "put in place");
	return 0;
}

static int write_link(int parent, const char *name, const struct hostfile *f, struct err *err)
{
	if (unlinkat(parent, TEMP_NAME, 0) < 0 && errno != ENOENT)
		return err_errno(err, errno, "remove %s", TEMP_NAME);
	if (symlinkat(f->content, parent, TEMP_NAME) < 0 || renameat(parent, TEMP_NAME, parent, name) < 0)
		return err_errno(err, errno, "link to %s", f->content);
	return 0;
}

static int make_dir(int target_fd, const struct hostfile *f, struct err *err)
{
	autoclose int fd = open_dirs(target_fd, f->path, f->mode, err);

	if (fd < 0)
		return -1;
	if (fchown(fd, 0, 0) < 0 || fchmod(fd, f->mode) < 0)
		return err_errno(err, errno, "set owner and mode");
	return 0;
}

static int apply_in_parent(int target_fd, const struct hostfile *f, struct err *err)
{
	const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
	autofree char *parent_path = slash ? mem_strndup(f->path, (size_t)(slash - f->path)) : mem_strdup(".");
	autoclose int parent = -1;
	bool there = true;

	if (f->kind == HOSTFILE_GONE && exists(target_fd, parent_path, &there, err) < 0)
		return -1;
	if (!there)
		return 0;
	parent = open_dirs(target_fd, parent_path, 0755, err);
	if (parent < 0)
		return -1;
	switch (f->kind) {
	case HOSTFILE_TEXT:
		return write_text(parent, name, f, err);
	case HOSTFILE_LINK:
		return write_link(parent, name, f, err);
	case HOSTFILE_GONE:
		if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
			return err_errno(err, errno, "remove");
		return 0;
	case HOSTFILE_DIR:
		break;
	}
	return make_dir(target_fd, f, err);
}

int hostfiles_apply(int target_fd, const struct hostfiles *files, struct err *err)
{
	for (size_t i = 0; i < files->len; i++)
		if (apply_in_parent(target_fd, &files->items[i], err) < 0)
			return err_wrap(err, "/%s", files->items[i].path);
	if (syncfs(target_fd) < 0)
		return err_errno(err, errno, "write the node's files to disk");
	return 0;
}
