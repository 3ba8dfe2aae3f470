/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories: their names, and whole trees that go. */
#include "sys/fs.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list(const char *path, const char *shown, struct str_list *out, struct err *err)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d)
		return err_errno(err, errno, "list %s", shown);
	while ((errno = 0, e = readdir(d)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			str_list_add(out, e->d_name);
	if (errno) {
		err_errno(err, errno, "list %s", shown);
		closedir(d);
		return -1;
	}
	closedir(d);
	if (out->len)
		qsort(out->items, out->len, sizeof(out->items[0]), by_bytes);
	return 0;
}

int fs_list(const char *path, struct str_list *out, struct err *err)
{
	return list(path, path, out, err);
}

/* Opened anew: what others read by this fd is not moved. */
int fs_list_fd(int dirfd, const char *name_for_errors, struct str_list *out, struct err *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dirfd);
	return list(path, name_for_errors, out, err);
}

/* A directory that is being removed: what is left in it are the directories `subs`, from `next` on. */
struct level {
	char *name;
	struct statx is;
	struct str_list subs;
	size_t next;
};

/* Only the innermost directory is open, so that no depth needs more descriptors. */
struct removal {
	int fd; /* of the last level */
	struct level *levels;
	size_t depth, cap;
	const char *shown; /* the first level, for errors */
	bool forced;
};

/* `name` in the last level, or that itself (""). The reason is errno, or `why`. */
static int remove_error(const struct removal *r, const char *name, const char *why, struct err *err)
{
	int reason = errno;
	autofree char *path = mem_strdup(r->shown);

	for (size_t i = 1; i < r->depth + !!*name; i++) {
		char *longer = fs_join(path, i < r->depth ? r->levels[i].name : name);

		free(path);
		path = longer;
	}
	return why ? err_set(err, ERR_REFUSED, "remove %s: %s", path, why) : err_errno(err, reason, "remove %s", path);
}

int fs_look(int dirfd, const char *name, struct statx *out)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH);

	return statx(dirfd, name, flags, STATX_TYPE | STATX_INO, out);
}

static bool same_dev(const struct statx *a, const struct statx *b)
{
	return a->stx_dev_major == b->stx_dev_major && a->stx_dev_minor == b->stx_dev_minor;
}

bool fs_is_mounted(const struct statx *st, const struct statx *top)
{
	return (st->stx_attributes & STATX_ATTR_MOUNT_ROOT) || (top && !same_dev(st, top));
}

/* Is the directory open at `fd` the one that was looked at? When not, errno says why that could not be seen; 0: it is another. */
static bool is_the_one(int fd, const struct statx *was)
{
	struct statx is;

	if (fs_look(fd, "", &is) < 0)
		return false;
	errno = 0;
	return is.stx_ino == was->stx_ino && same_dev(&is, was);
}

/* *was gets the flags to set again; 0: nothing was changed. */
static void unprotect(int fd, unsigned int *was)
{
	const unsigned int protect = FS_IMMUTABLE_FL | FS_APPEND_FL;
	unsigned int flags = 0;

	*was = 0;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & protect))
		return;
	*was = flags;
	flags &= ~protect;
	/* What could not be cleared shows when the removal is refused again. */
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

int fs_unlink_forced(int dirfd, const char *name, mode_t type)
{
	/* A device is not opened: that alone may do something. */
	bool openable = S_ISDIR(type) || S_ISREG(type);
	autoclose int parent = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int fd = openable ? openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC) : -1;
	unsigned int was, ignored;
	struct stat st;
	int rc, reason;

	unprotect(parent, &ignored);
	unprotect(fd, &was);
	rc = unlinkat(dirfd, name, S_ISDIR(type) ? AT_REMOVEDIR : 0);
	reason = errno;
	/* By its other names, or when it stayed, it is as protected as it was. */
	if (was && fstat(fd, &st) == 0 && st.st_nlink)
		(void)ioctl(fd, FS_IOC_SETFLAGS, &was);
	errno = reason;
	return rc;
}

/* Neither does a protected file go, nor anything in a protected directory. */
static int unlink_one(const struct removal *r, int at, const char *name, const struct statx *st, struct err *err)
{
	if (unlinkat(at, name, S_ISDIR(st->stx_mode) ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EPERM && r->forced && (fs_unlink_forced(at, name, st->stx_mode) == 0 || errno == ENOENT))
		return 0;
	return remove_error(r, name, NULL, err);
}

/* All in the last level goes but for directories, which are noted. */
static int empty_level(const struct removal *r, struct level *l, struct err *err)
{
	int copy = fcntl(r->fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	int rc = 0;

	if (!d) {
		remove_error(r, "", NULL, err);
		if (copy >= 0)
			close(copy);
		return -1;
	}
	while (rc == 0 && (errno = 0, e = readdir(d))) {
		struct statx st;

		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (fs_look(r->fd, e->d_name, &st) < 0)
			rc = errno == ENOENT ? 0 : remove_error(r, e->d_name, NULL, err);
		else if (S_ISDIR(st.stx_mode))
			str_list_add(&l->subs, e->d_name);
		else
			rc = unlink_one(r, r->fd, e->d_name, &st, err);
	}
	if (rc == 0 && errno)
		rc = remove_error(r, "", NULL, err);
	closedir(d);
	return rc;
}

/* The directory `name` of the one open at `at` becomes the last level. */
static int enter(struct removal *r, int at, const char *name, const struct statx *st, struct err *err)
{
	autoclose int fd = -1;
	struct level *l;

	if (fs_is_mounted(st, r->depth ? &r->levels[0].is : NULL))
		return remove_error(r, name, "another file system is mounted there", err);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return remove_error(r, name, NULL, err);
	if (!is_the_one(fd, st))
		return remove_error(r, name, errno ? NULL : "it was replaced meanwhile", err);
	r->levels = mem_room(r->levels, r->depth, &r->cap, sizeof(r->levels[0]));
	l = &r->levels[r->depth++];
	*l = (struct level){ .name = mem_strdup(name), .is = *st };
	if (r->fd >= 0)
		close(r->fd);
	r->fd = steal_fd(fd);
	return empty_level(r, l, err);
}

static void drop_level(struct removal *r)
{
	struct level *l = &r->levels[--r->depth];

	str_list_free(&l->subs);
	free(l->name);
}

/* The last level is empty: back to the one above, and away with it. `top` holds the first. */
static int leave(struct removal *r, int top, struct err *err)
{
	struct level *l = &r->levels[r->depth - 1];
	autofree char *name = mem_strdup(l->name);
	struct statx st = l->is;
	autoclose int fd = r->depth > 1 ? openat(r->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (r->depth > 1 && fd < 0)
		return remove_error(r, "", NULL, err);
	if (r->depth > 1 && !is_the_one(fd, &l[-1].is))
		return remove_error(r, "", errno ? NULL : "it was moved meanwhile", err);
	drop_level(r);
	close(r->fd);
	r->fd = steal_fd(fd);
	return unlink_one(r, r->depth ? r->fd : top, name, &st, err);
}

static int step(struct removal *r, int top, struct err *err)
{
	struct level *l = &r->levels[r->depth - 1];
	const char *name;
	struct statx st;

	if (l->next == l->subs.len)
		return leave(r, top, err);
	name = l->subs.items[l->next++];
	if (fs_look(r->fd, name, &st) < 0)
		return errno == ENOENT ? 0 : remove_error(r, name, NULL, err);
	return S_ISDIR(st.stx_mode) ? enter(r, r->fd, name, &st, err) : unlink_one(r, r->fd, name, &st, err);
}

static int remove_tree(int dirfd, const char *name, struct removal *r, struct err *err)
{
	struct statx st;
	int rc;

	if (fs_look(dirfd, name, &st) < 0)
		return errno == ENOENT ? 0 : remove_error(r, name, NULL, err);
	if (!S_ISDIR(st.stx_mode))
		return unlink_one(r, dirfd, name, &st, err);
	rc = enter(r, dirfd, name, &st, err);
	while (rc == 0 && r->depth)
		rc = step(r, dirfd, err);
	while (r->depth)
		drop_level(r);
	if (r->fd >= 0)
		close(r->fd);
	free(r->levels);
	return rc;
}

int fs_remove_tree_at(int dirfd, const char *name, const char *name_for_errors, struct err *err)
{
	return remove_tree(dirfd, name, &(struct removal){ .fd = -1, .shown = name_for_errors }, err);
}

int fs_remove_tree_forced_at(int dirfd, const char *name, const char *name_for_errors, struct err *err)
{
	return remove_tree(dirfd, name, &(struct removal){ .fd = -1, .shown = name_for_errors, .forced = true }, err);
}

int fs_remove_tree(const char *path, struct err *err)
{
	return fs_remove_tree_at(AT_FDCWD, path, path, err);
}
