/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pack's index. Its name and closing digest are put right first: nothing would get past them otherwise. */
#include "base/mem.h"
#include "imaging/pack.h"

#include <string.h>

#define NAME_AT 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree uint8_t *copy = mem_dup(data, size);
	struct digest name = { { 0 } }, sum;
	struct pack_index x = { 0 };
	struct buf b = { 0 };
	struct err err = { 0 };
	uint64_t bytes = 0;

	if (size >= NAME_AT + DIGEST_LEN)
		memcpy(name.bytes, copy + NAME_AT, DIGEST_LEN);
	if (size >= DIGEST_LEN) {
		digest_of(copy, size - DIGEST_LEN, &sum);
		memcpy(copy + size - DIGEST_LEN, sum.bytes, DIGEST_LEN);
	}
	if (pack_index_decode(copy, size, &name, &x, &bytes, &err) == 0) {
		pack_index_encode(&x, &name, bytes, &b);
		if (b.len != size || memcmp(b.data, copy, size) != 0)
			abort();
	}
	pack_index_free(&x);
	buf_free(&b);
	return 0;
}
