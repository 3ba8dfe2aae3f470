/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal of a reception. The digest that a slot ends with is put right first: nothing would get past it otherwise. */
#include "base/mem.h"
#include "cast/out_journal.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = (size + 4095) / 4096 * 4096;
	autofree uint8_t *slot = mem_zalloc(len + 4096);
	struct out_journal j = { 0 }, newest = { 0 };
	struct buf b = { 0 };
	struct err err = { 0 };
	struct digest sum;

	memcpy(slot, data, size);
	if (out_journal_newest(slot, len, &newest, &err) == 0 && !newest.have)
		abort();
	if (!len)
		return 0;
	digest_of(slot, len - DIGEST_LEN, &sum);
	memcpy(slot + len - DIGEST_LEN, sum.bytes, DIGEST_LEN);
	if (out_journal_decode(slot, len, &j, &err) == 0) {
		out_journal_encode(&j, &b);
		if (b.len != len || memcmp(b.data, slot, len) != 0)
			abort();
	}
	out_journal_free(&j);
	out_journal_free(&newest);
	buf_free(&b);
	return 0;
}
