/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The documents themselves: what a committed command does to them. Pure and deterministic, so that every member that applies the
 * same entries holds the same bytes. Not thread-safe; state.c locks. */
#ifndef ORTHRUS_STATE_KV_H
#define ORTHRUS_STATE_KV_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "headfailover/state/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state_doc;
struct state_docs;
struct state_changes;

struct kv;

/* How much of the past kv_changes() can tell, and how many commands are remembered against being applied twice. 0: the default,
 * which all members of a cluster must share; only tests set it. */
struct kv_limits {
	size_t changes;	      /* 8192 */
	size_t changes_bytes; /* 8 MiB */
	size_t commands;      /* 1024: many more than are ever under way at once */
};
struct kv *kv_new(const struct kv_limits *limits) __attribute__((returns_nonnull)); /* NULL: all defaults */
void kv_free(struct kv *kv);

/* What became of a command. */
struct kv_result {
	struct command_id id;
	bool conflict;		       /* an expectation failed, nothing was written */
	bool again;		       /* it had been applied before; this is the result of then */
	uint64_t revision;	       /* of the write; of a conflict: 0 */
	uint64_t found;		       /* conflict: the version that is there (0: absent) */
	char key[COMMAND_KEY_MAX + 1]; /* conflict: the key */
};
/* Apply the entry at raft's `index` (greater than all before). -1 (ERR_DAMAGED): the bytes are no command; the state is as before
 * and the member must stop, because another member may have understood them. */
int kv_apply(struct kv *kv, uint64_t index, const void *entry, size_t len, struct kv_result *result, struct err *err) WARN_UNUSED;

uint64_t kv_revision(const struct kv *kv); /* index of the last command that wrote; 0: none */
uint64_t kv_applied(const struct kv *kv);  /* index of the last command, written or not */
/* Hash over all commands so far: h(n) = SHA-256(h(n-1) || index || bytes). Two members with the same went through the same. */
const struct digest *kv_chain(const struct kv *kv);
void kv_chain_next(struct digest *chain, uint64_t index, const void *entry, size_t len);

/* Copies for the caller, as in state.h. */
int kv_get(const struct kv *kv, const char *key, struct state_doc *out, struct err *err) WARN_UNUSED;
void kv_list(const struct kv *kv, const char *prefix, struct state_docs *out);
/* How many documents have this prefix, and how many bytes their values; nothing is copied. */
size_t kv_usage(const struct kv *kv, const char *prefix, size_t *bytes);
/* All changes after `since` of keys with `prefix`; ERR_NOT_FOUND when the history does not reach back that far. */
int kv_changes(const struct kv *kv, const char *prefix, uint64_t since, struct state_changes *out, struct err *err) WARN_UNUSED;
bool kv_has_changes(const struct kv *kv, const char *prefix,
		    uint64_t since); /* the same question, without copies; true when too old */
void kv_digest(const struct kv *kv, char hex[65]);
/* {"revision":N,"documents":[{"key":..,"version":N,"value":..}]} */
void kv_dump(const struct kv *kv, struct buf *out);

/* A snapshot carries all of the above: documents, history, ids, chain. It ends with its own SHA-256: raft_uv keeps no checksum
 * over it. */
void kv_snapshot(const struct kv *kv, struct buf *out);
/* A new kv from a snapshot; ERR_DAMAGED if one bit of it is wrong. */
int kv_restore(const struct kv_limits *limits, const void *data, size_t len, struct kv **out, struct err *err) WARN_UNUSED;
/* Only check the SHA-256, and tell kv_applied() and kv_chain(). */
int kv_snapshot_check(const void *data, size_t len, uint64_t *applied, struct digest *chain, struct err *err) WARN_UNUSED;

#endif
