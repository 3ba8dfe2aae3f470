/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The target of a reception, as the sink of cast/rx.h: pieces are checked and written beside it, a journal knows which of them
 * are durable, and only a whole file gets the name. What was kept when it was cut off (kill -9, power) is taken up again. */
#ifndef ORTHRUS_CAST_OUT_H
#define ORTHRUS_CAST_OUT_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct out;
struct ticket_file;

/* What is there at `path` before anything is asked for or written. */
struct out_look {
	bool replaces; /* `path` exists, and `force` lets it be replaced */
	bool resumes;  /* a reception that was cut off left something, of: */
	struct digest id;
	uint64_t size_bytes, kept_bytes;
	uint32_t piece_bytes;
};
/* ERR_EXISTS: it is there, and no `force`. ERR_USAGE, ERR_REFUSED: no name for a file. Changes nothing. */
int out_look(const char *path, bool force, struct out_look *look, struct err *err) WARN_UNUSED;

/* Begin or go on: room is made (ERR_FAILED says how much is lacking), ".NAME.cast.part" is held against other receptions
 * (ERR_CONFLICT). `hands`: how many call out_chunk() at a time. */
struct out_opts {
	const char *path;
	bool force;
	uint64_t room_bytes; /* as much room must be there; 0: for the whole file, which is taken at once */
	unsigned int hands;
	const struct ticket_file *file; /* copied but for its name */
};
int out_open(const struct out_opts *opts, struct out **out, struct err *err) WARN_UNUSED;
/* Of what was kept, pieces [first, first + n) must have these digests, or are dropped. Before anything is stored. */
int out_verify(struct out *o, uint64_t first, const struct digest *digests, size_t n, struct err *err) WARN_UNUSED;
/* This piece is elsewhere already, and need not come: it counts as there. After out_verify(). */
void out_assume(struct out *o, uint64_t piece);
/* What was stored, while it is not finished. */
int out_read(struct out *o, uint64_t at, void *data, size_t len, struct err *err) WARN_UNUSED;
/* It is not wanted any more: nothing of it stays. */
void out_discard(struct out *o);
/* The pieces that are there: a bit for each, LSB first. A copy, the caller's. */
uint8_t *out_have(struct out *o, size_t *len) __attribute__((returns_nonnull));
bool out_has(struct out *o, uint64_t piece);
uint64_t out_bytes(struct out *o); /* of all pieces that are there */
bool out_whole(struct out *o);

/* For struct rx_sink: ERR_DAMAGED for another digest; else it is stored, durable within seconds. Any thread. */
int out_chunk(void *ctx, unsigned int hand, uint32_t piece, const uint8_t *data, size_t len, const struct digest *digest,
	      struct err *err);

/* Durable as a whole, and it gets its name. ERR_EXISTS: somebody made a file of that name meanwhile. */
int out_finish(struct out *o, struct err *err) WARN_UNUSED;
/* What is not finished stays to be taken up again; where nothing is kept, nothing stays. *kept_bytes may be NULL. */
void out_close(struct out *o, uint64_t *kept_bytes);

#endif
