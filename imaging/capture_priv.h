/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that capture share. */
#ifndef ORTHRUS_IMAGING_CAPTURE_PRIV_H
#define ORTHRUS_IMAGING_CAPTURE_PRIV_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "imaging/capture.h"
#include "imaging/store.h"
#include "imaging/tree.h"
#include "sys/spawn_stream.h"

#include <stdbool.h>
#include <stdint.h>

/* --- capture_facts.c: the machine's answer to mode probe. */
enum capture_hold { CAPTURE_LIVE, CAPTURE_LVM, CAPTURE_BTRFS };

struct capture_fs {
	char *target, *type, *source, *root; /* as proc(5) has them, unescaped */
	bool removable;
	uint64_t used_bytes;
	enum capture_hold can, hold; /* how it could be held still, and how it is */
	char *lv;		     /* VG/LV */
	uint64_t lv_bytes, vg_free_bytes, snapshot_bytes;
	bool thin;
	bool taken;
	char *why; /* why not taken, when somebody may miss it; else NULL */
};
struct capture_facts {
	char *ssh_host; /* "[USER@]HOST", NULL: here */
	char *dir;	/* the tree's root there, without links */
	char *host, *suite;
	uint64_t uid;
	bool system; /* a system's root, not just a directory */
	bool has_tar, has_find, has_lsattr, can_mount;
	struct str_list leftovers, mdadm, nested; /* nested: btrfs subvolumes in others, which a snapshot does not have */
	char *lsblk, *blkid;
	struct capture_fs *fs;
	size_t n_fs, fs_cap;
	struct str_list excludes; /* all patterns: the caller's and what is no part of an image */
	bool no_logs;		  /* of /var/log only the directories */
	bool plain;		  /* one file system, read where it is */
	unsigned int snapshots, live;
};
/* Pure. `text` is the probe's answer. */
int capture_facts_read(const char *text, size_t len, struct capture_facts *f, struct err *err) WARN_UNUSED;
/* Pure: which file systems are taken and how; fills excludes. `c` says what is wished. */
int capture_facts_decide(const struct capture *c, struct capture_facts *f, struct err *err) WARN_UNUSED;
/* Pure: layout.json. `changed` and what the capture was. */
void capture_layout(const struct capture_facts *f, const struct capture_result *r, unsigned int rounds, struct buf *out);
/* "/a/b" of "/a": is `path` `dir` or below it? */
bool capture_is_below(const char *path, const char *dir);
/* Is the tree's path (or what it lies in) left out? */
bool capture_excluded(const struct capture_facts *f, const char *path, bool is_dir);
/* capture_settings.c: how the file system is held that the tree's path is on. */
enum capture_hold capture_hold_of(const struct capture_facts *f, const char *path);
/* The settings of mode read. `again`: what is held still is left aside, and the script waits for names. */
void capture_describe(const struct capture_facts *f, bool again, struct buf *out);
/* capture_identity.c: patterns of what belongs to one machine, or to one day. */
void capture_identity(struct str_list *patterns);

/* --- capture_agent.c: bash there, with our script on its standard input. */
struct capture_agent {
	struct spawn_stream stream;
	const struct capture *c;
	const struct capture_facts *f;
};
/* `settings` are lines of bash before the script. */
int capture_agent_start(struct capture_agent *a, const struct capture *c, const struct capture_facts *f, const char *settings,
			bool own_mounts, struct err *err) WARN_UNUSED;
/* Up to `len` bytes of its answer, 0 at the end. */
ssize_t capture_agent_read(struct capture_agent *a, void *data, size_t len, struct err *err) WARN_UNUSED;
/* End the talk. 0 when it ended well; what it said else. With `err` already set by what happened here, its words are better. */
int capture_agent_end(struct capture_agent *a, struct err *err) WARN_UNUSED;
void capture_agent_free(struct capture_agent *a);
/* NAME='value', whatever is in it; and an array of such. */
void capture_set(struct buf *settings, const char *name, const char *value);
void capture_set_all(struct buf *settings, const char *name, const struct str_list *values);

/* --- capture_list.c: what there is in the tree, by find. */
struct capture_item {
	char *path;
	char type; /* find's letter */
	uint16_t mode;
	uint32_t uid, gid;
	uint64_t size, blocks;
	int64_t mtime_s, ctime_s;
	uint32_t mtime_ns, ctime_ns;
	uint64_t dev, ino, links;
	uint32_t flags;
};
struct capture_list {
	struct capture_item *items; /* in tree order, after capture_list_sort() */
	size_t len, cap;
	int64_t begin_s; /* the machine's clock a little before it was begun */
	uint32_t begin_ns;
};
void capture_list_free(struct capture_list *l);
/* One record of find, without the zero byte. */
int capture_list_add(struct capture_list *l, const char *record, struct err *err) WARN_UNUSED;
void capture_list_sort(struct capture_list *l);
const struct capture_item *capture_list_find(const struct capture_list *l, const char *path);
/* What the machine's clock said before it began, as date +%s.%N writes it. */
int capture_list_began(struct capture_list *l, const char *time, struct err *err) WARN_UNUSED;
/* One line of lsattr. */
void capture_list_flags(struct capture_list *l, const char *line);
uint64_t capture_list_bytes(const struct capture_list *l); /* of content, about */

/* --- capture_tar.c: the stream of GNU tar. */
struct capture_got {		 /* beside the tree entry */
	int64_t ctime_s, read_s; /* read_s: the machine's clock before it was read */
	uint32_t ctime_ns, read_ns;
};
struct capture_tree {
	struct tree tree; /* link ids are not set; streams are places in what `put` took */
	struct capture_got *got;
	size_t got_cap;
	int64_t read_s;
	uint32_t read_ns;
};
void capture_tree_free(struct capture_tree *t);
struct capture_stream {
	ssize_t (*read)(void *ctx, void *data, size_t len, struct err *err);
	int (*put)(void *ctx, const void *data, size_t len, struct err *err);
	bool (*wanted)(void *ctx, const char *path, bool is_dir); /* others are passed over */
	void *ctx;
};
/* To the end of the archive. The entries must come in tree order (ERR_DAMAGED by name). */
int capture_tar_read(const struct capture_stream *s, struct capture_tree *out, struct err *err) WARN_UNUSED;

/* --- capture_rounds.c: what is the same, what has to be read again, what the image is in the end. Pure. */
/* Paths to read (again): new, or changed since. */
void capture_differences(const struct capture_tree *have, const struct capture_list *now, struct str_list *out);
/* Put what was read later over what was read before; `later` is empty afterwards. */
void capture_overlay(struct capture_tree *have, struct capture_tree *later);
/* The tree of the image: what is in the list and was read, sockets from the list, links numbered, flags set. Streams stay places
 * in what was put. What is in the list, but never came, is added to `missing`. `have` is empty afterwards. */
void capture_settle(struct capture_tree *have, const struct capture_list *list, bool add_machine_id, struct tree *out,
		    struct str_list *missing);

/* --- capture_spool.c: content that may have to be taken again, compressed in a file without a name. */
struct capture_spool;
int capture_spool_open(const char *dir, struct capture_spool **out, struct err *err) WARN_UNUSED;
void capture_spool_free(struct capture_spool *s);
int capture_spool_add(struct capture_spool *s, const void *data, size_t len, struct err *err) WARN_UNUSED;
int capture_spool_done(struct capture_spool *s, struct err *err) WARN_UNUSED; /* before the first read */
int capture_spool_read(struct capture_spool *s, uint64_t at, uint64_t len,
		       int (*take)(void *ctx, const void *data, size_t len, struct err *err), void *ctx,
		       struct err *err) WARN_UNUSED;

/* --- capture_read.c: a capture under way, and one reading of the machine. */
struct capture_run {
	const struct capture *c;
	const struct capture_facts *f;
	struct capture_result *result;
	struct capture_agent agent;
	uint8_t buffer[65536]; /* read, but not yet taken */
	size_t begin, end;
	struct capture_list list;
	struct capture_tree tree;
	struct capture_spool *spool;
	struct ingest_sink *sink; /* where content goes when nothing can change */
	struct tree *sink_tree;
	uint64_t done_bytes, total_bytes;
	unsigned int rounds;
	struct tree image; /* of a live tree: settled, places are those in the spool */
	struct buf layout;
};
/* The list and everything in it, for the first time. */
int capture_read_all(struct capture_run *r, struct err *err) WARN_UNUSED;
/* The list again, and what lives and changed since: *more says whether anything was read. With `last` nothing is: what still
 * changed is noted in the result. */
int capture_read_again(struct capture_run *r, bool last, bool *more, struct err *err) WARN_UNUSED;

#endif
