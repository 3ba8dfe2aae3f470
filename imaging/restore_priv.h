/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A restore's state, shared by the files that carry it out. */
#ifndef ORTHRUS_IMAGING_RESTORE_PRIV_H
#define ORTHRUS_IMAGING_RESTORE_PRIV_H

#include "imaging/codec.h"
#include "imaging/image_docs.h"
#include "imaging/restore.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#define RESTORE_THREADS_MAX 8

/* The directory last opened: neighbours in the stream are mostly neighbours in the tree. */
struct restore_dir {
	char *path;
	int fd;
};

/* What becomes of a regular file with content. */
enum restore_file {
	RESTORE_PIECES, /* made at the beginning; its chunks fill it in any order, its attributes come at the end */
	RESTORE_WHOLE,	/* all of it is in one chunk, which makes it complete with its attributes at once */
};

struct restore {
	struct image_docs docs;
	struct digest manifest; /* of the manifest's bytes: names the image */
	int target_fd;
	uid_t uid; /* what files get that we make, if nobody says otherwise */
	gid_t gid;
	mode_t mask;
	bool existing;	/* something of this tree may be in the target: it is used where it is right, and replaced where not */
	bool comparing; /* nothing may be changed */
	bool resumable, direct;
	bool reserves; /* restore_can_reserve() */
	uint64_t checkpoint_bytes;

	struct restore_chunk *chunks; /* each once, by (pack, offset) */
	size_t n_chunks;
	size_t *first_at; /* chunk i belongs at stream offsets at[first_at[i]] .. at[first_at[i + 1] - 1] */
	uint64_t *at;
	uint64_t stored_bytes;
	uint8_t *file;	/* enum restore_file, by entry */
	bool *finished; /* by entry: complete, attributes too; a directory: something is mounted there that an update leaves alone
			 */
	bool *lost;	/* by entry: a file that was not there as it has to be, whatever a journal says of its chunks */
	size_t *link_first, *link_names; /* restore_links_index(): the entries of link id n are link_names[link_first[n]], .. */
	dev_t dev;			 /* of the target */
	int *mounts;			 /* directories of what is mounted below it, under the lock */
	size_t n_mounts, mounts_cap;
	const struct tree_entry **level; /* directories of one depth, while they are made */

	pthread_mutex_t lock; /* of what is below */
	bool *done;	      /* by chunk */
	size_t n_done;
	uint64_t since_checkpoint; /* raw bytes */
	bool in_checkpoint;
	struct restore_hand *own; /* for restore_finish() and for what needs no thread of its own */
};

struct restore_hand {
	struct restore *r;
	struct codec *codec;
	uint8_t *raw;	   /* scratch of the longest chunk, somewhere in raw_room */
	uint8_t *raw_room; /* longer by what restore_raw_align() needs */
	uint8_t *aside;	   /* room for the longest chunk, on a page: for what is compared, or copied to be written */
	bool direct;	   /* writes past the page cache are worth a try */
	struct restore_dir dir;
	uint64_t n_made;	       /* files since the last chunk was done */
	const struct tree_entry *open; /* the file of pieces last written, or the file last read */
	int open_fd;
	bool open_writes; /* which of them */
};

/* restore_put.c. each(hand, i) for the numbers below `n`, by as many threads as make sense. */
int restore_each(struct restore *r, size_t n, size_t block, int (*each)(void *hand, size_t i, struct err *err),
		 struct err *err) WARN_UNUSED;

/* restore_put() of bytes that lie in a pack with the SHA-256 that the signed chunk table names, where it says they lie: they
 * can't be other than the signer's. zstd's own checksum is of the raw bytes, and finds what went wrong between hashing and
 * packing. */
int restore_put_proven(struct restore_hand *h, size_t i, const void *stored, size_t stored_len, struct err *err) WARN_UNUSED;

void restore_close_open(struct restore_hand *h);
/* Write h->raw, which holds chunk `i`, to the files at its place r->at[k]. */
int restore_write_chunk(struct restore_hand *h, size_t i, size_t k, struct err *err) WARN_UNUSED;

/* restore_write.c. Long runs of bytes go past the page cache: what is restored is not read again soon, and the copy, the new
 * pages and the wait for them at the end take longer than the disk. Where that can't be, they go through it. */
void restore_raw_new(struct restore_hand *h);
/* Move h->raw so that the longest piece of chunk `i` lies in memory as it will in its file. Call before it is filled. */
void restore_raw_align(struct restore_hand *h, size_t i);
/* Blocks for a file of `size` without holes, in one go: pieces that come in any order lie together then, and don't wait for one
 * another. Only where that is known to help. */
bool restore_can_reserve(int target_fd);
void restore_reserve(const struct restore *r, int fd, uint64_t size);
int restore_write_at(struct restore_hand *h, int fd, const uint8_t *data, size_t len, uint64_t offset,
		     struct err *err) WARN_UNUSED;

/* "restore '/path': " in front of `err`. Returns -1. */
int restore_entry_error(const struct tree_entry *e, struct err *err);

/* restore_make.c. An fd of the directory that `e` is in, beneath the target and through no symlink, and e's name in it ("." for
 * the root). `dir` keeps the fd; valid until its next use. */
int restore_parent(const struct restore *r, struct restore_dir *dir, const struct tree_entry *e, const char **name,
		   struct err *err) WARN_UNUSED;
void restore_dir_close(struct restore_dir *dir);
/* Refuse (ERR_EXISTS) a target that has something where the image wants something: directories may be there. Changes nothing. */
int restore_check_way(struct restore *r, struct err *err) WARN_UNUSED;
/* restore_dirs.c. What was there before (a mount point, lost+found) is used when it is a directory. */
int restore_make_directory(struct restore *r, int parent, const char *name, struct err *err) WARN_UNUSED;
/* All directories where nothing is yet: one level after the other, each by several threads. */
int restore_make_dirs(struct restore *r, struct err *err) WARN_UNUSED;
/* restore_make.c. Everything but whole files' content and hard links. */
int restore_make_all(struct restore *r, struct err *err) WARN_UNUSED;
/* Make the regular file complete: content, owner, mode, attributes, time. What is there already and right is left alone. */
int restore_make_whole(struct restore_hand *h, const struct tree_entry *e, const uint8_t *content, struct err *err) WARN_UNUSED;
/* Remove a name that is no directory, immutable or not. Absent is fine. */
int restore_remove(int parent, const char *name, struct err *err) WARN_UNUSED;
/* Where what may be there is to be made use of: is it of type `mode & S_IFMT`? */
bool restore_is_there(int parent, const char *name, mode_t type);

/* restore_attr.c. Owner, mode, extended attributes, time, but no flags. `fd` may be -1. `fresh`: it was made by this process just
 * now with mode `made`, and has nothing else. */
struct restore_at {
	int parent;
	const char *name;
	int fd;
	bool fresh;
	mode_t made;
};
int restore_set_attributes(const struct restore *r, const struct restore_at *at, const struct tree_entry *e,
			   struct err *err) WARN_UNUSED;
/* The same where something may be right already: only what differs is changed, so that its change time stays. */
int restore_mend_attributes(const struct restore_at *at, const struct tree_entry *e, struct err *err) WARN_UNUSED;
/* Inode flags: last, an immutable file takes nothing more. And away with them, where something is to be changed again. */
int restore_set_flags(int parent, const char *name, const struct tree_entry *e, struct err *err) WARN_UNUSED;
void restore_clear_flags(int parent, const char *name);
/* The mode to create `e` with, so that mostly nothing need be said later. */
mode_t restore_first_mode(const struct restore *r, const struct tree_entry *e);

/* A directory that was there hands nothing down (group, default ACL, flags) to what is made in it: its own attributes come last.
 */
int restore_disinherit(const struct restore *r, int parent, const char *name, struct err *err) WARN_UNUSED;

/* restore_inplace.c. Which names belong to one inode in the image; once, before restore_may_use(). */
void restore_links_index(struct restore *r);
/* Writing to this inode writes to nothing but the image's names of `e`: all of its names are those. */
bool restore_may_use(struct restore *r, const struct stat *st, const struct tree_entry *e);
/* Chunks that were noted as durable, but whose file was not there any more (restore.lost), are not done. */
void restore_forget_lost(struct restore *r);

/* restore_journal.c: which chunks are durable, in a file of the target while the restore is not complete. */
#define RESTORE_JOURNAL ".orthrus-restore"
/* Is `name` in the target the journal, or what is left of one whose writing was cut off (known by its name, its mode, its owner
 * and its beginning)? Whatever else has such a name is somebody's. 1: yes, 0: no, -1: it can't be seen. */
int restore_is_journal(int target_fd, const char *name, struct err *err) WARN_UNUSED;
/* Read it. False when there is none; ERR_REFUSED when it is of another image. Marks chunks as done. */
int restore_journal_read(struct restore *r, bool *found, struct err *err) WARN_UNUSED;
/* Everything that is done so far is made durable, then noted. */
int restore_journal_write(struct restore *r, struct err *err) WARN_UNUSED;
/* The target and what is mounted below it. */
int restore_make_durable(struct restore *r, struct err *err) WARN_UNUSED;
int restore_journal_remove(struct restore *r, struct err *err) WARN_UNUSED;
/* An extended attribute of the target: all of this image is there and durable, but the target's own attributes may be not. Where
 * the file system has none, nothing is lost but the time of a directory, when we are killed just then. */
#define RESTORE_MARK "user.orthrus.restore"
int restore_mark_set(const struct restore *r, struct err *err) WARN_UNUSED;
int restore_mark_remove(const struct restore *r, struct err *err) WARN_UNUSED;

/* restore_update.c: what the target holds beside the image's tree, or as something else (topmost names, "/usr/old/"); remove it.
 */
/* Is all that is still to be put in the packs there? Nothing but their lengths is looked at. */
int restore_check_packs(struct restore *r, const char *packs_dir, struct err *err) WARN_UNUSED;
int restore_find_extras(struct restore *r, struct str_list *out, struct err *err) WARN_UNUSED;
int restore_clear_way(struct restore *r, struct err *err) WARN_UNUSED;
/* Mark as done the chunks whose bytes are already in their files, by SHA-256. Changes nothing in the target. */
int restore_find_kept(struct restore *r, struct err *err) WARN_UNUSED;

#endif
