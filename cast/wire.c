/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/wire.h"

#include "base/bigend.h"

#include <assert.h>
#include <string.h>

#define PLAIN_MAX (WIRE_PACKET_MAX - WIRE_HEAD - WIRE_TAG)
#define PPM 1000000

enum { POLL_FIXED = 49, PROMISE_BYTES = 5, REPORT_FIXED = 54, NEED_BYTES = 9, ROWS_FIXED = 6 };
static_assert(POLL_FIXED + WIRE_PROMISES_MAX * PROMISE_BYTES + WIRE_SIGNATURE <= PLAIN_MAX, "a POLL fits");
static_assert(REPORT_FIXED + WIRE_NEEDS_MAX * NEED_BYTES <= PLAIN_MAX, "a REPORT fits");
static_assert(ROWS_FIXED + WIRE_ROWS_MAX * DIGEST_LEN + WIRE_SIGNATURE <= PLAIN_MAX, "ROWS fit");

static uint32_t get32(const uint8_t **at)
{
	return (uint32_t)bigend_get(at, 4);
}

/* --- heads */

void wire_head_write(const struct wire_head *h, uint8_t out[WIRE_HEAD])
{
	uint8_t *at = out;

	at = bigend_put(at, WIRE_MAGIC, 1);
	at = bigend_put(at, h->type, 1);
	at = bigend_put(at, h->from, 2);
	at = bigend_put(at, h->cast, 4);
	bigend_put(at, h->counter, 8);
}

int wire_head_read(const uint8_t *packet, size_t len, struct wire_head *out, struct err *err)
{
	const uint8_t *at = packet + 2;

	if (len < WIRE_HEAD)
		return err_set(err, ERR_DAMAGED, "a packet of %zu bytes is too short", len);
	if (packet[0] != WIRE_MAGIC)
		return err_set(err, ERR_DAMAGED, "the packet is none of a cast: it begins with %02x", packet[0]);
	if (packet[1] < WIRE_DATA || packet[1] > WIRE_PROBE)
		return err_set(err, ERR_DAMAGED, "packets of type %u are not known", packet[1]);
	out->type = (enum wire_type)packet[1];
	out->from = (uint16_t)bigend_get(&at, 2);
	out->cast = get32(&at);
	out->counter = bigend_get(&at, 8);
	return 0;
}

void wire_data_write(const struct wire_data *d, uint8_t out[WIRE_DATA_HEAD])
{
	uint8_t *at = out + WIRE_HEAD;

	wire_head_write(&d->head, out);
	at = bigend_put(at, d->block, 4);
	at = bigend_put(at, d->index, 1);
	at = bigend_put(at, d->pass, 1);
	bigend_put(at, 0, 2);
}

int wire_data_read(const uint8_t *packet, size_t len, struct wire_data *out, struct err *err)
{
	const uint8_t *at = packet + WIRE_HEAD;

	if (wire_head_read(packet, len, &out->head, err) < 0)
		return -1;
	if (out->head.type != WIRE_DATA || len < WIRE_DATA_HEAD)
		return err_set(err, ERR_DAMAGED, "a packet of type %u and %zu bytes is no DATA", out->head.type, len);
	if (out->head.from != WIRE_FROM_SENDER)
		return err_set(err, ERR_DAMAGED, "DATA from %u, which is not the sender", out->head.from);
	out->block = get32(&at);
	out->index = (uint8_t)bigend_get(&at, 1);
	out->pass = (uint8_t)bigend_get(&at, 1);
	if (bigend_get(&at, 2))
		return err_set(err, ERR_DAMAGED, "DATA of block %u: what is to be zero is not", out->block);
	return 0;
}

/* --- PROBE */

size_t wire_probe_len(enum wire_size size)
{
	static const size_t len[WIRE_SIZES] = { 64, WIRE_PACKET_MAX, WIRE_PROBE_JUMBO };

	return len[size];
}

size_t wire_probe_write(const struct wire_probe *p, uint8_t out[WIRE_PROBE_JUMBO])
{
	const size_t len = wire_probe_len(p->size) - WIRE_HEAD - WIRE_TAG;

	memset(out, 0, len);
	bigend_put(bigend_put(out, p->way, 1), p->size, 1);
	return len;
}

int wire_probe_read(const uint8_t *plain, size_t len, struct wire_probe *out, struct err *err)
{
	if (len < 2)
		return err_set(err, ERR_DAMAGED, "a PROBE of %zu bytes is too short", len);
	if (plain[0] >= WIRE_WAYS || plain[1] >= WIRE_SIZES)
		return err_set(err, ERR_DAMAGED, "a PROBE of the way %u and the size %u", plain[0], plain[1]);
	*out = (struct wire_probe){ .way = (enum wire_way)plain[0], .size = (enum wire_size)plain[1] };
	if (len != wire_probe_len(out->size) - WIRE_HEAD - WIRE_TAG)
		return err_set(err, ERR_DAMAGED, "a PROBE of the size %u has %zu bytes", out->size, len);
	for (size_t i = 2; i < len; i++)
		if (plain[i])
			return err_set(err, ERR_DAMAGED, "a PROBE: what is to be zero is not");
	return 0;
}

/* --- POLL */

static uint8_t *poll_put(uint8_t *at, const struct wire_poll *p)
{
	at = bigend_put(at, p->seq, 4);
	at = bigend_put(at, p->stage, 1);
	at = bigend_put(at, p->pass, 1);
	at = bigend_put(at, p->ways, 1);
	at = bigend_put(at, p->sent, 8);
	at = bigend_put(at, p->now_us, 8);
	at = bigend_put(at, p->grtt_us, 4);
	at = bigend_put(at, p->crowd, 4);
	at = bigend_put(at, p->marks, 4);
	at = bigend_put(at, p->loss_limit, 4);
	at = bigend_put(at, p->asked_from, 4);
	at = bigend_put(at, p->asked_to, 4);
	at = bigend_put(at, p->n_promises, 2);
	for (unsigned int i = 0; i < p->n_promises; i++) {
		at = bigend_put(at, p->promises[i].block, 4);
		at = bigend_put(at, p->promises[i].count, 1);
	}
	return at;
}

size_t wire_poll_signed(uint32_t cast, uint64_t counter, const struct wire_poll *p, uint8_t out[WIRE_POLL_SIGNED_MAX])
{
	static const char what[] = "orthrus cast poll\n";
	uint8_t *at = out + strlen(what);

	memcpy(out, what, strlen(what));
	return (size_t)(poll_put(bigend_put(bigend_put(at, cast, 4), counter, 8), p) - out);
}

size_t wire_poll_write(const struct wire_poll *p, uint8_t out[WIRE_PACKET_MAX])
{
	uint8_t *at = poll_put(out, p);

	if (p->is_signed) {
		memcpy(at, p->signature, WIRE_SIGNATURE);
		at += WIRE_SIGNATURE;
	}
	return (size_t)(at - out);
}

static int poll_check(const struct wire_poll *p, struct err *err)
{
	if (p->ways & ~WIRE_HEARD_WAYS)
		return err_set(err, ERR_DAMAGED, "POLL %u: ways %02x are not known", p->seq, p->ways);
	if (p->stage == WIRE_OVER && !p->is_signed)
		return err_set(err, ERR_DAMAGED, "POLL %u: nobody says by his own key that it is over", p->seq);
	if (p->seq == 0)
		return err_set(err, ERR_DAMAGED, "a POLL without a number");
	if (p->asked_from > p->asked_to)
		return err_set(err, ERR_DAMAGED, "POLL %u: blocks from %u to %u are asked about", p->seq, p->asked_from,
			       p->asked_to);
	for (unsigned int i = 0; i < p->n_promises; i++)
		if (p->promises[i].count == 0)
			return err_set(err, ERR_DAMAGED, "POLL %u: nothing is promised for block %u", p->seq,
				       p->promises[i].block);
	return 0;
}

int wire_poll_read(const uint8_t *plain, size_t len, struct wire_poll *out, struct err *err)
{
	const uint8_t *at = plain;
	uint8_t stage;
	size_t need;

	*out = (struct wire_poll){ 0 };
	if (len < POLL_FIXED)
		return err_set(err, ERR_DAMAGED, "a POLL of %zu bytes is too short", len);
	out->seq = get32(&at);
	stage = (uint8_t)bigend_get(&at, 1);
	out->pass = (uint8_t)bigend_get(&at, 1);
	out->ways = (uint8_t)bigend_get(&at, 1);
	out->sent = bigend_get(&at, 8);
	out->now_us = bigend_get(&at, 8);
	out->grtt_us = get32(&at);
	out->crowd = get32(&at);
	out->marks = get32(&at);
	out->loss_limit = get32(&at);
	out->asked_from = get32(&at);
	out->asked_to = get32(&at);
	out->n_promises = (uint16_t)bigend_get(&at, 2);
	if (stage < WIRE_GATHER || stage > WIRE_OVER)
		return err_set(err, ERR_DAMAGED, "POLL %u: there is no stage %u", out->seq, stage);
	out->stage = (enum wire_stage)stage;
	need = POLL_FIXED + (size_t)out->n_promises * PROMISE_BYTES;
	out->is_signed = len == need + WIRE_SIGNATURE;
	if (out->n_promises > WIRE_PROMISES_MAX || (len != need && !out->is_signed))
		return err_set(err, ERR_DAMAGED, "POLL %u: %u promises in %zu bytes", out->seq, out->n_promises, len);
	for (unsigned int i = 0; i < out->n_promises; i++) {
		out->promises[i].block = get32(&at);
		out->promises[i].count = (uint8_t)bigend_get(&at, 1);
	}
	if (out->is_signed)
		memcpy(out->signature, at, WIRE_SIGNATURE);
	return poll_check(out, err);
}

/* --- REPORT */

size_t wire_report_write(const struct wire_report *r, uint8_t out[WIRE_PACKET_MAX])
{
	uint8_t *at = out;

	at = bigend_put(at, r->seq, 4);
	at = bigend_put(at, r->poll_us, 8);
	at = bigend_put(at, r->held_us, 4);
	at = bigend_put(at, r->heard, 8);
	at = bigend_put(at, r->top, 8);
	at = bigend_put(at, r->buffer_kib, 4);
	at = bigend_put(at, r->loss_ppm, 4);
	at = bigend_put(at, r->blocks_lacking, 4);
	at = bigend_put(at, r->rows_from, 4);
	at = bigend_put(at, r->state, 1);
	at = bigend_put(at, r->pressed, 1);
	at = bigend_put(at, r->probes, 2);
	at = bigend_put(at, r->n_needs, 2);
	for (unsigned int i = 0; i < r->n_needs; i++) {
		at = bigend_put(at, r->needs[i].first, 4);
		at = bigend_put(at, r->needs[i].count, 4);
		at = bigend_put(at, r->needs[i].deficit, 1);
	}
	return (size_t)(at - out);
}

static int report_check(const struct wire_report *r, struct err *err)
{
	uint32_t past = 0; /* the blocks below it were spoken of */

	if (r->probes & ~WIRE_HEARD_ALL)
		return err_set(err, ERR_DAMAGED, "a REPORT of probes %04x", r->probes);
	if (r->loss_ppm > PPM)
		return err_set(err, ERR_DAMAGED, "a REPORT of a loss of %u ppm", r->loss_ppm);
	for (unsigned int i = 0; i < r->n_needs; i++) {
		const struct wire_need *n = &r->needs[i];

		if (n->count == 0 || n->deficit == 0 || n->first < past || n->count > UINT32_MAX - n->first)
			return err_set(err, ERR_DAMAGED,
				       "a REPORT of a need of %u symbols of each of %u blocks from %u, after %u", n->deficit,
				       n->count, n->first, past);
		past = n->first + n->count;
	}
	return 0;
}

int wire_report_read(const uint8_t *plain, size_t len, struct wire_report *out, struct err *err)
{
	const uint8_t *at = plain;
	uint8_t state, pressed;

	*out = (struct wire_report){ 0 };
	if (len < REPORT_FIXED)
		return err_set(err, ERR_DAMAGED, "a REPORT of %zu bytes is too short", len);
	out->seq = get32(&at);
	out->poll_us = bigend_get(&at, 8);
	out->held_us = get32(&at);
	out->heard = bigend_get(&at, 8);
	out->top = bigend_get(&at, 8);
	out->buffer_kib = get32(&at);
	out->loss_ppm = get32(&at);
	out->blocks_lacking = get32(&at);
	out->rows_from = get32(&at);
	state = (uint8_t)bigend_get(&at, 1);
	pressed = (uint8_t)bigend_get(&at, 1);
	out->probes = (uint16_t)bigend_get(&at, 2);
	out->n_needs = (uint16_t)bigend_get(&at, 2);
	if (state < WIRE_READY || state > WIRE_FAILED || pressed > 1)
		return err_set(err, ERR_DAMAGED, "a REPORT of the state %u, pressed %u", state, pressed);
	out->state = (enum wire_state)state;
	out->pressed = pressed;
	if (out->n_needs > WIRE_NEEDS_MAX || len != REPORT_FIXED + (size_t)out->n_needs * NEED_BYTES)
		return err_set(err, ERR_DAMAGED, "a REPORT of %u needs in %zu bytes", out->n_needs, len);
	for (unsigned int i = 0; i < out->n_needs; i++) {
		out->needs[i].first = get32(&at);
		out->needs[i].count = get32(&at);
		out->needs[i].deficit = (uint8_t)bigend_get(&at, 1);
	}
	return report_check(out, err);
}

/* --- ROWS */

static uint8_t *rows_put(uint8_t *at, const struct wire_rows *r)
{
	at = bigend_put(at, r->first, 4);
	at = bigend_put(at, r->n, 2);
	memcpy(at, r->digests, (size_t)r->n * DIGEST_LEN);
	return at + (size_t)r->n * DIGEST_LEN;
}

size_t wire_rows_signed(uint32_t cast, const struct wire_rows *r, uint8_t out[WIRE_ROWS_SIGNED_MAX])
{
	static const char what[] = "orthrus cast rows\n";
	uint8_t *at = out + strlen(what);

	memcpy(out, what, strlen(what));
	return (size_t)(rows_put(bigend_put(at, cast, 4), r) - out);
}

size_t wire_rows_write(const struct wire_rows *r, uint8_t out[WIRE_PACKET_MAX])
{
	uint8_t *at = rows_put(out, r);

	memcpy(at, r->signature, WIRE_SIGNATURE);
	return (size_t)(at - out) + WIRE_SIGNATURE;
}

int wire_rows_read(const uint8_t *plain, size_t len, struct wire_rows *out, struct err *err)
{
	const uint8_t *at = plain;

	*out = (struct wire_rows){ 0 };
	if (len < ROWS_FIXED)
		return err_set(err, ERR_DAMAGED, "ROWS of %zu bytes are too short", len);
	out->first = get32(&at);
	out->n = (uint16_t)bigend_get(&at, 2);
	if (out->n == 0 || out->n > WIRE_ROWS_MAX || len != ROWS_FIXED + (size_t)out->n * DIGEST_LEN + WIRE_SIGNATURE)
		return err_set(err, ERR_DAMAGED, "%u ROWS in %zu bytes", out->n, len);
	if (out->first > UINT32_MAX - out->n)
		return err_set(err, ERR_DAMAGED, "%u ROWS from %u: there are not so many pieces", out->n, out->first);
	memcpy(out->digests, at, (size_t)out->n * DIGEST_LEN);
	memcpy(out->signature, at + (size_t)out->n * DIGEST_LEN, WIRE_SIGNATURE);
	return 0;
}
