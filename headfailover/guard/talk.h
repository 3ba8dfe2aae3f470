/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard's other thread: it logs, counts, answers programs of this machine, tells systemd that all is well, and has the other
 * head switched off. Not real-time: it may wait, the lease doesn't. */
#ifndef ORTHRUS_GUARD_TALK_H
#define ORTHRUS_GUARD_TALK_H

#include "headfailover/guard/control.h"
#include "headfailover/guard/fence.h"
#include "headfailover/guard/loop.h"

#include <pthread.h>

struct talk {
	struct loop *loop;
	const struct guard_config *config;
	struct control control;
	struct fence_helper fence; /* fd -1: none */
	int signals;		   /* signalfd(2) of SIGTERM, SIGINT, SIGHUP */
	const char *key, *old_key; /* files */
	bool old_key_must;	   /* else it need not be there */
	const char *gate_name;	   /* "bpf", "nft", "none" */
	const char *root;	   /* "": / */
	_Atomic bool over;
	pthread_t thread;
	bool runs;
	/* All below: of its thread. */
	struct spread renewals, gaps;
	uint64_t fences; /* questions to the helper */
	uint8_t fenced;	 /* the head it is about */
	enum { FENCE_IDLE, FENCE_PATIENCE, FENCE_WORKS, FENCE_PERSON } fence_state;
	int64_t fence_at_ns; /* PATIENCE */
	bool fence_unneeded; /* the core is told that it failed, which is nothing to tell others */
	uint8_t last_holder; /* the head that had the lease last, as far as is known; LEASE_NOBODY */
	int64_t problem_until_ns;
	bool problem_silence; /* it is over when the other head is heard */
	int64_t bare_ns;      /* when to look for interfaces without a gate again */
	char bare[128];	      /* those that were told */
	uint64_t takeovers, losses, late, turns, asked_to_stop;
	uint8_t holder; /* as last seen, since when */
	int64_t holder_ns;
	char problem[CONTROL_TEXT];
	bool gate_missing, clock_wrong, clock_unknown;
	unsigned int gate_unknown; /* looks in a row that told nothing */
	char unfit_text[CONTROL_TEXT];
};
/* Before any thread is made: the signals that end it are its thread's. */
int talk_signals(struct talk *t, struct err *err) WARN_UNUSED;
int talk_begin(struct talk *t, struct err *err) WARN_UNUSED; /* its thread; `t` is filled up to `over` */
void talk_end(struct talk *t);
/* talk_orders.c: what programs of this machine ask. `ctx` is the struct talk. */
void talk_answer(void *ctx, const struct control_request *q, struct control_answer *a);
int talk_read_keys(const struct talk *t, struct guard_keys *out, struct err *err) WARN_UNUSED;
int talk_new_keys(struct talk *t, struct err *err) WARN_UNUSED; /* reads them anew, and has the loop use them */
void talk_say(struct talk *t, int severity, const char *kind, const char *fmt, ...) PRINTF_LIKE(4, 5); /* an event */
/* talk_fence.c: the other head is to be off. */
void talk_fence_begin(struct talk *t, uint8_t who);
void talk_fence_tick(struct talk *t, const struct loop_now *now);
void talk_fence_heard(struct talk *t);					 /* the helper can be read */
bool talk_other_lives(const struct talk *t, const struct loop_now *now); /* the other head was heard within two leases */
bool talk_fence_note(struct talk *t, uint32_t kind);			 /* false: nobody is to be told */
/* talk_status.c: how things stand. */
void talk_status(struct talk *t, struct control_status *s);

#endif
