/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files: atomic writes, bounded reads, and paths that cannot leave their directory. */
#ifndef ORTHRUS_SYS_FS_H
#define ORTHRUS_SYS_FS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Replace `path` with `data`: temp file in the same directory, fsync, rename, fsync of the directory. All or nothing. */
int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *err) WARN_UNUSED;
/* The same for `name` in an open directory, which errors call `name_for_errors`. */
int fs_write_atomic_at(int dirfd, const char *name, const char *name_for_errors, const void *data, size_t len, mode_t mode,
		       struct err *err) WARN_UNUSED;
/* Make the directory that holds `path` durable: a rename in it counts only then. */
int fs_sync_parent(const char *path, struct err *err) WARN_UNUSED;
/* fs_write_atomic() only when the content differs; *changed may be NULL. */
int fs_write_if_changed(const char *path, const void *data, size_t len, mode_t mode, bool *changed, struct err *err) WARN_UNUSED;
/* The same for many files of one file system: the first few are durable one by one, as they are when they are few; from then on
 * each is replaced whole, and all become durable together with fs_batch_end(), for `dir` on that file system (syncfs(2)). */
#define FS_BATCH_ONE_BY_ONE 8
struct fs_batch {
	size_t written;
	bool later;
};
int fs_batch_write(struct fs_batch *b, const char *path, const void *data, size_t len, mode_t mode, struct err *err) WARN_UNUSED;
int fs_batch_end(struct fs_batch *b, const char *dir, struct err *err) WARN_UNUSED;
/* Open a file to read it. What is no regular file is refused by its name, never waited for (a pipe would be). `flags`: 0 or
 * O_NOFOLLOW (a symbolic link as the last part of the path: ERR_REFUSED). Returns the fd or -1. */
int fs_open_regular(const char *path, int flags, struct err *err) WARN_UNUSED;
int fs_open_regular_at(int dirfd, const char *name, const char *name_for_errors, int flags, struct err *err) WARN_UNUSED;
/* Whole regular file into `out` (appended); more than `max` bytes is an error. */
int fs_read(const char *path, size_t max, struct buf *out, struct err *err) WARN_UNUSED;
int fs_read_nofollow(const char *path, size_t max, struct buf *out, struct err *err) WARN_UNUSED; /* fs_open_regular O_NOFOLLOW */
int fs_read_fd(int fd, const char *name_for_errors, size_t max, struct buf *out, struct err *err) WARN_UNUSED;
/* All of it, at an offset, through EINTR and short writes. */
int fs_write_all(int fd, const char *name_for_errors, const void *data, size_t len, struct err *err) WARN_UNUSED;
int fs_pwrite_all(int fd, const char *name_for_errors, const void *data, size_t len, uint64_t at, struct err *err) WARN_UNUSED;
int fs_pread_all(int fd, const char *name_for_errors, void *data, size_t len, uint64_t at, struct err *err) WARN_UNUSED;
/* openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS and `resolve_more` (e.g. RESOLVE_NO_SYMLINKS); O_CLOEXEC is added.
 * Returns the fd or -1. */
int fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve_more, struct err *err) WARN_UNUSED;
int fs_open_dir(const char *path, struct err *err) WARN_UNUSED; /* O_DIRECTORY | O_CLOEXEC */
/* Like mkdir -p; what exists is left alone. */
int fs_mkdirs(const char *path, mode_t mode, struct err *err) WARN_UNUSED;
/* Like rm -rf, never across a mount point, never through a symlink, at any depth with few descriptors; absent is fine. */
int fs_remove_tree(const char *path, struct err *err) WARN_UNUSED;
int fs_remove_tree_at(int dirfd, const char *name, const char *name_for_errors, struct err *err) WARN_UNUSED;
/* The same where something may be immutable or append-only: in the tree, or the directory that holds it, which loses the flag. */
int fs_remove_tree_forced_at(int dirfd, const char *name, const char *name_for_errors, struct err *err) WARN_UNUSED;
/* unlinkat(2) of a name of `type` (st_mode) that may be immutable or append-only, or lie in such a directory, which loses the
 * flag. A file that has other names keeps it. -1: errno says why. */
int fs_unlink_forced(int dirfd, const char *name, mode_t type) WARN_UNUSED;
bool fs_exists(const char *path);
/* statx(2) of type and inode: of `name` in an open directory, through no symlink, or of what `dirfd` itself is (""). -1: errno
 * says why. */
struct statx;
int fs_look(int dirfd, const char *name, struct statx *out) WARN_UNUSED;
/* Of what fs_look() found: is something mounted there, be it a part of the same file system (a bind mount)? With `top`: also what
 * is on another file system than that (a subvolume). */
bool fs_is_mounted(const struct statx *st, const struct statx *top);
/* Names in a directory, sorted bytewise, without "." and "..". */
int fs_list(const char *path, struct str_list *out, struct err *err) WARN_UNUSED;
int fs_list_fd(int dirfd, const char *name_for_errors, struct str_list *out, struct err *err) WARN_UNUSED;
/* flock(2), through EINTR. Where the file system has no locks there is none, and that is 0 too; else -1 and errno. */
int fs_flock(int fd, int how) WARN_UNUSED;
/* An exclusive flock on `path` (created); held until the fd is closed or the process dies. Held by another: ERR_CONFLICT. */
int fs_lock(const char *path, struct err *err) WARN_UNUSED;
/* Refuse (ERR_REFUSED) a secret file that others may read, that is empty, or that is neither ours nor root's; then read it. What
 * is of the owner of its directory, where nobody else may write, is fine too: root reads keys of the user orthrus. */
int fs_read_secret(const char *path, size_t min, size_t max, struct buf *out, struct err *err) WARN_UNUSED;
/* "a/b": joins, with exactly one slash. Caller frees. */
char *fs_join(const char *a, const char *b);

#endif
