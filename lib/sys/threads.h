/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that share a long computation. */
#ifndef ORTHRUS_SYS_THREADS_H
#define ORTHRUS_SYS_THREADS_H

#include "base/err.h"

#include <pthread.h>

/* pthread_create(3) with all signals blocked: signals are the main thread's. */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg, struct err *err) WARN_UNUSED;
/* How many threads can compute at once on the processors that this process may use: 1 to `max`. */
unsigned int threads_for_work(unsigned int max);

/* Run `run` in `n` threads, this one among them, and wait for all. Fewer where no more can be started. */
void threads_run(unsigned int n, void *(*run)(void *arg), void *arg);

#endif
