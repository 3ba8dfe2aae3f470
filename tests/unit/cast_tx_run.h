/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sender and the receiver of cast_tx_ear.h at work together, and whether all came. */
#ifndef ORTHRUS_TESTS_CAST_TX_RUN_H
#define ORTHRUS_TESTS_CAST_TX_RUN_H

#include "base/mem.h"
#include "cast/fec.h"
#include "cast/tx.h"
#include "cast_tx_ear.h"
#include "sys/clock.h"
#include "sys/confine.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

struct run {
	struct tx *tx;
	bool confined; /* as the process that casts for orthrusd: the thread of the cast, and those that it starts */
	struct err err;
	int rc;
	_Atomic bool done;
};

static void *run_main(void *arg)
{
	struct run *r = arg;

	r->rc = r->confined ? confine_calls(false, &r->err) : 0;
	if (r->rc == 0)
		r->rc = tx_run(r->tx, &r->err);
	r->done = true;
	return NULL;
}

static bool hear_some(struct ear *e, int timeout_ms)
{
	struct pollfd fd = { .fd = e->fd, .events = POLLIN };
	struct sockaddr_storage from;
	uint8_t p[65536];

	if (poll(&fd, 1, timeout_ms) <= 0)
		return false;
	for (;;) {
		socklen_t from_len = sizeof(from);
		const ssize_t n = recvfrom(e->fd, p, sizeof(p), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

		if (n < 0)
			return true;
		hear(e, p, (size_t)n, &from);
	}
}

static void listen_until_done(struct ear *e, struct run *r)
{
	while (!r->done)
		hear_some(e, 20);
	hear_some(e, 0);
}

static struct tx_opts options(const struct goods *g, const struct ear *e)
{
	return (struct tx_opts){ .layout = g->layout,
				 .session = &e->session,
				 .source = { .chunk = goods_chunk, .sign = goods_sign, .ctx = (void *)(uintptr_t)g },
				 .interface = "lo",
				 .expected = 1,
				 .gather_ns = 20 * NS_PER_S,
				 .rate_max = 50 * 1000 * 1000,
				 .hands = 1 };
}

static struct tx *open_tx(const struct tx_opts *o)
{
	struct tx *tx = NULL;
	struct err err = { 0 };

	if (tx_open(o, &tx, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_not_equal(tx_port(tx), 0);
	return tx;
}

static void cast_whole(struct ear *e, struct run *r, pthread_t *thread)
{
	assert_int_equal(tx_join(r->tx, NUMBER, e->session.own_key, NULL, &r->err), 0);
	assert_int_equal(pthread_create(thread, NULL, run_main, r), 0);
	listen_until_done(e, r);
	pthread_join(*thread, NULL);
	if (r->rc < 0)
		fail_msg("%s", r->err.text);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void check_block(const struct ear *e, uint32_t block)
{
	const unsigned int k = layout_block(e->goods->layout, block)->k;
	uint8_t *const *const all = &e->symbols[(size_t)block * 255];
	uint8_t have[LAYOUT_K_MAX], rows[255], *data[LAYOUT_K_MAX], *parity[255];
	struct fec *f = fec_new(k);
	struct err err = { 0 };
	unsigned int n = 0;

	for (unsigned int i = 0; i < k; i++) {
		have[i] = all[i] != NULL;
		data[i] = mem_aligned(64, SYMBOL);
		if (all[i])
			memcpy(data[i], all[i], SYMBOL);
	}
	for (unsigned int i = k; i < 255; i++)
		if (all[i]) {
			rows[n] = (uint8_t)(i - k);
			parity[n] = mem_aligned(64, SYMBOL);
			memcpy(parity[n++], all[i], SYMBOL);
		}
	assert_int_equal(fec_decode(f, data, have, parity, rows, n, SYMBOL, &err), 0);
	for (unsigned int i = 0; i < k; i++) {
		struct layout_place at;

		layout_place(e->goods->layout, block, (uint8_t)i, &at);
		assert_memory_equal(data[i], e->goods->bytes + layout_chunk_at(e->goods->layout, at.chunk) + at.offset, at.len);
		for (unsigned int j = at.len; j < SYMBOL; j++)
			assert_int_equal(data[i][j], 0);
		free(data[i]);
	}
	while (n)
		free(parity[--n]);
	fec_free(f);
}

/* Every block is right, and no counter came twice. */
static void check_whole(struct ear *e)
{
	assert_int_equal(e->lacking, 0);
	assert_int_equal(e->bad, 0);
	for (uint32_t b = 0; b < layout_blocks(e->goods->layout); b++)
		check_block(e, b);
	qsort(e->counters, e->n_counters, sizeof(*e->counters), by_value);
	for (size_t i = 1; i < e->n_counters; i++)
		assert_int_not_equal(e->counters[i - 1], e->counters[i]);
}

/* Chunks of many lengths: of several blocks, of one symbol, of one byte, and such as share blocks. */
static const uint32_t mixed[] = {
	200000, 100000, 1, 255, 256, 257, 3000, 16383, 16384, 16385, 40000, 999, 32768, 131072, 5, 77777
};

#endif
