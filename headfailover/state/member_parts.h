/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What member.c (raft's life) and member_queue.c (entries on their way into it) share; for nobody else. */
#ifndef ORTHRUS_STATE_MEMBER_PARTS_H
#define ORTHRUS_STATE_MEMBER_PARTS_H

#include "headfailover/state/member.h"

#include <pthread.h>
#include <raft.h>
#include <raft/uv.h>

#define WINDOW 64 /* entries under way at once; more only cost memory */

struct entry {
	struct raft_apply req;
	struct member *m;
	void *data;
	size_t len;
	member_done done;
	void *ctx;
	int64_t since_ns;
	struct entry *next, **link; /* in `queue` or `flying` */
};
struct entries {
	struct entry *first, **last;
};

struct member {
	struct loop *loop;
	struct raft raft;
	struct raft_io io;
	struct raft_uv_transport transport;
	struct raft_fsm fsm;
	struct raft_tracer tracer;
	struct raft_barrier barrier;
	struct member_machine machine;
	struct member_tuning tuning;
	struct loop_timer *retry, *lead;
	struct entries queue, flying;
	unsigned int n_flying;
	size_t flying_bytes;
	int64_t opened_ns;
	size_t log_entries, log_bytes; /* applied since the last snapshot */
	bool barrier_sent, closing;
	struct err broken;    /* why the machine stopped; text[0] is 0 while it runs */
	pthread_mutex_t lock; /* over the following */
	pthread_cond_t turned;
	enum { STARTING, LEADING, FAILED } stage;
	struct err failure;
};

/* The member's thread only. */
void member_queue_init(struct member *m);
void member_queue_fail(struct member *m, enum member_outcome outcome); /* answers all that raft does not have */
void member_queue_retry(void *member);				       /* loop_fn of the `retry` timer */

#endif
