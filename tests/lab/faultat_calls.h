/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls of x86_64 that reach a file system, for faultat: where their paths and file descriptors are among the
 * arguments. */
#ifndef ORTHRUS_TESTS_FAULTAT_CALLS_H
#define ORTHRUS_TESTS_FAULTAT_CALLS_H

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_BYTES 4096

enum call_class {
	CALL_CHANGE, /* the file system is another one after it, or is made durable */
	CALL_READ,
	CALL_OPEN, /* either, by its flags */
	CALL_IOCTL,
	CALL_OTHER,
};

#define NONE (-1)
#define CWD (-2)

/* dir and path are numbers of arguments. A path without a dir is relative to CWD; a dir without a path is a file descriptor
 * itself. */
struct call {
	long nr;
	const char *name;
	enum call_class class;
	signed char dir, path, dir2, path2;
	signed char flags; /* of an open: the argument that holds them */
	signed char count; /* of a read or write: the number of bytes, where one can be made shorter */
};

#define ON_FD(n, c)                                                                                                              \
	{                                                                                                                        \
		SYS_##n, #n, c, 0, NONE, NONE, NONE, NONE, NONE                                                                  \
	}
#define ON_BYTES(n, c)                                                                                                           \
	{                                                                                                                        \
		SYS_##n, #n, c, 0, NONE, NONE, NONE, NONE, 2                                                                     \
	}
#define ON_PATH(n, c)                                                                                                            \
	{                                                                                                                        \
		SYS_##n, #n, c, CWD, 0, NONE, NONE, NONE, NONE                                                                   \
	}
#define ON_AT(n, c)                                                                                                              \
	{                                                                                                                        \
		SYS_##n, #n, c, 0, 1, NONE, NONE, NONE, NONE                                                                     \
	}
#define ON_PATHS(n)                                                                                                              \
	{                                                                                                                        \
		SYS_##n, #n, CALL_CHANGE, CWD, 0, CWD, 1, NONE, NONE                                                             \
	}
#define ON_ATS(n)                                                                                                                \
	{                                                                                                                        \
		SYS_##n, #n, CALL_CHANGE, 0, 1, 2, 3, NONE, NONE                                                                 \
	}

static const struct call calls[] = {
	{ SYS_open, "open", CALL_OPEN, CWD, 0, NONE, NONE, 1, NONE },
	{ SYS_openat, "openat", CALL_OPEN, 0, 1, NONE, NONE, 2, NONE },
	{ SYS_openat2, "openat2", CALL_OPEN, 0, 1, NONE, NONE, 2, NONE },
	ON_PATH(creat, CALL_CHANGE),
	ON_BYTES(write, CALL_CHANGE),
	ON_BYTES(pwrite64, CALL_CHANGE),
	ON_FD(writev, CALL_CHANGE),
	ON_FD(pwritev, CALL_CHANGE),
	ON_FD(pwritev2, CALL_CHANGE),
	{ SYS_copy_file_range, "copy_file_range", CALL_CHANGE, 2, NONE, 0, NONE, NONE, NONE },
	{ SYS_sendfile, "sendfile", CALL_CHANGE, 0, NONE, 1, NONE, NONE, NONE },
	{ SYS_splice, "splice", CALL_CHANGE, 2, NONE, 0, NONE, NONE, NONE },
	ON_FD(fsync, CALL_CHANGE),
	ON_FD(fdatasync, CALL_CHANGE),
	ON_FD(syncfs, CALL_CHANGE),
	ON_FD(sync_file_range, CALL_CHANGE),
	ON_PATHS(rename),
	ON_ATS(renameat),
	ON_ATS(renameat2),
	ON_PATHS(link),
	ON_ATS(linkat),
	{ SYS_symlink, "symlink", CALL_CHANGE, CWD, 1, NONE, NONE, NONE, NONE },
	{ SYS_symlinkat, "symlinkat", CALL_CHANGE, 1, 2, NONE, NONE, NONE, NONE },
	ON_PATH(unlink, CALL_CHANGE),
	ON_AT(unlinkat, CALL_CHANGE),
	ON_PATH(rmdir, CALL_CHANGE),
	ON_PATH(mkdir, CALL_CHANGE),
	ON_AT(mkdirat, CALL_CHANGE),
	ON_PATH(mknod, CALL_CHANGE),
	ON_AT(mknodat, CALL_CHANGE),
	ON_PATH(truncate, CALL_CHANGE),
	ON_FD(ftruncate, CALL_CHANGE),
	ON_FD(fallocate, CALL_CHANGE),
	ON_PATH(chmod, CALL_CHANGE),
	ON_FD(fchmod, CALL_CHANGE),
	ON_AT(fchmodat, CALL_CHANGE),
	ON_PATH(chown, CALL_CHANGE),
	ON_PATH(lchown, CALL_CHANGE),
	ON_FD(fchown, CALL_CHANGE),
	ON_AT(fchownat, CALL_CHANGE),
	ON_AT(utimensat, CALL_CHANGE),
	ON_PATH(setxattr, CALL_CHANGE),
	ON_PATH(lsetxattr, CALL_CHANGE),
	ON_FD(fsetxattr, CALL_CHANGE),
	ON_PATH(removexattr, CALL_CHANGE),
	ON_PATH(lremovexattr, CALL_CHANGE),
	ON_FD(fremovexattr, CALL_CHANGE),
	ON_FD(flock, CALL_CHANGE),
	{ SYS_ioctl, "ioctl", CALL_IOCTL, 0, NONE, NONE, NONE, 1, NONE },
	ON_BYTES(read, CALL_READ),
	ON_BYTES(pread64, CALL_READ),
	ON_FD(readv, CALL_READ),
	ON_FD(preadv, CALL_READ),
	ON_FD(getdents64, CALL_READ),
	ON_FD(lseek, CALL_READ),
	ON_PATH(stat, CALL_READ),
	ON_PATH(lstat, CALL_READ),
	ON_FD(fstat, CALL_READ),
	ON_AT(newfstatat, CALL_READ),
	ON_AT(statx, CALL_READ),
	ON_PATH(access, CALL_READ),
	ON_AT(faccessat, CALL_READ),
	ON_PATH(readlink, CALL_READ),
	ON_AT(readlinkat, CALL_READ),
	ON_PATH(getxattr, CALL_READ),
	ON_PATH(lgetxattr, CALL_READ),
	ON_FD(fgetxattr, CALL_READ),
	ON_PATH(listxattr, CALL_READ),
	ON_PATH(llistxattr, CALL_READ),
	ON_FD(flistxattr, CALL_READ),
	ON_FD(close, CALL_OTHER),
};

/* The requests that change what is on the disk. */
static const unsigned int changing_ioctls[] = { FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, FICLONE, FICLONERANGE };

static inline void read_string(pid_t tid, uint64_t at, char *out, size_t max)
{
	size_t n = 0;

	while (n + 1 < max) {
		/* Not past the end of a page: the next one may not be there. */
		size_t piece = 4096 - (at + n) % 4096;
		struct iovec here = { out + n, piece < max - 1 - n ? piece : max - 1 - n };
		struct iovec there = { (void *)(uintptr_t)(at + n), here.iov_len };
		ssize_t got = process_vm_readv(tid, &here, 1, &there, 1, 0);

		if (got <= 0)
			break;
		if (memchr(out + n, '\0', (size_t)got))
			return;
		n += (size_t)got;
	}
	out[n] = '\0';
}

static inline void link_of(const char *path, char *out, size_t max)
{
	ssize_t n = readlink(path, out, max - 1);

	out[n < 0 ? 0 : n] = '\0';
}

/* What argument `dir` and `path` mean: an absolute path. Names that go through our own file descriptors, as extended attributes
 * of links have to be set, are followed. */
static inline void path_of(pid_t tid, const uint64_t *args, int dir, int path, char *out, size_t max)
{
	char name[PATH_BYTES] = "", proc[64], base[PATH_BYTES / 2] = "", *end;
	static const char self[] = "/proc/self/fd/";
	long fd = dir == CWD || dir == NONE ? AT_FDCWD : (int)args[dir];

	out[0] = '\0';
	if (dir == NONE)
		return;
	if (path != NONE)
		read_string(tid, args[path], name, sizeof(name));
	if (strncmp(name, self, sizeof(self) - 1) == 0) {
		fd = strtol(name + sizeof(self) - 1, &end, 10);
		memmove(name, *end ? end + 1 : end, strlen(*end ? end + 1 : end) + 1);
	}
	if (name[0] != '/') {
		if (fd == AT_FDCWD)
			snprintf(proc, sizeof(proc), "/proc/%d/cwd", tid);
		else
			snprintf(proc, sizeof(proc), "/proc/%d/fd/%ld", tid, fd);
		link_of(proc, base, sizeof(base));
	}
	if (strcmp(name, ".") == 0)
		name[0] = '\0';
	snprintf(out, max, "%s%s%s", base, base[0] && name[0] ? "/" : "", name);
}

static inline const struct call *call_of(uint64_t nr)
{
	static const struct call other = {
		.nr = -1, .name = "other", .class = CALL_OTHER, .dir = NONE, .dir2 = NONE, .count = NONE
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].nr == (long)nr)
			return &calls[i];
	return &other;
}

static inline enum call_class class_of(const struct call *c, pid_t tid, const uint64_t *args)
{
	struct open_how how = { 0 };
	uint64_t flags = c->flags >= 0 ? args[c->flags] : 0;
	struct iovec here = { &how, sizeof(how) }, there = { (void *)(uintptr_t)flags, sizeof(how) };

	if (c->class == CALL_IOCTL) {
		for (size_t i = 0; i < sizeof(changing_ioctls) / sizeof(changing_ioctls[0]); i++)
			if (changing_ioctls[i] == (unsigned int)flags)
				return CALL_CHANGE;
		return CALL_OTHER;
	}
	if (c->class != CALL_OPEN)
		return c->class;
	if (c->nr == SYS_openat2)
		flags = process_vm_readv(tid, &here, 1, &there, 1, 0) > 0 ? how.flags : 0;
	return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) ? CALL_CHANGE : CALL_READ;
}

#endif
