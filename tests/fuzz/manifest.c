/* SPDX-License-Identifier: GPL-2.0-or-later */
/* manifest.json: what is read is printed and read again, and must print the same. */
#include "imaging/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest m = { 0 }, again = { 0 };
	struct buf a = { 0 }, b = { 0 };
	struct err err = { 0 };

	if (manifest_read(data, size, &m, &err) == 0) {
		manifest_print(&m, &a);
		if (manifest_read(a.data, a.len, &again, &err) < 0)
			abort();
		manifest_print(&again, &b);
		if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
			abort();
		manifest_free(&again);
	}
	manifest_free(&m);
	buf_free(&a);
	buf_free(&b);
	return 0;
}
