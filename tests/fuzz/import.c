/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An archive of any kind, read with small limits: whatever tree comes of it is one that a restore believes, and no name leaves
 * it. The content is a file in memory. */
#include "imaging/import_priv.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILES_MAX ((uint64_t)1 << 20)
#define ENTRIES_MAX 2000

struct content {
	const struct spool *spool;
	uint64_t bytes;
};

/* What a file says it has must be in the spool. */
static int take_content(void *ctx, const struct import_inode *inode, uint64_t len, struct err *err)
{
	struct content *c = ctx;

	(void)err;
	if (inode->spool_at > c->spool->len || len > c->spool->len - inode->spool_at)
		abort();
	c->bytes += len;
	return 0;
}

static void check_tree(struct import_run *run)
{
	struct content c = { .spool = &run->spool };
	struct tree tree = { 0 }, again = { 0 };
	struct buf raw = { 0 };
	struct err err = { 0 };

	if (import_tree_emit(&run->tree, &tree, take_content, &c, &err) < 0)
		abort();
	tree_encode(&tree, &raw);
	if (tree_decode(raw.data, raw.len, &again, &err) < 0 || again.stream_bytes != c.bytes)
		abort();
	for (size_t i = 0; i < again.len; i++) {
		const struct tree_entry *e = &again.entries[i];

		if (e->size > FILES_MAX || e->type == TREE_CHAR || e->type == TREE_BLOCK)
			abort();
	}
	buf_free(&raw);
	tree_free(&tree);
	tree_free(&again);
}

/* Read twice, the second time as a layer over the first. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct import im = { .max_bytes = FILES_MAX, .max_entries = ENTRIES_MAX };
	struct import_notes notes = { 0 };
	struct import_run run = { .im = &im, .notes = &notes, .spool.dir = "memory" };
	int fd = memfd_create("archive", MFD_CLOEXEC);
	struct err err = { 0 };
	int rc = 0;

	run.spool.fd = memfd_create("spool", MFD_CLOEXEC);
	if (fd < 0 || run.spool.fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	import_tree_init(&run.tree);
	for (uint32_t layer = 0; rc == 0 && layer < 2; layer++) {
		struct import_input in = { .fd = fd, .left = size, .max_bytes = 4 * FILES_MAX };

		run.tree.layer = layer;
		run.is_layer = layer > 0;
		rc = import_archive(&run, &in, NULL, NULL, &err);
		import_input_free(&in);
	}
	if (rc < 0 && (err.kind == ERR_NONE || !err.text[0]))
		abort();
	check_tree(&run);
	import_tree_free(&run.tree);
	import_notes_free(&notes);
	close(run.spool.fd);
	close(fd);
	return 0;
}
