/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connections of the HTTP server. libmicrohttpd closes one that says nothing; one that drips a byte now and then it would
 * keep for ever, and one address has only so many. Here each must bring a whole header in time, and those that nobody vouches for
 * never take the places of those that have shown a certificate. */
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/http_call.h"
#include "sys/log.h"

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BUCKETS 1024
#define TELL_EVERY_NS (60 * NS_PER_S)
#define IPV6_PREFIX_BYTES 8

struct guest;
struct links {
	struct guest *prev, *next;
};
struct guests {
	struct guest *first, *last;
};
/* An IPv4 address, or a /64 of IPv6: out of it one machine has as many addresses as it likes (RFC 8981). */
struct source {
	struct in6_addr addr;
	unsigned int strangers; /* its connections that nobody vouches for */
	struct guests owing;	/* those of them from which bytes are awaited, the longest first */
	struct source *next;	/* in its bucket */
};
struct guest {
	int fd; /* libmicrohttpd's: open until http_guest_goes */
	const void *listener;
	struct in6_addr addr; /* with `remote` */
	int64_t since_ns;
	enum http_guest_phase phase;
	bool cut;		/* its end was asked for: not counted any more */
	struct source *source;	/* of a stranger; NULL: vouched for */
	bool remote, owes;	/* not over the unix socket; it is in source->owing */
	struct links all, mine; /* in `silent` or `busy`; in source->owing */
};
struct http_guests {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t thread;
	int64_t limit_ns, told_ns;
	unsigned int max, remote, strangers; /* over the network: at most, now, and those of them that nobody vouches for */
	bool stop;
	struct guests silent; /* a header is waited for: the longest first */
	struct guests busy;
	struct source *sources[BUCKETS];
};

/* --- lists --- */

#define LINKS(x, which) ((which) ? &(x)->mine : &(x)->all)

static void append(struct guests *l, struct guest *x, bool mine)
{
	*LINKS(x, mine) = (struct links){ .prev = l->last };
	*(l->last ? &LINKS(l->last, mine)->next : &l->first) = x;
	l->last = x;
}

static void take_out(struct guests *l, struct guest *x, bool mine)
{
	struct links *at = LINKS(x, mine);

	*(at->prev ? &LINKS(at->prev, mine)->next : &l->first) = at->next;
	*(at->next ? &LINKS(at->next, mine)->prev : &l->last) = at->prev;
}

/* Its header is awaited. One that was cut says nothing more. */
static struct guests *list_of(struct http_guests *g, const struct guest *x)
{
	return x->phase == HTTP_GUEST_HEADER && !x->cut ? &g->silent : &g->busy;
}

/* --- sources --- */

static bool source_key(const struct sockaddr *peer, struct in6_addr *out)
{
	*out = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	if (peer && peer->sa_family == AF_INET) {
		memcpy(out->s6_addr + 12, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
		return true;
	}
	if (!peer || peer->sa_family != AF_INET6)
		return false;
	*out = ((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
	if (!IN6_IS_ADDR_V4MAPPED(out))
		memset(out->s6_addr + IPV6_PREFIX_BYTES, 0, sizeof(out->s6_addr) - IPV6_PREFIX_BYTES);
	return true;
}

/* FNV-1a. Whoever makes addresses fall together makes a look at 4,096 of them last longer, and no more. */
static struct source **bucket_of(struct http_guests *g, const struct in6_addr *addr)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < sizeof(addr->s6_addr); i++)
		h = (h ^ addr->s6_addr[i]) * 16777619U;
	return &g->sources[h % BUCKETS];
}

static struct source *source_get(struct http_guests *g, const struct in6_addr *addr)
{
	struct source **bucket = bucket_of(g, addr), *s = *bucket;

	while (s && !IN6_ARE_ADDR_EQUAL(&s->addr, addr))
		s = s->next;
	if (!s) {
		s = mem_zalloc(sizeof(*s));
		s->addr = *addr;
		s->next = *bucket;
		*bucket = s;
	}
	return s;
}

static void source_join(struct http_guests *g, struct guest *x)
{
	x->source = source_get(g, &x->addr);
	x->source->strangers++;
	g->strangers++;
}

static void source_leave(struct http_guests *g, struct guest *x)
{
	struct source *s = x->source, **at = bucket_of(g, &s->addr);

	if (x->owes)
		take_out(&s->owing, x, true);
	x->owes = false;
	x->source = NULL;
	g->strangers--;
	if (--s->strangers)
		return;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	free(s);
}

/* --- phases --- */

static void set_phase(struct http_guests *g, struct guest *x, enum http_guest_phase phase)
{
	bool owes = x->source && phase != HTTP_GUEST_ANSWER;

	take_out(list_of(g, x), x, false);
	if (x->owes)
		take_out(&x->source->owing, x, true);
	x->phase = phase;
	x->since_ns = clock_now_ns();
	append(list_of(g, x), x, false);
	x->owes = owes;
	if (owes)
		append(&x->source->owing, x, true);
	if (g->silent.first == x)
		pthread_cond_signal(&g->more);
}

/* libmicrohttpd finds it ended and closes it: under the lock its number is nobody else's. */
static void cut(struct http_guests *g, struct guest *x)
{
	shutdown(x->fd, SHUT_RDWR);
	take_out(list_of(g, x), x, false);
	x->cut = true;
	append(list_of(g, x), x, false);
	if (x->source)
		source_leave(g, x);
}

/* Of the source that has the most strangers the one that has kept us waiting the longest: whoever floods pushes out himself. */
static void cut_one(struct http_guests *g)
{
	struct source *worst = NULL;

	for (size_t i = 0; i < BUCKETS; i++)
		for (struct source *s = g->sources[i]; s; s = s->next)
			if (s->owing.first && (!worst || s->strangers > worst->strangers))
				worst = s;
	if (!worst)
		return;
	cut(g, worst->owing.first);
	if (g->told_ns && clock_now_ns() - g->told_ns < TELL_EVERY_NS)
		return;
	g->told_ns = clock_now_ns();
	log_warn("http", "%u connections of which %u have shown no certificate: those that say nothing are cut off", g->remote,
		 g->strangers);
}

/* The rest of the places is for the time until libmicrohttpd has closed what was cut. */
static void make_room(struct http_guests *g)
{
	if (g->remote > g->max - g->max / 8 || g->strangers > g->max / 2)
		cut_one(g);
}

static void *watch(void *arg)
{
	struct http_guests *g = arg;

	pthread_mutex_lock(&g->lock);
	while (!g->stop) {
		struct guest *x = g->silent.first;
		int64_t at = x ? x->since_ns + g->limit_ns : 0;
		struct timespec ts = { .tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S) };

		if (!x)
			pthread_cond_wait(&g->more, &g->lock);
		else if (clock_now_ns() < at)
			pthread_cond_timedwait(&g->more, &g->lock, &ts);
		else
			cut(g, x);
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

struct http_guests *http_guests_new(int64_t limit_ns, unsigned int max, struct err *err)
{
	struct http_guests *g = mem_zalloc(sizeof(*g));
	pthread_condattr_t attr;
	int rc;

	g->limit_ns = limit_ns;
	g->max = max;
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

void *http_guest_comes(struct http_guests *g, int fd, const struct sockaddr *peer, const void *listener)
{
	struct guest *x = mem_zalloc(sizeof(*x));

	*x = (struct guest){ .fd = fd, .listener = listener, .since_ns = clock_now_ns(), .phase = HTTP_GUEST_HEADER };
	pthread_mutex_lock(&g->lock);
	append(&g->silent, x, false);
	if (g->silent.first == x)
		pthread_cond_signal(&g->more);
	if (source_key(peer, &x->addr)) {
		x->remote = true;
		source_join(g, x);
		x->owes = true;
		append(&x->source->owing, x, true);
		g->remote++;
		make_room(g);
	}
	pthread_mutex_unlock(&g->lock);
	return x;
}

void http_guest_is(struct http_guests *g, void *guest, enum http_guest_phase phase)
{
	if (!guest)
		return;
	pthread_mutex_lock(&g->lock);
	set_phase(g, guest, phase);
	pthread_mutex_unlock(&g->lock);
}

void http_guest_known(struct http_guests *g, void *guest)
{
	struct guest *x = guest;

	if (!x)
		return;
	pthread_mutex_lock(&g->lock);
	if (x->source)
		source_leave(g, x);
	pthread_mutex_unlock(&g->lock);
}

void http_guest_refused(struct http_guests *g, void *guest)
{
	struct guest *x = guest;

	if (!x)
		return;
	pthread_mutex_lock(&g->lock);
	/* That it owes something is noted with its next phase. */
	if (x->remote && !x->cut && !x->source) {
		source_join(g, x);
		make_room(g);
	}
	pthread_mutex_unlock(&g->lock);
}

void http_guest_goes(struct http_guests *g, void *guest)
{
	struct guest *x = guest;

	if (!x)
		return;
	pthread_mutex_lock(&g->lock);
	take_out(list_of(g, x), x, false);
	if (x->source)
		source_leave(g, x);
	if (x->remote)
		g->remote--;
	pthread_mutex_unlock(&g->lock);
	free(x);
}

static void end_reading(const struct guests *l, const void *listener)
{
	for (const struct guest *x = l->first; x; x = x->all.next)
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
