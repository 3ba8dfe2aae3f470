/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A restore's state, shared by the files that carry it out. */
#ifndef ORTHRUS_IMAGING_RESTORE_PRIV_H
#define ORTHRUS_IMAGING_RESTORE_PRIV_H

#include "imaging/codec.h"
#include "imaging/image_docs.h"
#include "imaging/restore.h"

#include <stdbool.h>

struct restore {
	struct image_docs docs;
	int target_fd;
	struct restore_chunk *chunks; /* each once, by (pack, offset) */
	size_t n_chunks, n_done;
	bool *done;
	size_t *first_at; /* chunk i belongs at stream offsets at[first_at[i]] .. at[first_at[i + 1] - 1] */
	uint64_t *at;
	uint64_t stored_bytes;
	struct codec *codec;
	uint8_t *raw;	   /* scratch of the longest chunk */
	char *parent_path; /* the directory last opened */
	int parent_fd;
	const struct tree_entry *file; /* the file last written */
	int file_fd;
};

/* "restore '/path': " in front of `err`. Returns -1. */
int restore_entry_error(const struct tree_entry *e, struct err *err);
/* An fd of the directory that `e` is in, beneath the target and through no symlink, and e's name in it ("." for the root). The
 * restore keeps the fd; valid until the next call. */
int restore_parent(struct restore *r, const struct tree_entry *e, const char **name, struct err *err) WARN_UNUSED;

#endif
