/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/threads.h"

#include "base/mem.h"

#include <sched.h>
#include <signal.h>

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

unsigned int threads_for_work(unsigned int max)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n < 1 ? 1 : (unsigned int)n > max ? max : (unsigned int)n;
}

void threads_run(unsigned int n, void *(*run)(void *arg), void *arg)
{
	autofree pthread_t *threads = mem_array(n, sizeof(*threads));
	struct err ignored = { 0 };
	unsigned int started = 0;

	while (started + 1 < n && thread_start(&threads[started], run, arg, &ignored) == 0)
		started++;
	run(arg);
	while (started)
		pthread_join(threads[--started], NULL);
}
