/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/fs.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fs_write_all(int fd, const char *name, const void *data, size_t len, struct err *err)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "write %s", name);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fs_pwrite_all(int fd, const char *name, const void *data, size_t len, uint64_t at, struct err *err)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "write %s at %llu", name, (unsigned long long)at);
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int fs_pread_all(int fd, const char *name, void *data, size_t len, uint64_t at, struct err *err)
{
	char *p = data;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "read %s at %llu", name, (unsigned long long)at);
		if (n == 0)
			return err_set(err, ERR_DAMAGED, "%s ends at %llu, %zu bytes too early", name, (unsigned long long)at,
				       len);
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int fs_read_fd(int fd, const char *name, size_t max, struct buf *out, struct err *err)
{
	char chunk[65536];
	size_t got = 0;

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "read %s", name);
		if (n == 0)
			return 0;
		got += (size_t)n;
		if (got > max)
			return err_set(err, ERR_INVALID, "%s is larger than the %zu bytes allowed", name, max);
		buf_add(out, chunk, (size_t)n);
	}
}

/* A pipe that nobody writes to would be waited for without end, with whatever lock the reader holds. */
int fs_open_regular_at(int dirfd, const char *name, const char *name_for_errors, int flags, struct err *err)
{
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	struct stat st;

	if (fd < 0 && errno == ELOOP && (flags & O_NOFOLLOW)) {
		err_set(err, ERR_REFUSED, "%s is a symbolic link", name_for_errors);
		return err_hint(err, "put the file itself there");
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "open %s", name_for_errors);
	if (S_ISDIR(st.st_mode))
		return err_errno(err, EISDIR, "read %s", name_for_errors);
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_REFUSED, "%s is not a regular file", name_for_errors);
		return err_hint(err, "look with `ls -l %s`; put a file there", name_for_errors);
	}
	return steal_fd(fd);
}

int fs_open_regular(const char *path, int flags, struct err *err)
{
	return fs_open_regular_at(AT_FDCWD, path, path, flags, err);
}

int fs_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	autoclose int fd = fs_open_regular(path, 0, err);

	return fd < 0 ? -1 : fs_read_fd(fd, path, max, out, err);
}

int fs_read_nofollow(const char *path, size_t max, struct buf *out, struct err *err)
{
	autoclose int fd = fs_open_regular(path, O_NOFOLLOW, err);

	return fd < 0 ? -1 : fs_read_fd(fd, path, max, out, err);
}

static int sync_parent(const char *path, const char *shown, struct err *err)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir = !slash	     ? mem_strdup(".")
			     : slash == path ? mem_strdup("/")
					     : mem_strndup(path, (size_t)(slash - path));
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, errno, "make %s durable", path == shown ? dir : shown);
	return 0;
}

int fs_sync_parent(const char *path, struct err *err)
{
	return sync_parent(path, path, err);
}

/* `shown` is what errors call it. Not `durable`: whole or not there for whoever reads it now, but not yet on the disk. */
static int replace(const char *path, const char *shown, const void *data, size_t len, mode_t mode, bool durable, struct err *err)
{
	autofree char *tmp = str_format("%s.XXXXXX", path);
	autoclose int fd = mkostemp(tmp, O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, errno, "create a temporary file for %s", shown);
	if (fs_write_all(fd, shown, data, len, err) < 0)
		goto failed;
	if (fchmod(fd, mode) < 0 || (durable && fsync(fd) < 0)) {
		err_errno(err, errno, "write %s", shown);
		goto failed;
	}
	if (rename(tmp, path) < 0) {
		err_errno(err, errno, "replace %s", shown);
		goto failed;
	}
	return durable ? sync_parent(path, shown, err) : 0;
failed:
	unlink(tmp);
	return -1;
}

int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	return replace(path, path, data, len, mode, true, err);
}

int fs_write_atomic_at(int dirfd, const char *name, const char *name_for_errors, const void *data, size_t len, mode_t mode,
		       struct err *err)
{
	/* mkstemp(3) knows no directory but by its path. */
	autofree char *path = str_format("/proc/self/fd/%d/%s", dirfd, name);

	return replace(path, name_for_errors, data, len, mode, true, err);
}

static bool is_same(const char *path, const void *data, size_t len, mode_t mode)
{
	autoclean(buf_free) struct buf old = { 0 };
	struct err ignored = { 0 };
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == mode && (uint64_t)st.st_size == len &&
	       fs_read(path, len, &old, &ignored) == 0 && old.len == len && (len == 0 || memcmp(old.data, data, len) == 0);
}

int fs_write_if_changed(const char *path, const void *data, size_t len, mode_t mode, bool *changed, struct err *err)
{
	bool same = is_same(path, data, len, mode);

	if (changed)
		*changed = !same;
	return same ? 0 : fs_write_atomic(path, data, len, mode, err);
}

int fs_batch_write(struct fs_batch *b, const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	if (is_same(path, data, len, mode))
		return 0;
	if (++b->written <= FS_BATCH_ONE_BY_ONE)
		return fs_write_atomic(path, data, len, mode, err);
	b->later = true;
	return replace(path, path, data, len, mode, false, err);
}

int fs_batch_end(struct fs_batch *b, const char *dir, struct err *err)
{
	autoclose int fd = -1;

	if (!b->later)
		return 0;
	fd = fs_open_dir(dir, err);
	if (fd < 0)
		return -1;
	if (syncfs(fd) < 0)
		return err_errno(err, errno, "make the files in %s durable", dir);
	b->later = false;
	return 0;
}

int fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve_more, struct err *err)
{
	struct open_how how = { .flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
				.mode = flags & (O_CREAT | O_TMPFILE) ? mode & 07777 : 0,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve_more };
	long fd;

	do
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	if (fd < 0 && (errno == EXDEV || errno == ELOOP))
		return err_set(err, ERR_REFUSED, "'%s' leads out of its directory or through a symbolic link", path);
	if (fd < 0)
		return err_errno(err, errno, "open '%s'", path);
	return (int)fd;
}

int fs_open_dir(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_errno(err, errno, "open directory %s", path) : fd;
}

int fs_mkdirs(const char *path, mode_t mode, struct err *err)
{
	autofree char *p = mem_strdup(path);
	struct stat st;

	for (char *s = p + 1;; s++) {
		char c = *s;

		if (c != '/' && c != '\0')
			continue;
		*s = '\0';
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return err_errno(err, errno, "create directory %s", p);
		if (stat(p, &st) < 0)
			return err_errno(err, errno, "look at directory %s", p);
		if (!S_ISDIR(st.st_mode))
			return err_errno(err, ENOTDIR, "create directory %s", p);
		*s = c;
		if (c == '\0')
			break;
	}
	return 0;
}

bool fs_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int fs_flock(int fd, int how)
{
	int rc;

	while ((rc = flock(fd, how)) < 0 && errno == EINTR)
		;
	return rc < 0 && (errno == EOPNOTSUPP || errno == ENOLCK || errno == ENOSYS || errno == EINVAL) ? 0 : rc;
}

int fs_lock(const char *path, struct err *err)
{
	autoclose int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, errno, "open lock %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return err_set(err, ERR_CONFLICT, "another program holds the lock %s", path);
		return err_errno(err, errno, "lock %s", path);
	}
	return steal_fd(fd);
}

/* Whoever owns its directory could put another file there as well: root believes that no less than what is there. */
static bool owns_dir_of(const char *path, uid_t uid)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir = slash && slash != path ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(slash ? "/" : ".");
	struct stat st;

	return stat(dir, &st) == 0 && st.st_uid == uid && !(st.st_mode & 022);
}

int fs_read_secret(const char *path, size_t min, size_t max, struct buf *out, struct err *err)
{
	autoclose int fd = fs_open_regular(path, O_NOFOLLOW, err);
	size_t before = out->len;
	struct stat st;

	if (fd < 0)
		return err_wrap(err, "secret file");
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "open secret file %s", path);
	if ((st.st_mode & 077) || (st.st_uid != geteuid() && st.st_uid != 0 && !owns_dir_of(path, st.st_uid))) {
		err_set(err, ERR_REFUSED, "secret file %s can be read by others (mode %04o, owner %u)", path,
			(unsigned int)st.st_mode & 07777, (unsigned int)st.st_uid);
		return err_hint(err, "run: chmod 0600 %s; and think about who may have read it", path);
	}
	if (fs_read_fd(fd, path, max, out, err) < 0)
		return -1;
	if (out->len - before < min)
		return err_set(err, ERR_REFUSED, "secret file %s has %zu bytes; it must have at least %zu", path,
			       out->len - before, min);
	return 0;
}

char *fs_join(const char *a, const char *b)
{
	size_t n = strlen(a);

	while (n > 0 && a[n - 1] == '/')
		n--;
	while (*b == '/')
		b++;
	return str_format("%.*s/%s", (int)n, a, b);
}
