/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of tree.zst: what is accepted encodes to the very bytes it came from, and has no path that leaves the tree. */
#include "imaging/tree.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_paths(const struct tree *t)
{
	for (size_t i = 1; i < t->len; i++) {
		const char *p = t->entries[i].path;

		if (p[0] == '/' || p[0] == '\0' || strcmp(p, "..") == 0 || strncmp(p, "../", 3) == 0 || strstr(p, "/../") ||
		    tree_find(t, p) != &t->entries[i])
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tree t = { 0 };
	struct buf b = { 0 };
	struct err err = { 0 };

	if (tree_decode(data, size, &t, &err) == 0) {
		check_paths(&t);
		tree_encode(&t, &b);
		if (b.len != size || memcmp(b.data, data, size) != 0)
			abort();
	}
	tree_free(&t);
	buf_free(&b);
	return 0;
}
