/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/tx.h: what goes out besides DATA, what comes in, and what to do when nothing can go out. */
#include "base/mem.h"
#include "cast/tx_priv.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <poll.h>
#include <string.h>

#define DOWN_SAID_NS (200 * NS_PER_MS) /* full queues are over before that */
#define DOWN_MAX_NS (10 * NS_PER_S)
#define DOWN_WAIT_NS (2 * NS_PER_MS)
#define SIGNED_PACKETS 8192 /* and a POLL is signed: an eighth of RX_AHEAD (cast/rx_priv.h) */
#define SIGNED_NS (NS_PER_S / 10)

/* Nothing left: a full queue, a link that is down. 1: try again; 0: the cast is to end, never mind. */
static int wait_for_way(struct tx *t, struct err *err)
{
	const int64_t now = clock_now_ns();
	const struct timespec pause = { .tv_nsec = DOWN_WAIT_NS };
	const bool first = !t->down_ns;

	if (first)
		t->down_ns = now;
	if (now - t->down_ns >= DOWN_MAX_NS)
		return err_set(err, ERR_FAILED, "for %d seconds no packet could be sent", (int)(DOWN_MAX_NS / NS_PER_S));
	if (now - t->down_ns >= DOWN_SAID_NS && !t->down_said) {
		t->down_said = true;
		log_warn("cast", "cast %08x: no packet can be sent now; is the link up, is there a route to the group?",
			 t->session.cast);
	}
	if (atomic_load(&t->stop))
		return 0;
	(void)ppoll(NULL, 0, &pause, NULL);
	return 1;
}

static int put_part(struct tx *t, const uint8_t *data, size_t len, size_t each, struct err *err)
{
	int rc = 1;

	while (rc > 0) {
		rc = tx_outlets_put(t, data, len, each, err);
		if (rc < 0)
			return -1;
		if (rc > 0) {
			t->down_ns = 0;
			t->down_said = false;
			return 0;
		}
		rc = wait_for_way(t, err);
	}
	return rc < 0 ? -1 : 0;
}

int tx_put(struct tx *t, const void *data, size_t len, size_t each, struct err *err)
{
	const size_t most = NET_BURST_BYTES / each * each;
	const uint8_t *p = data;
	uint64_t ways = 0;

	for (unsigned int i = 0; i < t->n_outlets; i++)
		ways += t->outlets[i].used;
	pthread_mutex_lock(&t->lock);
	t->wire_bytes += len * ways;
	pthread_mutex_unlock(&t->lock);
	for (size_t at = 0; at < len; at += most)
		if (put_part(t, p + at, len - at < most ? len - at : most, each, err) < 0)
			return -1;
	return 0;
}

size_t tx_seal(struct tx *t, enum wire_type type, uint8_t *p, size_t len)
{
	const struct wire_head head = {
		.type = type, .from = WIRE_FROM_SENDER, .cast = t->session.cast, .counter = ++t->counter
	};
	uint8_t nonce[SEAL_NONCE];
	struct seal_job job = { .nonce = nonce,
				.aad = p,
				.aad_len = WIRE_HEAD,
				.in = p + WIRE_HEAD,
				.out = p + WIRE_HEAD,
				.len = len,
				.tag = p + WIRE_HEAD + len };

	wire_head_write(&head, p);
	tx_nonce(head.from, head.counter, nonce);
	seal_close_many(t->ring.hands[0].seal, &job, 1);
	return len + WIRE_HEAD + WIRE_TAG;
}

int tx_put_sealed(struct tx *t, enum wire_type type, uint8_t *p, size_t len, struct err *err)
{
	len = tx_seal(t, type, p, len);
	return tx_put(t, p, len, len, err);
}

/* Whoever has the group key can make POLLs; the signed ones put right what he said. Not each is signed: to check one takes 60 us.
 */
static int sign_poll(struct tx *t, struct wire_poll *poll, struct err *err)
{
	const uint64_t counter = t->counter + 1;
	const int64_t now = clock_now_ns();
	uint8_t text[WIRE_POLL_SIGNED_MAX];

	poll->is_signed = poll->stage == WIRE_GATHER || poll->stage == WIRE_OVER || poll->stage != t->signed_stage ||
			  counter - t->signed_counter >= SIGNED_PACKETS || now - t->signed_ns >= SIGNED_NS;
	if (!poll->is_signed)
		return 0;
	t->signed_counter = counter;
	t->signed_stage = poll->stage;
	t->signed_ns = now;
	return t->store.source.sign(t->store.source.ctx, text, wire_poll_signed(t->session.cast, counter, poll, text),
				    poll->signature, err);
}

int tx_put_poll(struct tx *t, struct wire_poll *poll, struct err *err)
{
	uint8_t p[WIRE_HEAD + WIRE_PACKET_MAX + WIRE_TAG];

	tx_outlets_before_poll(t, poll);
	poll->now_us = (uint64_t)(clock_now_ns() / 1000);
	if (sign_poll(t, poll, err) < 0)
		return -1;
	return tx_put_sealed(t, WIRE_POLL, p, wire_poll_write(poll, p + WIRE_HEAD), err);
}

/* With the lock held. */
static bool take_report(struct tx *t, const struct wire_head *head, const struct net_got *got)
{
	uint8_t *const p = got->data;
	const size_t len = got->len;
	struct tx_peer *peer = t->peers[head->from];
	uint8_t nonce[SEAL_NONCE];
	struct seal_job job = { .nonce = nonce,
				.aad = p,
				.aad_len = WIRE_HEAD,
				.in = p + WIRE_HEAD,
				.out = p + WIRE_HEAD,
				.len = len - WIRE_HEAD - WIRE_TAG,
				.tag = p + len - WIRE_TAG };
	struct wire_report report;
	struct err ignored = { 0 };

	if (!peer || !peer->seal || !replay_maybe(peer->replay, head->counter))
		return false;
	tx_nonce(head->from, head->counter, nonce);
	seal_open_many(peer->seal, &job, 1);
	if (!job.ok || !replay_take(peer->replay, head->counter) || wire_report_read(job.out, job.len, &report, &ignored) < 0)
		return false;
	tx_outlets_heard(t, head->from, &report, &got->from);
	/* Who has heard no POLL is not ready. */
	return report.seq == 0 || sender_heard(t->sender, head->from, &report, clock_now_ns()) == 0;
}

static void hear_one(struct tx *t, const struct net_got *got)
{
	struct wire_head head;
	struct err ignored = { 0 };
	const bool ours = got->len >= WIRE_HEAD + WIRE_TAG && got->len <= WIRE_PACKET_MAX &&
			  wire_head_read(got->data, got->len, &head, &ignored) == 0 && head.type == WIRE_REPORT &&
			  head.cast == t->session.cast;

	pthread_mutex_lock(&t->lock);
	if (!ours || !take_report(t, &head, got))
		t->rejected++;
	pthread_mutex_unlock(&t->lock);
}

static int hear_from(struct tx *t, int fd, struct err *err)
{
	int n = TX_HEAR;

	/* However many come, no more are looked at for one burst: the cast goes on. */
	for (unsigned int i = 0; i < TX_HEAR_ROUNDS && n == TX_HEAR; i++) {
		n = net_receive(fd, t->got, TX_HEAR, err);
		if (n < 0)
			return -1;
		for (int j = 0; j < n; j++)
			hear_one(t, &t->got[j]);
	}
	return 0;
}

int tx_hear(struct tx *t, struct err *err)
{
	for (unsigned int i = 0; i < t->n_fds; i++)
		if (hear_from(t, t->fds[i], err) < 0)
			return -1;
	return 0;
}
