/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packets of docs/cast.md as structs: strict reading, exact writing; what is encrypted is read after it was opened. Pure. */
#ifndef ORTHRUS_CAST_WIRE_H
#define ORTHRUS_CAST_WIRE_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAGIC 0xC8
#define WIRE_HEAD 16
#define WIRE_DATA_HEAD 24
#define WIRE_TAG 16
#define WIRE_DATA_MORE (WIRE_DATA_HEAD + WIRE_TAG) /* bytes of a DATA packet beside the symbol */
#define WIRE_PACKET_MAX 1448			   /* of POLL, ROWS and REPORT, tag included */
#define WIRE_FROM_SENDER 0
#define WIRE_SIGNATURE 64 /* Ed25519 */

enum wire_type { WIRE_DATA = 1, WIRE_POLL = 2, WIRE_ROWS = 3, WIRE_REPORT = 4, WIRE_PROBE = 5 };
struct wire_head {
	enum wire_type type;
	uint16_t from;
	uint32_t cast;
	uint64_t counter;
};
struct wire_data {
	struct wire_head head;
	uint32_t block;
	uint8_t index, pass;
};

void wire_head_write(const struct wire_head *h, uint8_t out[WIRE_HEAD]);
/* ERR_DAMAGED: too short, wrong magic, unknown type. */
int wire_head_read(const uint8_t *packet, size_t len, struct wire_head *out, struct err *err) WARN_UNUSED;
void wire_data_write(const struct wire_data *d, uint8_t out[WIRE_DATA_HEAD]);
/* Also ERR_DAMAGED: another type, shorter than WIRE_DATA_HEAD, not from the sender. How long the symbol is, the caller looks. */
int wire_data_read(const uint8_t *packet, size_t len, struct wire_data *out, struct err *err) WARN_UNUSED;

/* The probe train: packets of three sizes by each way, before anything is cast. */
enum wire_way { WIRE_MC6, WIRE_MC4, WIRE_BROADCAST, WIRE_UNICAST, WIRE_WAYS };
enum wire_size { WIRE_SMALL, WIRE_FULL, WIRE_JUMBO, WIRE_SIZES };
/* What was heard of it, of all ways and sizes: bits (WIRE_HEARD_MC6 << 4 * WIRE_FULL: a full-size one by IPv6 multicast). */
#define WIRE_HEARD(way, size) ((uint16_t)(1U << (way) << 4 * (size)))
#define WIRE_HEARD_MC6 1
#define WIRE_HEARD_MC4 2
#define WIRE_HEARD_BROADCAST 4
#define WIRE_HEARD_UNICAST 8
#define WIRE_HEARD_WAYS 0xf   /* small ones, by any way */
#define WIRE_HEARD_ALL 0xfff  /* every bit that has a meaning */
#define WIRE_PROBE_JUMBO 8936 /* bytes of the longest, which is as long as a DATA packet: head and tag included */
struct wire_probe {
	enum wire_way way; /* that it was sent by */
	enum wire_size size;
};
size_t wire_probe_len(enum wire_size size); /* of the whole packet */
size_t wire_probe_write(const struct wire_probe *p, uint8_t out[WIRE_PROBE_JUMBO]);
/* Also ERR_DAMAGED: no such way or size, another length than its size has, not filled up with zeros. */
int wire_probe_read(const uint8_t *plain, size_t len, struct wire_probe *out, struct err *err) WARN_UNUSED;

enum wire_stage { WIRE_GATHER = 1, WIRE_PASS = 2, WIRE_ASK = 3, WIRE_SLOW = 4, WIRE_OVER = 5 };
/* Repairs promised: `count` symbols more of `block` are on their way. */
struct wire_promise {
	uint32_t block;
	uint8_t count;
};
#define WIRE_PROMISES_MAX 250
struct wire_poll {
	uint32_t seq; /* from 1 */
	enum wire_stage stage;
	uint8_t pass;
	uint8_t ways;		       /* that DATA goes out by now: WIRE_HEARD_MC6 and so on; 0: it is not known yet */
	uint64_t sent;		       /* DATA packets of this cast before this POLL */
	uint64_t now_us;	       /* the sender's clock, echoed by reports */
	uint32_t grtt_us;	       /* the greatest round-trip time of those that count */
	uint32_t crowd;		       /* how many may have a deficit: for the random time */
	uint32_t marks;		       /* of 2^32: the share of receivers that report progress now; UINT32_MAX: all */
	uint32_t loss_limit;	       /* ppm; whose loss is above is a straggler */
	uint32_t asked_from, asked_to; /* deficits of these blocks are wanted: [from, to) */
	uint16_t n_promises;
	struct wire_promise promises[WIRE_PROMISES_MAX];
	bool is_signed; /* by the sender's own key: whoever only has the group key can't */
	uint8_t signature[WIRE_SIGNATURE];
};
size_t wire_poll_write(const struct wire_poll *p, uint8_t out[WIRE_PACKET_MAX]); /* plain text after the head */
/* Also ERR_DAMAGED: another length than its promises need, number 0, an unknown stage or way, from > to, a promise of nothing,
 * OVER without a signature. The signature is the caller's to check. */
int wire_poll_read(const uint8_t *plain, size_t len, struct wire_poll *out, struct err *err) WARN_UNUSED;
/* What is signed: "orthrus cast poll\n", cast, counter of the packet, and all of the POLL. Returns its length. */
#define WIRE_POLL_SIGNED_MAX (18 + 4 + 8 + WIRE_PACKET_MAX)
size_t wire_poll_signed(uint32_t cast, uint64_t counter, const struct wire_poll *p, uint8_t out[WIRE_POLL_SIGNED_MAX]);

enum wire_state { WIRE_READY = 1, WIRE_RECEIVING = 2, WIRE_LAGGING = 3, WIRE_COMPLETE = 4, WIRE_DONE = 5, WIRE_FAILED = 6 };
/* `count` blocks from `first` each need `deficit` symbols more; 255: nothing of them is there. */
struct wire_need {
	uint32_t first, count;
	uint8_t deficit;
};
#define WIRE_NEEDS_MAX 140
struct wire_report {
	uint32_t seq;	     /* of the last POLL heard; 0: none yet */
	uint64_t poll_us;    /* its now_us */
	uint32_t held_us;    /* how long ago it was heard */
	uint64_t heard;	     /* DATA packets of this cast received (authenticated or known already) */
	uint64_t top;	     /* greatest `sent` position taken: DATA packets that this receiver is past, lost ones included */
	uint32_t buffer_kib; /* of its socket */
	uint32_t loss_ppm;   /* of DATA packets, lately */
	uint32_t blocks_lacking;
	uint32_t rows_from; /* first piece whose digest is lacking and needed; UINT32_MAX: none */
	enum wire_state state;
	bool pressed;	 /* its disk holds it back */
	uint16_t probes; /* WIRE_HEARD(): the ways by which the sender's packets reach it */
	uint16_t n_needs;
	struct wire_need needs[WIRE_NEEDS_MAX];
};
size_t wire_report_write(const struct wire_report *r, uint8_t out[WIRE_PACKET_MAX]);
/* Also ERR_DAMAGED: ranges that overflow, are empty, overlap or are out of order, a deficit of 0, an unknown way or size, a loss
 * above 1,000,000 ppm. */
int wire_report_read(const uint8_t *plain, size_t len, struct wire_report *out, struct err *err) WARN_UNUSED;

#define WIRE_ROWS_MAX 40
struct wire_rows {
	uint32_t first;
	uint16_t n;
	struct digest digests[WIRE_ROWS_MAX];
	uint8_t signature[WIRE_SIGNATURE];
};
/* What is signed: "orthrus cast rows\n", cast, first, n, digests. Returns its length. */
#define WIRE_ROWS_SIGNED_MAX (18 + 4 + 4 + 2 + WIRE_ROWS_MAX * DIGEST_LEN)
size_t wire_rows_signed(uint32_t cast, const struct wire_rows *r, uint8_t out[WIRE_ROWS_SIGNED_MAX]);
size_t wire_rows_write(const struct wire_rows *r, uint8_t out[WIRE_PACKET_MAX]);
/* Also ERR_DAMAGED: none, more than WIRE_ROWS_MAX, numbers that overflow. The signature is the caller's to check. */
int wire_rows_read(const uint8_t *plain, size_t len, struct wire_rows *out, struct err *err) WARN_UNUSED;

#endif
