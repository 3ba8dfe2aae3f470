/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/rx_priv.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/keys.h"
#include "sys/threads.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#define RX_MEMORY ((size_t)48 << 20)
#define RX_SILENCE (10 * NS_PER_S)
#define RX_HANDS_MAX 16
#define RX_DONE_TIMES 3
#define RX_DONE_NS NS_PER_S /* what DONE may take when nobody listens */

static int sockets_open(struct rx *r, struct err *err)
{
	if (rx_ways_open(r, err) < 0)
		return -1;
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return r->wake < 0 ? err_errno(err, errno, "eventfd") : 0;
}

/* What was asked for; but the longest chunk must fit, with the next one beside it. */
static size_t memory_for(const struct rx *r)
{
	size_t longest = 0;

	for (uint32_t c = 0; c < layout_chunks(r->layout); c++)
		longest = layout_chunk_len(r->layout, c) > longest ? layout_chunk_len(r->layout, c) : longest;
	longest = 2 * (longest + LAYOUT_K_MAX * r->symbol);
	return r->opts.memory_bytes > longest ? r->opts.memory_bytes : longest;
}

static void parts_make(struct rx *r)
{
	struct receiver_opts opts = {
		.layout = r->layout, .have = r->opts.have, .rows = r->opts.rows, .buffer_kib = r->buffer_kib
	};

	random_bytes(&opts.seed, sizeof(opts.seed));
	random_bytes(&r->chance, sizeof(r->chance));
	r->receiver = receiver_new(&opts, clock_now_ns());
	r->opts.have = NULL; /* the caller's, and maybe gone soon */
	r->group_seal = seal_new(r->session.group_key);
	r->own_seal = seal_new(r->session.own_key);
	r->replay = replay_new(RX_REPLAY);
	r->busy = mem_zalloc(layout_chunks(r->layout) / 8 + 1);
	r->got_memory = mem_aligned(64, (size_t)RX_GOT * NET_GOT_BYTES);
	for (size_t i = 0; i < RX_GOT; i++)
		r->got[i].data = r->got_memory + i * NET_GOT_BYTES;
	rx_memory_init(&r->memory, memory_for(r), r->symbol);
	rx_rows_init(r);
}

static void defaults(struct rx_opts *o)
{
	if (!o->memory_bytes)
		o->memory_bytes = RX_MEMORY;
	if (!o->silence_ns)
		o->silence_ns = RX_SILENCE;
	if (!o->hands)
		o->hands = threads_for_work(RX_HANDS_MAX) - 1;
	if (!o->hands)
		o->hands = 1;
	if (o->hands > RX_HANDS_MAX)
		o->hands = RX_HANDS_MAX;
}

int rx_open(const struct rx_opts *opts, struct rx **out, struct err *err)
{
	struct rx *r = mem_zalloc(sizeof(*r));

	r->opts = *opts;
	r->session = *opts->session;
	r->opts.session = &r->session;
	r->layout = opts->layout;
	r->symbol = layout_symbol_bytes(opts->layout);
	r->packet = r->symbol + WIRE_DATA_MORE;
	r->wake = r->back.fd = -1;
	defaults(&r->opts);
	r->n_hands = r->opts.hands;
	r->store_ns = RX_SLOW_NS; /* until it has shown that it is quick */
	pthread_mutex_init(&r->lock, NULL);
	thread_cond_init(&r->work);
	thread_cond_init(&r->news);
	if (sockets_open(r, err) < 0) {
		rx_close(r);
		return -1;
	}
	parts_make(r);
	*out = r;
	return 0;
}

static int threads_begin(struct rx *r, struct err *err)
{
	if (r->running || r->end != RX_GOING)
		return err_set(err, ERR_USAGE, "what was received once is not received again");
	r->heard_ns = r->data_ns = r->began_ns = clock_now_ns();
	if (rx_hands_start(r, err) < 0)
		return -1;
	r->running = r->started = true;
	if (thread_start(&r->reader, rx_reader, r, err) == 0)
		return 0;
	r->running = r->started = false;
	r->end = RX_FAILED;
	rx_hands_join(r);
	return -1;
}

int rx_run(struct rx *r, bool *whole, struct err *err)
{
	struct receiver_view v;
	enum rx_end end;

	*whole = false;
	if (threads_begin(r, err) < 0)
		return -1;
	pthread_mutex_lock(&r->lock);
	while (r->end == RX_GOING)
		pthread_cond_wait(&r->news, &r->lock);
	pthread_mutex_unlock(&r->lock);
	rx_hands_join(r);
	pthread_mutex_lock(&r->lock);
	while (r->hands_taken) /* by the reader */
		pthread_cond_wait(&r->news, &r->lock);
	rx_queues_clear(r);
	rx_memory_clear(&r->memory); /* the reader puts no more into it */
	end = r->end;
	receiver_look(r->receiver, &v);
	*whole = v.chunks_good == layout_chunks(r->layout); /* a hand may have been at the last one */
	if (end == RX_FAILED)
		*err = r->err;
	else if (*whole)
		r->end = RX_WHOLE;
	pthread_mutex_unlock(&r->lock);
	return end == RX_FAILED ? -1 : 0;
}

void rx_done(struct rx *r)
{
	const int64_t until = clock_now_ns() + RX_DONE_NS;
	const struct timespec time = { .tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S };
	struct receiver_view v;

	pthread_mutex_lock(&r->lock);
	for (uint32_t c = 0; c < layout_chunks(r->layout); c++)
		receiver_chunk_good(r->receiver, c); /* those from elsewhere too */
	receiver_durable(r->receiver, clock_now_ns());
	r->durable = true;
	rx_wake(r);
	receiver_look(r->receiver, &v);
	while (r->running && !v.over && r->said_done < RX_DONE_TIMES &&
	       pthread_cond_timedwait(&r->news, &r->lock, &time) != ETIMEDOUT)
		receiver_look(r->receiver, &v);
	pthread_mutex_unlock(&r->lock);
}

void rx_stop(struct rx *r)
{
	atomic_store(&r->stop, true);
	rx_wake(r);
}

void rx_look(struct rx *r, struct rx_view *out)
{
	pthread_mutex_lock(&r->lock);
	*out = r->view;
	out->probes = r->probes;
	receiver_look(r->receiver, &out->receiver);
	pthread_mutex_unlock(&r->lock);
}

bool rx_has(struct rx *r, uint32_t chunk)
{
	bool has;

	pthread_mutex_lock(&r->lock);
	has = receiver_has_chunk(r->receiver, chunk);
	pthread_mutex_unlock(&r->lock);
	return has;
}

static void threads_end(struct rx *r)
{
	pthread_mutex_lock(&r->lock);
	r->closing = true;
	pthread_mutex_unlock(&r->lock);
	rx_wake(r);
	if (r->started)
		pthread_join(r->reader, NULL);
	rx_hands_join(r);
}

void rx_close(struct rx *r)
{
	if (!r)
		return;
	if (r->wake >= 0)
		threads_end(r);
	if (r->receiver) {
		rx_queues_clear(r);
		rx_memory_clear(&r->memory);
		rx_rows_clear(r);
	}
	receiver_free(r->receiver);
	seal_free(r->group_seal);
	seal_free(r->own_seal);
	replay_free(r->replay);
	for (size_t k = 0; k < ARRAY_LEN(r->fecs); k++)
		fec_free(r->fecs[k]);
	free(r->busy);
	free(r->got_memory);
	rx_ways_close(r);
	mem_autoclose_(&r->wake);
	mem_autoclose_(&r->back.fd);
	pthread_cond_destroy(&r->work);
	pthread_cond_destroy(&r->news);
	pthread_mutex_destroy(&r->lock);
	explicit_bzero(r, sizeof(*r));
	free(r);
}
