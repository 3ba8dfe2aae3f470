/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/walk.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/inodes.h"
#include "imaging/walk_attr.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct walker {
	const struct walk *w;
	struct tree *tree;
	struct inodes inodes; /* with more than one name */
	struct statx root;
};

static int name_error(const char *path, struct err *err)
{
	autofree char *shown = str_printable(path, strlen(path));

	return err_wrap(err, "'%.400s'", *shown ? shown : "/");
}

/* O_NOATIME is for the owner and root only; without it reading still works. */
static int open_quietly(int dirfd, const char *name, int flags, struct err *err)
{
	int fd = openat(dirfd, name, flags | O_NOATIME | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == EPERM)
		fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_errno(err, errno, "open") : fd;
}

static int open_directory(const struct walker *k, const char *path, struct err *err)
{
	return fs_open_beneath(k->w->root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS,
			       err);
}

static int type_of(mode_t mode, enum tree_type *type, struct err *err)
{
	static const struct {
		mode_t fmt;
		enum tree_type type;
	} types[] = { { S_IFDIR, TREE_DIR },  { S_IFREG, TREE_FILE },  { S_IFLNK, TREE_SYMLINK }, { S_IFIFO, TREE_FIFO },
		      { S_IFCHR, TREE_CHAR }, { S_IFBLK, TREE_BLOCK }, { S_IFSOCK, TREE_SOCKET } };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i].fmt == (mode & S_IFMT)) {
			*type = types[i].type;
			return 0;
		}
	}
	return err_set(err, ERR_FAILED, "is of a kind this program does not know (mode %o)", mode);
}

static void from_stat(const struct stat *st, struct tree_entry *e)
{
	e->mode = st->st_mode & 07777;
	e->uid = st->st_uid;
	e->gid = st->st_gid;
	e->mtime_s = st->st_mtim.tv_sec;
	e->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
	if (e->type == TREE_CHAR || e->type == TREE_BLOCK) {
		e->major = major(st->st_rdev);
		e->minor = minor(st->st_rdev);
	}
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static int read_file(struct walker *k, int fd, struct tree_entry *e, const struct stat *before, struct err *err)
{
	struct stat after;

	e->size = (uint64_t)before->st_size;
	if (walk_extents(fd, before, e, err) < 0)
		return -1;
	e->stream_at = k->tree->stream_bytes;
	k->tree->stream_bytes += e->stream_len;
	if (e->stream_len && k->w->content(k->w->ctx, e, fd, err) < 0)
		return -1;
	if (fstat(fd, &after) < 0)
		return err_errno(err, errno, "look at it again");
	if (after.st_size != before->st_size || !same_time(&after.st_mtim, &before->st_mtim) ||
	    !same_time(&after.st_ctim, &before->st_ctim)) {
		err_set(err, ERR_FAILED, "changed while it was read");
		return err_hint(err, "stop what writes to the tree, or take a snapshot of it first");
	}
	return 0;
}

static int read_target(int dirfd, const char *name, struct tree_entry *e, struct err *err)
{
	char target[TREE_PATH_MAX + 2];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

	if (n <= 0)
		return err_errno(err, n < 0 ? errno : ENODATA, "read the link");
	if ((size_t)n > TREE_PATH_MAX)
		return err_set(err, ERR_FAILED, "points to a path longer than %d bytes", TREE_PATH_MAX);
	e->target = mem_strndup(target, (size_t)n);
	return 0;
}

/* What only an open file or directory tells. `e` is the tree's last entry. */
static int read_opened(struct walker *k, int dirfd, const char *name, struct tree_entry *e, struct stat *st, struct err *err)
{
	autoclose int fd = open_quietly(dirfd, name, O_RDONLY | O_NONBLOCK | (e->type == TREE_DIR ? O_DIRECTORY : 0), err);

	if (fd < 0)
		return -1;
	if (fstat(fd, st) < 0)
		return err_errno(err, errno, "look at it");
	if (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode))
		return err_set(err, ERR_FAILED, "was replaced while it was looked at");
	from_stat(st, e);
	walk_flags(fd, e);
	if (e->type == TREE_DIR && k->w->refuse_dev == st->st_dev && k->w->refuse_ino == st->st_ino) {
		err_set(err, ERR_REFUSED, "is the store that the image would be written to");
		return err_hint(err, "keep the store outside the tree");
	}
	return e->type == TREE_FILE ? read_file(k, fd, e, st, err) : 0;
}

/* One name of an inode. True when another name of it came before: then the entry is only a link to it. */
static bool is_known(struct walker *k, const struct stat *st, struct tree_entry *e)
{
	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return false;
	e->link = inodes_id(&k->inodes, st->st_dev, st->st_ino);
	if (k->inodes.items[e->link - 1].names++ == 0)
		return false;
	e->type = TREE_HARDLINK;
	return true;
}

/* Add the entry `name` of the directory open at `dirfd`. */
static int add_entry(struct walker *k, int dirfd, const char *name, char *path, struct stat *st, struct err *err)
{
	struct tree_entry *e = tree_add(k->tree);

	e->path = path;
	if (strlen(path) > TREE_PATH_MAX)
		return err_set(err, ERR_FAILED, "is longer than the %d bytes a path can have", TREE_PATH_MAX);
	if (fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, errno, "look at it");
	if (type_of(st->st_mode, &e->type, err) < 0)
		return -1;
	if (is_known(k, st, e))
		return 0;
	from_stat(st, e);
	if (walk_xattrs(dirfd, name, e, err) < 0)
		return -1;
	if (e->type == TREE_SYMLINK)
		return read_target(dirfd, name, e, err);
	if (e->type == TREE_DIR || e->type == TREE_FILE)
		return read_opened(k, dirfd, name, e, st, err);
	return 0;
}

/* Is the directory part of the tree, or is something mounted there? */
static int is_within(const struct walker *k, int dirfd, const char *name, bool *is, struct err *err)
{
	struct statx st;

	if (fs_look(dirfd, name, &st) < 0)
		return err_errno(err, errno, "look at it");
	*is = !fs_is_mounted(&st, &k->root);
	return 0;
}

/* Everything below the directory `path`. Its fd is given up while we are further down, so that no depth needs more than one. */
static int walk_below(struct walker *k, const char *path, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclose int fd = open_directory(k, path, err);

	if (fd < 0)
		return name_error(path, err);
	if (fs_list_fd(fd, "it", &names, err) < 0)
		return name_error(path, err);
	for (size_t i = 0; i < names.len; i++) {
		char *child = *path ? fs_join(path, names.items[i]) : mem_strdup(names.items[i]);
		bool enter = false;
		struct stat st;

		if (fd < 0 && (fd = open_directory(k, path, err)) < 0)
			return name_error(path, err);
		if (add_entry(k, fd, names.items[i], child, &st, err) < 0 ||
		    (S_ISDIR(st.st_mode) && is_within(k, fd, names.items[i], &enter, err) < 0))
			return name_error(child, err);
		if (enter) {
			close(steal_fd(fd));
			if (walk_below(k, child, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* Ids were given as inodes were met; the format counts only those with a second name in the tree, in the order of their first. */
static void number_links(struct walker *k)
{
	autofree uint32_t *final = mem_array(k->inodes.len, sizeof(*final));
	uint32_t next = 0;

	for (size_t i = 0; i < k->inodes.len; i++)
		if (k->inodes.items[i].names > 1)
			final[i] = ++next;
	for (size_t i = 0; i < k->tree->len; i++) {
		struct tree_entry *e = &k->tree->entries[i];

		if (e->link)
			e->link = final[e->link - 1];
	}
}

int walk_tree(const struct walk *w, struct tree *out, struct err *err)
{
	struct walker k = { .w = w, .tree = out };
	struct stat st;
	int rc = add_entry(&k, w->root_fd, ".", mem_strdup(""), &st, err);

	if (rc == 0 && fs_look(w->root_fd, "", &k.root) < 0)
		rc = err_errno(err, errno, "look at it");
	if (rc < 0)
		rc = name_error("", err);
	else
		rc = walk_below(&k, "", err);
	number_links(&k);
	inodes_free(&k.inodes);
	return rc;
}
