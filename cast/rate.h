/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast to send: a token bucket whose rate follows what a quantile of the receivers loses beyond what is lost anyway. Pure. */
#ifndef ORTHRUS_CAST_RATE_H
#define ORTHRUS_CAST_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
	uint64_t now, max, ceiling; /* bytes a second; ceiling: of the last cut, 0: none yet */
	double base, smooth;	    /* shares lost: what does not depend on the rate, and lately */
	int64_t base_ns;	    /* when `base` was last made less */
	double tokens;		    /* bytes */
	int64_t filled_ns;
	bool soft;		 /* the ceiling is that of a queue that filled: nothing was lost */
	uint64_t best;		 /* the most that came through in a second of a round, until the first cut */
	unsigned int filling;	 /* rounds in which less came through than was sent, though nothing was lost yet: a queue fills */
	unsigned int good, cuts; /* rounds since the last cut, cuts without a round between them that lost little */
	double cut_loss;	 /* at the last cut, beyond the base */
	uint64_t cut_rate;	 /* the rate before the first of these cuts */
};
void rate_init(struct rate *r, uint64_t first, uint64_t max, int64_t now_ns);
/* A round ended: the quantile of the marks lost `loss_ppm`, or is held back by its disk. `through`: bytes a
 * second that came through (0: not known). `limited`: the rate was what limited the
 * sending in it (else it says nothing about a greater one). */
void rate_round(struct rate *r, uint32_t loss_ppm, uint64_t through, bool pressed, bool limited, int64_t now_ns);
/* May `bytes` go out? 0: now (and they are taken); else when it is worth to ask again: the bucket, which holds 500 us or one
 * burst of 64 KiB, is half full then. */
int64_t rate_take(struct rate *r, uint32_t bytes, int64_t now_ns);

#endif
