/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By which ways a cast goes out: the fewest that together reach all who can be reached, or nearly all. Pure. docs/cast.md,
 * "Modes". */
#ifndef ORTHRUS_CAST_MODES_H
#define ORTHRUS_CAST_MODES_H

#include "cast/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define MODES_UNICAST 4 /* receivers that are sent everything by themselves, at most */

struct modes {
	uint8_t offered;		     /* the ways to many that the sender has: WIRE_HEARD_MC6, _MC4, _BROADCAST */
	enum wire_size size;		     /* of DATA packets: what must arrive */
	bool six_first;			     /* of two that are as good: IPv6 */
	uint32_t told;			     /* receivers that reported */
	uint32_t narrow;		     /* of these: who hear the sender, but no packets of that size */
	uint32_t heard[WIRE_HEARD_WAYS + 1]; /* how many hear it by exactly these ways */
};
void modes_init(struct modes *m, uint8_t offered, enum wire_size size, bool six_first);
/* By which ways packets of that size reach whoever reported this. */
uint8_t modes_reach(const struct modes *m, uint16_t probes);
/* A receiver reports for the first time, or other things than before, or leaves. */
void modes_told(struct modes *m, uint16_t probes);
void modes_changed(struct modes *m, uint16_t before, uint16_t probes);
void modes_left(struct modes *m, uint16_t probes);
/* The ways to use: `kept` (those in use, which are never given up) and what is needed besides. Never none: where nobody reported
 * anything, the first that is offered. Multicast before broadcast where either is enough, and no second way for a few. */
uint8_t modes_choose(const struct modes *m, uint8_t kept);
/* Are so many receivers worth another way? It costs all the others time. */
bool modes_worth(const struct modes *m, uint64_t receivers);
/* Nothing of `ways` reaches it, but unicast does. */
bool modes_alone(const struct modes *m, uint16_t probes, uint8_t ways);
/* Large packets don't reach so many that small ones are better for all: more than a quarter. */
bool modes_too_large(const struct modes *m);

#endif
