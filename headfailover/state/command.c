/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/state/command.h"

#include "base/mem.h"
#include "headfailover/state/state.h"

#include <stdbool.h>
#include <string.h>

/* All numbers little-endian:
 *   u32 length without the padding, u8 version, u8 kind, u16 zero, u64 client, u64 seq, u32 number of ops, then of each op
 *   u8 kind, u8 zero, u16 key length, u32 value length, u64 expected version, key, value; zeros up to a multiple of 8. */
#define VERSION 1
#define KIND_WRITE 1
#define HEAD_LEN 28
#define OP_HEAD_LEN 16
enum op_kind { OP_SET = 1, OP_DELETE = 2 };

int command_check_key(const char *key, size_t len, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/";

	if (len == 0 || len > COMMAND_KEY_MAX)
		return err_set(err, ERR_INVALID, "a key has 1 to %d bytes, not %zu", COMMAND_KEY_MAX, len);
	for (size_t i = 0; i < len; i++)
		if (!key[i] || !strchr(allowed, key[i]))
			return err_set(err, ERR_INVALID, "key '%.*s': byte %zu (0x%02x) is none of a-z A-Z 0-9 . _ - : /", (int)i,
				       key, i + 1, (unsigned char)key[i]);
	return 0;
}

struct key_ref {
	const char *key;
	size_t len;
};

static int key_ref_cmp(const void *a, const void *b)
{
	const struct key_ref *x = a, *y = b;
	int c = memcmp(x->key, y->key, x->len < y->len ? x->len : y->len);

	if (c)
		return c;
	return x->len < y->len ? -1 : x->len > y->len;
}

/* Sorts `refs`. A key written twice in one command would make `expect` mean two things. */
static int check_twice(struct key_ref *refs, size_t n, enum err_kind kind, struct err *err)
{
	qsort(refs, n, sizeof(*refs), key_ref_cmp);
	for (size_t i = 1; i < n; i++)
		if (key_ref_cmp(&refs[i - 1], &refs[i]) == 0)
			return err_set(err, kind, "key '%.*s' is written twice in one command", (int)refs[i].len, refs[i].key);
	return 0;
}

static int check_ops(const struct state_op *ops, size_t n, struct err *err)
{
	autofree struct key_ref *refs = NULL;
	size_t total = HEAD_LEN;

	if (n == 0 || n > COMMAND_OPS_MAX)
		return err_set(err, ERR_INVALID, "one command writes 1 to %d keys, not %zu", COMMAND_OPS_MAX, n);
	refs = mem_array(n, sizeof(*refs));
	for (size_t i = 0; i < n; i++) {
		size_t value_len = ops[i].value ? strlen(ops[i].value) : 0;

		refs[i] = (struct key_ref){ ops[i].key, strlen(ops[i].key) };
		if (command_check_key(refs[i].key, refs[i].len, err) < 0)
			return -1;
		if (value_len > COMMAND_VALUE_MAX)
			return err_set(err, ERR_INVALID, "%s: the value has %zu bytes; at most %u are kept", ops[i].key,
				       value_len, COMMAND_VALUE_MAX);
		total += OP_HEAD_LEN + refs[i].len + value_len;
	}
	if (total > COMMAND_MAX) {
		err_set(err, ERR_INVALID, "%zu keys with %zu bytes are too much for one command; at most %u bytes", n, total,
			COMMAND_MAX);
		return err_hint(err, "write them in several commands");
	}
	return check_twice(refs, n, ERR_INVALID, err);
}

int command_encode(const struct command_id *id, const struct state_op *ops, size_t n, struct buf *out, struct err *err)
{
	static const char zeros[8];
	size_t start = out->len, len = HEAD_LEN;

	if (check_ops(ops, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		len += OP_HEAD_LEN + strlen(ops[i].key) + (ops[i].value ? strlen(ops[i].value) : 0);
	buf_reserve(out, len + 8);
	buf_add_u32(out, (uint32_t)len);
	buf_add_u8(out, VERSION);
	buf_add_u8(out, KIND_WRITE);
	buf_add_u16(out, 0);
	buf_add_u64(out, id->client);
	buf_add_u64(out, id->seq);
	buf_add_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		const struct state_op *op = &ops[i];
		size_t key_len = strlen(op->key), value_len = op->value ? strlen(op->value) : 0;

		buf_add_u8(out, op->value ? OP_SET : OP_DELETE);
		buf_add_u8(out, 0);
		buf_add_u16(out, (uint16_t)key_len);
		buf_add_u32(out, (uint32_t)value_len);
		buf_add_u64(out, op->expect);
		buf_add(out, op->key, key_len);
		if (op->value)
			buf_add(out, op->value, value_len);
	}
	buf_add(out, zeros, (8 - (out->len - start) % 8) % 8);
	return 0;
}

static int decode_op(struct cursor *c, struct command_op *op, struct err *err)
{
	const uint8_t *key, *value;
	uint8_t kind, zero;

	if (cursor_u8(c, &kind, err) < 0 || cursor_u8(c, &zero, err) < 0 || cursor_u16(c, &op->key_len, err) < 0 ||
	    cursor_u32(c, &op->value_len, err) < 0 || cursor_u64(c, &op->expect, err) < 0 ||
	    cursor_bytes(c, op->key_len, &key, err) < 0 || cursor_bytes(c, op->value_len, &value, err) < 0)
		return -1;
	if (zero || (kind != OP_SET && kind != OP_DELETE) || (kind == OP_DELETE && op->value_len) ||
	    op->value_len > COMMAND_VALUE_MAX)
		return err_set(err, ERR_DAMAGED, "a write of kind %u with %u bytes makes no sense", kind, op->value_len);
	op->key = (const char *)key;
	op->value = kind == OP_SET ? (const char *)value : NULL;
	if (command_check_key(op->key, op->key_len, err) < 0 || (op->value && memchr(op->value, 0, op->value_len))) {
		err->kind = ERR_DAMAGED;
		return err->text[0] ? -1 : err_set(err, ERR_DAMAGED, "a value contains a NUL byte");
	}
	return 0;
}

static int decode_head(struct cursor *c, uint32_t *n, struct command_id *id, struct err *err)
{
	uint32_t len;
	uint8_t version, kind;
	uint16_t zero;
	size_t whole = c->len;

	if (cursor_u32(c, &len, err) < 0 || cursor_u8(c, &version, err) < 0 || cursor_u8(c, &kind, err) < 0 ||
	    cursor_u16(c, &zero, err) < 0 || cursor_u64(c, &id->client, err) < 0 || cursor_u64(c, &id->seq, err) < 0 ||
	    cursor_u32(c, n, err) < 0)
		return -1;
	if (version != VERSION || kind != KIND_WRITE || zero)
		return err_set(err, ERR_DAMAGED, "an entry of version %u and kind %u is not known here", version, kind);
	if (len > COMMAND_MAX || (len + 7u) / 8 * 8 != whole)
		return err_set(err, ERR_DAMAGED, "an entry of %zu bytes says that it has %u", whole, len);
	for (size_t i = len; i < whole; i++)
		if (c->data[i])
			return err_set(err, ERR_DAMAGED, "the padding of an entry is not zero");
	c->len = len;
	if (*n == 0 || *n > COMMAND_OPS_MAX || *n > cursor_left(c) / OP_HEAD_LEN)
		return err_set(err, ERR_DAMAGED, "an entry of %zu bytes says that it writes %u keys", whole, *n);
	return 0;
}

int command_decode(const void *data, size_t len, struct command *out, struct err *err)
{
	struct cursor c = { .data = data, .len = len };
	autofree struct command_op *ops = NULL;
	autofree struct key_ref *refs = NULL;
	uint32_t n;

	*out = (struct command){ 0 };
	err->text[0] = 0;
	if (decode_head(&c, &n, &out->id, err) < 0)
		return -1;
	ops = mem_array(n, sizeof(*ops));
	refs = mem_array(n, sizeof(*refs));
	for (size_t i = 0; i < n; i++) {
		if (decode_op(&c, &ops[i], err) < 0)
			return -1;
		refs[i] = (struct key_ref){ ops[i].key, ops[i].key_len };
	}
	if (cursor_left(&c))
		return err_set(err, ERR_DAMAGED, "%zu bytes are left over at the end of an entry", cursor_left(&c));
	if (check_twice(refs, n, ERR_DAMAGED, err) < 0)
		return -1;
	out->n = n;
	out->ops = steal(ops);
	return 0;
}

void command_free(struct command *c)
{
	free(c->ops);
	*c = (struct command){ 0 };
}
