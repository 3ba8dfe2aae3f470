/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/scratch.h"

#include "sys/fs.h"
#include "sys/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Ends the watch. */
#define ENOUGH SIGRTMIN
/* Whoever is writing into a directory meanwhile may put something into it again. */
#define TRIES 10

static void begin_hold(struct scratch *s)
{
	if (s)
		pthread_mutex_lock(&s->lock);
}

static void end_hold(struct scratch *s, const char *made)
{
	if (!s)
		return;
	if (made)
		str_list_add(&s->held, made);
	pthread_mutex_unlock(&s->lock);
}

int scratch_file(struct scratch *s, char *template)
{
	int fd, why;

	begin_hold(s);
	fd = mkostemp(template, O_CLOEXEC);
	why = errno;
	end_hold(s, fd < 0 ? NULL : template);
	errno = why;
	return fd;
}

int scratch_dir(struct scratch *s, char *template)
{
	const char *made;
	int why;

	begin_hold(s);
	made = mkdtemp(template);
	why = errno;
	end_hold(s, made);
	errno = why;
	return made ? 0 : -1;
}

void scratch_release(struct scratch *s, const char *path)
{
	struct str_list left = { 0 };

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->held.len; i++)
		if (!str_eq(s->held.items[i], path))
			str_list_add(&left, s->held.items[i]);
	str_list_free(&s->held);
	s->held = left;
	pthread_mutex_unlock(&s->lock);
}

static void *wait_for_signal(void *arg)
{
	struct scratch *s = arg;
	struct err ignored = { 0 };
	int sig = 0;

	if (sigwait(&s->signals, &sig) != 0 || sig == ENOUGH)
		return NULL;
	/* The lock is kept: from here on nothing is let go, so nothing that has its name is removed. */
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->held.len; i++)
		for (int k = 0; k < TRIES && fs_remove_tree(s->held.items[i], &ignored) < 0; k++)
			;
	signal(sig, SIG_DFL);
	sigemptyset(&s->signals);
	sigaddset(&s->signals, sig);
	pthread_sigmask(SIG_UNBLOCK, &s->signals, NULL);
	raise(sig);
	return NULL;
}

int scratch_watch(struct scratch *s, struct err *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction now;

	*s = (struct scratch){ .lock = PTHREAD_MUTEX_INITIALIZER };
	sigemptyset(&s->signals);
	sigaddset(&s->signals, ENOUGH);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&s->signals, signals[i]);
	pthread_sigmask(SIG_BLOCK, &s->signals, &s->before);
	if (thread_start(&s->thread, wait_for_signal, s, err) == 0)
		return 0;
	pthread_sigmask(SIG_SETMASK, &s->before, NULL);
	return -1;
}

void scratch_unwatch(struct scratch *s)
{
	/* Where another signal came just before, this does not return. */
	pthread_kill(s->thread, ENOUGH);
	pthread_join(s->thread, NULL);
	pthread_sigmask(SIG_SETMASK, &s->before, NULL);
	str_list_free(&s->held);
}
