/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pack being filled: written as it grows, named when it is full, found by readers only when it is durable. */
#ifndef ORTHRUS_IMAGING_PACK_WRITE_H
#define ORTHRUS_IMAGING_PACK_WRITE_H

#include "base/digest.h"
#include "base/err.h"
#include "imaging/pack.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero but for `dir` and fd -1 at first; nothing is on disk until the first chunk. */
struct pack_writer {
	const char *dir;
	int fd;
	char *temp; /* its path until it has its name: what a killed writer leaves is removed by store_clean() */
	struct digest_ctx *sum;
	uint64_t bytes;
	uint8_t *room; /* the last bytes, which are not in the file yet */
	size_t in_room;
	bool direct; /* past the page cache: a new image does not push out what the head serves */
	struct pack_index index;
};
/* Also removes the temporary file of a pack that was not closed. */
void pack_writer_free(struct pack_writer *w);
/* *offset: where it is in the pack. */
int pack_add(struct pack_writer *w, const struct digest *id, uint32_t raw_len, const void *stored, uint32_t stored_len,
	     uint64_t *offset, struct err *err) WARN_UNUSED;

/* A full pack that has yet to be made durable. */
struct pack_full {
	int fd;
	char *temp;
	struct digest name;
	uint64_t bytes;
	struct pack_index index;
};
/* Also removes the temporary file. */
void pack_full_free(struct pack_full *f);
/* Take the pack out of the writer, which begins a new one. An empty writer is a programmer's error. Where that fails, the pack is
 * still the writer's. */
int pack_close(struct pack_writer *w, struct pack_full *out, struct err *err) WARN_UNUSED;
/* Make it durable in `dir` under its name: pack first, then its index, by which it is known. */
int pack_publish(struct pack_full *f, const char *dir, struct err *err) WARN_UNUSED;

#endif
