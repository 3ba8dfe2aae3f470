/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static int set_owner_mode(int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	if (fchownat(parent, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, errno, "give it to owner %u:%u", e->uid, e->gid);
	/* After chown, which takes setuid bits away. A symlink has no mode of its own. */
	if (e->type != TREE_SYMLINK && fchmodat(parent, name, e->mode, 0) < 0)
		return err_errno(err, errno, "set its mode");
	return 0;
}

static int set_xattrs(int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	/* Neither symlinks nor devices can be opened; this path through /proc reaches them without following the last name. */
	autofree char *path = str_format("/proc/self/fd/%d/%s", parent, name);

	for (size_t i = 0; i < e->n_xattrs; i++) {
		const struct tree_xattr *x = &e->xattrs[i];

		if (lsetxattr(path, x->name, x->value, x->len, 0) < 0)
			return err_errno(err, errno, "set its extended attribute %.100s", x->name);
	}
	return 0;
}

static int set_time(int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = e->mtime_s, .tv_nsec = (long)e->mtime_ns } };

	return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? err_errno(err, errno, "set its time") : 0;
}

static int set_flags(int parent, const char *name, const struct tree_entry *e, struct err *err)
{
	autoclose int fd = -1;
	unsigned int flags = 0;

	if (!e->flags || (e->type != TREE_FILE && e->type != TREE_DIR))
		return 0;
	fd = openat(parent, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return err_errno(err, errno, "set its inode flags");
	flags = (flags & ~TREE_FLAGS_KEPT) | e->flags;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? err_errno(err, errno, "set its inode flags") : 0;
}

/* Owner, mode, attributes, time and last the flags: an immutable file takes nothing more. */
static int set_all(struct restore *r, const struct tree_entry *e, struct err *err)
{
	const char *name;
	int parent = restore_parent(r, e, &name, err);

	if (parent < 0 || set_owner_mode(parent, name, e, err) < 0 || set_xattrs(parent, name, e, err) < 0 ||
	    set_time(parent, name, e, err) < 0 || set_flags(parent, name, e, err) < 0)
		return restore_entry_error(e, err);
	return 0;
}

static int make_link(struct restore *r, const struct tree_entry *first, const struct tree_entry *e, struct err *err)
{
	const char *old_name = strrchr(first->path, '/'), *name;
	autofree char *old_dir = old_name ? mem_strndup(first->path, (size_t)(old_name - first->path)) : mem_strdup(".");
	autoclose int old_fd = fs_open_beneath(r->target_fd, old_dir, O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS, err);
	int parent = old_fd < 0 ? -1 : restore_parent(r, e, &name, err);

	if (parent < 0)
		return restore_entry_error(e, err);
	if (linkat(old_fd, old_name ? old_name + 1 : first->path, parent, name, 0) < 0) {
		err_errno(err, errno, "link it");
		return restore_entry_error(e, err);
	}
	return 0;
}

static int make_links(struct restore *r, struct err *err)
{
	const struct tree *t = &r->docs.tree;
	/* Link ids are at most as many as entries (tree_decode). */
	autofree const struct tree_entry **first = mem_array(t->len + 1, sizeof(*first));

	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *e = &t->entries[i];

		if (e->type == TREE_HARDLINK) {
			if (make_link(r, first[e->link], e, err) < 0)
				return -1;
		} else if (e->link) {
			first[e->link] = e;
		}
	}
	return 0;
}

int restore_finish(struct restore *r, struct err *err)
{
	const struct tree *t = &r->docs.tree;

	if (r->n_done != r->n_chunks)
		return err_set(err, ERR_FAILED, "%zu of %zu chunks were never put", r->n_chunks - r->n_done, r->n_chunks);
	if (r->file_fd >= 0)
		close(steal_fd(r->file_fd));
	if (make_links(r, err) < 0)
		return -1;
	for (size_t i = 0; i < t->len; i++)
		if (t->entries[i].type != TREE_DIR && t->entries[i].type != TREE_HARDLINK && set_all(r, &t->entries[i], err) < 0)
			return -1;
	/* A directory after all that is in it, for every change inside would give it a new time; and read-only ones must be open
	 * until then. */
	for (size_t i = t->len; i-- > 0;)
		if (t->entries[i].type == TREE_DIR && set_all(r, &t->entries[i], err) < 0)
			return -1;
	return syncfs(r->target_fd) < 0 ? err_errno(err, errno, "make the restored files durable") : 0;
}
