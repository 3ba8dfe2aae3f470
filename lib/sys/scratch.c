/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/scratch.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/threads.h"

#include <signal.h>
#include <string.h>

/* Whoever is writing into a directory meanwhile may put something into it again. */
#define TRIES 10

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char **held;
static size_t n_held, cap;

void scratch_hold(const char *path)
{
	pthread_mutex_lock(&lock);
	held = mem_room(held, n_held, &cap, sizeof(held[0]));
	held[n_held++] = mem_strdup(path);
	pthread_mutex_unlock(&lock);
}

void scratch_release(const char *path)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_held; i++) {
		if (!str_eq(held[i], path))
			continue;
		free(held[i]);
		held[i] = held[--n_held];
		break;
	}
	if (n_held == 0) {
		free(steal(held));
		cap = 0;
	}
	pthread_mutex_unlock(&lock);
}

/* Nothing gets its name or is let go from here on: the lock is kept. */
static void remove_all(void)
{
	struct err ignored = { 0 };

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_held; i++)
		for (int k = 0; k < TRIES && fs_remove_tree(held[i], &ignored) < 0; k++)
			;
}

static void *wait_for_signal(void *arg)
{
	sigset_t *set = arg;
	int sig = 0;

	if (sigwait(set, &sig) != 0)
		return NULL;
	remove_all();
	signal(sig, SIG_DFL);
	sigemptyset(set);
	sigaddset(set, sig);
	pthread_sigmask(SIG_UNBLOCK, set, NULL);
	raise(sig);
	return NULL;
}

int scratch_watch(struct err *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	static sigset_t set;
	struct sigaction now;
	pthread_t thread;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&set, signals[i]);
	if (thread_start(&thread, wait_for_signal, &set, err) < 0)
		return -1;
	pthread_detach(thread);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return 0;
}
