/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes that come to a relay: each packet is either passed on or refused, once, in order, and what is passed on can be a
 * sender's. The first two bytes say how long packets are. */
#include "cast/relay.h"
#include "cast/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool it)
{
	if (!it)
		abort();
}

static void check_run(const uint8_t *data, size_t each, const struct relay_run *r)
{
	for (size_t at = r->at; at < r->at + r->len; at += each) {
		const size_t left = r->at + r->len - at;
		struct err err = { 0 };
		struct wire_head h;

		must(wire_head_read(data + at, left < each ? left : each, &h, &err) == 0);
		must(h.from == WIRE_FROM_SENDER && h.type != WIRE_REPORT && h.cast == r->cast);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t each, passed = 0, refused = 0;
	struct relay_run r = { 0 };

	if (size < 3)
		return 0;
	each = 1 + ((size_t)data[0] << 8 | data[1]);
	data += 2;
	size -= 2;
	do {
		const size_t before = r.at + r.len;

		relay_sift(data, size, each, before, &r);
		must(r.at >= before && r.at + r.len <= size);
		must((r.at - before + each - 1) / each == r.refused);
		check_run(data, each, &r);
		passed += (r.len + each - 1) / each;
		refused += r.refused;
	} while (r.len);
	must(passed + refused == (size + each - 1) / each);
	return 0;
}
