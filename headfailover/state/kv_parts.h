/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kv.c and snapshot.c share of the documents' representation; for nobody else. */
#ifndef ORTHRUS_STATE_KV_PARTS_H
#define ORTHRUS_STATE_KV_PARTS_H

#include "headfailover/state/command.h"
#include "headfailover/state/kv.h"

/* A value, shared by the document and the history. */
struct kv_value {
	uint32_t refs, len;
	char text[]; /* NUL-terminated */
};
struct kv_doc {
	char *key;
	struct kv_value *value;
	uint64_t version;
};
struct kv_change {
	char *key;
	struct kv_value *value; /* NULL: deleted */
	uint64_t revision;
};
/* What a command did, kept to answer when it comes again. */
struct kv_past {
	struct command_id id;
	uint64_t revision; /* 0: a conflict */
	uint64_t found;
	char *key; /* conflict only */
};
struct kv {
	struct kv_limits limits;
	struct kv_doc *docs; /* sorted by key */
	size_t n_docs, cap_docs;
	struct kv_change *changes; /* a ring of limits.changes, oldest at `first` */
	size_t first_change, n_changes, changes_bytes;
	uint64_t floor;	      /* everything after this revision is in the ring */
	struct kv_past *past; /* a ring of limits.commands */
	size_t first_past, n_past;
	uint64_t revision, applied;
	struct digest chain;
};

struct kv_value *kv_value_new(const char *text, size_t len);
void kv_value_unref(struct kv_value *v);
/* Both take ownership of `key` and one reference of `value`. */
void kv_add_change(struct kv *kv, char *key, struct kv_value *value, uint64_t revision);
void kv_append_doc(struct kv *kv, char *key, struct kv_value *value, uint64_t version); /* must sort after all that are there */
struct kv_past *kv_add_past(struct kv *kv);

#endif
