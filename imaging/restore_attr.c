/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/walk_attr.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

mode_t restore_first_mode(const struct restore *r, const struct tree_entry *e)
{
	/* Until it is complete, nobody gets in: the directories above it are closed until the end. Set-id bits need an owner
	 * first. */
	return e->type != TREE_DIR && !(e->mode & (07000 | r->mask)) ? e->mode : 0600;
}

static int set_owner(const struct restore_at *at, const struct tree_entry *e, struct err *err)
{
	int rc = at->fd >= 0 ? fchown(at->fd, e->uid, e->gid)
			     : fchownat(at->parent, at->name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW);

	return rc < 0 ? err_errno(err, errno, "give it to owner %u:%u", e->uid, e->gid) : 0;
}

static int set_mode(const struct restore_at *at, const struct tree_entry *e, struct err *err)
{
	int rc = at->fd >= 0 ? fchmod(at->fd, e->mode) : fchmodat(at->parent, at->name, e->mode, 0);

	return rc < 0 ? err_errno(err, errno, "set its mode") : 0;
}

/* Neither symlinks nor devices can be opened; this path through /proc reaches them without following the last name. */
static char *proc_path(const struct restore_at *at)
{
	return str_format("/proc/self/fd/%d/%s", at->parent, at->name);
}

static int set_xattr(const struct restore_at *at, const struct tree_xattr *x, struct err *err)
{
	autofree char *path = at->fd >= 0 ? NULL : proc_path(at);
	int rc = path ? lsetxattr(path, x->name, x->value, x->len, 0) : fsetxattr(at->fd, x->name, x->value, x->len, 0);

	if (rc == 0)
		return 0;
	err_errno(err, errno, "set its extended attribute %.100s", x->name);
	return errno == EOPNOTSUPP ? err_hint(err, "restore to a file system that has such attributes, for example ext4 or xfs")
				   : -1;
}

static int set_time(const struct restore_at *at, const struct tree_entry *e, struct err *err)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = e->mtime_s, .tv_nsec = (long)e->mtime_ns } };
	int rc = at->fd >= 0 ? futimens(at->fd, times) : utimensat(at->parent, at->name, times, AT_SYMLINK_NOFOLLOW);

	return rc < 0 ? err_errno(err, errno, "set its time") : 0;
}

int restore_set_attributes(const struct restore *r, const struct restore_at *at, const struct tree_entry *e, struct err *err)
{
	bool own = at->fresh && e->uid == r->uid && e->gid == r->gid;

	if (!own && set_owner(at, e, err) < 0)
		return -1;
	/* After chown, which takes set-id bits away. A symlink has no mode of its own. */
	if (e->type != TREE_SYMLINK && !(at->fresh && own && at->made == e->mode) && set_mode(at, e, err) < 0)
		return -1;
	for (size_t i = 0; i < e->n_xattrs; i++)
		if (set_xattr(at, &e->xattrs[i], err) < 0)
			return -1;
	return set_time(at, e, err);
}

static const struct tree_xattr *find_xattr(const struct tree_entry *e, const char *name)
{
	for (size_t i = 0; i < e->n_xattrs; i++)
		if (str_eq(e->xattrs[i].name, name))
			return &e->xattrs[i];
	return NULL;
}

static int mend_xattrs(const struct restore_at *at, const struct tree_entry *e, const struct tree_entry *is, struct err *err)
{
	for (size_t i = 0; i < is->n_xattrs; i++) {
		autofree char *path = proc_path(at);

		if (!find_xattr(e, is->xattrs[i].name) && !str_eq(is->xattrs[i].name, RESTORE_MARK) &&
		    lremovexattr(path, is->xattrs[i].name) < 0 && errno != ENODATA)
			return err_errno(err, errno, "remove its extended attribute %.100s", is->xattrs[i].name);
	}
	for (size_t i = 0; i < e->n_xattrs; i++) {
		const struct tree_xattr *want = &e->xattrs[i], *have = find_xattr(is, want->name);

		if (!(have && have->len == want->len && memcmp(have->value, want->value, want->len) == 0) &&
		    set_xattr(at, want, err) < 0)
			return -1;
	}
	return 0;
}

static bool same_stat(const struct stat *st, const struct tree_entry *e)
{
	return st->st_uid == e->uid && st->st_gid == e->gid && (e->type == TREE_SYMLINK || (st->st_mode & 07777) == e->mode);
}

/* Owner and mode first: giving a file away takes its capabilities, and its mode stands in its ACL too. Only then is it known
 * which attributes it has. */
static int mend_owner_mode(const struct restore_at *at, const struct tree_entry *e, struct stat *st, struct err *err)
{
	if (fstatat(at->parent, at->name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, errno, "look at it");
	if (same_stat(st, e))
		return 0;
	if ((st->st_uid != e->uid || st->st_gid != e->gid) && set_owner(at, e, err) < 0)
		return -1;
	return e->type == TREE_SYMLINK ? 0 : set_mode(at, e, err);
}

int restore_mend_attributes(const struct restore_at *at, const struct tree_entry *e, struct err *err)
{
	struct tree is_tree = { 0 };
	struct tree_entry *is = tree_add(&is_tree);
	struct stat st;
	int rc;

	is->path = mem_strdup("");
	is->type = e->type;
	rc = mend_owner_mode(at, e, &st, err);
	if (rc == 0)
		rc = walk_xattrs(at->parent, at->name, is, err);
	if (rc == 0)
		rc = mend_xattrs(at, e, is, err);
	/* An ACL that was taken away or given may have changed the mode's bits. */
	if (rc == 0 && (is->n_xattrs || e->n_xattrs) && e->type != TREE_SYMLINK)
		rc = fstatat(at->parent, at->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && same_stat(&st, e) ? 0 : set_mode(at, e, err);
	if (rc == 0 && (st.st_mtim.tv_sec != e->mtime_s || (uint32_t)st.st_mtim.tv_nsec != e->mtime_ns))
		rc = set_time(at, e, err);
	tree_free(&is_tree);
	return rc;
}

int restore_set_flags(int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	autoclose int fd = -1;
	unsigned int flags = 0;

	if (e->type != TREE_FILE && e->type != TREE_DIR)
		return 0;
	fd = openat(parent, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return e->flags ? err_errno(err, errno, "set its inode flags") : 0;
	if ((flags & TREE_FLAGS_KEPT) == e->flags)
		return 0;
	flags = (flags & ~TREE_FLAGS_KEPT) | e->flags;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? err_errno(err, errno, "set its inode flags") : 0;
}

void restore_clear_flags(int parent, const char *name)
{
	autoclose int fd = -1;
	unsigned int flags = 0;
	struct stat st;

	/* Nothing else has any, and to open a device may do something. */
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return;
	fd = openat(parent, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & TREE_FLAGS_KEPT))
		return;
	flags &= ~TREE_FLAGS_KEPT;
	/* What could not be cleared shows when the thing itself is refused. */
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}
