/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far this member has acknowledged, kept beside raft's log: raft_uv silently cuts a damaged open segment off, and would then
 * serve, and vote with, less than it promised. */
#ifndef ORTHRUS_STATE_MARK_H
#define ORTHRUS_STATE_MARK_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct mark {
	uint64_t id;	     /* of the member whose directory this is */
	uint64_t index;	     /* the last command acknowledged; 0: none */
	uint64_t term;	     /* raft's term then */
	struct digest chain; /* kv_chain() at `index` */
	bool serving;	     /* false: the directory was still being made, nothing was ever acknowledged */
};
struct mark_file;

/* A new mark file, durable, atomically; `m` is what it says. */
int mark_create(const char *path, const struct mark *m, struct err *err) WARN_UNUSED;
/* ERR_NOT_FOUND: there is none. ERR_DAMAGED: no copy of the mark in it is whole. */
int mark_open(const char *path, struct mark_file **out, struct mark *now, struct err *err) WARN_UNUSED;
/* Durable when it returns; needs no space on the disk. Two copies in turn, so that a torn write leaves the one before. One caller
 * at a time. */
int mark_write(struct mark_file *f, const struct mark *m, struct err *err) WARN_UNUSED;
void mark_close(struct mark_file *f); /* NULL is fine */

#endif
