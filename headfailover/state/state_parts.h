/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What state.c (open, apply, acknowledge, close) and access.c (the questions and writes of other threads) share; for nobody else.
 */
#ifndef ORTHRUS_STATE_STATE_PARTS_H
#define ORTHRUS_STATE_STATE_PARTS_H

#include "headfailover/state/boot.h"
#include "headfailover/state/kv.h"
#include "headfailover/state/member.h"
#include "headfailover/state/state.h"

#include <pthread.h>
#include <time.h>

/* A write under way. It outlives its writer when that one gave up. */
struct write {
	struct state *s;
	uint64_t seq;
	struct write *next, **link; /* in s->writes, oldest first */
	struct write *next_unmarked;
	uint64_t index; /* where it was applied; 0: not yet */
	struct kv_result result;
	enum member_outcome outcome; /* 0: not yet */
	bool abandoned;
	pthread_cond_t finished;
};

struct listener {
	void (*fn)(void *ctx, uint64_t revision);
	void *ctx;
};

struct state {
	struct member *member;
	struct boot boot;
	uint64_t client; /* ours in commands' ids: new with each start */
	/* The member's thread only: committed writes wait here until the mark says so too. */
	struct write *unmarked, **last_unmarked;
	uint64_t marked;
	bool marking;
	struct mark next_mark; /* the helper's while `marking` */
	int mark_rc;
	struct err mark_err;
	pthread_mutex_t lock;	/* over all below */
	pthread_cond_t changed; /* revision, users, closing */
	struct kv *kv;
	struct kv_limits limits;
	struct write *writes, **last_write;
	uint64_t next_seq;
	unsigned int users;
	bool closing, failed; /* failed: the mark can't be written, so nothing can be acknowledged */
	struct listener *listeners;
	size_t n_listeners, cap_listeners;
};

void state_write_free(struct write *w);
/* member_done of a write: keeps it until the mark says so too, then wakes its writer. */
void state_write_done(void *write, enum member_outcome outcome);
struct timespec state_deadline(int64_t ns); /* that far from now, for the condition variables here */

#endif
