/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chunks.bin: what is accepted encodes to the very bytes it came from. */
#include "imaging/chunk_table.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chunk_table t = { 0 };
	struct digest root;
	struct buf b = { 0 };
	struct err err = { 0 };

	if (chunk_table_decode(data, size, CHUNK_RAW_MAX, &t, &err) == 0) {
		chunk_table_root(&t, &root);
		chunk_table_encode(&t, &b);
		if (b.len != size || memcmp(b.data, data, size) != 0)
			abort();
	}
	chunk_table_free(&t);
	buf_free(&b);
	return 0;
}
