/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sender's decisions: what goes out next, and when. Pure: time and chance are passed in. docs/cast.md, "The sender". */
#ifndef ORTHRUS_CAST_SENDER_H
#define ORTHRUS_CAST_SENDER_H

#include "base/err.h"
#include "cast/layout.h"
#include "cast/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENDER_BURST 45 /* packets of one segmented send (64 KiB) */

struct sender_opts {
	const struct layout *layout; /* outlives the sender */
	uint32_t expected;	     /* receivers that are waited for while gathering; 0: nobody, start with the first */
	int64_t gather_ns;	     /* at most so long from the first receiver that is ready */
	int64_t empty_ns;	     /* how long to go on without any receiver before it is over (late joiners); 0: end at once */
	uint64_t rate_first, rate_max; /* bytes a second on the wire; rate_max 0: no limit */
	uint32_t window_bytes;	       /* 0: half of the receivers' buffers */
	uint64_t seed;
};
struct sender;
struct sender *sender_new(const struct sender_opts *opts, int64_t now_ns) __attribute__((returns_nonnull));
void sender_free(struct sender *s);

/* A receiver got its ticket. `have`: one bit a chunk (LSB first) of what it has already, or NULL: nothing. Numbers are never used
 * again. What nobody lacks is not sent. False: it is over, or the number was there already: nothing happened. */
bool sender_join(struct sender *s, uint16_t number, const uint8_t *have, int64_t now_ns);
/* It is gone for good, or needs nothing any more (its last word came over TLS). */
void sender_leave(struct sender *s, uint16_t number, bool whole, int64_t now_ns);
/* An authenticated report. Of a number that did not join: ignored. Block numbers out of range or out of order: the report is
 * ignored, -1. */
int sender_heard(struct sender *s, uint16_t number, const struct wire_report *r, int64_t now_ns) WARN_UNUSED;
/* No more gathering; no more waiting for anybody (the next thing is OVER). */
void sender_start(struct sender *s, int64_t now_ns);
void sender_stop(struct sender *s, int64_t now_ns);

/* What to do now. Call again after DATA, POLL and ROWS were sent; after WAIT when something was heard, at the latest at until_ns.
 */
enum sender_act { SENDER_WAIT = 1, SENDER_SEND_DATA, SENDER_SEND_POLL, SENDER_SEND_ROWS, SENDER_ENDED };
struct sender_symbol {
	uint32_t block;
	uint8_t index; /* k and above: parity row index - k */
};
struct sender_out {
	enum sender_act act;
	int64_t until_ns; /* WAIT */
	uint8_t pass;	  /* DATA */
	unsigned int n;	  /* DATA: how many symbols, at most SENDER_BURST */
	struct sender_symbol symbols[SENDER_BURST];
	struct wire_poll poll;	     /* POLL: all but now_us, which whoever sends it fills in at the last moment */
	uint32_t rows_first, rows_n; /* ROWS: a receiver lacks digests of pieces from here (only asked for where rows are cast) */
};
void sender_next(struct sender *s, int64_t now_ns, struct sender_out *out);

/* From now on at most so many bytes a second, as opts.rate_max; not 0. */
void sender_limit(struct sender *s, uint64_t rate_max);

/* For people and tests. */
struct sender_view {
	enum wire_stage stage;
	uint8_t pass;
	uint64_t data_packets, parity_packets, repair_packets; /* sent; data_packets: all DATA; the others of these */
	uint64_t first_pass_packets;			       /* DATA sent until the last good receiver was complete */
	uint64_t nacks, rounds, nacks_worst;		       /* reports with needs; POLLs that asked; most for one POLL */
	uint64_t nack_rounds;				       /* POLLs that were answered by needs */
	uint64_t rate;					       /* bytes a second now */
	uint32_t joined, complete, lagging, silent, left;
	uint32_t blocks_to_send; /* of this pass */
	uint32_t blocks_sent;
	uint32_t grtt_us, loss_ppm;
};
void sender_look(const struct sender *s, struct sender_view *out);
/* Of one receiver; false: no such number. */
struct sender_receiver_view {
	enum wire_state state;
	uint32_t blocks_lacking, loss_ppm, buffer_kib;
	int64_t heard_ns; /* when last; 0: never */
	bool straggler;
	uint64_t sent, came;	   /* DATA packets while it reported, and those of them that it got */
	uint32_t reports, pressed; /* that came of it, and those of them that its disk held it back in */
	uint8_t hellos;		   /* reports before it heard a POLL; as `probes` */
	uint16_t probes;	   /* what it heard of the probe train: WIRE_HEARD(); whoever sends knows, 0 else */
};
bool sender_look_at(const struct sender *s, uint16_t number, struct sender_receiver_view *out);

#endif
