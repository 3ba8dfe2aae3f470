/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/tx.h against a receiver that is written here, from docs/cast.md alone: over the loopback interface, to one address. */
#include "base/mem.h"
#include "cast/fec.h"
#include "cast/net.h"
#include "cast/seal.h"
#include "cast/tx.h"
#include "cast/wire.h"
#include "sys/clock.h"
#include "sys/keys.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SYMBOL 256
#define NUMBER 7

/* --- what is cast: chunks in one piece of memory */
struct goods {
	struct layout *layout;
	uint8_t *bytes;
	uint32_t fails_at; /* UINT32_MAX: never */
	bool through_scratch;
	struct sign_key key;
	_Atomic unsigned int reads;
};

static const uint8_t *goods_chunk(void *ctx, uint32_t chunk, uint8_t *scratch, struct err *err)
{
	struct goods *g = ctx;
	const uint8_t *at = g->bytes + layout_chunk_at(g->layout, chunk);

	g->reads++;
	if (chunk == g->fails_at) {
		err_set(err, ERR_FAILED, "chunk %u can't be read", chunk);
		return NULL;
	}
	if (!g->through_scratch)
		return at;
	memcpy(scratch, at, layout_chunk_len(g->layout, chunk));
	return scratch;
}

static int goods_digest(void *ctx, uint32_t chunk, struct digest *out, struct err *err)
{
	const struct goods *g = ctx;

	(void)err;
	digest_of(g->bytes + layout_chunk_at(g->layout, chunk), layout_chunk_len(g->layout, chunk), out);
	return 0;
}

static int goods_sign(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64], struct err *err)
{
	const struct goods *g = ctx;

	return sign_bytes(&g->key, data, len, signature, err);
}

static void goods_make(struct goods *g, const uint32_t *lens, size_t n)
{
	struct err err = { 0 };

	*g = (struct goods){ .fails_at = UINT32_MAX };
	assert_int_equal(layout_new(lens, n, SYMBOL, &g->layout, &err), 0);
	g->bytes = mem_aligned(64, layout_bytes(g->layout));
	random_bytes(g->bytes, layout_bytes(g->layout));
	crypto_sign_keypair(g->key.public, g->key.secret);
}

static void goods_free(struct goods *g)
{
	layout_drop(g->layout);
	free(g->bytes);
}

/* --- the receiver */
struct ear {
	const struct goods *goods;
	int fd;
	struct session session;
	struct seal *group, *own;
	uint64_t counter; /* of its reports */
	unsigned int drop_every, stays_silent_for;
	/* What came. */
	uint8_t **symbols; /* of each block, 255 */
	uint8_t *have;	   /* of each block, 255 */
	uint64_t *counters;
	size_t n_counters, cap_counters;
	uint32_t lacking;
	uint64_t data, parity, polls, overs, bad;
	uint8_t *digests_seen;
	uint32_t digests_wrong;
	struct wire_poll last;
	unsigned int noise; /* packets that are no reports, for each one that is */
};

static void ear_open(struct ear *e, const struct goods *g)
{
	struct err err = { 0 };
	struct sockaddr_storage local;
	const uint32_t blocks = layout_blocks(g->layout);

	*e = (struct ear){ .goods = g, .lacking = blocks };
	assert_int_equal(net_parse("127.0.0.1", 0, &local, &err), 0);
	assert_int_equal(net_open(&local, false, &e->fd, &err), 0);
	net_receive_buffer(e->fd, 8 << 20);
	e->session = (struct session){ .cast = 0x12345678, .number = 0, .symbol_bytes = SYMBOL, .sender = local };
	assert_int_equal(net_bound(e->fd, &e->session.group, &err), 0);
	random_bytes(e->session.group_key, SESSION_KEY);
	random_bytes(e->session.own_key, SESSION_KEY);
	e->group = seal_new(e->session.group_key);
	e->own = seal_new(e->session.own_key);
	e->have = mem_array(blocks, 255);
	e->symbols = mem_array(blocks, 255 * sizeof(uint8_t *));
	e->digests_seen = mem_array(layout_chunks(g->layout), 1);
}

static void ear_close(struct ear *e)
{
	for (size_t i = 0; i < (size_t)layout_blocks(e->goods->layout) * 255; i++)
		free(e->symbols[i]);
	free(e->symbols);
	free(e->have);
	free(e->counters);
	free(e->digests_seen);
	seal_free(e->group);
	seal_free(e->own);
	close(e->fd);
}

static void nonce_of(uint16_t from, uint64_t counter, uint8_t out[SEAL_NONCE])
{
	memset(out, 0, SEAL_NONCE);
	out[2] = (uint8_t)(from >> 8);
	out[3] = (uint8_t)from;
	for (int i = 11; i > 3; i--, counter >>= 8)
		out[i] = (uint8_t)counter;
}

static bool open_packet(struct ear *e, uint8_t *p, size_t head, size_t len, uint64_t counter)
{
	uint8_t nonce[SEAL_NONCE];
	struct seal_job job = { .nonce = nonce,
				.aad = p,
				.aad_len = head,
				.in = p + head,
				.out = p + head,
				.len = len - head - SEAL_TAG,
				.tag = p + len - SEAL_TAG };

	nonce_of(WIRE_FROM_SENDER, counter, nonce);
	seal_open_many(e->group, &job, 1);
	return job.ok;
}

static unsigned int block_count(const struct ear *e, uint32_t block)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 255; i++)
		n += e->have[block * 255 + i];
	return n;
}

static void hear_data(struct ear *e, uint8_t *p, size_t len)
{
	struct wire_data d;
	struct err err = { 0 };
	size_t at;

	assert_int_equal(wire_data_read(p, len, &d, &err), 0);
	assert_int_equal(len, SYMBOL + WIRE_DATA_MORE);
	if (!open_packet(e, p, WIRE_DATA_HEAD, len, d.head.counter)) {
		e->bad++;
		return;
	}
	e->data++;
	assert_true(d.block < layout_blocks(e->goods->layout));
	e->parity += d.index >= layout_block(e->goods->layout, d.block)->k;
	at = (size_t)d.block * 255 + d.index;
	if ((e->drop_every && e->data % e->drop_every == 0) || e->have[at])
		return;
	e->have[at] = 1;
	e->symbols[at] = mem_dup(p + WIRE_DATA_HEAD, SYMBOL);
	e->lacking -= block_count(e, d.block) == layout_block(e->goods->layout, d.block)->k;
}

static void hear_rows(struct ear *e, uint8_t *p, size_t len)
{
	struct wire_rows rows;
	struct err err = { 0 };
	struct verify_key key;
	uint8_t text[WIRE_ROWS_SIGNED_MAX];

	assert_int_equal(wire_rows_read(p, len, &rows, &err), 0);
	verify_key_of(&e->goods->key, &key);
	assert_int_equal(
		verify_bytes(&key, text, wire_rows_signed(e->session.cast, &rows, text), rows.signature, WIRE_SIGNATURE, &err),
		0);
	for (uint32_t i = 0; i < rows.n; i++) {
		const uint32_t chunk = rows.first + i;
		struct digest d;

		assert_true(chunk < layout_chunks(e->goods->layout));
		digest_of(e->goods->bytes + layout_chunk_at(e->goods->layout, chunk), layout_chunk_len(e->goods->layout, chunk),
			  &d);
		e->digests_seen[chunk] = 1;
		e->digests_wrong += digest_cmp(&d, &rows.digests[i]) != 0;
	}
}

static void say(struct ear *e, const void *p, size_t len, const struct sockaddr_storage *to)
{
	sendto(e->fd, p, len, 0, (const struct sockaddr *)to, net_len(to));
}

static void make_noise(struct ear *e, const uint8_t *report, size_t len, const struct sockaddr_storage *to)
{
	uint8_t p[WIRE_PACKET_MAX];

	for (unsigned int i = 0; i < e->noise; i++) {
		memcpy(p, report, len);
		switch (i % 5) {
		case 0: /* it was said already */
			say(e, p, len, to);
			break;
		case 1: /* changed */
			p[WIRE_HEAD + i % 7] ^= 1;
			p[15]++;
			say(e, p, len, to);
			break;
		case 2: /* of nobody */
			p[3] ^= 1;
			say(e, p, len, to);
			break;
		case 3: /* cut off */
			say(e, p, i % len, to);
			break;
		default: /* of another cast */
			p[4] ^= 1;
			say(e, p, len, to);
			break;
		}
	}
}

static void report(struct ear *e, const struct wire_poll *poll, const struct sockaddr_storage *to)
{
	uint8_t p[WIRE_HEAD + WIRE_PACKET_MAX + WIRE_TAG], nonce[SEAL_NONCE];
	struct wire_head head = { .type = WIRE_REPORT, .from = NUMBER, .cast = e->session.cast, .counter = ++e->counter };
	struct wire_report r = { .seq = poll->seq,
				 .poll_us = poll->now_us,
				 .heard = e->data,
				 .top = poll->sent,
				 .buffer_kib = 4096,
				 .blocks_lacking = e->lacking,
				 .rows_from = UINT32_MAX,
				 .state = e->lacking == 0 ? WIRE_COMPLETE
					  : e->data	  ? WIRE_RECEIVING
							  : WIRE_READY };
	struct seal_job job = { .nonce = nonce, .aad = p, .aad_len = WIRE_HEAD, .in = p + WIRE_HEAD, .out = p + WIRE_HEAD };

	for (uint32_t b = poll->asked_from; b < poll->asked_to && r.n_needs < WIRE_NEEDS_MAX; b++) {
		const unsigned int n = block_count(e, b), k = layout_block(e->goods->layout, b)->k;

		if (n < k)
			r.needs[r.n_needs++] =
				(struct wire_need){ .first = b, .count = 1, .deficit = n ? (uint8_t)(k - n) : 255 };
	}
	wire_head_write(&head, p);
	nonce_of(NUMBER, head.counter, nonce);
	job.len = wire_report_write(&r, p + WIRE_HEAD);
	job.tag = p + WIRE_HEAD + job.len;
	seal_close_many(e->own, &job, 1);
	say(e, p, WIRE_HEAD + job.len + WIRE_TAG, to);
	make_noise(e, p, WIRE_HEAD + job.len + WIRE_TAG, to);
}

static void hear_poll(struct ear *e, uint8_t *p, size_t len, const struct sockaddr_storage *from)
{
	struct err err = { 0 };

	assert_int_equal(wire_poll_read(p, len, &e->last, &err), 0);
	e->polls++;
	e->overs += e->last.stage == WIRE_OVER;
	if (e->stays_silent_for)
		e->stays_silent_for--;
	else
		report(e, &e->last, from);
}

static void hear(struct ear *e, uint8_t *p, size_t len, const struct sockaddr_storage *from)
{
	struct wire_head h;
	struct err err = { 0 };

	assert_int_equal(wire_head_read(p, len, &h, &err), 0);
	assert_int_equal(h.from, WIRE_FROM_SENDER);
	assert_int_equal(h.cast, e->session.cast);
	e->counters = mem_room(e->counters, e->n_counters, &e->cap_counters, sizeof(*e->counters));
	e->counters[e->n_counters++] = h.counter;
	if (h.type == WIRE_DATA) {
		hear_data(e, p, len);
		return;
	}
	assert_true(open_packet(e, p, WIRE_HEAD, len, h.counter));
	if (h.type == WIRE_ROWS)
		hear_rows(e, p + WIRE_HEAD, len - WIRE_HEAD - WIRE_TAG);
	else
		hear_poll(e, p + WIRE_HEAD, len - WIRE_HEAD - WIRE_TAG, from);
}

/* --- both together */
struct run {
	struct tx *tx;
	struct err err;
	int rc;
	_Atomic bool done;
};

static void *run_main(void *arg)
{
	struct run *r = arg;

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
				 .source = { .chunk = goods_chunk, .ctx = (void *)(uintptr_t)g },
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

static void try_whole(unsigned int hands, bool scratch, unsigned int drop_every, bool one_by_one)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct tx_view v;
	struct tx_opts o;
	pthread_t thread;

	goods_make(&g, mixed, ARRAY_LEN(mixed));
	g.through_scratch = scratch;
	ear_open(&e, &g);
	e.drop_every = drop_every;
	o = options(&g, &e);
	o.hands = hands;
	o.one_by_one = one_by_one;
	r.tx = open_tx(&o);
	cast_whole(&e, &r, &thread);
	check_whole(&e);
	assert_true(e.overs > 0);
	tx_look(r.tx, &v);
	assert_int_equal(v.sender.complete, 1);
	assert_int_equal(v.rejected, 0);
	assert_true(v.seconds > 0);
	assert_true(v.wire_bytes >= e.data * (SYMBOL + WIRE_DATA_MORE));
	tx_close(r.tx);
	ear_close(&e);
	goods_free(&g);
}

static void test_whole(void **state)
{
	(void)state;
	try_whole(1, false, 0, false);
	try_whole(1, true, 0, true);
}

static void test_hands(void **state)
{
	(void)state;
	try_whole(3, true, 0, false);
	try_whole(0, false, 7, false);
}

static void test_lost_packets_are_repaired(void **state)
{
	(void)state;
	try_whole(1, true, 3, false);
	try_whole(1, false, 20, true);
}

static void test_rows_come_with_what_they_are_about(void **state)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct tx_opts o;
	pthread_t thread;

	(void)state;
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	o = options(&g, &e);
	o.source.digest = goods_digest;
	o.source.sign = goods_sign;
	o.hands = 2;
	r.tx = open_tx(&o);
	cast_whole(&e, &r, &thread);
	check_whole(&e);
	assert_int_equal(e.digests_wrong, 0);
	for (size_t i = 0; i < ARRAY_LEN(mixed); i++)
		assert_int_equal(e.digests_seen[i], 1);
	tx_close(r.tx);
	ear_close(&e);
	goods_free(&g);
}

static void test_what_is_no_report_is_counted_and_stops_nothing(void **state)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct tx_view v;
	struct tx_opts o;
	pthread_t thread;

	(void)state;
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	e.noise = 50;
	e.drop_every = 10;
	o = options(&g, &e);
	r.tx = open_tx(&o);
	cast_whole(&e, &r, &thread);
	check_whole(&e);
	tx_look(r.tx, &v);
	assert_true(v.rejected >= 50);
	tx_close(r.tx);
	ear_close(&e);
	goods_free(&g);
}

static void test_who_joins_when(void **state)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct err err = { 0 };
	struct sender_receiver_view one;
	struct tx_opts o;
	pthread_t thread;

	(void)state;
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	o = options(&g, &e);
	o.expected = 3;
	r.tx = open_tx(&o);
	assert_int_equal(tx_join(r.tx, 0, e.session.own_key, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_int_equal(tx_join(r.tx, 1, e.session.own_key, NULL, &err), 0);
	assert_int_equal(tx_join(r.tx, 1, e.session.own_key, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	tx_leave(r.tx, 1, false);
	tx_leave(r.tx, 9, false); /* never heard of */
	assert_int_equal(tx_join(r.tx, 1, e.session.own_key, NULL, &err), -1);
	/* Three were expected, one is there: it begins when it is told to. */
	tx_start(r.tx);
	cast_whole(&e, &r, &thread);
	check_whole(&e);
	assert_true(tx_look_at(r.tx, NUMBER, &one));
	assert_true(one.state >= WIRE_COMPLETE);
	assert_false(tx_look_at(r.tx, 100, &one));
	assert_int_equal(tx_join(r.tx, 20, e.session.own_key, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	tx_leave(r.tx, NUMBER, true);
	tx_start(r.tx);
	tx_close(r.tx);
	ear_close(&e);
	goods_free(&g);
}

static void test_stop_ends_it(void **state)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct tx_opts o;
	pthread_t thread;

	(void)state;
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	e.stays_silent_for = UINT32_MAX; /* nobody ever answers: it gathers */
	o = options(&g, &e);
	o.gather_ns = 1000 * NS_PER_S;
	r.tx = open_tx(&o);
	assert_int_equal(tx_join(r.tx, NUMBER, e.session.own_key, NULL, &r.err), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_main, &r), 0);
	while (e.polls == 0)
		hear_some(&e, 100);
	tx_stop(r.tx);
	listen_until_done(&e, &r);
	pthread_join(thread, NULL);
	assert_int_equal(r.rc, 0);
	assert_true(e.overs > 0);
	tx_stop(r.tx);
	tx_close(r.tx);
	ear_close(&e);
	goods_free(&g);
}

static void test_a_source_that_fails_ends_it(void **state)
{
	struct goods g;
	struct ear e;
	struct run r = { 0 };
	struct tx_opts o;
	pthread_t thread;

	(void)state;
	for (unsigned int hands = 1; hands < 4; hands += 2) {
		goods_make(&g, mixed, ARRAY_LEN(mixed));
		g.fails_at = 10;
		ear_open(&e, &g);
		o = options(&g, &e);
		o.hands = hands;
		r = (struct run){ .tx = open_tx(&o) };
		assert_int_equal(tx_join(r.tx, NUMBER, e.session.own_key, NULL, &r.err), 0);
		assert_int_equal(pthread_create(&thread, NULL, run_main, &r), 0);
		listen_until_done(&e, &r);
		pthread_join(thread, NULL);
		assert_int_equal(r.rc, -1);
		assert_string_equal(r.err.text, "chunk 10 can't be read");
		assert_true(e.overs > 0);
		tx_close(r.tx);
		ear_close(&e);
		goods_free(&g);
	}
}

static void test_addresses_that_are_not_here(void **state)
{
	struct goods g;
	struct ear e;
	struct tx_opts o;
	struct tx *tx = NULL;
	struct err err = { 0 };

	(void)state;
	goods_make(&g, mixed, ARRAY_LEN(mixed));
	ear_open(&e, &g);
	o = options(&g, &e);
	snprintf(o.interface, sizeof(o.interface), "nowhere0");
	assert_int_equal(tx_open(&o, &tx, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	o = options(&g, &e);
	assert_int_equal(net_parse("192.0.2.1", 0, &e.session.sender, &err), 0);
	assert_int_equal(tx_open(&o, &tx, &err), -1);
	assert_null(tx);
	ear_close(&e);
	goods_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_hands),
		cmocka_unit_test(test_lost_packets_are_repaired),
		cmocka_unit_test(test_rows_come_with_what_they_are_about),
		cmocka_unit_test(test_what_is_no_report_is_counted_and_stops_nothing),
		cmocka_unit_test(test_who_joins_when),
		cmocka_unit_test(test_stop_ends_it),
		cmocka_unit_test(test_a_source_that_fails_ends_it),
		cmocka_unit_test(test_addresses_that_are_not_here),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
