/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/threads.h"

#include "base/mem.h"
#include "sys/clock.h"

#include <sched.h>
#include <signal.h>
#include <time.h>

int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg, struct err *err)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc ? err_errno(err, rc, "start a thread") : 0;
}

void thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

bool thread_cond_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t wait_ns, bool (*so)(const void *ctx), const void *ctx)
{
	const int64_t until_ns = clock_now_ns() + wait_ns;
	const struct timespec until = { .tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S };
	int rc = 0;

	while (!so(ctx) && rc == 0)
		rc = pthread_cond_timedwait(cond, lock, &until);
	return so(ctx);
}

unsigned int threads_for_work(unsigned int max)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n < 1 ? 1 : (unsigned int)n > max ? max : (unsigned int)n;
}

struct each_run {
	const struct threads_job *job;
	pthread_mutex_t lock;
	size_t next;
	bool failed;
	struct err err;
};

static bool take_block(struct each_run *r, size_t *first)
{
	pthread_mutex_lock(&r->lock);
	*first = r->failed ? r->job->n : r->next;
	r->next += r->job->block;
	pthread_mutex_unlock(&r->lock);
	return *first < r->job->n;
}

static void keep_error(struct each_run *r, const struct err *err)
{
	pthread_mutex_lock(&r->lock);
	if (!r->failed)
		r->err = *err;
	r->failed = true;
	pthread_mutex_unlock(&r->lock);
}

static void *each_main(void *arg)
{
	struct each_run *r = arg;
	const struct threads_job *job = r->job;
	void *mine = job->begin(job->ctx);
	struct err err = { 0 };
	size_t first;
	int rc = 0;

	while (rc == 0 && take_block(r, &first))
		for (size_t i = first; rc == 0 && i < job->n && i < first + job->block; i++)
			rc = job->each(mine, i, &err);
	job->end(mine);
	if (rc < 0)
		keep_error(r, &err);
	return NULL;
}

int threads_each(unsigned int threads, const struct threads_job *job, struct err *err)
{
	autofree pthread_t *more = mem_array(threads, sizeof(*more));
	struct each_run r = { .job = job };
	struct err ignored = { 0 };
	unsigned int started = 0;

	pthread_mutex_init(&r.lock, NULL);
	/* No thread for what would find nothing to do. */
	while (started + 1 < threads && started + 1 < (job->n + job->block - 1) / job->block &&
	       thread_start(&more[started], each_main, &r, &ignored) == 0)
		started++;
	each_main(&r);
	while (started)
		pthread_join(more[--started], NULL);
	pthread_mutex_destroy(&r.lock);
	if (r.failed)
		*err = r.err;
	return r.failed ? -1 : 0;
}
