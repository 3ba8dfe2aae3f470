/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a packet of the cast: what is taken makes sense, and written again it is the same bytes. */
#include "cast/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool it)
{
	if (!it)
		abort();
}

static void heads(const uint8_t *data, size_t size)
{
	uint8_t back[WIRE_DATA_HEAD];
	struct wire_head h;
	struct wire_data d;
	struct err err = { 0 };

	if (wire_head_read(data, size, &h, &err) == 0) {
		wire_head_write(&h, back);
		must(memcmp(back, data, WIRE_HEAD) == 0);
	} else {
		must(err.kind == ERR_DAMAGED);
	}
	err = (struct err){ 0 };
	if (wire_data_read(data, size, &d, &err) == 0) {
		wire_data_write(&d, back);
		must(memcmp(back, data, WIRE_DATA_HEAD) == 0 && d.head.from == WIRE_FROM_SENDER);
	} else {
		must(err.kind == ERR_DAMAGED);
	}
}

static void probe(const uint8_t *data, size_t size)
{
	uint8_t back[WIRE_PROBE_JUMBO];
	struct wire_probe p;
	struct err err = { 0 };

	if (wire_probe_read(data, size, &p, &err) < 0) {
		must(err.kind == ERR_DAMAGED);
		return;
	}
	must(wire_probe_write(&p, back) == size && memcmp(back, data, size) == 0);
	must(wire_probe_len(p.size) == size + WIRE_HEAD + WIRE_TAG);
}

static void poll(const uint8_t *data, size_t size)
{
	uint8_t back[WIRE_PACKET_MAX];
	struct wire_poll p;
	struct err err = { 0 };

	if (wire_poll_read(data, size, &p, &err) < 0) {
		must(err.kind == ERR_DAMAGED);
		return;
	}
	must(wire_poll_write(&p, back) == size && memcmp(back, data, size) == 0);
	must(p.stage != WIRE_OVER || p.is_signed);
	must(p.seq && p.asked_from <= p.asked_to && p.n_promises <= WIRE_PROMISES_MAX && p.ways <= WIRE_HEARD_WAYS);
}

static void report(const uint8_t *data, size_t size)
{
	uint8_t back[WIRE_PACKET_MAX];
	struct wire_report r;
	struct err err = { 0 };
	uint64_t past = 0;

	if (wire_report_read(data, size, &r, &err) < 0) {
		must(err.kind == ERR_DAMAGED);
		return;
	}
	must(wire_report_write(&r, back) == size && memcmp(back, data, size) == 0);
	must(r.n_needs <= WIRE_NEEDS_MAX && r.loss_ppm <= 1000000 && r.probes <= WIRE_HEARD_ALL);
	for (unsigned int i = 0; i < r.n_needs; i++) {
		must(r.needs[i].first >= past && r.needs[i].count && r.needs[i].deficit);
		past = (uint64_t)r.needs[i].first + r.needs[i].count;
		must(past <= UINT32_MAX);
	}
}

static void rows(const uint8_t *data, size_t size)
{
	uint8_t back[WIRE_PACKET_MAX], text[WIRE_ROWS_SIGNED_MAX];
	struct wire_rows r;
	struct err err = { 0 };

	if (wire_rows_read(data, size, &r, &err) < 0) {
		must(err.kind == ERR_DAMAGED);
		return;
	}
	must(wire_rows_write(&r, back) == size && memcmp(back, data, size) == 0);
	must(r.n && r.n <= WIRE_ROWS_MAX && wire_rows_signed(1, &r, text) <= sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	heads(data, size);
	probe(data, size);
	poll(data, size);
	report(data, size);
	rows(data, size);
	return 0;
}
