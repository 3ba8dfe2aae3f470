/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/querier_wire.h"

#include "base/bigend.h"

#include <string.h>

#define SIDE (QUERIER_WIRE / QUERIER_FAMILIES)
#define HAS_OWN 1
#define ANONYMOUS 2

_Static_assert(SIDE == 2 + 16 + 16 + 8 + 8, "what is written is the packet");

void querier_wire_write(const struct querier *q, uint8_t out[QUERIER_WIRE])
{
	for (int f = 0; f < QUERIER_FAMILIES; f++) {
		const struct querier_side *s = &q->side[f];
		uint8_t *p = out + (size_t)f * SIDE;

		p[0] = (uint8_t)s->state;
		p[1] = (uint8_t)((s->has_own ? HAS_OWN : 0) | (s->anonymous ? ANONYMOUS : 0));
		memcpy(p + 2, s->own.bytes, 16);
		memcpy(p + 18, s->other.bytes, 16);
		bigend_put(bigend_put(p + 34, s->sent, 8), s->heard, 8);
	}
}

int querier_wire_read(const void *data, size_t len, struct querier_view *out, struct err *err)
{
	struct querier_view v = { 0 };
	const uint8_t *p = data, *numbers;

	if (len != QUERIER_WIRE)
		return err_set(err, ERR_REFUSED, "the querier tells %zu bytes: it must be %d", len, QUERIER_WIRE);
	for (int f = 0; f < QUERIER_FAMILIES; f++, p += SIDE) {
		if (p[0] > QUERIER_NO_ADDRESS || p[1] > (HAS_OWN | ANONYMOUS))
			return err_set(err, ERR_REFUSED, "the querier tells what means nothing (%u, %u)", p[0], p[1]);
		v.side[f].state = (enum querier_state)p[0];
		v.side[f].has_own = p[1] & HAS_OWN;
		v.side[f].anonymous = p[1] & ANONYMOUS;
		memcpy(v.side[f].own.bytes, p + 2, 16);
		memcpy(v.side[f].other.bytes, p + 18, 16);
		numbers = p + 34;
		v.side[f].sent = bigend_get(&numbers, 8);
		v.side[f].heard = bigend_get(&numbers, 8);
	}
	*out = v;
	return 0;
}
