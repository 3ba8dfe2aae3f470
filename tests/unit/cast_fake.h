/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sender that sends what the test says, packet by packet, and a receiver that runs beside it. */
#ifndef ORTHRUS_TESTS_UNIT_CAST_FAKE_H
#define ORTHRUS_TESTS_UNIT_CAST_FAKE_H

#include "tests/unit/cast_lan.h"

#include "cast/fec.h"
#include "cast/rx.h"
#include "cast/seal.h"
#include "cast/wire.h"
#include "sys/clock.h"
#include "sys/keys.h"

#include <pthread.h>
#include <sodium.h>

#define FAKE_NUMBER 7
#define FAKE_WAIT_NS (20 * NS_PER_S)

struct fake {
	struct session session;
	struct layout *layout;
	uint8_t *data; /* chunks one after the other */
	struct sign_key sign;
	struct seal *group, *own;
	struct net_out out;
	uint64_t counter, sent;
	uint32_t seq;
	uint8_t ways; /* that POLLs say DATA goes out by */
	struct sockaddr_storage heard_from;
	/* The other side. */
	struct rx *rx;
	pthread_t thread;
	bool whole, running;
	int rc;
	struct err err;
	/* What the sink does and saw. */
	pthread_mutex_t lock;
	uint8_t *stored;	/* how often, for each chunk */
	uint8_t *refuse;	/* how often each chunk is called wrong still */
	uint32_t wrong_content; /* chunks that came otherwise than they were sent */
	uint32_t with_digest;
	bool broken; /* the disk */
	bool checks; /* it says so when a chunk is wrong */
	bool hold;   /* it takes its time: until this is false */
	unsigned int in_sink;
	pthread_cond_t changed; /* of these two */
};

static inline void fake_nonce(uint16_t from, uint64_t counter, uint8_t out[SEAL_NONCE])
{
	memset(out, 0, SEAL_NONCE);
	out[2] = (uint8_t)(from >> 8);
	out[3] = (uint8_t)from;
	for (int i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(counter >> (56 - 8 * i));
}

static inline int fake_sink(void *ctx, unsigned int hand, uint32_t chunk, const uint8_t *data, size_t len,
			    const struct digest *digest, struct err *err)
{
	struct fake *f = ctx;
	int rc = 0;

	(void)hand;
	pthread_mutex_lock(&f->lock);
	f->in_sink++;
	pthread_cond_broadcast(&f->changed);
	while (f->hold)
		pthread_cond_wait(&f->changed, &f->lock);
	f->in_sink--;
	if (len != layout_chunk_len(f->layout, chunk) || memcmp(data, f->data + layout_chunk_at(f->layout, chunk), len) != 0) {
		if (f->checks) {
			pthread_mutex_unlock(&f->lock);
			return err_set(err, ERR_DAMAGED, "chunk %u is not what was sent", chunk);
		}
		f->wrong_content++;
	}
	f->with_digest += digest != NULL;
	if (digest) {
		struct digest d;

		digest_of(data, len, &d);
		f->wrong_content += digest_cmp(&d, digest) != 0;
	}
	if (f->broken)
		rc = err_set(err, ERR_FAILED, "the disk is broken");
	else if (f->refuse[chunk] && f->refuse[chunk]--)
		rc = err_set(err, ERR_DAMAGED, "chunk %u is wrong", chunk);
	else
		f->stored[chunk]++;
	pthread_mutex_unlock(&f->lock);
	return rc;
}

static inline void fake_make(struct fake *f, const uint32_t *lens, size_t n, uint16_t symbol, const char *group,
			     const char *sender)
{
	struct sockaddr_storage local = lan_addr(sender, 0);
	struct err err = { 0 };
	unsigned int d0;

	*f = (struct fake){ .session = { .cast = 0xcafe0001, .symbol_bytes = symbol, .number = FAKE_NUMBER } };
	assert_int_equal(layout_new(lens, n, symbol, &f->layout, &err), 0);
	f->data = mem_zalloc((size_t)layout_bytes(f->layout));
	random_bytes(f->data, (size_t)layout_bytes(f->layout));
	f->stored = mem_zalloc(n);
	f->refuse = mem_zalloc(n);
	random_bytes(f->session.group_key, SESSION_KEY);
	random_bytes(f->session.own_key, SESSION_KEY);
	assert_true(sodium_init() >= 0);
	crypto_sign_keypair(f->sign.public, f->sign.secret);
	memcpy(f->session.sign_public, f->sign.public, sizeof(f->sign.public));
	f->group = seal_new(f->session.group_key);
	f->own = seal_new(f->session.own_key);
	f->session.group = lan_addr(group, 7200);
	assert_int_equal(net_interface("d0", &d0, &err), 0);
	assert_int_equal(net_open(&local, false, &f->out.fd, &err), 0);
	assert_int_equal(net_multicast_by(f->out.fd, local.ss_family, d0, 1, &err), 0);
	assert_int_equal(net_bound(f->out.fd, &f->session.sender, &err), 0);
	net_receive_buffer(f->out.fd, NET_BUFFER);
	f->out.to = f->session.group;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
}

static inline void fake_clear(struct fake *f)
{
	close(f->out.fd);
	seal_free(f->group);
	seal_free(f->own);
	layout_drop(f->layout);
	free(f->data);
	free(f->stored);
	free(f->refuse);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
}

/* --- what is sent */

static inline void fake_put(struct fake *f, const uint8_t *packet, size_t len)
{
	struct err err = { 0 };

	assert_int_equal(net_send(&f->out, packet, len, len, &err), 0);
}

/* Symbol `index` of the block, as it is cast. */
static inline void fake_symbol(const struct fake *f, uint32_t block, uint8_t index, uint8_t *out)
{
	const struct layout_block *b = layout_block(f->layout, block);
	const size_t len = layout_symbol_bytes(f->layout);
	autofree uint8_t *all = mem_aligned(64, (size_t)b->k * len);
	uint8_t *data[LAYOUT_K_MAX];
	struct layout_place p;

	memset(all, 0, (size_t)b->k * len);
	for (unsigned int i = 0; i < b->k; i++) {
		data[i] = all + i * len;
		layout_place(f->layout, block, (uint8_t)i, &p);
		memcpy(data[i], f->data + layout_chunk_at(f->layout, p.chunk) + p.offset, p.len);
	}
	if (index < b->k) {
		memcpy(out, data[index], len);
	} else {
		struct fec *fec = fec_new(b->k);

		fec_encode(fec, (const uint8_t *const *)data, index - b->k, 1, &out, len);
		fec_free(fec);
	}
}

/* A DATA packet; its length. */
static inline size_t fake_data(struct fake *f, uint32_t block, uint8_t index, uint8_t *packet)
{
	const struct wire_data d = { .head = { .type = WIRE_DATA, .cast = f->session.cast, .counter = ++f->counter },
				     .block = block,
				     .index = index,
				     .pass = 1 };
	const size_t len = layout_symbol_bytes(f->layout);
	uint8_t nonce[SEAL_NONCE];
	struct seal_job job = { .nonce = nonce,
				.aad = packet,
				.aad_len = WIRE_DATA_HEAD,
				.in = packet + WIRE_DATA_HEAD,
				.out = packet + WIRE_DATA_HEAD,
				.len = len,
				.tag = packet + WIRE_DATA_HEAD + len };

	wire_data_write(&d, packet);
	fake_nonce(0, d.head.counter, nonce);
	fake_symbol(f, block, index, packet + WIRE_DATA_HEAD);
	seal_close_many(f->group, &job, 1);
	return len + WIRE_DATA_MORE;
}

static inline void fake_send(struct fake *f, uint32_t block, uint8_t index)
{
	uint8_t packet[LAYOUT_SYMBOL_JUMBO + WIRE_DATA_MORE];

	fake_put(f, packet, fake_data(f, block, index, packet));
	f->sent++;
}

static inline void fake_send_sealed(struct fake *f, enum wire_type type, uint8_t *packet, size_t len)
{
	const struct wire_head head = { .type = type, .cast = f->session.cast, .counter = ++f->counter };
	uint8_t nonce[SEAL_NONCE];
	struct seal_job job = { .nonce = nonce,
				.aad = packet,
				.aad_len = WIRE_HEAD,
				.in = packet + WIRE_HEAD,
				.out = packet + WIRE_HEAD,
				.len = len,
				.tag = packet + WIRE_HEAD + len };

	wire_head_write(&head, packet);
	fake_nonce(0, head.counter, nonce);
	seal_close_many(f->group, &job, 1);
	fake_put(f, packet, WIRE_HEAD + len + WIRE_TAG);
}

/* Signed by `key`; NULL: not at all. */
static inline void fake_put_poll(struct fake *f, struct wire_poll *p, const struct sign_key *key)
{
	uint8_t text[WIRE_POLL_SIGNED_MAX], packet[WIRE_HEAD + WIRE_PACKET_MAX + WIRE_TAG];
	struct err err = { 0 };

	p->is_signed = key != NULL;
	if (key)
		assert_int_equal(
			sign_bytes(key, text, wire_poll_signed(f->session.cast, f->counter + 1, p, text), p->signature, &err), 0);
	fake_send_sealed(f, WIRE_POLL, packet, wire_poll_write(p, packet + WIRE_HEAD));
}

static inline struct wire_poll fake_poll_of(struct fake *f, enum wire_stage stage)
{
	return (struct wire_poll){ .seq = ++f->seq,
				   .stage = stage,
				   .pass = 1,
				   .ways = f->ways,
				   .sent = f->sent,
				   .now_us = 1,
				   .grtt_us = 1000,
				   .crowd = 1,
				   .marks = UINT32_MAX,
				   .loss_limit = 1000000,
				   .asked_to = layout_blocks(f->layout) };
}

static inline void fake_poll(struct fake *f, enum wire_stage stage)
{
	struct wire_poll p = fake_poll_of(f, stage);

	fake_put_poll(f, &p, &f->sign);
}

static inline void fake_rows(struct fake *f, uint32_t first, uint16_t n, const struct sign_key *key)
{
	struct wire_rows rows = { .first = first, .n = n };
	uint8_t text[WIRE_ROWS_SIGNED_MAX], packet[WIRE_HEAD + WIRE_PACKET_MAX + WIRE_TAG];
	struct err err = { 0 };

	for (uint32_t i = 0; i < n; i++)
		digest_of(f->data + layout_chunk_at(f->layout, first + i), layout_chunk_len(f->layout, first + i),
			  &rows.digests[i]);
	assert_int_equal(sign_bytes(key, text, wire_rows_signed(f->session.cast, &rows, text), rows.signature, &err), 0);
	fake_send_sealed(f, WIRE_ROWS, packet, wire_rows_write(&rows, packet + WIRE_HEAD));
}

/* --- the receiver */

static inline void *fake_thread(void *arg)
{
	struct fake *f = arg;

	f->rc = rx_run(f->rx, &f->whole, &f->err);
	return NULL;
}

static inline void fake_receive(struct fake *f, struct rx_opts o)
{
	struct err err = { 0 };

	o.layout = f->layout;
	o.session = &f->session;
	o.sink.chunk = fake_sink;
	o.sink.ctx = f;
	assert_int_equal(rx_open(&o, &f->rx, &err), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, fake_thread, f), 0);
	f->running = true;
}

/* Until rx_run() ended. */
static inline void fake_end(struct fake *f)
{
	pthread_join(f->thread, NULL);
	f->running = false;
}

static inline struct rx_view fake_look(struct fake *f)
{
	struct rx_view v;

	rx_look(f->rx, &v);
	return v;
}

/* Until so many packets came. */
static inline void fake_settle(struct fake *f, uint64_t packets)
{
	const int64_t limit = clock_now_ns() + FAKE_WAIT_NS;

	while (fake_look(f).packets < packets) {
		assert_true(clock_now_ns() < limit);
		poll(NULL, 0, 1);
	}
}

/* The next report; false: none within `ms`. */
static inline bool fake_hear(struct fake *f, struct wire_report *out, int ms)
{
	struct net_got got = { .data = mem_zalloc(NET_GOT_BYTES) };
	autofree uint8_t *memory = got.data;
	uint8_t nonce[SEAL_NONCE];
	struct wire_head head;
	struct err err = { 0 };
	struct seal_job job;

	if (!lan_wait(f->out.fd, ms))
		return false;
	assert_int_equal(net_receive(f->out.fd, &got, 1, &err), 1);
	f->heard_from = got.from;
	assert_int_equal(wire_head_read(got.data, got.len, &head, &err), 0);
	assert_int_equal(head.type, WIRE_REPORT);
	assert_int_equal(head.from, FAKE_NUMBER);
	assert_int_equal(head.cast, f->session.cast);
	fake_nonce(head.from, head.counter, nonce);
	job = (struct seal_job){ .nonce = nonce,
				 .aad = got.data,
				 .aad_len = WIRE_HEAD,
				 .in = got.data + WIRE_HEAD,
				 .out = got.data + WIRE_HEAD,
				 .len = got.len - WIRE_HEAD - WIRE_TAG,
				 .tag = got.data + got.len - WIRE_TAG };
	seal_open_many(f->own, &job, 1);
	assert_true(job.ok);
	assert_int_equal(wire_report_read(job.out, job.len, out, &err), 0);
	return true;
}

/* Until a report of this state comes, asking for it by POLLs of this stage. */
static inline void fake_hear_state(struct fake *f, enum wire_stage stage, enum wire_state state, struct wire_report *out)
{
	const int64_t limit = clock_now_ns() + FAKE_WAIT_NS;

	do {
		assert_true(clock_now_ns() < limit);
		if (stage)
			fake_poll(f, stage);
	} while (!fake_hear(f, out, 50) || out->state != state);
}

#endif
