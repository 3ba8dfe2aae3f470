/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/tx.h: threads that read and encrypt the bursts that come next, while this one is sent. */
#include "base/mem.h"
#include "cast/tx_priv.h"
#include "sys/threads.h"

#define ALONE 4 /* bursts that one hand makes before it sends them */

static void seal_one(struct tx_hand *h, struct tx_burst *b)
{
	b->failed = tx_burst_seal(h, b, &b->err) < 0;
}

static struct tx_burst *next_waiting(struct tx_ring *r)
{
	for (uint64_t i = r->sent; i < r->made; i++)
		if (r->bursts[i % r->n].state == TX_WAITING)
			return &r->bursts[i % r->n];
	return NULL;
}

static void *hand_main(void *arg)
{
	struct tx_hand *h = arg;
	struct tx_ring *r = &h->tx->ring;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		struct tx_burst *b = next_waiting(r);

		if (!b) {
			pthread_cond_wait(&r->work, &r->lock);
			continue;
		}
		b->state = TX_TAKEN;
		pthread_mutex_unlock(&r->lock);
		seal_one(h, b);
		pthread_mutex_lock(&r->lock);
		b->state = TX_SEALED;
		pthread_cond_signal(&r->sealed);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

void tx_ring_init(struct tx_ring *r, struct tx *t, unsigned int hands)
{
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	pthread_cond_init(&r->sealed, NULL);
	r->n = hands > 1 ? 2 * hands : ALONE;
	r->bursts = mem_array(r->n, sizeof(*r->bursts));
	for (unsigned int i = 0; i < r->n; i++)
		r->bursts[i].packets = mem_aligned(4096, SENDER_BURST * t->packet);
	r->n_hands = hands;
	r->hands = mem_array(hands, sizeof(*r->hands));
	for (unsigned int i = 0; i < hands; i++)
		tx_hand_init(&r->hands[i], t);
}

void tx_ring_clear(struct tx_ring *r)
{
	for (unsigned int i = 0; i < r->n; i++)
		free(r->bursts[i].packets);
	for (unsigned int i = 0; i < r->n_hands; i++)
		tx_hand_clear(&r->hands[i]);
	free(r->bursts);
	free(r->hands);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->work);
	pthread_cond_destroy(&r->sealed);
}

int tx_ring_start(struct tx_ring *r, struct err *err)
{
	while (r->n_threads + 1 < r->n_hands) {
		struct tx_hand *h = &r->hands[r->n_threads + 1];

		if (thread_start(&h->thread, hand_main, h, err) < 0)
			return -1;
		r->n_threads++;
	}
	return 0;
}

void tx_ring_stop(struct tx_ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
	while (r->n_threads)
		pthread_join(r->hands[r->n_threads--].thread, NULL);
}

/* The numbers are changed by tx_run's thread alone: it may read them without the lock. */
struct tx_burst *tx_ring_place(struct tx_ring *r)
{
	return r->made - r->sent < r->n ? &r->bursts[r->made % r->n] : NULL;
}

void tx_ring_put(struct tx_ring *r)
{
	struct tx_burst *b = &r->bursts[r->made % r->n];

	pthread_mutex_lock(&r->lock);
	b->failed = false;
	b->err = (struct err){ 0 };
	b->state = b->out.act == SENDER_SEND_DATA ? TX_WAITING : TX_SEALED;
	r->made++;
	if (b->state == TX_WAITING && r->n_threads)
		pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
}

struct tx_burst *tx_ring_oldest(struct tx_ring *r)
{
	struct tx_burst *b = &r->bursts[r->sent % r->n];
	bool mine;

	if (r->sent == r->made)
		return NULL;
	pthread_mutex_lock(&r->lock);
	mine = b->state == TX_WAITING;
	if (mine)
		b->state = TX_TAKEN;
	while (!mine && b->state != TX_SEALED)
		pthread_cond_wait(&r->sealed, &r->lock);
	pthread_mutex_unlock(&r->lock);
	if (mine)
		seal_one(&r->hands[0], b);
	return b;
}

void tx_ring_seal(struct tx_ring *r)
{
	if (r->n_threads)
		return; /* they do */
	for (uint64_t i = r->sent; i < r->made; i++) {
		struct tx_burst *b = &r->bursts[i % r->n];

		if (b->state == TX_WAITING)
			seal_one(&r->hands[0], b);
		b->state = TX_SEALED;
	}
}

void tx_ring_drop(struct tx_ring *r)
{
	struct tx_burst *b = &r->bursts[r->sent % r->n];

	pthread_mutex_lock(&r->lock);
	b->state = TX_FREE;
	r->sent++;
	pthread_mutex_unlock(&r->lock);
}
