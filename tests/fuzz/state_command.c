/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 'C' and any bytes as an entry of the state's log: a command that encodes to the same bytes again, or an error. 'S' and any
 * bytes as a snapshot (its SHA-256 is put behind them here, else nothing would get past that): documents that can be written and
 * read again, or an error. */
#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "headfailover/state/command.h"
#include "headfailover/state/kv.h"
#include "headfailover/state/state.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encodes_the_same(const struct command *c, const uint8_t *data, size_t size)
{
	autofree struct state_op *ops = mem_array(c->n, sizeof(*ops));
	autoclean(str_list_free) struct str_list texts = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < c->n; i++) {
		str_list_addf(&texts, "%.*s", (int)c->ops[i].key_len, c->ops[i].key);
		str_list_addf(&texts, "%.*s", (int)c->ops[i].value_len, c->ops[i].value ? c->ops[i].value : "");
	}
	for (size_t i = 0; i < c->n; i++)
		ops[i] = (struct state_op){ texts.items[2 * i], c->ops[i].value ? texts.items[2 * i + 1] : NULL,
					    c->ops[i].expect };
	if (command_encode(&c->id, ops, c->n, &out, &err) < 0 || out.len != size || memcmp(out.data, data, size) != 0)
		abort();
}

static void try_command(const uint8_t *data, size_t size)
{
	autoclean(command_free) struct command c = { 0 };
	struct kv *kv = kv_new(NULL);
	struct kv_result r;
	struct err err = { 0 };
	int decoded = command_decode(data, size, &c, &err);

	if (decoded < 0 && (err.kind != ERR_DAMAGED || !err.text[0]))
		abort();
	if (decoded == 0)
		encodes_the_same(&c, data, size);
	if (kv_apply(kv, 5, data, size, &r, &err) != decoded)
		abort();
	kv_free(kv);
}

static void write_again(struct kv *kv)
{
	autoclean(buf_free) struct buf one = { 0 }, two = { 0 };
	struct kv *again;
	struct err err = { 0 };
	char a[65], b[65];

	kv_snapshot(kv, &one);
	if (kv_restore(NULL, one.data, one.len, &again, &err) < 0)
		abort();
	kv_snapshot(again, &two);
	kv_digest(kv, a);
	kv_digest(again, b);
	if (one.len != two.len || memcmp(one.data, two.data, one.len) != 0 || strcmp(a, b) != 0)
		abort();
	kv_free(again);
}

static void try_snapshot(const uint8_t *data, size_t size)
{
	autoclean(buf_free) struct buf b = { 0 };
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	struct digest d;
	struct kv *kv;
	struct err err = { 0 };

	buf_add(&b, data, size);
	digest_of(data, size, &d);
	buf_add(&b, d.bytes, DIGEST_LEN);
	if (kv_restore(NULL, b.data, b.len, &kv, &err) < 0) {
		if (err.kind != ERR_DAMAGED || !err.text[0])
			abort();
		return;
	}
	kv_list(kv, "", &docs);
	write_again(kv);
	kv_free(kv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'C')
		try_command(data + 1, size - 1);
	else if (data[0] == 'S')
		try_snapshot(data + 1, size - 1);
	return 0;
}
