/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks on their way into the store: hashed, looked up and compressed by several threads, put into packs in their order by one,
 * made durable by another. What is stored does not depend on how many threads there are. */
#ifndef ORTHRUS_IMAGING_PIPELINE_H
#define ORTHRUS_IMAGING_PIPELINE_H

#include "base/err.h"
#include "imaging/chunk_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pipeline;

/* What went through, and how long each stage was busy with it: nanoseconds summed over its threads. */
struct pipeline_stats {
	uint64_t raw_bytes;    /* of all chunks */
	uint64_t shared_bytes; /* raw bytes of those that the store had, or that came before */
	uint64_t stored_bytes; /* compressed bytes that were added to packs */
	int64_t hash_ns, compare_ns, compress_ns, pack_ns, sync_ns;
	int64_t total_ns; /* by the clock, from pipeline_start() until all was durable; 0 before */
	unsigned int workers;
};

/* Into the packs in `dir`, whose lock the caller holds. Never NULL after 0; pipeline_free() in any case. */
int pipeline_start(const char *dir, struct pipeline **out, struct err *err) WARN_UNUSED;
/* The next chunk of the stream, copied. Waits while too many are under way: memory is bounded. An error may be that of an earlier
 * chunk, and is final. */
int pipeline_put(struct pipeline *p, const void *raw, size_t len, struct err *err) WARN_UNUSED;
/* No more will come: wait for all, make the packs durable, append the rows to `table`. */
int pipeline_end(struct pipeline *p, struct chunk_table *table, struct err *err) WARN_UNUSED;
/* Of the moment; exact after pipeline_end(). */
void pipeline_stats(struct pipeline *p, struct pipeline_stats *out);
/* When it was the pipeline that failed, not who feeds it, *err says so instead of what it said before. */
bool pipeline_failed(struct pipeline *p, struct err *err);
/* End the threads, also in the middle of the work. The names of the packs that may be in `dir` by now because of this run: as
 * many as are returned, until pipeline_free(). */
size_t pipeline_give_up(struct pipeline *p, const struct digest **names);
/* Ends the threads too. NULL is fine. */
void pipeline_free(struct pipeline *p);

#endif
