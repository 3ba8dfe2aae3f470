/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/modes.h"

#define GROUPS (WIRE_HEARD_MC6 | WIRE_HEARD_MC4 | WIRE_HEARD_BROADCAST)
#define NARROW_SHARE 4 /* one in so many gets all by HTTPS rather than that packets are small for all */

void modes_init(struct modes *m, uint8_t offered, enum wire_size size, bool six_first)
{
	*m = (struct modes){ .offered = offered & GROUPS, .size = size, .six_first = six_first };
}

uint8_t modes_reach(const struct modes *m, uint16_t probes)
{
	return (uint8_t)(probes >> 4 * m->size & WIRE_HEARD_WAYS);
}

static bool is_narrow(const struct modes *m, uint16_t probes)
{
	return probes && !modes_reach(m, probes);
}

void modes_told(struct modes *m, uint16_t probes)
{
	m->told++;
	m->narrow += is_narrow(m, probes);
	m->heard[modes_reach(m, probes)]++;
}

void modes_left(struct modes *m, uint16_t probes)
{
	m->told--;
	m->narrow -= is_narrow(m, probes);
	m->heard[modes_reach(m, probes)]--;
}

void modes_changed(struct modes *m, uint16_t before, uint16_t probes)
{
	modes_left(m, before);
	modes_told(m, probes);
}

/* Of these ways: how many receivers hear none of them. */
static uint64_t missed(const struct modes *m, uint8_t ways)
{
	uint64_t n = 0;

	for (unsigned int heard = 0; heard <= WIRE_HEARD_WAYS; heard++)
		n += heard & ways ? 0 : m->heard[heard];
	return n;
}

/* What a way costs: first how many there are, then broadcast (which every host of the network has to look at), then the family
 * that comes second. */
static unsigned int cost(const struct modes *m, uint8_t ways)
{
	const uint8_t second = m->six_first ? WIRE_HEARD_MC4 : WIRE_HEARD_MC6;

	return (unsigned int)__builtin_popcount(ways) * 4 + (ways & WIRE_HEARD_BROADCAST ? 2 : 0) + (ways & second ? 1 : 0);
}

uint8_t modes_choose(const struct modes *m, uint8_t kept)
{
	const uint64_t least = missed(m, m->offered | kept);
	uint8_t best = m->offered | kept;

	for (uint8_t ways = 1; ways <= GROUPS; ways++) {
		if ((ways & kept) != kept || (ways & ~(m->offered | kept)) || missed(m, ways) != least)
			continue;
		if (cost(m, ways) < cost(m, best))
			best = ways;
	}
	return best;
}

bool modes_alone(const struct modes *m, uint16_t probes, uint8_t ways)
{
	const uint8_t reach = modes_reach(m, probes);

	return (reach & WIRE_HEARD_UNICAST) && !(reach & ways);
}

bool modes_too_large(const struct modes *m)
{
	return m->size == WIRE_JUMBO && m->narrow > m->told / NARROW_SHARE;
}
