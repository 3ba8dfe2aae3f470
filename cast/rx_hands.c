/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/rx.h: threads that give whole chunks to the sink, and what it says back to the receiver. */
#include "base/mem.h"
#include "cast/rx_priv.h"
#include "sys/clock.h"
#include "sys/threads.h"

#define RX_ROOM_FULL 8 /* shares of the memory */
#define RX_ROOM_AGAIN 16
#define RX_BACKLOG ((size_t)2 << 20)
#define RX_TELLING 65536 /* bytes: of less, the time says nothing about a disk */
/* For a MiB: in so much the reader may do it itself; with so much it is the disk that holds us back. */
#define RX_QUICK_NS (RX_SLOW_NS / 2)
#define RX_PRESSED_NS (50 * NS_PER_MS)

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

/* More than the hands can be about to store: then what comes waits in the socket, and the sender sees it. */
void rx_queue_judge(struct rx *r)
{
	const size_t limit = r->memory.limit / (r->full ? RX_ROOM_AGAIN : RX_ROOM_FULL);

	r->full = r->queue.bytes > limit && r->end == RX_GOING;
	receiver_press(r->receiver, r->full && r->store_ns > RX_PRESSED_NS);
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
		/* The reader stores it itself before it waits, if that is quick: no thread is woken for it. */
		if (r->queue.bytes > RX_BACKLOG || r->store_ns > RX_QUICK_NS)
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

static void stored(struct rx *r, const struct rx_item *item, int rc, const struct err *err)
{
	if (rc == 0) {
		r->view.stored_bytes += item->len;
		receiver_chunk_good(r->receiver, item->chunk);
	} else if (err->kind == ERR_DAMAGED) {
		r->view.bad_chunks++;
		(void)receiver_chunk_bad(r->receiver, item->chunk);
	} else if (r->end == RX_GOING) {
		r->err = *err;
		r->end = RX_FAILED;
		r->hands_off = true;
	}
	if (r->end != RX_GOING)
		pthread_cond_broadcast(&r->news);
	if (rc != 0 || r->full || r->ending)
		rx_wake(r);
}

/* Under the lock, which is not held while the sink works. False: there is nothing, or all numbers of hands are taken. */
static bool store_one(struct rx *r)
{
	const uint64_t free_hands = ~r->hands_taken & ((UINT64_C(1) << r->n_hands) - 1);
	struct rx_item *item = free_hands ? get(&r->queue) : NULL;
	const unsigned int hand = free_hands ? (unsigned int)__builtin_ctzll(free_hands) : 0;
	const int64_t begin = clock_now_ns();
	struct err err = { 0 };
	int64_t ns;
	int rc;

	if (!item)
		return false;
	r->hands_taken |= UINT64_C(1) << hand;
	pthread_mutex_unlock(&r->lock);
	rc = r->opts.sink.chunk(r->opts.sink.ctx, hand, item->chunk, item->data, item->len,
				r->opts.rows ? &r->rows.digests[item->chunk] : NULL, &err);
	ns = (clock_now_ns() - begin) * ((int64_t)1 << 20) / (int64_t)item->len;
	pthread_mutex_lock(&r->lock);
	r->hands_taken &= ~(UINT64_C(1) << hand);
	if (item->len >= RX_TELLING)
		r->store_ns += (ns - r->store_ns) / 8;
	stored(r, item, rc, &err);
	item_end(r, item);
	return true;
}

bool rx_store_quick(struct rx *r)
{
	bool did;

	pthread_mutex_lock(&r->lock);
	if (r->queue.first && r->queue.first->next)
		pthread_cond_signal(&r->work); /* should it take long after all, the next one does not wait for it */
	did = !r->hands_off && r->store_ns <= RX_QUICK_NS && store_one(r);
	if (r->queue.first)
		pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
	return did;
}

static void *hand(void *arg)
{
	struct rx *r = arg;

	pthread_mutex_lock(&r->lock);
	while (!r->hands_off)
		if (!store_one(r))
			pthread_cond_wait(&r->work, &r->lock);
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
