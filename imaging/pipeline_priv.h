/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the threads of a pipeline share. */
#ifndef ORTHRUS_IMAGING_PIPELINE_PRIV_H
#define ORTHRUS_IMAGING_PIPELINE_PRIV_H

#include "base/buf.h"
#include "imaging/chunk_index.h"
#include "imaging/pack_write.h"
#include "imaging/pipeline.h"

#include <pthread.h>
#include <stdbool.h>

#define PIPELINE_PACKS_WAIT 3 /* full packs that wait to be durable */

enum job_state { JOB_FREE, JOB_FILLED, JOB_DONE };

/* One chunk. Jobs are a ring: filled at `head`, taken by workers at `next`, put into packs at `tail`. */
struct job {
	enum job_state state;
	uint8_t *raw;
	size_t raw_len;
	struct digest id;
	bool known; /* the store has it, and it is whole: it is at `place` */
	struct chunk_place place;
	struct buf stored;
};

struct pipeline {
	char *dir;
	pthread_mutex_t lock; /* of all below, but what is said to be one thread's */
	pthread_cond_t moved; /* any of it changed */
	bool ended, failed, synced;
	struct err err; /* the first failure */
	struct pipeline_stats stats;
	int64_t began_ns;

	struct job *jobs;
	size_t n_jobs;
	uint64_t head, next, tail;

	struct chunk_index index; /* of the store and of what this run added */
	uint32_t own_from;	  /* packs from this number on are of this run: no need to doubt them */
	uint32_t open_pack;	  /* number of the pack being filled */

	/* The packer's own, until it ended. */
	struct pack_writer writer;
	struct chunk_table table;
	uint32_t *row_pack; /* pack number of each row: the open pack has no name yet */
	size_t row_pack_cap;

	struct pack_full full[PIPELINE_PACKS_WAIT];
	size_t n_full;

	struct worker *workers;
	unsigned int n_workers, n_started;
	pthread_t packer, syncer;
	bool has_packer, has_syncer;
};

/* The first failure stays, and ends all threads. */
void pipeline_fail(struct pipeline *p, const struct err *err);
/* Add the time since `since_ns` to a field of p->stats. */
void pipeline_count(struct pipeline *p, int64_t *field, int64_t since_ns);
/* What the index knows of the chunk; false when nothing. A pack of this run has no name yet, and needs none. */
bool pipeline_look_up(struct pipeline *p, const struct digest *id, struct chunk_place *place, struct digest *pack, bool *own);

/* pipeline_pack.c, threads of the pipeline `arg`. Jobs that are done go into packs in their order, until the last one. */
void *pipeline_packer(void *arg);
/* Full packs are made durable and get their names, in their order. */
void *pipeline_syncer(void *arg);

#endif
