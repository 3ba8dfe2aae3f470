/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From one thread to another without waiting: the thread that keeps the lease must never wait for the one that talks to people.
 * One writes, one reads; a full ring drops the new record and counts it. */
#ifndef ORTHRUS_GUARD_RING_H
#define ORTHRUS_GUARD_RING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_SLOTS 1024 /* a power of two */
#define RING_RECORD 48	/* bytes, at most */

struct ring {
	_Atomic uint32_t put, taken; /* ever, so far as 32 bits go */
	_Atomic uint64_t dropped;
	int wake; /* readable while there may be records (eventfd(2)); the reader polls it */
	size_t size;
	uint8_t slots[RING_SLOTS][RING_RECORD];
};
int ring_open(struct ring *r, size_t record_size, struct err *err) WARN_UNUSED;
void ring_close(struct ring *r);
bool ring_put(struct ring *r, const void *record); /* false: full */
bool ring_take(struct ring *r, void *record);	   /* false: empty */
void ring_rest(struct ring *r); /* the reader, before it takes all: `wake` is no longer readable for what was put so far */

#endif
