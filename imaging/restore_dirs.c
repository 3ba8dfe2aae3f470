/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BLOCK 32 /* directories that one thread takes at a time: many have the same parent */

int restore_disinherit(const struct restore *r, int parent, const char *name, struct err *err)
{
	autoclose int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	restore_clear_flags(parent, name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "look at the directory that is there");
	if (fremovexattr(fd, "system.posix_acl_default") < 0 && errno != ENODATA && errno != EOPNOTSUPP)
		return err_errno(err, errno, "remove its default ACL");
	/* On a file system that is mounted with grpid, what is made in it gets its group. */
	if (st.st_gid != r->gid && r->uid == 0 && fchown(fd, (uid_t)-1, r->gid) < 0)
		return err_errno(err, errno, "give it to group %u", r->gid);
	return (st.st_mode & S_ISGID) && fchmod(fd, st.st_mode & 01777) < 0 ? err_errno(err, errno, "take its set-group-id bit")
									    : 0;
}

static int note_mount(struct restore *r, int parent, const char *name, struct err *err)
{
	struct stat st;
	int fd;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, errno, "look at it");
	if (st.st_dev == r->dev)
		return 0;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "open what is mounted there");
	pthread_mutex_lock(&r->lock);
	r->mounts = mem_room(r->mounts, r->n_mounts, &r->mounts_cap, sizeof(r->mounts[0]));
	r->mounts[r->n_mounts++] = fd;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

/* Is it another file system than the directory above it? One descriptor for each of them is enough. */
static bool is_mount(int parent, const char *name)
{
	struct stat above, st;

	return fstat(parent, &above) == 0 && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && above.st_dev != st.st_dev;
}

int restore_make_directory(struct restore *r, int parent, const char *name, struct err *err)
{
	if (mkdirat(parent, name, 0700) == 0)
		return 0;
	if (errno != EEXIST || !restore_is_there(parent, name, S_IFDIR))
		return errno == EEXIST ? err_set(err, ERR_EXISTS, "something that is no directory is in its place")
				       : err_errno(err, errno, "create directory");
	if (is_mount(parent, name) && note_mount(r, parent, name, err) < 0)
		return -1;
	if (!r->existing)
		return restore_disinherit(r, parent, name, err);
	restore_clear_flags(parent, name);
	return 0;
}

static int make_dir(void *hand, size_t i, struct err *err)
{
	struct restore_hand *h = hand;
	const struct tree_entry *e = h->r->level[i];
	const char *name;
	int parent = restore_parent(h->r, &h->dir, e, &name, err);

	return parent < 0 || restore_make_directory(h->r, parent, name, err) < 0 ? restore_entry_error(e, err) : 0;
}

static size_t depth_of(const struct tree_entry *e)
{
	size_t n = 0;

	for (const char *p = e->path; *p; p++)
		n += *p == '/';
	return n;
}

static int by_depth(const void *a, const void *b)
{
	const struct tree_entry *x = *(const struct tree_entry *const *)a, *y = *(const struct tree_entry *const *)b;
	size_t i = depth_of(x), j = depth_of(y);

	return i != j ? (i < j ? -1 : 1) : x < y ? -1 : x > y;
}

int restore_make_dirs(struct restore *r, struct err *err)
{
	autofree const struct tree_entry **dirs = mem_array(r->docs.tree.len, sizeof(dirs[0]));
	size_t n = 0;
	int rc = 0;

	for (size_t i = 1; i < r->docs.tree.len; i++)
		if (r->docs.tree.entries[i].type == TREE_DIR)
			dirs[n++] = &r->docs.tree.entries[i];
	if (n)
		qsort(dirs, n, sizeof(dirs[0]), by_depth);
	for (size_t first = 0, end; first < n && rc == 0; first = end) {
		size_t depth = depth_of(dirs[first]);

		for (end = first + 1; end < n && depth_of(dirs[end]) == depth;)
			end++;
		r->level = dirs + first;
		rc = restore_each(r, end - first, BLOCK, make_dir, err);
	}
	r->level = NULL;
	return rc;
}
