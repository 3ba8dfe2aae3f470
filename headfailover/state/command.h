/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One log entry of the state: a set of writes, all or none, as bytes. The format is what members of different versions share. */
#ifndef ORTHRUS_STATE_COMMAND_H
#define ORTHRUS_STATE_COMMAND_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct state_op;

#define COMMAND_KEY_MAX 200
#define COMMAND_VALUE_MAX (512u * 1024)
#define COMMAND_OPS_MAX 4096
#define COMMAND_MAX (1024u * 1024) /* raft's entries stay below 1 MiB */

/* Who sent it, and his number for it: a command that is sent again (its outcome was unknown) is applied once. */
struct command_id {
	uint64_t client, seq;
};

/* Points into the entry; nothing is NUL-terminated. */
struct command_op {
	const char *key, *value; /* value NULL: delete */
	uint32_t value_len;
	uint16_t key_len;
	uint64_t expect;
};
struct command {
	struct command_id id;
	struct command_op *ops;
	size_t n;
};

/* ERR_INVALID names the key and what is wrong with it. */
int command_check_key(const char *key, size_t len, struct err *err) WARN_UNUSED;
/* Checks everything (keys, sizes, no key twice) and appends the entry to `out`. Its length is a multiple of 8, which raft's log
 * needs, with the true length inside. */
int command_encode(const struct command_id *id, const struct state_op *ops, size_t n, struct buf *out,
		   struct err *err) WARN_UNUSED;
/* Strict: what command_encode() would not have written is ERR_DAMAGED. `data` must outlive `out`. */
int command_decode(const void *data, size_t len, struct command *out, struct err *err) WARN_UNUSED;
void command_free(struct command *c);

#endif
