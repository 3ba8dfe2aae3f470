/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/rate.h"

#define RATE_LEAST 125000 /* bytes a second */
#define STEP 65536	  /* bytes a second more in each round: the same for every cast, so that casts meet */
#define EXCESS 0.015	  /* loss beyond the base that is no accident */
#define CUT_MORE 0.04	  /* below what came through, so that queues drain */
#define CUTS_VAIN 3	  /* cuts that changed nothing: the loss does not depend on the rate */
#define BURST 65536
#define MEMORY_NS ((int64_t)20 * 1000 * 1000 * 1000) /* in so long the base would be forgotten */

static void set(struct rate *r, double rate)
{
	if (r->max != 0 && rate > (double)r->max)
		rate = (double)r->max;
	r->now = rate < RATE_LEAST ? RATE_LEAST : rate > 1e12 ? (uint64_t)1e12 : (uint64_t)rate;
}

void rate_init(struct rate *r, uint64_t first, uint64_t max, int64_t now_ns)
{
	*r = (struct rate){ .max = max, .base_ns = now_ns, .filled_ns = now_ns, .tokens = BURST };
	set(r, (double)first);
}

static void learn(struct rate *r, double loss, int64_t now_ns)
{
	double age = (double)(now_ns - r->base_ns) / (double)MEMORY_NS;

	r->smooth += (loss - r->smooth) / 4;
	r->base -= r->base * (age > 1 ? 1 : age < 0 ? 0 : age);
	r->base_ns = now_ns;
	if (r->smooth < r->base)
		r->base = r->smooth;
}

static void cut(struct rate *r, double loss)
{
	double excess = (loss > r->smooth ? loss : r->smooth) - r->base, was = (double)r->now;

	if (r->cuts == 0) {
		r->cut_loss = excess;
		r->cut_rate = r->now;
	}
	r->good = 0;
	if (++r->cuts > CUTS_VAIN && excess > r->cut_loss * 0.6) {
		r->base += excess < r->cut_loss ? excess : r->cut_loss;
		set(r, (double)r->cut_rate);
		r->cuts = 0;
	} else {
		if (excess > 0.5)
			excess = 0.5;
		set(r, was * (1 - excess));
		r->ceiling = r->now;
		set(r, (double)r->now * (1 - CUT_MORE));
	}
	r->smooth = r->base;
}

static void grow(struct rate *r)
{
	double now = (double)r->now, ceiling = (double)r->ceiling;

	r->good++;
	if (r->ceiling == 0)
		set(r, now * 2);
	else if (r->now < r->ceiling)
		set(r, now * 1.05 < ceiling ? now * 1.05 : ceiling);
	else
		set(r, now + STEP * (1 + r->good / 16.));
}

void rate_round(struct rate *r, uint32_t loss_ppm, bool pressed, bool limited, int64_t now_ns)
{
	double loss = (loss_ppm > 1000000 ? 1000000 : loss_ppm) * 1e-6;

	learn(r, loss, now_ns);
	if (r->smooth - r->base > EXCESS) {
		cut(r, loss);
	} else if (pressed) {
		r->ceiling = r->now;
		set(r, (double)r->now * 0.9);
		r->good = 0;
	} else {
		r->cuts = 0;
		if (limited)
			grow(r);
	}
}

int64_t rate_take(struct rate *r, uint32_t bytes, int64_t now_ns)
{
	double most = (double)r->now * 100e-6;

	if (most < BURST)
		most = BURST;
	if (bytes > most)
		most = bytes;
	if (now_ns > r->filled_ns) {
		r->tokens += (double)r->now * (double)(now_ns - r->filled_ns) * 1e-9;
		r->filled_ns = now_ns;
	}
	if (r->tokens > most)
		r->tokens = most;
	if (r->tokens >= bytes) {
		r->tokens -= bytes;
		return 0;
	}
	return now_ns + 1 + (int64_t)((bytes - r->tokens) * 1e9 / (double)r->now);
}
