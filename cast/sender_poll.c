/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the sender asks, what it says then, and how far it may go ahead of those that answer. */
#include "cast/sender_priv.h"

#include <stddef.h>
#include <string.h>

#define PACKET_MORE (40 + 66) /* of a DATA packet beside the symbol: our head and tag, UDP, IP, Ethernet */
#define POLL_MOST_NS (20 * SENDER_MS)
#define ASK_MOST_NS (100 * SENDER_MS)
#define ROUND_TRIPS 8 /* of a crowd's answer: K = 6, there and back */
#define GRTT_LEAST_US 100
#define GRTT_MOST_US 500000
#define LOSS_FREE 20000	   /* ppm: nobody is a straggler below */
#define LIMIT_PACKETS 8192 /* as LOSS_LONG of cast/receiver_talk.c */
#define SIGHT_NS (2000 * SENDER_MS)

uint32_t poll_packet(const struct sender *s)
{
	return layout_symbol_bytes(s->layout) + PACKET_MORE;
}

bool poll_blocked(const struct sender *s)
{
	return s->base_top != UINT64_MAX && s->sent > s->base_top && (s->sent - s->base_top) * poll_packet(s) >= s->window_bytes;
}

/* Receivers judge themselves by what they lost in thousands of packets: after a burst that all of them lost the limit must not
 * be that of a good time at once, or all are stragglers. */
static void limit_follow(struct sender *s, uint32_t limit)
{
	const uint64_t since = s->sent - s->poll_sent;
	const uint64_t kept = since < LIMIT_PACKETS ? s->loss_limit - s->loss_limit * since / LIMIT_PACKETS : 0;

	s->loss_limit = limit > kept ? limit : (uint32_t)kept;
}

/* The greatest round-trip time, unless one is far out of what the others have; the loss of the third quarter. */
void poll_measure(struct sender *s, int64_t now_ns)
{
	uint64_t rtt[SENDER_SIGHTS], loss[SENDER_SIGHTS], most;
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->sight_n; i++) {
		if (now_ns - s->sights[i].ns > SIGHT_NS)
			continue;
		rtt[n] = s->sights[i].rtt_us;
		loss[n++] = s->sights[i].loss_ppm;
	}
	if (n == 0)
		return;
	pace_sort(rtt, n);
	pace_sort(loss, n);
	most = 4 * rtt[n / 2] + 1000;
	s->grtt_us = (uint32_t)(rtt[n - 1] < most ? rtt[n - 1] : most);
	if (s->grtt_us < GRTT_LEAST_US)
		s->grtt_us = GRTT_LEAST_US;
	if (s->grtt_us > GRTT_MOST_US)
		s->grtt_us = GRTT_MOST_US;
	s->loss_ppm = (uint32_t)loss[(n - 1) * 3 / 4];
	if (s->stage != WIRE_PASS && s->stage != WIRE_GATHER) /* the good ones are whole by now, and silent */
		return;
	limit_follow(s, s->loss_ppm * 2 > LOSS_FREE ? s->loss_ppm * 2 : LOSS_FREE);
}

static int64_t ask_interval(const struct sender *s)
{
	int64_t grtt = (int64_t)s->grtt_us * 1000, wait = 2 * SENDER_MS + (members_few(s) ? 2 : ROUND_TRIPS) * grtt;

	for (unsigned int i = 4; i < s->quiet && wait < ASK_MOST_NS; i++)
		wait *= 2;
	return wait < ASK_MOST_NS ? wait : ASK_MOST_NS;
}

/* While DATA goes out, about every eighth of a window. */
uint64_t poll_apart(const struct sender *s)
{
	uint64_t n = s->window_bytes / 8 / poll_packet(s);

	return n < SENDER_BURST ? SENDER_BURST : n > 1400 ? 1400 : n;
}

int64_t poll_due(const struct sender *s, int64_t now_ns)
{
	int64_t grtt = (int64_t)s->grtt_us * 1000, soon = s->poll_ns + (grtt / 2 > 200000 ? grtt / 2 : 200000), due;
	uint64_t since = s->sent - s->poll_sent;

	if (s->seq == 0)
		return now_ns;
	if (s->stage == WIRE_GATHER)
		return s->poll_ns + (now_ns - s->began_ns < 100 * SENDER_MS ? 10 : 100) * SENDER_MS;
	if (s->stage == WIRE_OVER)
		return s->overs == 0 ? now_ns : s->poll_ns + 3 * SENDER_MS;
	if (blocks_left(s)) {
		due = s->poll_ns + POLL_MOST_NS;
		if (since >= poll_apart(s) || (poll_blocked(s) && since > 0))
			due = now_ns;
		else if (poll_blocked(s))
			due = s->poll_ns + 2 * SENDER_MS + grtt;
	} else {
		due = since > 0 ? now_ns : s->poll_ns + ask_interval(s);
	}
	return s->poll_soon && soon < due ? soon : due;
}

static void mark_due(struct sender *s, int64_t now_ns)
{
	members_list(s);
	for (unsigned int i = 0; i < s->n_few; i++) {
		struct member *m = &s->members[s->few[i]];

		m->due_ns = m->due_ns != 0 ? m->due_ns : now_ns;
		m->due_polls += m->due_polls < UINT8_MAX;
	}
}

void poll_write(struct sender *s, int64_t now_ns, struct wire_poll *out)
{
	uint32_t lacking = members_lacking(s);

	poll_measure(s, now_ns);
	memset(out, 0, offsetof(struct wire_poll, promises));
	out->seq = ++s->seq;
	out->stage = s->stage;
	out->pass = s->pass;
	out->sent = s->sent;
	out->grtt_us = s->grtt_us;
	out->crowd = lacking > 0 ? lacking : 1;
	if (s->stage == WIRE_GATHER && s->opts.expected > out->crowd)
		out->crowd = s->opts.expected;
	out->marks = members_few(s) ? UINT32_MAX : (uint32_t)(((uint64_t)SENDER_FEW << 32) / lacking);
	out->loss_limit = s->stage == WIRE_SLOW ? 1000000 : s->loss_limit;
	blocks_asked(s, &out->asked_from, &out->asked_to);
	out->n_promises = blocks_promise(s, out->promises);
	s->rounds += out->asked_to > out->asked_from;
	s->nacks_now = 0;
	s->quiet = s->stirred ? 0 : s->quiet + 1;
	s->stirred = s->poll_soon = false;
	s->poll_ns = now_ns;
	s->poll_sent = s->sent;
	s->overs += s->stage == WIRE_OVER;
	mark_due(s, now_ns);
}
