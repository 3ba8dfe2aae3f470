/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/out.h"

#include "base/mem.h"
#include "base/str.h"
#include "cast/out_priv.h"
#include "cast/treehash.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

/* --- room --- */

static int no_room(const struct out *o, uint64_t needs, uint64_t has, struct err *err)
{
	char need[STR_BYTES_MAX], have[STR_BYTES_MAX], lack[STR_BYTES_MAX];

	str_from_bytes(needs, need);
	str_from_bytes(has, have);
	str_from_bytes(needs > has ? needs - has : 0, lack);
	err_set(err, ERR_FAILED, "no room for %s: it needs %s, there are %s: %s is lacking", o->shown, need, have, lack);
	return err_hint(err, "make room there, or receive into another file system");
}

static uint64_t room_bytes(const struct out *o)
{
	struct statvfs fs;

	if (fstatvfs(o->fd, &fs) < 0)
		return UINT64_MAX;
	return (uint64_t)(geteuid() == 0 ? fs.f_bfree : fs.f_bavail) * fs.f_frsize;
}

/* Places on the disk are taken at once: so it can't get full on the way, and neighbours lie side by side. In memory (tmpfs) that
 * would only write each page twice. What has no fallocate(2) does without. */
static int make_room(struct out *o, struct err *err)
{
	uint64_t needs = o->room_bytes ? o->room_bytes : o->file.size_bytes, has = room_bytes(o);
	struct statfs fs;
	struct stat st;

	if (fstat(o->fd, &st) < 0)
		return err_errno(err, errno, "look at %s", o->part);
	needs -= (uint64_t)st.st_blocks * 512 < needs ? (uint64_t)st.st_blocks * 512 : needs;
	if (has < needs)
		return no_room(o, needs, has, err);
	if (o->room_bytes || fstatfs(o->fd, &fs) < 0 || fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
		return 0;
	if (fallocate(o->fd, 0, 0, (off_t)o->file.size_bytes) < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
		if (errno == ENOSPC)
			return no_room(o, needs, room_bytes(o), err);
		return err_errno(err, errno, "make room for %s", o->shown);
	}
	return 0;
}

/* --- begin --- */

int out_check_ours(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "look at %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_REFUSED, "%s is not a regular file", path);
	if (st.st_uid == geteuid() && st.st_nlink <= 1)
		return 0;
	err_set(err, ERR_REFUSED, "%s is not ours alone: it %s", path,
		st.st_uid != geteuid() ? "belongs to another user" : "has other names");
	return err_hint(err, "remove it, or name a file in another directory");
}

static int open_part(struct out *o, struct err *err)
{
	struct stat st;

	o->fd = open(o->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (o->fd < 0)
		return err_errno(err, errno, "make %s", o->part);
	if (out_check_ours(o->fd, o->part, err) < 0)
		return -1;
	if (fs_flock(o->fd, LOCK_EX | LOCK_NB) < 0 || fstat(o->fd, &st) < 0 || st.st_nlink == 0) {
		err_set(err, ERR_CONFLICT, "%s is being received already, by another process", o->shown);
		return err_hint(err, "wait for its end, or name another file");
	}
	return 0;
}

/* What is kept is of a file of this size, in such pieces: then each piece can prove by its digest that it is of this file, even
 * where its name or time is another. */
static int take_up(struct out *o, struct err *err)
{
	struct out_journal j = { 0 };
	bool found = false;

	if (out_journal_load(o->part, o->journal, &j, &found, err) < 0)
		return -1;
	o->resumed = found && j.size_bytes == o->file.size_bytes && j.piece_bytes == o->file.piece_bytes;
	if (o->resumed) {
		o->at = j;
		o->at.id = o->file.id;
		o->stored_bytes = out_kept_bytes(&j);
		return 0;
	}
	out_journal_free(&j);
	if (unlink(o->journal) < 0 && errno != ENOENT)
		return err_errno(err, errno, "remove %s", o->journal);
	if (ftruncate(o->fd, 0) < 0)
		return err_errno(err, errno, "empty %s", o->part);
	o->at = (struct out_journal){ .id = o->file.id,
				      .size_bytes = o->file.size_bytes,
				      .piece_bytes = o->file.piece_bytes,
				      .have_len = (size_t)((ticket_pieces(&o->file) + 7) / 8) };
	o->at.have = mem_array(o->at.have_len, 1);
	return 0;
}

int out_open(const struct out_opts *opts, struct out **out, struct err *err)
{
	struct out *o = mem_zalloc(sizeof(*o));
	bool replaces;

	o->fd = o->journal_fd = -1;
	o->path = mem_strdup(opts->path);
	o->shown = str_printable(opts->path, strlen(opts->path));
	out_names(opts->path, &o->part, &o->journal);
	o->force = opts->force;
	o->room_bytes = opts->room_bytes;
	o->file = *opts->file;
	o->file.name = NULL;
	o->hands = opts->hands ? opts->hands : 1;
	o->hash = mem_array(o->hands, sizeof(o->hash[0]));
	for (unsigned int i = 0; i < o->hands; i++)
		o->hash[i] = treehash_new();
	pthread_mutex_init(&o->lock, NULL);
	thread_cond_init(&o->more);
	if (out_check_target(o->path, o->shown, o->force, &replaces, err) < 0 || open_part(o, err) < 0 || take_up(o, err) < 0 ||
	    make_room(o, err) < 0 || out_keep_start(o, err) < 0) {
		out_close(o, NULL);
		return -1;
	}
	*out = o;
	return 0;
}

/* --- pieces --- */

bool out_has(struct out *o, uint64_t piece)
{
	bool has;

	pthread_mutex_lock(&o->lock);
	has = o->at.have[piece / 8] >> (piece % 8) & 1;
	pthread_mutex_unlock(&o->lock);
	return has;
}

uint8_t *out_have(struct out *o, size_t *len)
{
	uint8_t *have;

	pthread_mutex_lock(&o->lock);
	have = mem_dup(o->at.have, o->at.have_len);
	*len = o->at.have_len;
	pthread_mutex_unlock(&o->lock);
	return have;
}

uint64_t out_bytes(struct out *o)
{
	uint64_t bytes;

	pthread_mutex_lock(&o->lock);
	bytes = o->stored_bytes;
	pthread_mutex_unlock(&o->lock);
	return bytes;
}

bool out_whole(struct out *o)
{
	return out_bytes(o) == o->file.size_bytes;
}

static void note(struct out *o, uint64_t piece)
{
	uint8_t bit = (uint8_t)(1U << (piece % 8));

	pthread_mutex_lock(&o->lock);
	if (!(o->at.have[piece / 8] & bit)) {
		uint32_t len = ticket_piece_len(&o->file, piece);

		o->at.have[piece / 8] |= bit;
		o->stored_bytes += len;
		if (!o->unsafe_bytes)
			pthread_cond_signal(&o->more);
		o->unsafe_bytes += len;
		if (o->unsafe_bytes >= OUT_UNSAFE_BYTES)
			pthread_cond_signal(&o->more);
	}
	pthread_mutex_unlock(&o->lock);
}

void out_drop(struct out *o, uint64_t piece)
{
	pthread_mutex_lock(&o->lock);
	o->at.have[piece / 8] &= (uint8_t) ~(1U << (piece % 8));
	o->stored_bytes -= ticket_piece_len(&o->file, piece);
	pthread_mutex_unlock(&o->lock);
}

void out_assume(struct out *o, uint64_t piece)
{
	pthread_mutex_lock(&o->lock);
	if (!(o->at.have[piece / 8] >> (piece % 8) & 1)) {
		o->at.have[piece / 8] |= (uint8_t)(1U << (piece % 8));
		o->stored_bytes += ticket_piece_len(&o->file, piece);
	}
	pthread_mutex_unlock(&o->lock);
}

int out_read(struct out *o, uint64_t at, void *data, size_t len, struct err *err)
{
	return fs_pread_all(o->fd, o->part, data, len, at, err);
}

void out_discard(struct out *o)
{
	pthread_mutex_lock(&o->lock);
	o->stored_bytes = 0;
	o->discarded = true;
	pthread_mutex_unlock(&o->lock);
}

static int is_broken(struct out *o, struct err *err)
{
	int rc = 0;

	pthread_mutex_lock(&o->lock);
	if (o->broken) {
		*err = o->why;
		rc = -1;
	}
	pthread_mutex_unlock(&o->lock);
	return rc;
}

int out_chunk(void *ctx, unsigned int hand, uint32_t piece, const uint8_t *data, size_t len, const struct digest *digest,
	      struct err *err)
{
	struct out *o = ctx;
	struct digest is;

	if (!digest)
		return err_set(err, ERR_FAILED, "piece %u came without its digest", piece);
	treehash_of(o->hash[hand], data, len, &is);
	if (digest_cmp(&is, digest) != 0)
		return err_set(err, ERR_DAMAGED, "piece %u has another digest than the sender signed", piece);
	if (is_broken(o, err) < 0)
		return -1;
	if (fs_pwrite_all(o->fd, o->part, data, len, (uint64_t)piece * o->file.piece_bytes, err) < 0)
		return room_bytes(o) < len ? no_room(o, o->file.size_bytes - out_bytes(o), room_bytes(o), err) : -1;
	note(o, piece);
	return 0;
}

/* --- the end --- */

static int give_name(struct out *o, struct err *err)
{
	int rc = o->force ? rename(o->part, o->path) : renameat2(AT_FDCWD, o->part, AT_FDCWD, o->path, RENAME_NOREPLACE);

	/* A file system that does not know how not to replace: then whoever is that quick loses. */
	if (rc < 0 && errno == EINVAL && !o->force)
		rc = fs_exists(o->path) ? (errno = EEXIST, -1) : rename(o->part, o->path);
	if (rc == 0)
		return 0;
	if (errno != EEXIST)
		return err_errno(err, errno, "name %s", o->shown);
	err_set(err, ERR_EXISTS, "%s exists: somebody made it meanwhile", o->shown);
	return err_hint(err, "what was received is in %s; --force replaces the other", o->part);
}

/* As cp(1) does: the sender's permissions as far as the umask lets them; the time of its content. */
static int dress(struct out *o, struct err *err)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
				     { .tv_sec = o->file.mtime_ns / NS_PER_S, .tv_nsec = o->file.mtime_ns % NS_PER_S } };
	mode_t mask = umask(0);

	umask(mask);
	if (times[1].tv_nsec < 0)
		times[1].tv_nsec = UTIME_OMIT;
	if (ftruncate(o->fd, (off_t)o->file.size_bytes) < 0 || fchmod(o->fd, o->file.mode & 0777 & ~mask) < 0 ||
	    futimens(o->fd, times) < 0 || fsync(o->fd) < 0)
		return err_errno(err, errno, "make %s durable", o->shown);
	return 0;
}

int out_finish(struct out *o, struct err *err)
{
	if (!out_whole(o))
		return err_set(err, ERR_FAILED, "%s is not whole", o->shown);
	out_keep_stop(o, false);
	if (is_broken(o, err) < 0 || dress(o, err) < 0 || give_name(o, err) < 0 || fs_sync_parent(o->path, err) < 0)
		return -1;
	o->finished = true;
	return unlink(o->journal) < 0 && errno != ENOENT ? err_errno(err, errno, "remove %s", o->journal) : 0;
}

void out_close(struct out *o, uint64_t *kept)
{
	if (!o)
		return;
	if (kept)
		*kept = 0;
	out_keep_stop(o, !o->finished && !o->discarded);
	if (!o->finished && o->fd >= 0 && o->at.have && !o->stored_bytes) {
		unlink(o->part);
		unlink(o->journal);
	} else if (kept && !o->finished) {
		*kept = o->stored_bytes;
	}
	if (o->fd >= 0)
		close(o->fd);
	if (o->journal_fd >= 0)
		close(o->journal_fd);
	for (unsigned int i = 0; i < o->hands; i++)
		treehash_free(o->hash[i]);
	pthread_cond_destroy(&o->more);
	pthread_mutex_destroy(&o->lock);
	out_journal_free(&o->at);
	free(o->hash);
	free(o->path);
	free(o->part);
	free(o->journal);
	free(o->shown);
	free(o);
}
