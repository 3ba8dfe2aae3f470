/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One member of the raft group: the thread, the loop, and libraft on it. Knows entries, not what they mean. */
#ifndef ORTHRUS_STATE_MEMBER_H
#define ORTHRUS_STATE_MEMBER_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct member;

/* What the entries mean to. All are called on the member's thread, or in member_open() before that runs. */
struct member_machine {
	/* Entry `index` is committed. -1: it cannot be understood; the member stops. Must not keep or free `entry`. */
	int (*apply)(void *ctx, uint64_t index, const void *entry, size_t len, struct err *err);
	void (*snapshot)(void *ctx, struct buf *out);
	/* Replace everything by a snapshot. */
	int (*restore)(void *ctx, const void *data, size_t len, struct err *err);
	void *ctx;
};

/* 0: the default. Only tests change them; `fault` too: it sees raft's answer to each entry (0: committed) and may turn it into an
 * error, as if leadership had been lost between the commit and the answer. */
struct member_tuning {
	unsigned int snapshot_threshold; /* 2048 entries */
	unsigned int snapshot_trailing;	 /* 1024 entries */
	size_t log_bytes;     /* 32 MiB: when entries are large, so much of them calls for a snapshot, and half of it stays */
	size_t segment_bytes; /* 8 MiB */
	size_t window_bytes;  /* 4 MiB under way at once; accepted only while the disk has 2 MiB more than that set aside */
	int64_t patience_ns;  /* 10 s: how long an entry is tried again before its outcome is called unknown */
	int (*fault)(void *ctx, int status);
	void *fault_ctx;
};

struct member_opts {
	const char *dir; /* raft's own directory, which exists */
	uint64_t id;
	const char *address; /* kept in the group's configuration, for the time when there are several voters */
	bool bootstrap;	     /* the directory is empty: begin with this member as the only voter */
	struct member_machine machine;
	struct member_tuning tuning;
};
/* Returns when this member leads and has applied all there is. */
int member_open(const struct member_opts *opts, struct member **out, struct err *err) WARN_UNUSED;
/* Entries not yet committed are answered with MEMBER_CLOSED before it returns. NULL is fine. Not from the member's thread. */
void member_close(struct member *m);
struct loop *member_loop(struct member *m);
uint64_t member_term(struct member *m); /* the member's thread only */

enum member_outcome {
	MEMBER_COMMITTED = 1, /* and applied */
	MEMBER_NO_SPACE,      /* the disk is full; it is not in the log */
	MEMBER_UNKNOWN,	      /* it may be committed or not */
	MEMBER_CLOSED,	      /* the member is closing; committed or not */
};
/* From any thread: append an entry (a multiple of 8 bytes, copied). It may be applied more than once: after lost leadership it is
 * appended again, so it must carry an id. `done` is called once, on the member's thread. False, and `done` is not called: the
 * member is closed, or the length is one that raft's log cannot keep. */
typedef void (*member_done)(void *ctx, enum member_outcome outcome);
bool member_submit(struct member *m, const void *entry, size_t len, member_done done, void *ctx) WARN_UNUSED;

#endif
