/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/loop.h"

#include "base/mem.h"
#include "sys/loop_watch.h"

#include <pthread.h>
#include <signal.h>
#include <uv.h>

struct post {
	loop_fn fn;
	void *ctx;
	struct post *next;
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
	loop_watches_end(&loop->watches);
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

struct watch **loop_watches(struct loop *loop)
{
	return &loop->watches;
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
