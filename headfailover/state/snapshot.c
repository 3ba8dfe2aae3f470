/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The documents as one block of bytes and back, for raft's snapshots. */
#include "base/mem.h"
#include "base/str.h"
#include "headfailover/state/kv_parts.h"

#include <string.h>

/* All numbers little-endian:
 *   "OrthruKV", u32 version, u32 zero, u64 applied, u64 revision, u64 floor, 32 bytes chain,
 *   u64 n documents:  u16 key length, u32 value length, u64 version, key, value          (in key order)
 *   u64 n changes:    u16 key length, u32 value length or NONE, u64 revision, key, value (oldest first)
 *   u64 n commands:   u64 client, u64 seq, u64 revision, u64 found, u16 key length, key  (oldest first)
 *   32 bytes SHA-256 of all before. */
#define MAGIC "OrthruKV"
#define MAGIC_LEN 8
#define VERSION 1
#define NONE UINT32_MAX

static void put_item(struct buf *b, const char *key, const struct kv_value *v, uint64_t number)
{
	size_t key_len = strlen(key);

	buf_add_u16(b, (uint16_t)key_len);
	buf_add_u32(b, v ? v->len : NONE);
	buf_add_u64(b, number);
	buf_add(b, key, key_len);
	if (v)
		buf_add(b, v->text, v->len);
}

void kv_snapshot(const struct kv *kv, struct buf *out)
{
	size_t start = out->len;
	struct digest d;

	buf_add(out, MAGIC, MAGIC_LEN);
	buf_add_u32(out, VERSION);
	buf_add_u32(out, 0);
	buf_add_u64(out, kv->applied);
	buf_add_u64(out, kv->revision);
	buf_add_u64(out, kv->floor);
	buf_add(out, kv->chain.bytes, DIGEST_LEN);
	buf_add_u64(out, kv->n_docs);
	for (size_t i = 0; i < kv->n_docs; i++)
		put_item(out, kv->docs[i].key, kv->docs[i].value, kv->docs[i].version);
	buf_add_u64(out, kv->n_changes);
	for (size_t i = 0; i < kv->n_changes; i++) {
		const struct kv_change *c = &kv->changes[(kv->first_change + i) % kv->limits.changes];

		put_item(out, c->key, c->value, c->revision);
	}
	buf_add_u64(out, kv->n_past);
	for (size_t i = 0; i < kv->n_past; i++) {
		const struct kv_past *p = &kv->past[(kv->first_past + i) % kv->limits.commands];

		buf_add_u64(out, p->id.client);
		buf_add_u64(out, p->id.seq);
		buf_add_u64(out, p->revision);
		buf_add_u64(out, p->found);
		buf_add_u16(out, (uint16_t)(p->key ? strlen(p->key) : 0));
		buf_adds(out, p->key ? p->key : "");
	}
	digest_of(out->data + start, out->len - start, &d);
	buf_add(out, d.bytes, DIGEST_LEN);
}

static int get_key(struct cursor *c, size_t len, char **out, struct err *err)
{
	const uint8_t *p;

	if (cursor_bytes(c, len, &p, err) < 0)
		return -1;
	if (command_check_key((const char *)p, len, err) < 0) {
		err->kind = ERR_DAMAGED;
		return -1;
	}
	*out = mem_strndup((const char *)p, len);
	return 0;
}

static int get_item(struct cursor *c, char **key, struct kv_value **value, uint64_t *number, struct err *err)
{
	autofree char *k = NULL;
	const uint8_t *p;
	uint16_t key_len;
	uint32_t value_len;

	if (cursor_u16(c, &key_len, err) < 0 || cursor_u32(c, &value_len, err) < 0 || cursor_u64(c, number, err) < 0 ||
	    get_key(c, key_len, &k, err) < 0)
		return -1;
	*value = NULL;
	if (value_len != NONE) {
		if (value_len > COMMAND_VALUE_MAX)
			return err_set(err, ERR_DAMAGED, "%s has a value of %u bytes", k, value_len);
		if (cursor_bytes(c, value_len, &p, err) < 0)
			return -1;
		if (memchr(p, 0, value_len))
			return err_set(err, ERR_DAMAGED, "the value of %s contains a NUL byte", k);
		*value = kv_value_new((const char *)p, value_len);
	}
	*key = steal(k);
	return 0;
}

static int get_docs(struct cursor *c, struct kv *kv, struct err *err)
{
	uint64_t n;

	if (cursor_u64(c, &n, err) < 0)
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		struct kv_value *v;
		uint64_t version;
		char *key;

		if (get_item(c, &key, &v, &version, err) < 0)
			return -1;
		kv_append_doc(kv, key, v, version);
		if (!v || version == 0 || version > kv->revision || (i && strcmp(kv->docs[i - 1].key, key) >= 0))
			return err_set(err, ERR_DAMAGED, "the document %s is out of order", key);
	}
	return 0;
}

static int get_changes(struct cursor *c, struct kv *kv, struct err *err)
{
	uint64_t n, last = kv->floor;

	if (cursor_u64(c, &n, err) < 0)
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		struct kv_value *v;
		uint64_t revision, floor = kv->floor;
		char *key;

		if (get_item(c, &key, &v, &revision, err) < 0)
			return -1;
		if (revision <= floor || revision < last || revision > kv->revision) {
			free(key);
			kv_value_unref(v);
			return err_set(err, ERR_DAMAGED, "a change of revision %llu is out of order",
				       (unsigned long long)revision);
		}
		kv_add_change(kv, key, v, revision);
		last = revision;
	}
	return 0;
}

static int get_past(struct cursor *c, struct kv *kv, struct err *err)
{
	uint64_t n;

	if (cursor_u64(c, &n, err) < 0)
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		struct kv_past p = { 0 };
		uint16_t key_len;

		if (cursor_u64(c, &p.id.client, err) < 0 || cursor_u64(c, &p.id.seq, err) < 0 ||
		    cursor_u64(c, &p.revision, err) < 0 || cursor_u64(c, &p.found, err) < 0 || cursor_u16(c, &key_len, err) < 0)
			return -1;
		if (key_len && get_key(c, key_len, &p.key, err) < 0)
			return -1;
		*kv_add_past(kv) = p;
	}
	return 0;
}

static int get_head(struct cursor *c, struct kv *kv, struct err *err)
{
	const uint8_t *magic, *chain;
	uint32_t version, zero;

	if (cursor_bytes(c, MAGIC_LEN, &magic, err) < 0 || cursor_u32(c, &version, err) < 0 || cursor_u32(c, &zero, err) < 0)
		return -1;
	if (memcmp(magic, MAGIC, MAGIC_LEN) != 0 || version != VERSION || zero)
		return err_set(err, ERR_DAMAGED, "not a snapshot of version %d", VERSION);
	if (cursor_u64(c, &kv->applied, err) < 0 || cursor_u64(c, &kv->revision, err) < 0 || cursor_u64(c, &kv->floor, err) < 0 ||
	    cursor_bytes(c, DIGEST_LEN, &chain, err) < 0)
		return -1;
	memcpy(kv->chain.bytes, chain, DIGEST_LEN);
	if (kv->revision > kv->applied || kv->floor > kv->revision)
		return err_set(err, ERR_DAMAGED, "the snapshot's revisions are out of order");
	return 0;
}

static int check_digest(struct cursor *c, struct err *err)
{
	struct digest d;

	if (c->len < DIGEST_LEN)
		return err_set(err, ERR_DAMAGED, "a snapshot of %zu bytes is cut short", c->len);
	c->len -= DIGEST_LEN;
	digest_of(c->data, c->len, &d);
	if (memcmp(d.bytes, c->data + c->len, DIGEST_LEN) != 0)
		return err_set(err, ERR_DAMAGED, "the snapshot is not as it was written (SHA-256 differs)");
	return 0;
}

int kv_snapshot_check(const void *data, size_t len, uint64_t *applied, struct digest *chain, struct err *err)
{
	struct cursor c = { .data = data, .len = len };
	struct kv head = { 0 };

	if (check_digest(&c, err) < 0 || get_head(&c, &head, err) < 0)
		return -1;
	*applied = head.applied;
	*chain = head.chain;
	return 0;
}

int kv_restore(const struct kv_limits *limits, const void *data, size_t len, struct kv **out, struct err *err)
{
	struct cursor c = { .data = data, .len = len };
	struct kv *kv;

	if (check_digest(&c, err) < 0)
		return -1;
	kv = kv_new(limits);
	if (get_head(&c, kv, err) < 0 || get_docs(&c, kv, err) < 0 || get_changes(&c, kv, err) < 0 || get_past(&c, kv, err) < 0) {
		kv_free(kv);
		return err_wrap(err, "the snapshot");
	}
	if (cursor_left(&c)) {
		kv_free(kv);
		return err_set(err, ERR_DAMAGED, "the snapshot has %zu bytes too many", cursor_left(&c));
	}
	*out = kv;
	return 0;
}
