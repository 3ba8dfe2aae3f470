/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that share a long computation. */
#ifndef ORTHRUS_SYS_THREADS_H
#define ORTHRUS_SYS_THREADS_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* pthread_create(3) with all signals blocked: signals are the main thread's. */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg, struct err *err) WARN_UNUSED;
/* A condition variable whose times are of CLOCK_MONOTONIC: nobody waits longer because a clock was set. */
void thread_cond_init(pthread_cond_t *cond);
/* With the lock: waits at such a variable until it is so, for `wait_ns` at the most. Returns whether it is. */
bool thread_cond_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t wait_ns, bool (*so)(const void *ctx),
		       const void *ctx);
/* How many threads can compute at once on the processors that this process may use: 1 to `max`. */
unsigned int threads_for_work(unsigned int max);

/* Work on the numbers 0 to n - 1, `block` neighbours at a time to one thread. */
struct threads_job {
	size_t n, block;
	void *(*begin)(void *ctx); /* what one thread needs for it; never NULL */
	int (*each)(void *mine, size_t i, struct err *err);
	void (*end)(void *mine);
	void *ctx;
};
/* By `threads` threads, this one among them (fewer where no more can be started); waits for all. After an error no new number is
 * begun, and the first error is returned. With one thread the order is that of the numbers. */
int threads_each(unsigned int threads, const struct threads_job *job, struct err *err) WARN_UNUSED;

#endif
