/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/loop.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

struct post {
	loop_fn fn;
	void *ctx;
	struct post *next;
};

/* What every handle of ours begins with, so that loop_stop() can close those that are left. */
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

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	pthread_t thread;
	bool has_thread, ran;
	struct watch *watches; /* the loop's thread only */
	pthread_mutex_t lock;  /* over the following */
	struct post *first, **last;
	bool stopping, running;
	pthread_t runner; /* valid while `running` */
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
	w->loop = loop;
	w->handle.any.data = w;
	w->next = loop->watches;
	w->link = &loop->watches;
	if (w->next)
		w->next->link = &w->next;
	loop->watches = w;
}

/* Runs what is posted; at the end closes our handles, after which uv_run() returns once foreign handles are closed too. */
static void on_wake(uv_async_t *async)
{
	struct loop *loop = async->data;
	struct post *list, *next;
	bool stopping;

	pthread_mutex_lock(&loop->lock);
	list = loop->first;
	loop->first = NULL;
	loop->last = &loop->first;
	stopping = loop->stopping;
	pthread_mutex_unlock(&loop->lock);
	for (; list; list = next) {
		next = list->next;
		list->fn(list->ctx);
		free(list);
	}
	if (!stopping)
		return;
	while (loop->watches)
		watch_close(loop->watches);
	if (!uv_is_closing((uv_handle_t *)&loop->wake))
		uv_close((uv_handle_t *)&loop->wake, NULL);
}

int loop_new(struct loop **out, struct err *err)
{
	struct loop *loop = mem_zalloc(sizeof(*loop));
	int rc;

	signal(SIGPIPE, SIG_IGN);
	rc = uv_loop_init(&loop->uv);
	if (rc) {
		free(loop);
		return err_errno(err, -rc, "start an event loop");
	}
	rc = uv_async_init(&loop->uv, &loop->wake, on_wake);
	if (rc) {
		uv_loop_close(&loop->uv);
		free(loop);
		return err_errno(err, -rc, "start an event loop");
	}
	loop->wake.data = loop;
	loop->last = &loop->first;
	pthread_mutex_init(&loop->lock, NULL);
	*out = loop;
	return 0;
}

void loop_run(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->runner = pthread_self();
	loop->running = true;
	pthread_mutex_unlock(&loop->lock);
	loop->ran = true;
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	pthread_mutex_lock(&loop->lock);
	loop->running = false;
	pthread_mutex_unlock(&loop->lock);
}

static void *thread_main(void *arg)
{
	loop_run(arg);
	return NULL;
}

int loop_start(struct loop *loop, const char *name, struct err *err)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&loop->thread, NULL, thread_main, loop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return err_errno(err, rc, "start the thread %s", name);
	pthread_setname_np(loop->thread, name);
	loop->has_thread = true;
	return 0;
}

void loop_stop(struct loop *loop)
{
	bool first;

	pthread_mutex_lock(&loop->lock);
	first = !loop->stopping;
	loop->stopping = true;
	/* Under the lock: once another thread saw `stopping`, the handle may be closed at any time. */
	if (first)
		uv_async_send(&loop->wake);
	pthread_mutex_unlock(&loop->lock);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	loop_stop(loop);
	if (loop->has_thread)
		pthread_join(loop->thread, NULL);
	else if (!loop->ran)
		loop_run(loop);
	uv_loop_close(&loop->uv);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

bool loop_here(const struct loop *loop)
{
	struct loop *l = (struct loop *)(uintptr_t)loop;
	bool here;

	pthread_mutex_lock(&l->lock);
	here = l->running && pthread_equal(l->runner, pthread_self());
	pthread_mutex_unlock(&l->lock);
	return here;
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

bool loop_post(struct loop *loop, loop_fn fn, void *ctx)
{
	struct post *p = mem_zalloc(sizeof(*p));
	bool taken;

	p->fn = fn;
	p->ctx = ctx;
	pthread_mutex_lock(&loop->lock);
	taken = !loop->stopping;
	if (taken) {
		*loop->last = p;
		loop->last = &p->next;
		uv_async_send(&loop->wake);
	}
	pthread_mutex_unlock(&loop->lock);
	if (!taken)
		free(p);
	return taken;
}

struct call {
	loop_fn fn;
	void *ctx;
	uv_sem_t ran;
};

static void call_run(void *arg)
{
	struct call *c = arg;

	c->fn(c->ctx);
	uv_sem_post(&c->ran);
}

bool loop_call(struct loop *loop, loop_fn fn, void *ctx)
{
	struct call c = { .fn = fn, .ctx = ctx };
	bool taken;

	if (loop_here(loop)) {
		fn(ctx);
		return true;
	}
	if (uv_sem_init(&c.ran, 0))
		return false;
	taken = loop_post(loop, call_run, &c);
	if (taken)
		uv_sem_wait(&c.ran);
	uv_sem_destroy(&c.ran);
	return taken;
}

struct work {
	uv_work_t req;
	loop_fn work, done;
	void *ctx;
};

static void work_run(uv_work_t *req)
{
	struct work *w = req->data;

	w->work(w->ctx);
}

static void work_done(uv_work_t *req, int status)
{
	struct work *w = req->data;

	(void)status; /* only not 0 when cancelled, which we never do */
	w->done(w->ctx);
	free(w);
}

int loop_work(struct loop *loop, loop_fn work, loop_fn done, void *ctx, struct err *err)
{
	struct work *w = mem_zalloc(sizeof(*w));
	int rc;

	w->req.data = w;
	w->work = work;
	w->done = done;
	w->ctx = ctx;
	rc = uv_queue_work(&loop->uv, &w->req, work_run, work_done);
	if (rc) {
		free(w);
		return err_errno(err, -rc, "hand work to a helper thread");
	}
	return 0;
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

	uv_timer_init(&loop->uv, &w->handle.timer); /* cannot fail */
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
	uv_update_time(&t->w.loop->uv);
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
	rc = uv_poll_init(&loop->uv, &w->handle.poll, fd);
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

	uv_signal_init(&loop->uv, &w->handle.signal);
	watch_add(loop, w);
	uv_signal_start(&w->handle.signal, on_signal, signum);
	return (struct loop_signal *)w;
}

void loop_signal_free(struct loop_signal *s)
{
	if (s)
		watch_close(&s->w);
}
