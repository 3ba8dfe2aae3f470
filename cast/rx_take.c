/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/rx.h: from what came to symbols in their places. What is no good is counted, and leaves no trace. */
#include "cast/chance.h"
#include "cast/rx_priv.h"

#include <string.h>

void rx_nonce(uint16_t from, uint64_t counter, uint8_t out[SEAL_NONCE])
{
	out[0] = out[1] = 0;
	out[2] = (uint8_t)(from >> 8);
	out[3] = (uint8_t)from;
	for (int i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(counter >> (56 - 8 * i));
}

static void authentic(struct rx *r, size_t len, int64_t now_ns)
{
	r->view.bytes += len;
	r->heard_ns = now_ns;
}

static void heard(struct rx *r, bool wanted, int64_t now_ns)
{
	authentic(r, r->packet, now_ns);
	r->data_ns = now_ns;
	receiver_heard(r->receiver, wanted, now_ns);
}

static bool parity_of(const struct rx *r, uint32_t block, uint8_t index)
{
	return index >= layout_block(r->layout, block)->k;
}

static void settle(struct rx *r, const struct rx_want *w, const struct seal_job *job, int64_t now_ns)
{
	const bool is_parity = parity_of(r, w->block, w->index);

	if (job->ok && replay_take(r->replay, w->counter)) {
		heard(r, true, now_ns);
		r->probes |= WIRE_HEARD(r->way->way, r->size);
		rx_symbol_took(r, w->slab, w->block, w->index, is_parity ? job->out : NULL);
	} else {
		r->view.rejected++;
		if (is_parity)
			rx_parity_give(r, job->out);
	}
	w->slab->in_batch--;
	rx_slab_let_go(r, w->slab);
}

void rx_flush(struct rx *r, int64_t now_ns)
{
	struct rx_batch *b = &r->batch;
	const unsigned int n = b->n;

	if (!n)
		return;
	seal_open_many(r->group_seal, b->jobs, n);
	b->n = 0;
	memset(b->claims, 0, sizeof(b->claims));
	for (unsigned int i = 0; i < n; i++)
		settle(r, &b->wants[i], &b->jobs[i], now_ns);
}

/* Maybe: another symbol may have the same bit. */
static bool claimed(struct rx_batch *b, uint32_t block, uint8_t index)
{
	const uint32_t bit = (block * UINT32_C(2654435761) + index * UINT32_C(40503)) >> 16 & (RX_CLAIMS - 1);
	const uint64_t mask = UINT64_C(1) << (bit % 64);
	const bool was = b->claims[bit / 64] & mask;

	b->claims[bit / 64] |= mask;
	return was;
}

static bool opens(struct rx *r, const struct wire_data *d, uint8_t *packet)
{
	uint8_t nonce[SEAL_NONCE];
	struct seal_job job = { .nonce = nonce,
				.aad = packet,
				.aad_len = WIRE_DATA_HEAD,
				.in = packet + WIRE_DATA_HEAD,
				.out = packet + WIRE_DATA_HEAD,
				.len = r->symbol,
				.tag = packet + WIRE_DATA_HEAD + r->symbol };

	rx_nonce(WIRE_FROM_SENDER, d->head.counter, nonce);
	seal_open_many(r->group_seal, &job, 1);
	return job.ok;
}

/* Nobody needs its symbol: it only counts, and to open each one would cost a receiver among many most of its time. But whoever
 * makes some up would tell the sender by our mouth that nothing is lost: so now and then one is tried, nobody knows which, and
 * once one was no good, all are. */
static void unneeded(struct rx *r, const struct wire_data *d, uint8_t *packet, int64_t now_ns)
{
	const bool try = r->try_all || !r->anchor || chance_next(&r->chance) % RX_TRIED == 0;

	if (try && !opens(r, d, packet)) {
		r->try_all = true;
		r->view.rejected++;
		return;
	}
	if (replay_take(r->replay, d->head.counter))
		heard(r, false, now_ns);
	else
		r->view.rejected++;
}

/* False: there is no memory for it. */
static bool want(struct rx *r, const struct wire_data *d, uint8_t *packet)
{
	struct rx_batch *b = &r->batch;
	struct rx_slab *s = rx_slab_get(r, d->block);
	uint8_t *place = NULL;

	if (s) {
		s->in_batch++;
		place = parity_of(r, d->block, d->index) ? rx_parity_room(r) : rx_symbol_place(r, s, d->block, d->index);
		s->in_batch -= !place;
	}
	if (!place)
		return false;
	rx_nonce(WIRE_FROM_SENDER, d->head.counter, b->nonces[b->n]);
	b->wants[b->n] = (struct rx_want){ .slab = s, .block = d->block, .index = d->index, .counter = d->head.counter };
	b->jobs[b->n] = (struct seal_job){ .nonce = b->nonces[b->n],
					   .aad = packet,
					   .aad_len = WIRE_DATA_HEAD,
					   .in = packet + WIRE_DATA_HEAD,
					   .out = place,
					   .len = r->symbol,
					   .tag = packet + WIRE_DATA_HEAD + r->symbol };
	b->n++;
	return true;
}

static void take_data(struct rx *r, uint8_t *packet, size_t len, int64_t now_ns)
{
	struct rx_batch *b = &r->batch;
	struct wire_data d;

	if (len != r->packet || wire_data_read(packet, len, &d, &r->ignored) < 0 || d.head.cast != r->session.cast) {
		r->view.rejected++;
		return;
	}
	if (r->end != RX_GOING && r->end != RX_WHOLE)
		return; /* what is left is fetched elsewhere */
	if (b->n == RX_BATCH || claimed(b, d.block, d.index)) {
		rx_flush(r, now_ns);
		(void)claimed(b, d.block, d.index);
	}
	if (!replay_maybe(r->replay, d.head.counter)) {
		r->view.rejected += !r->doubled;
		return;
	}
	switch (receiver_data(r->receiver, d.block, d.index)) {
	case RECEIVER_WANTED:
		if (want(r, &d, packet))
			return;
		r->view.dropped_for_memory++;
		unneeded(r, &d, packet, now_ns);
		return;
	case RECEIVER_KNOWN:
		unneeded(r, &d, packet, now_ns);
		return;
	case RECEIVER_BAD:
		r->view.rejected++;
		return;
	}
}

/* A POLL of who has the group key may lie about anything: it has a number and a position that the packet's counter allows, and
 * the next signed one puts right what it said. */
static int poll_read(struct rx *r, const struct wire_head *h, const struct seal_job *job, struct wire_poll *poll, struct err *err)
{
	uint8_t text[WIRE_POLL_SIGNED_MAX];

	if (wire_poll_read(job->out, job->len, poll, err) < 0)
		return -1;
	if (poll->seq > h->counter || poll->sent > h->counter)
		return err_set(err, ERR_DAMAGED, "POLL %u is further on than the packets are", poll->seq);
	if (!poll->is_signed)
		return r->anchor ? 0 : err_set(err, ERR_DAMAGED, "POLL %u comes before the first that is signed", poll->seq);
	if (!rx_signed(r, text, wire_poll_signed(h->cast, h->counter, poll, text), poll->signature))
		return err_set(err, ERR_DAMAGED, "POLL %u has a wrong signature", poll->seq);
	if (h->counter > r->anchor) {
		r->anchor = h->counter;
		replay_anchor(r->replay, h->counter, RX_AHEAD);
	}
	return 0;
}

static int poll_heard(struct rx *r, const struct wire_poll *poll, int64_t now_ns, struct err *err)
{
	if (receiver_poll(r->receiver, poll, now_ns, err) < 0)
		return -1;
	if (poll->stage == WIRE_GATHER)
		r->data_ns = now_ns;
	r->probes |= WIRE_HEARD(r->way->way, WIRE_SMALL);
	r->polled = true;
	if (poll->is_signed) /* who made up another one could leave us with a way that nothing comes by */
		r->settle = poll->ways;
	return 0;
}

static int probe_heard(struct rx *r, const uint8_t *plain, size_t len, struct err *err)
{
	struct wire_probe probe;

	if (wire_probe_read(plain, len, &probe, err) < 0)
		return -1;
	/* By which way it came is seen here, whatever it says: one that somebody brings another way shows nothing. */
	if (probe.way == r->way->way)
		r->probes |= WIRE_HEARD(probe.way, probe.size);
	return 0;
}

static int rows_heard(struct rx *r, const uint8_t *plain, size_t len, struct err *err)
{
	struct wire_rows rows;

	if (wire_rows_read(plain, len, &rows, err) < 0)
		return -1;
	rx_rows_heard(r, &rows);
	return 0;
}

/* POLL, ROWS and PROBE: few, and each by itself. */
static int take_other(struct rx *r, const struct wire_head *h, uint8_t *packet, size_t len, int64_t now_ns, struct err *err)
{
	const size_t plain = len - WIRE_HEAD - WIRE_TAG;
	uint8_t nonce[SEAL_NONCE];
	struct seal_job job = { .nonce = nonce,
				.aad = packet,
				.aad_len = WIRE_HEAD,
				.in = packet + WIRE_HEAD,
				.out = packet + WIRE_HEAD,
				.len = plain,
				.tag = packet + len - WIRE_TAG };
	struct wire_poll poll;

	/* A POLL may prove that it is not out of place, but those before were. */
	if (!replay_maybe(r->replay, h->counter) &&
	    !(h->type == WIRE_POLL && h->counter > r->anchor && replay_outside(r->replay, h->counter))) {
		r->view.rejected += !r->doubled;
		return 0;
	}
	rx_nonce(h->from, h->counter, nonce);
	seal_open_many(r->group_seal, &job, 1);
	if (!job.ok || (h->type == WIRE_POLL && poll_read(r, h, &job, &poll, err) < 0) || !replay_take(r->replay, h->counter))
		return err_set(err, ERR_DAMAGED, "it is not the sender's");
	authentic(r, len, now_ns);
	if (h->type == WIRE_POLL)
		return poll_heard(r, &poll, now_ns, err);
	return h->type == WIRE_ROWS ? rows_heard(r, job.out, plain, err) : probe_heard(r, job.out, plain, err);
}

static void take_packet(struct rx *r, uint8_t *packet, size_t len, int64_t now_ns)
{
	struct wire_head h;

	r->view.packets++;
	if (len >= WIRE_DATA_HEAD && packet[1] == WIRE_DATA) {
		take_data(r, packet, len, now_ns);
		return;
	}
	if (wire_head_read(packet, len, &h, &r->ignored) < 0 || h.cast != r->session.cast || h.from != WIRE_FROM_SENDER ||
	    (h.type != WIRE_POLL && h.type != WIRE_ROWS && h.type != WIRE_PROBE) || len < WIRE_HEAD + WIRE_TAG ||
	    len > (h.type == WIRE_PROBE ? WIRE_PROBE_JUMBO : WIRE_PACKET_MAX)) {
		r->view.rejected++;
		return;
	}
	rx_flush(r, now_ns); /* a POLL is answered for all that came before it */
	if (take_other(r, &h, packet, len, now_ns, &r->ignored) < 0)
		r->view.rejected++;
}

void rx_take(struct rx *r, const struct net_got *g, int64_t now_ns)
{
	const size_t n = g->len ? (g->len + g->each - 1) / g->each : 1;

	if (!g->len || !net_same(&g->from, &r->way->sender)) {
		r->view.packets += n;
		r->view.rejected += n;
		return;
	}
	for (size_t at = 0; at < g->len; at += g->each)
		take_packet(r, g->data + at, g->len - at < g->each ? g->len - at : g->each, now_ns);
}
