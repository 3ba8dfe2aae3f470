/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/replay.h"

#include "base/mem.h"

#include <string.h>

/* A ring of words, one more than the window has: what slides out of the window goes by whole words, so nothing is ever shifted.
 */
struct replay {
	size_t words;
	uint64_t window;
	uint64_t top;  /* the greatest counter taken, when `any` */
	uint64_t most; /* what is greater is refused */
	bool any;
	uint64_t bits[];
};

struct replay *replay_new(size_t window)
{
	size_t words = window / 64 + 1;
	struct replay *r = mem_zalloc(sizeof(*r) + words * sizeof(r->bits[0]));

	r->words = words;
	r->window = window;
	r->most = UINT64_MAX;
	return r;
}

void replay_free(struct replay *r)
{
	free(r);
}

static uint64_t bit_of(uint64_t counter)
{
	return UINT64_C(1) << (counter & 63);
}

bool replay_maybe(const struct replay *r, uint64_t counter)
{
	if (!r->any || counter > r->top)
		return counter <= r->most;
	if (r->top - counter >= r->window)
		return false;
	return !(r->bits[(counter >> 6) % r->words] & bit_of(counter));
}

bool replay_take(struct replay *r, uint64_t counter)
{
	uint64_t from, to = counter >> 6;

	if (!replay_maybe(r, counter))
		return false;
	if (!r->any || counter > r->top) {
		/* The words between the old top and the new one speak of counters that are long past. */
		from = r->any ? r->top >> 6 : to;
		if (to - from >= r->words)
			memset(r->bits, 0, r->words * sizeof(r->bits[0]));
		else
			while (from < to)
				r->bits[++from % r->words] = 0;
		r->top = counter;
		r->any = true;
	}
	r->bits[to % r->words] |= bit_of(counter);
	return true;
}

void replay_anchor(struct replay *r, uint64_t counter, uint64_t ahead)
{
	r->most = counter < UINT64_MAX - ahead ? counter + ahead : UINT64_MAX;
	if (!r->any || r->top <= r->most)
		return;
	memset(r->bits, 0, r->words * sizeof(r->bits[0]));
	r->any = false;
}

bool replay_outside(const struct replay *r, uint64_t counter)
{
	return counter > r->most || (r->any && counter < r->top && r->top - counter >= r->window);
}
