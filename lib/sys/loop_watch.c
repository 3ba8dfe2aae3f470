/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a loop watches: timers, children, signals, file descriptors. */
#include "sys/loop_watch.h"

#include "base/mem.h"
#include "sys/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

/* What every handle of ours begins with, so that loop_watches_end() can close those that are left. */
struct watch {
	union {
		uv_handle_t any;
		uv_timer_t timer;
		uv_signal_t signal;
		uv_poll_t poll;
	} handle;
	struct loop *loop;
	struct watch *next, **link;
	void *ctx;
	loop_fn fn;
	loop_child_fn child_fn;
	pid_t pid;
	int pidfd;
};
struct loop_timer {
	struct watch w;
};
struct loop_signal {
	struct watch w;
};
struct loop_fd {
	struct watch w;
};

static void watch_closed(uv_handle_t *h)
{
	struct watch *w = h->data;

	if (w->pidfd >= 0)
		close(w->pidfd);
	free(w);
}

static void watch_close(struct watch *w)
{
	if (!w->link)
		return; /* already closing */
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	w->link = NULL;
	uv_close(&w->handle.any, watch_closed);
}

static void watch_add(struct loop *loop, struct watch *w)
{
	struct watch **list = loop_watches(loop);

	w->loop = loop;
	w->handle.any.data = w;
	w->next = *list;
	w->link = list;
	if (w->next)
		w->next->link = &w->next;
	*list = w;
}

void loop_watches_end(struct watch **list)
{
	while (*list)
		watch_close(*list);
}

static struct watch *watch_new(loop_fn fn, void *ctx, size_t size)
{
	struct watch *w = mem_zalloc(size);

	w->fn = fn;
	w->ctx = ctx;
	w->pidfd = -1;
	return w;
}

static void on_timer(uv_timer_t *h)
{
	struct watch *w = h->data;

	w->fn(w->ctx);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn fn, void *ctx)
{
	struct watch *w = watch_new(fn, ctx, sizeof(struct loop_timer));

	uv_timer_init(loop_uv(loop), &w->handle.timer); /* cannot fail */
	watch_add(loop, w);
	return (struct loop_timer *)w;
}

static uint64_t to_ms(int64_t ns)
{
	return ns <= 0 ? 0 : (uint64_t)(ns + 999999) / 1000000;
}

void loop_timer_set(struct loop_timer *t, int64_t delay_ns, int64_t repeat_ns)
{
	/* libuv counts from the time the loop last looked at the clock, which may be long ago in a busy loop, and cuts that to
	 * milliseconds: one more, so that a timer is never early. */
	uv_update_time(loop_uv(t->w.loop));
	uv_timer_start(&t->w.handle.timer, on_timer, to_ms(delay_ns) + (delay_ns > 0), to_ms(repeat_ns));
}

void loop_timer_stop(struct loop_timer *t)
{
	uv_timer_stop(&t->w.handle.timer);
}

void loop_timer_free(struct loop_timer *t)
{
	if (t)
		watch_close(&t->w);
}

static void on_child(uv_poll_t *h, int status, int events)
{
	struct watch *w = h->data;
	int raw = 0;
	pid_t got;

	(void)status;
	(void)events;
	got = waitpid(w->pid, &raw, WNOHANG);
	if (got == 0)
		return;
	uv_poll_stop(h);
	/* Reaped by somebody else: that it ended is all we know. */
	if (got < 0)
		raw = 0;
	w->child_fn(w->ctx, w->pid, WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw));
	watch_close(w);
}

int loop_child(struct loop *loop, pid_t pid, loop_child_fn fn, void *ctx, struct err *err)
{
	struct watch *w;
	int fd, rc;

	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return err_errno(err, errno, "watch the process %d", (int)pid);
	w = watch_new(NULL, ctx, sizeof(*w));
	rc = uv_poll_init(loop_uv(loop), &w->handle.poll, fd);
	if (rc) {
		close(fd);
		free(w);
		return err_errno(err, -rc, "watch the process %d", (int)pid);
	}
	w->pidfd = fd;
	w->pid = pid;
	w->child_fn = fn;
	watch_add(loop, w);
	uv_poll_start(&w->handle.poll, UV_READABLE, on_child);
	return 0;
}

static void on_signal(uv_signal_t *h, int signum)
{
	struct watch *w = h->data;

	(void)signum;
	w->fn(w->ctx);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signum, loop_fn fn, void *ctx)
{
	struct watch *w = watch_new(fn, ctx, sizeof(struct loop_signal));

	uv_signal_init(loop_uv(loop), &w->handle.signal);
	watch_add(loop, w);
	uv_signal_start(&w->handle.signal, on_signal, signum);
	return (struct loop_signal *)w;
}

void loop_signal_free(struct loop_signal *s)
{
	if (s)
		watch_close(&s->w);
}

static void on_fd(uv_poll_t *h, int status, int events)
{
	struct watch *w = h->data;

	(void)status; /* whoever reads finds out */
	(void)events;
	w->fn(w->ctx);
}

int loop_fd_new(struct loop *loop, int fd, loop_fn fn, void *ctx, struct loop_fd **out, struct err *err)
{
	struct watch *w = watch_new(fn, ctx, sizeof(struct loop_fd));
	int rc = uv_poll_init(loop_uv(loop), &w->handle.poll, fd);

	if (rc) {
		free(w);
		return err_errno(err, -rc, "watch a file descriptor");
	}
	watch_add(loop, w);
	uv_poll_start(&w->handle.poll, UV_READABLE, on_fd);
	*out = (struct loop_fd *)w;
	return 0;
}

void loop_fd_free(struct loop_fd *f)
{
	if (f)
		watch_close(&f->w);
}
