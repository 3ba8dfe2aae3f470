/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/modes.h"

#define GROUPS (WIRE_HEARD_MC6 | WIRE_HEARD_MC4 | WIRE_HEARD_BROADCAST)
#define WORTH_SHARE 8  /* one in so many, or fewer, get all by HTTPS rather than that all is sent twice, or to every host */
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

/* What they cost: first how many there are, then broadcast, which every host of the network has to look at. */
static unsigned int cost(uint8_t ways)
{
	return (unsigned int)__builtin_popcount(ways) * 2 + (ways & WIRE_HEARD_BROADCAST ? 1 : 0);
}

static bool is_better(const struct modes *m, uint8_t ways, uint8_t than)
{
	const uint8_t second = m->six_first ? WIRE_HEARD_MC4 : WIRE_HEARD_MC6;

	if (cost(ways) != cost(than))
		return cost(ways) < cost(than);
	if (missed(m, ways) != missed(m, than))
		return missed(m, ways) < missed(m, than);
	return (than & second) && !(ways & second);
}

bool modes_worth(const struct modes *m, uint64_t receivers)
{
	return receivers * WORTH_SHARE > m->told;
}

uint8_t modes_choose(const struct modes *m, uint8_t kept)
{
	const uint8_t all = m->offered | kept;
	uint8_t best = all;

	for (uint8_t ways = 1; ways <= GROUPS; ways++) {
		const uint64_t lost = (ways & kept) == kept ? missed(m, ways) - missed(m, all) : 0;

		if ((ways & kept) != kept || (ways & ~all) || (lost && modes_worth(m, lost)))
			continue;
		if (is_better(m, ways, best))
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
