/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a receiver speaks and what it says, apart from what it has: the simulator has ten thousand of these with a lighter store.
 */
#ifndef ORTHRUS_CAST_RECEIVER_PRIV_H
#define ORTHRUS_CAST_RECEIVER_PRIV_H

#include "cast/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define TALK_FEW 16    /* so few answer each POLL at once and wait for nobody */
#define TALK_BACKOFF 6 /* round-trip times: K of RFC 5401 */
#define TALK_PROMISED 4096
#define TALK_BIG_MIN 16 /* a block that lacks more than so much and than half of it is no repair: it waits for the next pass */

/* The first block in [from, to) that lacks something: its number, size and how many symbols (255: all). false: none. */
struct talk_lack {
	uint32_t block;
	uint16_t k;
	uint8_t deficit;
};
typedef bool talk_lacking(const void *store, uint32_t from, uint32_t to, struct talk_lack *out);

struct talk {
	talk_lacking *lacking;
	const void *store;
	uint64_t chance;
	uint64_t heard; /* DATA packets: whoever owns this counts them */
	uint32_t buffer_kib, rows_from, blocks_lacking;
	enum wire_state state; /* READY, COMPLETE, DONE; the others follow from what is heard */
	bool pressed, lagging, over;

	struct wire_poll poll; /* the last one; seq 0: none */
	uint32_t signed_seq;   /* of the last one that was signed */
	/* Of its promises, by the block's last bits: who lacks a million blocks looks through them for a few only. */
	uint64_t promised[TALK_PROMISED / 64];
	int64_t poll_ns;
	uint64_t poll_heard;
	uint64_t anchor_sent, anchor_heard; /* loss is counted from here */
	uint64_t long_sent, long_lost;
	uint32_t loss_ppm;

	int64_t announce_ns, mark_ns, nack_ns; /* when to speak; 0: not */
	unsigned int announced;
	uint32_t said_seq; /* the POLL that was answered with needs */
};

void talk_init(struct talk *t, uint64_t seed, talk_lacking *lacking, const void *store);
void talk_poll(struct talk *t, const struct wire_poll *p, int64_t now_ns);
void talk_state(struct talk *t, enum wire_state state, int64_t now_ns); /* COMPLETE, DONE */
bool talk_report(struct talk *t, int64_t now_ns, struct wire_report *out, int64_t *until_ns);

#endif
