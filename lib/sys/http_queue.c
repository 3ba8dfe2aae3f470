/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/http_call.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct list {
	struct http_call *first, *last;
};

struct http_queue {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list ready;		       /* to be handled, oldest first */
	struct list waiting;		       /* by wait_until_ns, soonest first */
	unsigned int strangers, strangers_max; /* of those in `waiting`: calls that anybody may make */
	size_t strangers_body;
	uint64_t wakes; /* counts http_queue_wake: a wake between a handler's look and its wait must not be lost */
	bool stopped;
	unsigned int n_threads;
	pthread_t *threads;
	void *handler_ctx;
	const struct http_auditor *auditor; /* or NULL */
	void (*answer)(struct http_call *call);
};

static void list_insert_after(struct list *l, struct http_call *after, struct http_call *call)
{
	call->prev = after;
	call->next = after ? after->next : l->first;
	*(call->next ? &call->next->prev : &l->last) = call;
	*(after ? &after->next : &l->first) = call;
}

static void list_remove(struct list *l, struct http_call *call)
{
	*(call->prev ? &call->prev->next : &l->first) = call->next;
	*(call->next ? &call->next->prev : &l->last) = call->prev;
	call->next = call->prev = NULL;
}

static void to_ready(struct http_queue *q, struct http_call *call)
{
	list_remove(&q->waiting, call);
	if (call->stranger) {
		call->stranger = false;
		q->strangers--;
		q->strangers_body -= call->body.len;
	}
	list_insert_after(&q->ready, q->ready.last, call);
	pthread_cond_signal(&q->more);
}

/* May it wait? Whoever needs to prove nothing must not take all the places of those who wait, nor the memory. */
static bool may_wait(struct http_queue *q, struct http_call *call)
{
	if (call->route->who != HTTP_ANYBODY)
		return true;
	if (q->strangers >= q->strangers_max || q->strangers_body + call->body.len > HTTP_STRANGERS_BODY_MAX)
		return false;
	call->stranger = true;
	q->strangers++;
	q->strangers_body += call->body.len;
	return true;
}

/* Waits are about equally long: the place is nearly always at the end. */
static void park(struct http_queue *q, struct http_call *call)
{
	struct http_call *after = q->waiting.last;

	if (call->wakes_seen != q->wakes || !may_wait(q, call)) {
		call->over = call->wakes_seen == q->wakes;
		list_insert_after(&q->ready, q->ready.last, call);
		return;
	}
	while (after && after->wait_until_ns > call->wait_until_ns)
		after = after->prev;
	list_insert_after(&q->waiting, after, call);
	/* A worker that sleeps until a later moment must look again. */
	if (!after)
		pthread_cond_signal(&q->more);
}

/* The next call to handle; NULL when the queue was stopped. Holds the lock. */
static struct http_call *next_call(struct http_queue *q)
{
	struct http_call *call;

	for (;;) {
		int64_t now = clock_now_ns();

		while (q->waiting.first && (q->stopped || q->waiting.first->wait_until_ns <= now)) {
			q->waiting.first->over = true;
			to_ready(q, q->waiting.first);
		}
		call = q->ready.first;
		if (call) {
			list_remove(&q->ready, call);
			return call;
		}
		if (q->stopped)
			return NULL;
		if (q->waiting.first) {
			int64_t at = q->waiting.first->wait_until_ns;
			struct timespec ts = { .tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S) };

			pthread_cond_timedwait(&q->more, &q->lock, &ts);
		} else {
			pthread_cond_wait(&q->more, &q->lock);
		}
	}
}

/* Written down before it is done: what can't be is not done. A call that waited is handled again, and begins only once. */
static int handle(struct http_queue *q, struct http_call *call, struct err *err)
{
	const struct http_auditor *a = q->auditor;

	if (a && !call->audited && !str_eq(call->route->method, "GET")) {
		call->audited = true;
		if (a->begin(q->handler_ctx, call, err) < 0)
			return -1;
	}
	return call->route->handle(q->handler_ctx, call, err);
}

static void *work(void *arg)
{
	struct http_queue *q = arg;
	struct http_call *call;

	pthread_mutex_lock(&q->lock);
	while ((call = next_call(q)) != NULL) {
		struct err err = { 0 };
		bool stopped = q->stopped;

		call->wakes_seen = q->wakes;
		pthread_mutex_unlock(&q->lock);
		call->waits = false;
		buf_clear(&call->out);
		if (stopped) {
			err_set(&err, ERR_FAILED, "the daemon is stopping");
			err_hint(&err, "ask again in a few seconds");
			http_call_fail(call, 503, &err);
		} else if (handle(q, call, &err) < 0) {
			call->waits = false;
			http_call_fail(call, call->status >= 400 ? call->status : 0, &err);
		}
		if (!call->waits) {
			if (q->auditor)
				q->auditor->end(q->handler_ctx, call, &err);
			call->answered = true;
			q->answer(call); /* the call may be gone after this */
			pthread_mutex_lock(&q->lock);
			continue;
		}
		pthread_mutex_lock(&q->lock);
		park(q, call);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

struct http_queue *http_queue_new(unsigned int workers, unsigned int strangers_max, void *handler_ctx,
				  const struct http_auditor *auditor, void (*answer)(struct http_call *call), struct err *err)
{
	struct http_queue *q = mem_zalloc(sizeof(*q));
	pthread_condattr_t attr;

	q->handler_ctx = handler_ctx;
	q->strangers_max = strangers_max;
	q->auditor = auditor;
	q->answer = answer;
	q->threads = mem_array(workers, sizeof(*q->threads));
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->more, &attr);
	pthread_condattr_destroy(&attr);
	for (; q->n_threads < workers; q->n_threads++) {
		int rc = pthread_create(&q->threads[q->n_threads], NULL, work, q);

		if (rc) {
			err_errno(err, rc, "start a worker thread");
			http_queue_stop(q);
			http_queue_free(q);
			return NULL;
		}
	}
	return q;
}

bool http_queue_add(struct http_queue *q, struct http_call *call)
{
	bool ok;

	pthread_mutex_lock(&q->lock);
	ok = !q->stopped;
	if (ok) {
		list_insert_after(&q->ready, q->ready.last, call);
		pthread_cond_signal(&q->more);
	}
	pthread_mutex_unlock(&q->lock);
	return ok;
}

void http_queue_wake(struct http_queue *q, const char *topic)
{
	struct http_call *call, *next;

	pthread_mutex_lock(&q->lock);
	q->wakes++;
	for (call = q->waiting.first; call; call = next) {
		next = call->next;
		if (!topic || str_eq(call->topic, topic))
			to_ready(q, call);
	}
	pthread_mutex_unlock(&q->lock);
}

void http_queue_leave(struct http_queue *q, const void *listener)
{
	struct http_call *call, *next;

	pthread_mutex_lock(&q->lock);
	for (call = q->waiting.first; call; call = next) {
		next = call->next;
		if (call->listener == listener) {
			call->over = true;
			to_ready(q, call);
		}
	}
	pthread_mutex_unlock(&q->lock);
}

void http_queue_stop(struct http_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->stopped = true;
	pthread_cond_broadcast(&q->more);
	pthread_mutex_unlock(&q->lock);
	for (unsigned int i = 0; i < q->n_threads; i++)
		pthread_join(q->threads[i], NULL);
	q->n_threads = 0;
}

void http_queue_free(struct http_queue *q)
{
	if (!q)
		return;
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->more);
	free(q->threads);
	free(q);
}
