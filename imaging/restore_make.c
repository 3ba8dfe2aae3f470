/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BLOCK 256 /* entries that one thread takes at a time: mostly of one directory */

int restore_entry_error(const struct tree_entry *e, struct err *err)
{
	autofree char *shown = str_printable(e->path, strlen(e->path));

	return err_wrap(err, "restore '/%.400s'", shown);
}

void restore_dir_close(struct restore_dir *dir)
{
	if (dir->fd >= 0)
		close(steal_fd(dir->fd));
	free(steal(dir->path));
}

int restore_parent(const struct restore *r, struct restore_dir *dir, const struct tree_entry *e, const char **name,
		   struct err *err)
{
	const char *slash = strrchr(e->path, '/');
	size_t len = slash ? (size_t)(slash - e->path) : 0;

	*name = slash ? slash + 1 : *e->path ? e->path : ".";
	if (dir->fd >= 0 && strlen(dir->path) == len && memcmp(dir->path, e->path, len) == 0)
		return dir->fd;
	restore_dir_close(dir);
	dir->path = mem_strndup(e->path, len);
	dir->fd = fs_open_beneath(r->target_fd, len ? dir->path : ".", O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS, err);
	return dir->fd;
}

bool restore_is_there(int parent, const char *name, mode_t type)
{
	struct stat st;

	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == type;
}

int restore_remove(int parent, const char *name, struct err *err)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EPERM) {
		struct stat st;

		if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? 0 : err_errno(err, errno, "look at what is in its place");
		if (S_ISDIR(st.st_mode))
			return err_set(err, ERR_EXISTS, "a directory is in its place");
		if (fs_unlink_forced(parent, name, st.st_mode) == 0 || errno == ENOENT)
			return 0;
	}
	return err_errno(err, errno, "remove what is in its place");
}

/* A new regular file, in place of whatever is no directory. */
static int create_file(const struct restore *r, int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags, restore_first_mode(r, e));

	if (fd < 0 && errno == EEXIST) {
		if (restore_remove(parent, name, err) < 0)
			return -1;
		fd = openat(parent, name, flags, restore_first_mode(r, e));
	}
	return fd < 0 ? err_errno(err, errno, "create file") : fd;
}

/* Where the image has a hole, what is there must go. */
static int punch_holes(int fd, const struct tree_entry *e, struct err *err)
{
	uint64_t at = 0;

	for (size_t i = 0; i <= e->n_extents; i++) {
		uint64_t end = i < e->n_extents ? e->extents[i].offset : e->size;

		off_t data = end > at ? lseek(fd, (off_t)at, SEEK_DATA) : -1;

		if (data >= 0 && (uint64_t)data < end &&
		    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)(end - at)) < 0)
			return err_errno(err, errno, "punch its holes");
		at = i < e->n_extents ? end + e->extents[i].len : end;
	}
	return 0;
}

/* A file of pieces that is there: it keeps what it has, but for its length and its holes. False: it can't be used. It is touched
 * only when that is known: other names of it may be somebody else's, and to open a device may do something. */
static bool use_file(struct restore *r, int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	autoclose int fd = -1;
	struct stat st, is;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || !restore_may_use(r, &st, e))
		return false;
	restore_clear_flags(parent, name);
	fd = openat(parent, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &is) < 0 || is.st_dev != st.st_dev || is.st_ino != st.st_ino)
		return false;
	if ((uint64_t)st.st_size != e->size) {
		r->lost[e - r->docs.tree.entries] = true;
		if (ftruncate(fd, (off_t)e->size) < 0)
			return false;
	}
	return e->stream_len == e->size || punch_holes(fd, e, err) == 0;
}

/* Empty, sized: its pieces come later. */
static int make_pieces(struct restore *r, int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	struct err unusable = { 0 };
	autoclose int fd = -1;

	if (r->existing && use_file(r, parent, name, e, &unusable))
		return 0;
	r->lost[e - r->docs.tree.entries] = true;
	fd = create_file(r, parent, name, e, err);
	if (fd < 0)
		return -1;
	if (e->stream_len == e->size)
		restore_reserve(r, fd, e->size);
	if (e->size && ftruncate(fd, (off_t)e->size) < 0)
		return err_errno(err, errno, "give it its size");
	return 0;
}

/* An existing small file is only looked at here: which inode it is. */
static int look_at_whole(struct restore *r, int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	bool *lost = &r->lost[e - r->docs.tree.entries];
	struct stat st;

	*lost = true;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "look at it");
	*lost = !S_ISREG(st.st_mode) || st.st_size != (off_t)e->size || !restore_may_use(r, &st, e);
	if (*lost)
		return restore_remove(parent, name, err);
	restore_clear_flags(parent, name);
	return 0;
}

static int make_symlink(const struct restore *r, int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	char target[TREE_PATH_MAX + 1];
	ssize_t n = r->existing ? readlinkat(parent, name, target, sizeof(target)) : -1;
	struct stat st;

	if (n >= 0 && (size_t)n == strlen(e->target) && memcmp(target, e->target, (size_t)n) == 0 &&
	    fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 1)
		return 0;
	if (r->existing && restore_remove(parent, name, err) < 0)
		return -1;
	return symlinkat(e->target, parent, name) < 0 ? err_errno(err, errno, "create symbolic link") : 0;
}

static int make_node(const struct restore *r, int parent, const char *name, mode_t type, const struct tree_entry *e,
		     struct err *err)
{
	dev_t dev = makedev(e->major, e->minor);
	struct stat st;

	if (r->existing && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return err_errno(err, errno, "look at it");
	} else if (r->existing) {
		if ((st.st_mode & S_IFMT) == type && st.st_rdev == dev && st.st_nlink == 1)
			return 0;
		if (restore_remove(parent, name, err) < 0)
			return -1;
	}
	return mknodat(parent, name, type | restore_first_mode(r, e), dev) < 0 ? err_errno(err, errno, "create it") : 0;
}

struct making {
	struct restore *r;
	struct restore_dir dir;
	bool *was_there; /* by entry, while the way is checked: a directory that was there before */
	size_t *above;	 /* entries of the directories above the last one, the root first */
	size_t depth, cap;
};

static bool is_above(const struct tree_entry *dir, const struct tree_entry *e)
{
	size_t n = strlen(dir->path);

	return n == 0 || (str_starts(e->path, dir->path) && e->path[n] == '/');
}

static int make_one(struct restore *r, int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	switch (e->type) {
	case TREE_DIR:
		return *e->path ? restore_make_directory(r, parent, name, err) : 0;
	case TREE_FILE:
		return make_pieces(r, parent, name, e, err);
	case TREE_SYMLINK:
		return make_symlink(r, parent, name, e, err);
	case TREE_FIFO:
		return make_node(r, parent, name, S_IFIFO, e, err);
	case TREE_SOCKET:
		return make_node(r, parent, name, S_IFSOCK, e, err);
	case TREE_CHAR:
		return make_node(r, parent, name, S_IFCHR, e, err);
	case TREE_BLOCK:
		return make_node(r, parent, name, S_IFBLK, e, err);
	case TREE_HARDLINK: /* restore_finish: all that it can point to is there by then */
		return 0;
	}
	return err_set(err, ERR_DAMAGED, "unknown entry type %d", (int)e->type);
}

/* Where something may be there already. */
static int make_entry(struct making *m, size_t i, struct err *err)
{
	const struct tree_entry *e = &m->r->docs.tree.entries[i];
	const char *name;
	int parent;

	if (e->type == TREE_DIR && m->r->finished[i])
		return 0;
	parent = restore_parent(m->r, &m->dir, e, &name, err);
	if (parent < 0)
		return -1;
	if (e->type == TREE_FILE && m->r->file[i] == RESTORE_WHOLE)
		return look_at_whole(m->r, parent, name, e, err);
	return make_one(m->r, parent, name, e, err);
}

/* Is anything in the way of `e`? Only a directory may be where one is to be. */
static int check_entry(struct making *m, size_t i, struct err *err)
{
	const struct tree_entry *e = &m->r->docs.tree.entries[i];
	const char *name;
	struct stat st;
	int parent;

	if (m->depth && !m->was_there[m->above[m->depth - 1]])
		return 0;
	parent = restore_parent(m->r, &m->dir, e, &name, err);
	if (parent < 0)
		return -1;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "look at it");
	m->was_there[i] = true;
	if (e->type == TREE_DIR && S_ISDIR(st.st_mode))
		return 0;
	return err_set(err, ERR_EXISTS, "something %s is in its place", e->type == TREE_DIR ? "that is no directory" : "else");
}

static int each_entry(struct restore *r, int (*do_entry)(struct making *m, size_t i, struct err *err), struct err *err)
{
	const struct tree *t = &r->docs.tree;
	struct making m = { .r = r, .dir = { .fd = -1 }, .was_there = mem_array(t->len, sizeof(bool)) };
	int rc = 0;

	for (size_t i = 0; i < t->len && rc == 0; i++) {
		while (m.depth && !is_above(&t->entries[m.above[m.depth - 1]], &t->entries[i]))
			m.depth--;
		rc = do_entry(&m, i, err);
		if (rc < 0)
			restore_entry_error(&t->entries[i], err);
		if (t->entries[i].type == TREE_DIR) {
			m.above = mem_room(m.above, m.depth, &m.cap, sizeof(m.above[0]));
			m.above[m.depth++] = i;
		}
	}
	restore_dir_close(&m.dir);
	free(m.above);
	free(m.was_there);
	return rc;
}

int restore_check_way(struct restore *r, struct err *err)
{
	return each_entry(r, check_entry, err);
}

/* Whatever has no content that is still to come is complete at once. */
static int make_new(void *hand, size_t i, struct err *err)
{
	struct restore_hand *h = hand;
	struct restore *r = h->r;
	const struct tree_entry *e = &r->docs.tree.entries[i];
	struct restore_at at = { .fd = -1, .fresh = true, .made = restore_first_mode(r, e) };

	if (e->type == TREE_DIR || e->type == TREE_HARDLINK || (e->type == TREE_FILE && r->file[i] == RESTORE_WHOLE))
		return 0;
	at.parent = restore_parent(r, &h->dir, e, &at.name, err);
	if (at.parent < 0 || make_one(r, at.parent, at.name, e, err) < 0)
		return restore_entry_error(e, err);
	if (e->stream_len)
		return 0;
	r->finished[i] = true;
	return restore_set_attributes(r, &at, e, err) < 0 ? restore_entry_error(e, err) : 0;
}

int restore_make_all(struct restore *r, struct err *err)
{
	if (r->existing)
		return each_entry(r, make_entry, err);
	return restore_make_dirs(r, err) < 0 ? -1 : restore_each(r, r->docs.tree.len, BLOCK, make_new, err);
}

/* Is the file that is there of just this content? */
static bool has_content(struct restore_hand *h, int parent, const char *name, const struct tree_entry *e, const uint8_t *content)
{
	autoclose int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct err ignored = { 0 };
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == e->size &&
	       fs_pread_all(fd, name, h->aside, (size_t)e->size, 0, &ignored) == 0 && memcmp(h->aside, content, e->size) == 0;
}

int restore_make_whole(struct restore_hand *h, const struct tree_entry *e, const uint8_t *content, struct err *err)
{
	struct restore *r = h->r;
	struct restore_at at = { .fd = -1, .fresh = true, .made = restore_first_mode(r, e) };
	autoclose int fd = -1;

	at.parent = restore_parent(r, &h->dir, e, &at.name, err);
	if (at.parent < 0)
		return -1;
	if (r->existing && has_content(h, at.parent, at.name, e, content))
		return 0;
	at.fd = fd = create_file(r, at.parent, at.name, e, err);
	if (fd < 0)
		return -1;
	restore_reserve(r, fd, e->size);
	if (restore_write_at(h, fd, content, (size_t)e->size, 0, err) < 0)
		return -1;
	h->n_made++;
	/* A directory that was there may hand down its group or an ACL: what the file got is looked at in the end. */
	if (r->existing)
		return 0;
	if (restore_set_attributes(r, &at, e, err) < 0)
		return -1;
	r->finished[e - r->docs.tree.entries] = true;
	return 0;
}
