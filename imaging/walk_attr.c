/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/walk_attr.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

bool walk_keeps_xattr(const char *name)
{
	if (str_eq(name, "trusted.SGI_ACL_FILE") || str_eq(name, "trusted.SGI_ACL_DEFAULT"))
		return false;
	return str_starts(name, "user.") || str_starts(name, "trusted.") || str_starts(name, "security.") ||
	       str_eq(name, "system.posix_acl_access") || str_eq(name, "system.posix_acl_default");
}

static int by_name(const void *a, const void *b)
{
	const struct tree_xattr *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int read_value(const char *path, const char *name, struct tree_entry *e, struct err *err)
{
	autofree uint8_t *value = mem_zalloc(TREE_XATTR_VALUE_MAX);
	ssize_t n = lgetxattr(path, name, value, TREE_XATTR_VALUE_MAX);

	if (n < 0)
		return err_errno(err, errno, "read extended attribute %.100s", name);
	e->xattrs = mem_grow(e->xattrs, e->n_xattrs + 1, sizeof(e->xattrs[0]));
	e->xattrs[e->n_xattrs++] =
		(struct tree_xattr){ .name = mem_strdup(name), .value = mem_dup(value, (size_t)n), .len = (uint32_t)n };
	return 0;
}

int walk_xattrs(int dirfd, const char *name, struct tree_entry *e, struct err *err)
{
	/* Symlinks, fifos and devices can't be opened; the path through /proc reaches them without following the last name. */
	autofree char *path = str_format("/proc/self/fd/%d/%s", dirfd, name);
	autofree char *names = NULL;
	ssize_t n = llistxattr(path, NULL, 0);

	if (n > 0) {
		names = mem_zalloc((size_t)n + 1);
		n = llistxattr(path, names, (size_t)n);
	}
	if (n < 0 && errno == EOPNOTSUPP)
		return 0;
	if (n < 0)
		return err_errno(err, errno, "list its extended attributes");
	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1)
		if (walk_keeps_xattr(p) && read_value(path, p, e, err) < 0)
			return -1;
	if (e->n_xattrs)
		qsort(e->xattrs, e->n_xattrs, sizeof(e->xattrs[0]), by_name);
	return 0;
}

void walk_flags(int fd, struct tree_entry *e)
{
	unsigned int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0)
		e->flags = flags & TREE_FLAGS_KEPT;
}

static void add_extent(struct tree_entry *e, size_t *cap, uint64_t from, uint64_t to)
{
	e->extents = mem_room(e->extents, e->n_extents, cap, sizeof(e->extents[0]));
	e->extents[e->n_extents++] = (struct tree_extent){ .offset = from, .len = to - from };
	e->stream_len += to - from;
}

/* Have all bytes from `at` to `size` a block, be it only reserved? Where the file system does not tell, they do. */
static bool is_mapped(int fd, uint64_t at, uint64_t size)
{
	struct {
		struct fiemap map;
		struct fiemap_extent extents[64];
	} m;

	while (at < size) {
		m.map = (struct fiemap){ .fm_start = at, .fm_length = size - at, .fm_extent_count = ARRAY_LEN(m.extents) };
		if (ioctl(fd, FS_IOC_FIEMAP, &m.map) < 0)
			return true;
		if (!m.map.fm_mapped_extents)
			return false;
		for (uint32_t i = 0; i < m.map.fm_mapped_extents; i++) {
			uint64_t from = m.extents[i].fe_logical, to = from + m.extents[i].fe_length;

			if (from > at || to <= at)
				return false;
			at = to;
		}
	}
	return true;
}

/* What is only reserved counts as zeros when there is no hole beside it, as a swap file needs it. The number of blocks tells that
 * there must be a hole, but not that there is none: attributes have blocks, too, and what is behind the file's end. */
static bool is_dense(int fd, const struct stat *st, bool has_xattrs)
{
	uint64_t held = (uint64_t)st->st_blocks * 512;
	off_t hole;

	if (held < (uint64_t)st->st_size)
		return false;
	/* Most files: one block, and that is the data's. */
	if (held <= (uint64_t)st->st_blksize && !has_xattrs)
		return true;
	hole = lseek(fd, 0, SEEK_HOLE);
	return hole < 0 || hole >= st->st_size || is_mapped(fd, (uint64_t)hole, (uint64_t)st->st_size);
}

int walk_extents(int fd, const struct stat *st, struct tree_entry *e, struct err *err)
{
	size_t cap = 0;
	off_t at = 0;

	e->stream_len = e->size;
	if (is_dense(fd, st, e->n_xattrs > 0))
		return 0;
	e->stream_len = 0;
	while (at < st->st_size) {
		off_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break;
		hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (data < 0 || hole < 0)
			return err_errno(err, errno, "find its holes");
		if (data >= st->st_size)
			break;
		at = hole < st->st_size ? hole : st->st_size;
		add_extent(e, &cap, (uint64_t)data, (uint64_t)at);
	}
	/* One stretch of data from end to end is no sparse file. */
	if (e->n_extents == 1 && e->extents[0].len == e->size) {
		free(e->extents);
		e->extents = NULL;
		e->n_extents = 0;
	}
	return 0;
}
