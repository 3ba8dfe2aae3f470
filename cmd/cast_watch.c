/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cast_watch.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/loop.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#define TICK_NS (100 * NS_PER_MS)

static void on_tick(void *ctx)
{
	struct cast_watch *w = ctx;

	w->tick(w->ctx, &w->progress);
}

static void on_signal(void *ctx)
{
	struct cast_watch *w = ctx;

	for (size_t i = 0; i < CAST_WATCH_SIGNALS; i++) {
		loop_signal_free(w->signals[i]);
		w->signals[i] = NULL;
	}
	if (!atomic_exchange(&w->stopped, true))
		w->stop(w->ctx);
}

/* nohup(1) wants it to go on. */
static bool is_ignored(int signum)
{
	struct sigaction now;

	return signum == SIGHUP && sigaction(signum, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

int cast_watch_start(struct cast_watch *w, const struct cmd *c, struct err *err)
{
	static const int signals[CAST_WATCH_SIGNALS] = { SIGINT, SIGTERM, SIGHUP };

	progress_init(&w->progress, stderr, c->json, c->quiet);
	if (loop_new(&w->loop, err) < 0)
		return -1;
	for (size_t i = 0; i < CAST_WATCH_SIGNALS; i++)
		if (!is_ignored(signals[i]))
			w->signals[i] = loop_signal_new(w->loop, signals[i], on_signal, w);
	w->timer = loop_timer_new(w->loop, on_tick, w);
	loop_timer_set(w->timer, TICK_NS, TICK_NS);
	if (loop_start(w->loop, "cast-watch", err) == 0)
		return 0;
	loop_free(w->loop);
	w->loop = NULL;
	return -1;
}

void cast_watch_end(struct cast_watch *w)
{
	if (!w->loop)
		return;
	loop_free(w->loop);
	w->loop = NULL;
	w->tick(w->ctx, &w->progress);
	progress_end(&w->progress, clock_now_ns());
}

double cast_cpu_seconds(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

uint64_t cast_memory_bytes(void)
{
	struct rusage u;

	return getrusage(RUSAGE_SELF, &u) < 0 ? 0 : (uint64_t)u.ru_maxrss * 1024;
}
