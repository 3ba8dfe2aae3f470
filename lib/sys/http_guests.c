/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connections of the HTTP server. libmicrohttpd closes one that says nothing; one that drips a byte now and then it would
 * keep for ever, and one address has only so many. Here each must bring a whole header in time. */
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/http_call.h"

#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

struct guest {
	int fd; /* libmicrohttpd's: open until http_guest_goes */
	const void *listener;
	int64_t since_ns;
	bool waited_for; /* in the list `silent`, else in `busy` */
	struct guest *prev, *next;
};
struct guests {
	struct guest *first, *last;
};
struct http_guests {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t thread;
	int64_t limit_ns;
	bool stop;
	struct guests silent; /* a header is waited for: the longest first */
	struct guests busy;
};

static struct guests *list_of(struct http_guests *g, const struct guest *x)
{
	return x->waited_for ? &g->silent : &g->busy;
}

static void append(struct http_guests *g, struct guest *x)
{
	struct guests *l = list_of(g, x);

	x->next = NULL;
	x->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = x;
	l->last = x;
}

static void take_out(struct http_guests *g, struct guest *x)
{
	struct guests *l = list_of(g, x);

	*(x->prev ? &x->prev->next : &l->first) = x->next;
	*(x->next ? &x->next->prev : &l->last) = x->prev;
}

static void move(struct http_guests *g, struct guest *x, bool waited_for)
{
	take_out(g, x);
	x->waited_for = waited_for;
	x->since_ns = clock_now_ns();
	append(g, x);
	if (waited_for && g->silent.first == x)
		pthread_cond_signal(&g->more);
}

static void *watch(void *arg)
{
	struct http_guests *g = arg;

	pthread_mutex_lock(&g->lock);
	while (!g->stop) {
		struct guest *x = g->silent.first;
		int64_t at = x ? x->since_ns + g->limit_ns : 0;
		struct timespec ts = { .tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S) };

		if (!x) {
			pthread_cond_wait(&g->more, &g->lock);
		} else if (clock_now_ns() < at) {
			pthread_cond_timedwait(&g->more, &g->lock, &ts);
		} else {
			/* libmicrohttpd finds it ended and closes it: under the lock its number is nobody else's. */
			shutdown(x->fd, SHUT_RDWR);
			move(g, x, false);
		}
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

struct http_guests *http_guests_new(int64_t limit_ns, struct err *err)
{
	struct http_guests *g = mem_zalloc(sizeof(*g));
	pthread_condattr_t attr;
	int rc;

	g->limit_ns = limit_ns;
	pthread_mutex_init(&g->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->more, &attr);
	pthread_condattr_destroy(&attr);
	rc = pthread_create(&g->thread, NULL, watch, g);
	if (rc) {
		pthread_cond_destroy(&g->more);
		pthread_mutex_destroy(&g->lock);
		free(g);
		err_errno(err, rc, "start the thread that watches connections");
		return NULL;
	}
	return g;
}

void *http_guest_comes(struct http_guests *g, int fd, const void *listener)
{
	struct guest *x = mem_zalloc(sizeof(*x));

	*x = (struct guest){ .fd = fd, .listener = listener, .since_ns = clock_now_ns(), .waited_for = true };
	pthread_mutex_lock(&g->lock);
	append(g, x);
	if (g->silent.first == x)
		pthread_cond_signal(&g->more);
	pthread_mutex_unlock(&g->lock);
	return x;
}

void http_guest_asks(struct http_guests *g, void *guest, bool asks)
{
	if (!guest)
		return;
	pthread_mutex_lock(&g->lock);
	move(g, guest, !asks);
	pthread_mutex_unlock(&g->lock);
}

void http_guest_goes(struct http_guests *g, void *guest)
{
	if (!guest)
		return;
	pthread_mutex_lock(&g->lock);
	take_out(g, guest);
	pthread_mutex_unlock(&g->lock);
	free(guest);
}

static void end_reading(const struct guests *l, const void *listener)
{
	for (const struct guest *x = l->first; x; x = x->next)
		if (x->listener == listener)
			shutdown(x->fd, SHUT_RD);
}

void http_guests_leave(struct http_guests *g, const void *listener)
{
	pthread_mutex_lock(&g->lock);
	end_reading(&g->silent, listener);
	end_reading(&g->busy, listener);
	pthread_mutex_unlock(&g->lock);
}

void http_guests_free(struct http_guests *g)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->stop = true;
	pthread_cond_signal(&g->more);
	pthread_mutex_unlock(&g->lock);
	pthread_join(g->thread, NULL);
	pthread_cond_destroy(&g->more);
	pthread_mutex_destroy(&g->lock);
	free(g);
}
