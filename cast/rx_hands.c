/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/rx.h: threads that give whole chunks to the sink, and what it says back to the receiver. */
#include "base/mem.h"
#include "cast/rx_priv.h"
#include "sys/threads.h"

static void put(struct rx_queue *q, struct rx_item *item)
{
	if (!q->first)
		q->last = &q->first;
	item->next = NULL;
	*q->last = item;
	q->last = &item->next;
	q->bytes += item->len;
}

static struct rx_item *get(struct rx_queue *q)
{
	struct rx_item *item = q->first;

	if (!item)
		return NULL;
	q->first = item->next;
	q->bytes -= item->len;
	return item;
}

bool rx_queue_full(const struct rx *r)
{
	return r->queue.bytes > r->memory.limit / 2;
}

static void press(struct rx *r)
{
	receiver_press(r->receiver, r->queue.bytes > r->memory.limit / 4);
}

/* Asks for the first digest that a whole chunk waits for. */
static void ask_rows(struct rx *r)
{
	uint32_t first = UINT32_MAX;

	for (const struct rx_item *i = r->parked.first; i; i = i->next)
		first = i->chunk < first ? i->chunk : first;
	receiver_want_rows(r->receiver, first);
}

void rx_queue_put(struct rx *r, struct rx_slab *s, uint32_t chunk, const uint8_t *data, size_t len)
{
	struct rx_item *item = mem_zalloc(sizeof(*item));

	*item = (struct rx_item){ .slab = s, .chunk = chunk, .data = data, .len = len };
	if (rx_rows_know(r, chunk)) {
		put(&r->queue, item);
		press(r);
		pthread_cond_signal(&r->work);
	} else {
		put(&r->parked, item);
		ask_rows(r);
	}
}

void rx_parked_look(struct rx *r)
{
	struct rx_queue still = { 0 };
	struct rx_item *item;

	if (!r->parked.first)
		return;
	while ((item = get(&r->parked)))
		if (rx_rows_know(r, item->chunk))
			put(&r->queue, item);
		else
			put(&still, item);
	r->parked = still;
	ask_rows(r);
	press(r);
	pthread_cond_broadcast(&r->work);
}

static void item_end(struct rx *r, struct rx_item *item)
{
	r->busy[item->chunk / 8] &= (uint8_t) ~(1U << (item->chunk % 8));
	item->slab->users--;
	rx_slab_let_go(r, item->slab);
	free(item);
}

void rx_queues_clear(struct rx *r)
{
	struct rx_item *item;

	while ((item = get(&r->queue)) || (item = get(&r->parked)))
		item_end(r, item);
}

/* Under the lock, which is not held while the sink works. */
static void store(struct rx *r, unsigned int hand, struct rx_item *item)
{
	const struct digest *digest = r->opts.rows ? &r->rows.digests[item->chunk] : NULL;
	struct err err = { 0 };
	int rc;

	r->in_hands++;
	press(r);
	pthread_mutex_unlock(&r->lock);
	rc = r->opts.sink.chunk(r->opts.sink.ctx, hand, item->chunk, item->data, item->len, digest, &err);
	pthread_mutex_lock(&r->lock);
	r->in_hands--;
	if (rc == 0) {
		r->view.stored_bytes += item->len;
		receiver_chunk_good(r->receiver, item->chunk);
	} else if (err.kind == ERR_DAMAGED) {
		r->view.bad_chunks++;
		(void)receiver_chunk_bad(r->receiver, item->chunk);
	} else if (r->end == RX_GOING) {
		r->err = err;
		r->end = RX_FAILED;
		r->hands_off = true;
	}
	item_end(r, item);
	if (rc != 0 || r->full || r->ending)
		rx_wake(r);
}

static void *hand(void *arg)
{
	struct rx *r = arg;
	unsigned int number;

	pthread_mutex_lock(&r->lock);
	number = r->next_hand++;
	while (!r->hands_off) {
		struct rx_item *item = get(&r->queue);

		if (item)
			store(r, number, item);
		else
			pthread_cond_wait(&r->work, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

int rx_hands_start(struct rx *r, struct err *err)
{
	r->hands = mem_array(r->n_hands, sizeof(*r->hands));
	while (r->n_started < r->n_hands) {
		/* Fewer will do. */
		if (thread_start(&r->hands[r->n_started], hand, r, err) < 0)
			return r->n_started ? 0 : -1;
		r->n_started++;
	}
	return 0;
}

void rx_hands_join(struct rx *r)
{
	pthread_mutex_lock(&r->lock);
	r->hands_off = true;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
	for (unsigned int i = 0; i < r->n_started; i++)
		pthread_join(r->hands[i], NULL);
	r->n_started = 0;
	free(steal(r->hands));
}
