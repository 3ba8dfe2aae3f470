/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that import an archive share. */
#ifndef ORTHRUS_IMAGING_IMPORT_PRIV_H
#define ORTHRUS_IMAGING_IMPORT_PRIV_H

#include "base/digest.h"
#include "base/err.h"
#include "imaging/import.h"
#include "imaging/import_tree.h"

#include <stdbool.h>
#include <stdint.h>

struct archive;
struct archive_entry;

/* A file without a name that takes the content of the archive's files one after another: the kernel frees it, whatever becomes of
 * us. */
struct spool {
	int fd;
	uint64_t len;
	const char *dir; /* for errors */
};
int spool_open(struct spool *s, const char *dir, struct err *err) WARN_UNUSED;
int spool_add(struct spool *s, const void *data, size_t len, struct err *err) WARN_UNUSED;

/* Bytes of an archive: a stretch of a file, or what comes out of a pipe. Unpacked on the way, and hashed on both sides. */
struct import_input {
	int fd;
	bool is_stream;
	uint64_t at, left;  /* of a file that can be read at any place */
	uint64_t max_bytes; /* unpacked: more is a bomb */
	store_progress_fn progress;
	void *ctx;
	uint64_t total; /* 0: not known */
	/* of its own */
	struct archive *filter;
	struct digest_ctx *packed, *unpacked;
	uint64_t packed_bytes, unpacked_bytes;
	uint8_t *block;
	uint8_t tail[512]; /* the last bytes unpacked */
	bool at_end;	   /* there are no more */
	struct err err;	   /* what made it fail, when it is not in the bytes */
};
/* The next unpacked bytes: their number, 0 at the end, or -1. */
int import_input_next(struct import_input *in, const void **data, size_t *len, struct err *err) WARN_UNUSED;
/* Read and unpack to the end, so that the checksums in the archive are compared too; the digests of it, packed and unpacked. */
int import_input_finish(struct import_input *in, struct digest *packed, struct digest *unpacked, struct err *err) WARN_UNUSED;
void import_input_free(struct import_input *in);

/* What is read into: the tree, the spool, what may be in it, what was left out. */
struct import_run {
	const struct import *im;
	struct import_tree tree;
	struct spool spool;
	uint64_t entries, file_bytes; /* seen so far, of all archives */
	bool is_layer;		      /* of an OCI image: ".wh." names are whiteouts */
	struct import_notes *notes;
};
/* One tar or cpio archive, to its end. `packed` and `unpacked` may be NULL. */
int import_archive(struct import_run *run, struct import_input *in, struct digest *packed, struct digest *unpacked,
		   struct err *err) WARN_UNUSED;
/* import_entry.c: the attributes of `from` into `e`, whose type is set. What an image can't keep is noted. */
int import_attributes(struct import_run *run, const char *path, struct archive_entry *from, struct tree_entry *e,
		      struct err *err) WARN_UNUSED;
/* What may come out of one archive, its headers too. */
uint64_t import_unpacked_max(const struct import *im);
void import_note(struct import_notes *notes, enum import_note_kind kind, const char *path);

/* import_oci.c: an image layout in the directory `dir_fd`, or (dir_fd -1) in the tree and spool that `run` holds by now. The
 * layers' tree is in run->tree afterwards. */
int import_oci(struct import_run *run, int dir_fd, struct err *err) WARN_UNUSED;
/* Does the tree look like a tar of an image layout? */
bool import_is_oci(const struct import_tree *t);
/* import_squashfs.c: by sqfs2tar(1), whose tar is read as any other. */
int import_squashfs(struct import_run *run, const char *path, struct err *err) WARN_UNUSED;

#endif
