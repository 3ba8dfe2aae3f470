/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/spread.h"

#include <stdlib.h>
#include <string.h>

void spread_add(struct spread *s, int64_t ns)
{
	const int64_t us = ns <= 0 ? 0 : (ns - 1) / 1000 + 1;

	s->last_us = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	if (s->last_us > s->worst_us)
		s->worst_us = s->last_us;
	s->us[s->at] = s->last_us;
	s->at = (s->at + 1) % SPREAD_KEPT;
	s->count++;
}

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t rank(const uint32_t *sorted, uint32_t n, uint32_t percent)
{
	return sorted[(n * percent + 99) / 100 - 1];
}

void spread_look(const struct spread *s, struct spread_view *out)
{
	const uint32_t n = s->count < SPREAD_KEPT ? (uint32_t)s->count : SPREAD_KEPT;
	uint32_t sorted[SPREAD_KEPT];

	*out = (struct spread_view){ .count = s->count, .worst_us = s->worst_us, .last_us = s->last_us };
	if (!n)
		return;
	memcpy(sorted, s->us, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_value);
	out->p50_us = rank(sorted, n, 50);
	out->p99_us = rank(sorted, n, 99);
	out->max_us = sorted[n - 1];
}
