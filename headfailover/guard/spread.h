/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long the last thousand of something took: renewals of the lease, gaps between two holders. Pure, of fixed size. */
#ifndef ORTHRUS_GUARD_SPREAD_H
#define ORTHRUS_GUARD_SPREAD_H

#include <stdint.h>

#define SPREAD_KEPT 1000

struct spread {
	uint32_t us[SPREAD_KEPT]; /* a ring */
	uint32_t at;
	uint64_t count; /* ever */
	uint32_t worst_us, last_us;
};
/* Microseconds, rounded up: what took any time at all took one. Below 0 counts as 0; at most UINT32_MAX (71 minutes). */
void spread_add(struct spread *s, int64_t ns);

struct spread_view {
	uint64_t count;			 /* ever */
	uint32_t p50_us, p99_us, max_us; /* of those that are kept; the value that as many are at or below (nearest rank) */
	uint32_t worst_us, last_us;	 /* ever; the last one */
};
void spread_look(const struct spread *s, struct spread_view *out); /* all 0 when there was none */

#endif
