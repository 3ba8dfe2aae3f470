/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the bytes of one segment of raft's log (format 1 of raft/uv.h), so that damage is found before raft touches the file.
 * Pure. */
#ifndef ORTHRUS_STATE_SEGMENT_H
#define ORTHRUS_STATE_SEGMENT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SEGMENT_COMMAND 1 /* raft.h's RAFT_COMMAND */
struct segment_entry {
	uint64_t term;
	uint8_t type;
	const uint8_t *data;
	uint32_t len;
};

/* How the readable part ends. Nothing but zeros, or the end of the file, is how a segment looks that was not being written. */
enum segment_end { SEGMENT_END = 1, SEGMENT_ZEROS, SEGMENT_BROKEN };

/* Calls fn for each entry that is whole, in order; -1 from fn stops and is returned. *at: where the readable part ends. `err`
 * says why it is broken also when 0 is returned with SEGMENT_BROKEN. */
typedef int (*segment_fn)(void *ctx, const struct segment_entry *e, struct err *err);
int segment_read(const void *data, size_t len, segment_fn fn, void *ctx, enum segment_end *end, size_t *at,
		 struct err *err) WARN_UNUSED;

#endif
