/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/rate.h"

#define RATE_LEAST 125000 /* bytes a second */
#define STEP 65536	  /* bytes a second more in each round: the same for every cast, so that casts meet */
#define EXCESS 0.015	  /* loss beyond the base that is no accident */
#define ROUND 200	  /* packets */
#define CUT_MORE 0.04	  /* below what came through, so that queues drain */
#define CUTS_VAIN 3	  /* cuts that changed nothing: the loss does not depend on the rate */
#define QUEUES 0.6	  /* this part of what is sent, and less, comes through in time */
#define HEAVY 0.1	  /* of such losses what came through tells more than what was lost */
#define BASE_MOST 0.25	  /* greater loss is never an accident */
#define BURST 65536
#define BUCKET 500e-6 /* seconds: a sender that waits for each burst by itself spends a tenth of its time on that */
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
	if (r->smooth < r->base) /* slowly: the least of many noisy figures is far below what they are about */
		r->base += (r->smooth - r->base) / 8;
}

/* Is so much beyond the base no accident? In a round of 200 packets some more are lost by chance, the more the more are lost
 * anyway (a standard deviation of the binomial distribution). */
static bool no_accident(const struct rate *r)
{
	double excess = r->smooth - r->base - EXCESS;

	return excess > 0 && excess * excess > r->base * (1 - r->base) / ROUND;
}

static void cut(struct rate *r, double loss, uint64_t through)
{
	double excess = (loss > r->smooth ? loss : r->smooth) - r->base, was = (double)r->now;

	r->soft = false;
	if (r->cuts == 0 || excess < r->cut_loss * 0.6) {
		r->cuts = 0;
		r->cut_rate = r->now;
	}
	r->cut_loss = excess;
	r->good = 0;
	if (++r->cuts > CUTS_VAIN) {
		r->base += excess;
		r->base = r->base > BASE_MOST ? BASE_MOST : r->base;
		set(r, (double)r->cut_rate);
		r->cuts = 0;
	} else {
		excess = excess > 0.9 ? 0.9 : excess;
		was *= 1 - excess;
		if (excess > HEAVY && through != 0 && (double)through < was * 2 && (double)through > was / 2)
			was = (double)through;
		set(r, was);
		r->ceiling = r->now;
		set(r, was * (1 - CUT_MORE));
	}
	r->smooth = r->base;
}

static void grow(struct rate *r, double through)
{
	double now = (double)r->now, ceiling = (double)r->ceiling;

	r->good++;
	r->best = through > (double)r->best ? (uint64_t)through : r->best;
	r->filling = r->ceiling == 0 && through > 0 && through < now * QUEUES ? r->filling + 1 : 0;
	if (r->filling > 1) {
		r->ceiling = r->now;
		r->soft = true;
		set(r, (double)r->best); /* a receiver whose processor was busy for a moment tells less than it can do */
	} else if (r->ceiling == 0 && r->filling == 0)
		set(r, now * 2);
	else if (r->ceiling != 0 && r->now < r->ceiling)
		set(r, now * 1.05 < ceiling ? now * 1.05 : ceiling);
	else if (r->ceiling != 0)
		set(r, now + STEP * (1 + r->good / 16.));
	/* It was there once more, and nothing was lost: some of the first rounds are slow because receivers have just begun. */
	if (r->soft && r->now >= r->ceiling) {
		r->ceiling = 0;
		r->soft = false;
	}
}

void rate_round(struct rate *r, uint32_t loss_ppm, uint64_t through, bool pressed, bool limited, int64_t now_ns)
{
	double loss = (loss_ppm > 1000000 ? 1000000 : loss_ppm) * 1e-6;

	learn(r, loss, now_ns);
	if (no_accident(r)) {
		cut(r, loss, through);
	} else if (pressed) {
		r->ceiling = r->now;
		r->soft = false;
		set(r, (double)r->now * 0.9);
		r->good = 0;
	} else if (r->cuts == 0 || loss - r->base < EXCESS / 2) {
		r->cuts = 0;
		if (limited)
			grow(r, (double)through);
	}
}

int64_t rate_take(struct rate *r, uint32_t bytes, int64_t now_ns)
{
	double most = (double)r->now * BUCKET, worth;

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
	worth = most / 2 > bytes ? most / 2 : bytes;
	return now_ns + 1 + (int64_t)((worth - r->tokens) * 1e9 / (double)r->now);
}
