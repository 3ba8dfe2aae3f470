/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Restores an image from a store as `orthrus image export --format dir` does, with a note of what is durable after each BYTES:
 * the usual half a gigabyte is more than a test restores. restore_small_steps STORE REF PUBLIC_KEY TARGET BYTES [update] */
#include "base/mem.h"
#include "imaging/restore.h"
#include "imaging/store.h"
#include "sys/fs.h"
#include "sys/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct restore_how how = { .update = argc == 7 && strcmp(argv[6], "update") == 0 };
	struct err err = { 0 };
	struct verify_key key;
	struct store *store = NULL;
	autoclose int fd = -1;
	int rc;

	if (argc < 6 || argc > 7 || (argc == 7 && !how.update) || !(how.checkpoint_bytes = strtoull(argv[5], NULL, 10))) {
		fputs("usage: restore_small_steps STORE REF PUBLIC_KEY TARGET BYTES [update]\n", stderr);
		return 2;
	}
	how.key = &key;
	rc = verify_key_load(argv[3], &key, &err) < 0 || fs_mkdirs(argv[4], 0755, &err) < 0 ||
	     (fd = fs_open_dir(argv[4], &err)) < 0 || store_open(argv[1], false, &store, &err) < 0 ||
	     restore_from_store(store, argv[2], &how, fd, &err) < 0;
	if (rc)
		fprintf(stderr, "restore_small_steps: %s\n", err.text);
	store_close(store);
	return rc;
}
