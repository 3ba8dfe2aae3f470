/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/state/kv.h"

#include "base/mem.h"
#include "base/str.h"
#include "headfailover/state/kv_parts.h"
#include "headfailover/state/state.h"

#include <endian.h>
#include <string.h>

struct kv_value *kv_value_new(const char *text, size_t len)
{
	struct kv_value *v = mem_zalloc(sizeof(*v) + len + 1);

	v->refs = 1;
	v->len = (uint32_t)len;
	memcpy(v->text, text, len);
	return v;
}

void kv_value_unref(struct kv_value *v)
{
	if (v && --v->refs == 0)
		free(v);
}

struct kv *kv_new(const struct kv_limits *limits)
{
	struct kv *kv = mem_zalloc(sizeof(*kv));

	if (limits)
		kv->limits = *limits;
	if (!kv->limits.changes)
		kv->limits.changes = 8192;
	if (!kv->limits.changes_bytes)
		kv->limits.changes_bytes = 8u << 20;
	if (!kv->limits.commands)
		kv->limits.commands = 1024;
	kv->changes = mem_array(kv->limits.changes, sizeof(*kv->changes));
	kv->past = mem_array(kv->limits.commands, sizeof(*kv->past));
	return kv;
}

static struct kv_change *change_at(const struct kv *kv, size_t i)
{
	return &kv->changes[(kv->first_change + i) % kv->limits.changes];
}

static size_t change_bytes(const struct kv_change *c)
{
	return strlen(c->key) + (c->value ? c->value->len : 0);
}

static void drop_change(struct kv *kv)
{
	struct kv_change *c = change_at(kv, 0);

	kv->changes_bytes -= change_bytes(c);
	free(c->key);
	kv_value_unref(c->value);
	kv->first_change = (kv->first_change + 1) % kv->limits.changes;
	kv->n_changes--;
}

void kv_free(struct kv *kv)
{
	if (!kv)
		return;
	for (size_t i = 0; i < kv->n_docs; i++) {
		free(kv->docs[i].key);
		kv_value_unref(kv->docs[i].value);
	}
	while (kv->n_changes)
		drop_change(kv);
	for (size_t i = 0; i < kv->limits.commands; i++)
		free(kv->past[i].key);
	free(kv->docs);
	free(kv->changes);
	free(kv->past);
	free(kv);
}

/* Make room by dropping whole revisions: a write of several keys is seen whole or not at all. */
void kv_add_change(struct kv *kv, char *key, struct kv_value *value, uint64_t revision)
{
	size_t bytes = strlen(key) + (value ? value->len : 0);

	while (kv->n_changes && (kv->n_changes == kv->limits.changes || kv->changes_bytes + bytes > kv->limits.changes_bytes)) {
		kv->floor = change_at(kv, 0)->revision;
		while (kv->n_changes && change_at(kv, 0)->revision == kv->floor)
			drop_change(kv);
	}
	if (kv->floor >= revision || bytes > kv->limits.changes_bytes) {
		/* A write larger than the whole history: watchers must list again. */
		kv->floor = revision;
		free(key);
		kv_value_unref(value);
		return;
	}
	*change_at(kv, kv->n_changes++) = (struct kv_change){ .key = key, .value = value, .revision = revision };
	kv->changes_bytes += bytes;
}

struct kv_past *kv_add_past(struct kv *kv)
{
	struct kv_past *p;

	if (kv->n_past < kv->limits.commands) {
		p = &kv->past[(kv->first_past + kv->n_past++) % kv->limits.commands];
	} else {
		p = &kv->past[kv->first_past];
		kv->first_past = (kv->first_past + 1) % kv->limits.commands;
	}
	free(p->key);
	*p = (struct kv_past){ 0 };
	return p;
}

static int key_cmp(const char *key, size_t len, const char *other)
{
	int c = strncmp(key, other, len);

	return c ? c : other[len] ? -1 : 0;
}

/* The place of the first document that does not sort before `key`. */
static size_t place_of(const struct kv *kv, const char *key, size_t len, bool *found)
{
	size_t lo = 0, hi = kv->n_docs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (key_cmp(key, len, kv->docs[mid].key) > 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*found = lo < kv->n_docs && key_cmp(key, len, kv->docs[lo].key) == 0;
	return lo;
}

void kv_append_doc(struct kv *kv, char *key, struct kv_value *value, uint64_t version)
{
	kv->docs = mem_room(kv->docs, kv->n_docs, &kv->cap_docs, sizeof(*kv->docs));
	kv->docs[kv->n_docs++] = (struct kv_doc){ .key = key, .value = value, .version = version };
}

static void set_doc(struct kv *kv, const struct command_op *op, uint64_t index)
{
	struct kv_value *v = kv_value_new(op->value, op->value_len);
	bool found;
	size_t at = place_of(kv, op->key, op->key_len, &found);

	if (found) {
		kv_value_unref(kv->docs[at].value);
	} else {
		kv->docs = mem_room(kv->docs, kv->n_docs, &kv->cap_docs, sizeof(*kv->docs));
		memmove(&kv->docs[at + 1], &kv->docs[at], (kv->n_docs - at) * sizeof(*kv->docs));
		kv->n_docs++;
		kv->docs[at].key = mem_strndup(op->key, op->key_len);
	}
	kv->docs[at].value = v;
	kv->docs[at].version = index;
	v->refs++;
	kv_add_change(kv, mem_strndup(op->key, op->key_len), v, index);
}

static void delete_doc(struct kv *kv, const struct command_op *op, uint64_t index)
{
	bool found;
	size_t at = place_of(kv, op->key, op->key_len, &found);

	if (!found)
		return;
	kv_value_unref(kv->docs[at].value);
	kv_add_change(kv, kv->docs[at].key, NULL, index);
	kv->n_docs--;
	memmove(&kv->docs[at], &kv->docs[at + 1], (kv->n_docs - at) * sizeof(*kv->docs));
}

static bool check_expectations(const struct kv *kv, const struct command *c, struct kv_result *r)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct command_op *op = &c->ops[i];
		bool found;
		size_t at;

		if (op->expect == STATE_ANY)
			continue;
		at = place_of(kv, op->key, op->key_len, &found);
		r->found = found ? kv->docs[at].version : 0;
		if (r->found == op->expect)
			continue;
		r->conflict = true;
		memcpy(r->key, op->key, op->key_len);
		return false;
	}
	r->found = 0;
	return true;
}

static const struct kv_past *find_past(const struct kv *kv, const struct command_id *id)
{
	for (size_t i = 0; i < kv->n_past; i++)
		if (kv->past[i].id.client == id->client && kv->past[i].id.seq == id->seq)
			return &kv->past[i];
	return NULL;
}

void kv_chain_next(struct digest *chain, uint64_t index, const void *entry, size_t len)
{
	struct digest_ctx *ctx = digest_new();
	uint64_t le = htole64(index);

	digest_add(ctx, chain->bytes, DIGEST_LEN);
	digest_add(ctx, &le, sizeof(le));
	digest_add(ctx, entry, len);
	digest_end(ctx, chain);
}

static void apply_new(struct kv *kv, uint64_t index, const struct command *c, struct kv_result *r)
{
	struct kv_past *past;

	if (check_expectations(kv, c, r)) {
		for (size_t i = 0; i < c->n; i++) {
			if (c->ops[i].value)
				set_doc(kv, &c->ops[i], index);
			else
				delete_doc(kv, &c->ops[i], index);
		}
		kv->revision = index;
		r->revision = index;
	}
	past = kv_add_past(kv);
	past->id = c->id;
	past->revision = r->revision;
	past->found = r->found;
	past->key = r->conflict ? mem_strdup(r->key) : NULL;
}

int kv_apply(struct kv *kv, uint64_t index, const void *entry, size_t len, struct kv_result *result, struct err *err)
{
	autoclean(command_free) struct command c = { 0 };
	const struct kv_past *past;

	*result = (struct kv_result){ 0 };
	if (index <= kv->applied)
		return err_set(err, ERR_DAMAGED, "entry %llu comes after entry %llu", (unsigned long long)index,
			       (unsigned long long)kv->applied);
	if (command_decode(entry, len, &c, err) < 0)
		return err_wrap(err, "entry %llu", (unsigned long long)index);
	result->id = c.id;
	past = find_past(kv, &c.id);
	if (past) {
		result->again = true;
		result->conflict = past->key != NULL;
		result->revision = past->revision;
		result->found = past->found;
		if (past->key)
			memcpy(result->key, past->key, strlen(past->key) + 1);
	} else {
		apply_new(kv, index, &c, result);
	}
	kv->applied = index;
	kv_chain_next(&kv->chain, index, entry, len);
	return 0;
}

uint64_t kv_revision(const struct kv *kv)
{
	return kv->revision;
}

uint64_t kv_applied(const struct kv *kv)
{
	return kv->applied;
}

const struct digest *kv_chain(const struct kv *kv)
{
	return &kv->chain;
}
