/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A receiver as it runs: sockets, decryption, repair, and chunks handed to who stores them, around cast/receiver.h. */
#ifndef ORTHRUS_CAST_RX_H
#define ORTHRUS_CAST_RX_H

#include "base/err.h"
#include "cast/layout.h"
#include "cast/receiver.h"
#include "cast/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where chunks go. */
struct rx_sink {
	/* A chunk is whole. Check its digest and store it: 0 it is good and stored; ERR_DAMAGED: wrong bytes (asked for anew);
	 * any other error ends the reception. Called by several hands at a time, each with its own number below `hands`.
	 * `digest`: with rows, the signed digest of this chunk; else NULL. */
	int (*chunk)(void *ctx, unsigned int hand, uint32_t chunk, const uint8_t *data, size_t len, const struct digest *digest,
		     struct err *err);
	void *ctx;
};
struct rx_opts {
	const struct layout *layout;   /* outlives it */
	const struct session *session; /* copied */
	const uint8_t *have;	       /* one bit a chunk, or NULL */
	bool rows;		       /* digests come by ROWS */
	struct rx_sink sink;
	char interface[16];  /* what the group is joined on; "": the one towards who sends to it */
	unsigned int hands;  /* how many call the sink at a time, at most 16; 0: one less than cores, at least one */
	size_t memory_bytes; /* for chunks that are not whole or not stored yet; 0: 48 MiB; at least two of the longest */
	int64_t silence_ns;  /* how long without a packet of the sender until it is given up; 0: 10 s */
	bool one_by_one;     /* no receive offload */
};
struct rx;
int rx_open(const struct rx_opts *opts, struct rx **out, struct err *err) WARN_UNUSED; /* the group is joined */
/* Until all chunks are good, or the sender is over or silent, or rx_stop(): *whole says which. The rest is fetched elsewhere,
 * then rx_run() may go on no more. Reports COMPLETE until rx_close() or rx_done(). */
int rx_run(struct rx *r, bool *whole, struct err *err) WARN_UNUSED;
/* All is durable, chunks from elsewhere too: says DONE a few times (for a second, when nobody listens). */
void rx_done(struct rx *r);
void rx_stop(struct rx *r); /* safe in a signal handler too */
struct rx_view {
	struct receiver_view receiver;
	uint64_t packets, rejected; /* that came; of these no good (forged, replayed, damaged, not ours) */
	uint64_t bytes;		    /* of good packets */
	uint64_t bad_chunks, dropped_for_memory;
	uint64_t stored_bytes;
	uint64_t repaired_symbols;
	uint16_t probes; /* heard: WIRE_HEARD() */
};
void rx_look(struct rx *r, struct rx_view *out);
bool rx_has(struct rx *r, uint32_t chunk);
void rx_close(struct rx *r);

#endif
