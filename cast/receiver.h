/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A receiver's decisions: which symbols are wanted, which blocks can be decoded, what to report and when. Pure: time and chance
 * are passed in; it holds no data, only what is there. docs/cast.md, "The receiver". */
#ifndef ORTHRUS_CAST_RECEIVER_H
#define ORTHRUS_CAST_RECEIVER_H

#include "base/err.h"
#include "cast/layout.h"
#include "cast/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct receiver_opts {
	const struct layout *layout; /* outlives the receiver */
	const uint8_t *have;	     /* one bit a chunk, LSB first, or NULL */
	bool rows;		     /* digests come by ROWS */
	uint32_t buffer_kib;	     /* of the socket */
	uint64_t seed;
};
struct receiver;
struct receiver *receiver_new(const struct receiver_opts *opts, int64_t now_ns) __attribute__((returns_nonnull));
void receiver_free(struct receiver *r);

/* What the head of a DATA packet says, before anybody knows who made it. WANTED: keep the symbol, when it is authentic
 * (receiver_took() when it is kept; what is not kept for lack of memory is not told, and asked for again). KNOWN: not needed. */
enum receiver_word { RECEIVER_WANTED = 1, RECEIVER_KNOWN, RECEIVER_BAD };
enum receiver_word receiver_data(const struct receiver *r, uint32_t block, uint8_t index);
/* A DATA packet of the sender was heard, wanted or not: only this counts. */
void receiver_heard(struct receiver *r, bool wanted, int64_t now_ns);
/* It is kept. True: the block has k symbols now, decode it (or it is whole without). Told once for a block. */
bool receiver_took(struct receiver *r, uint32_t block, uint8_t index);
/* Which symbols of a block are there: one byte for each data symbol (1 there), and the parity rows; returns how many rows. */
unsigned int receiver_block(const struct receiver *r, uint32_t block, uint8_t have[LAYOUT_K_MAX], uint8_t rows[255]);
/* The memory of a block that is not whole is given up: as if nothing of it had come. */
void receiver_forget(struct receiver *r, uint32_t block);
/* A whole block is decoded: which of its chunks are whole now? Writes at most `cap` numbers; returns how many. */
size_t receiver_decoded(struct receiver *r, uint32_t block, uint32_t *chunks, size_t cap);
/* Its digest was right and it is stored (by the cast, or by another way); or its digest was wrong: all its blocks are forgotten.
 * Returns how often it was wrong. */
void receiver_chunk_good(struct receiver *r, uint32_t chunk);
unsigned int receiver_chunk_bad(struct receiver *r, uint32_t chunk);
bool receiver_has_chunk(const struct receiver *r, uint32_t chunk); /* good */

/* An authenticated POLL. ERR_DAMAGED: it speaks of blocks that there are not, or of more receivers or slower ones than there can
 * be; ignored then. One that is signed puts right what others said since the last one that was. */
int receiver_poll(struct receiver *r, const struct wire_poll *p, int64_t now_ns, struct err *err) WARN_UNUSED;
void receiver_press(struct receiver *r, bool pressed);	     /* the disk holds us back */
void receiver_want_rows(struct receiver *r, uint32_t first); /* UINT32_MAX: none */
void receiver_durable(struct receiver *r, int64_t now_ns);   /* DONE: said until the sender is over */

/* True: send `out` now. False: nothing to say before *until_ns (INT64_MAX: until something is heard). */
bool receiver_report(struct receiver *r, int64_t now_ns, struct wire_report *out, int64_t *until_ns);

struct receiver_view {
	enum wire_state state;
	uint32_t chunks_good, chunks_bad_once, blocks_lacking, loss_ppm;
	uint64_t packets, known; /* DATA packets; of these not wanted */
	bool over;		 /* the sender said so */
	int64_t heard_ns;	 /* when the sender was last heard; 0: never */
};
void receiver_look(const struct receiver *r, struct receiver_view *out);

#endif
