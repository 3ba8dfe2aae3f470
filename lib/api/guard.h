/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a guard stands, read from the member "guard" of a status, as orthrusd and `orthrus head status --json` give it. Pure. */
#ifndef ORTHRUS_API_GUARD_H
#define ORTHRUS_API_GUARD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_obj;

struct guard_spread { /* how long something took */
	uint64_t count, last_us, p50_us, p99_us, worst_us;
};
struct guard_voter {	   /* another one than the guard that was asked */
	char *name, *role; /* "head", "witness" */
	bool heard, quarantine, paused, unfit;
	uint64_t ago_us; /* since it was heard */
};
struct guard_view {
	char *self, *role, *gate;
	char *holder, *problem; /* or NULL */
	uint64_t epoch, held_us, lease_us, renew_us;
	bool quarantine;
	struct guard_spread renewals, gaps;
	struct guard_voter *voters;
	size_t n_voters;
};
/* 1, or 0 when the status has no guard. `out` is empty before, and is to be freed also after an error. */
int guard_view_read(struct json_obj *status, struct guard_view *out, struct err *err) WARN_UNUSED;
void guard_view_free(struct guard_view *v);

/* "12.5 ms", "34.0 s", "7 min", "50 h". */
#define GUARD_SPAN_MAX 32
void guard_span(uint64_t us, char out[GUARD_SPAN_MAX]);

#endif
