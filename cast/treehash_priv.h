/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For cast/treehash*.c alone: BLAKE3 of many messages of the same length at once. */
#ifndef ORTHRUS_CAST_TREEHASH_PRIV_H
#define ORTHRUS_CAST_TREEHASH_PRIV_H

#include "cast/treehash.h"

#include <stdbool.h>

#define TREEHASH_BLOCK 64
#define TREEHASH_CHUNK 1024
#define TREEHASH_LANES_MAX 16
enum { TREEHASH_FIRST = 1, TREEHASH_LAST = 2, TREEHASH_PARENT = 4, TREEHASH_ROOT = 8 };

extern const uint32_t treehash_iv[8];
extern const uint8_t treehash_order[7][16]; /* which word of the message comes when, in each round */

/* What is the same in all lanes. */
struct treehash_job {
	size_t blocks;		     /* whole ones of each message */
	uint32_t flags, first, last; /* of every block; besides, of the first and of the last one */
	bool counted;		     /* messages are numbered from `counter` on */
};
struct treehash_way {
	const char *name;
	unsigned int lanes;
	/* `lanes` messages; eight words of each go to `out`. */
	void (*hash)(const struct treehash_job *job, const uint8_t *const *in, uint64_t counter, uint32_t *out);
};
/* The widest that this processor has, or, from `n` = 1 on, the next ones. NULL: there are no more. */
const struct treehash_way *treehash_way(unsigned int n);
/* For tests: by another way than the first. false: this processor has no such one. */
bool treehash_use(struct treehash *t, unsigned int n);

#endif
