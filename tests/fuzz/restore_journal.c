/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The note that a restore keeps in its target. Its closing digest is put right first: nothing would get past it otherwise. */
#include "base/mem.h"
#include "imaging/restore_journal.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree uint8_t *copy = mem_dup(data, size);
	struct restore_journal j = { 0 };
	struct buf b = { 0 };
	struct err err = { 0 };

	if (size >= DIGEST_LEN) {
		struct digest sum;

		digest_of(copy, size - DIGEST_LEN, &sum);
		memcpy(copy + size - DIGEST_LEN, sum.bytes, DIGEST_LEN);
	}
	if (restore_journal_decode(copy, size, &j, &err) == 0) {
		restore_journal_encode(&j, &b);
		if (b.len != size || memcmp(b.data, copy, size) != 0)
			abort();
	}
	restore_journal_free(&j);
	buf_free(&b);
	return 0;
}
