/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/console.h"

#include "base/mem.h"
#include "daemon/bmc_wish.h"
#include "daemon/console_log.h"
#include "sys/clock.h"
#include "sys/http_server.h"
#include "sys/threads.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SESSIONS_MAX 64
#define KEPT ((size_t)256 << 10) /* of the output, for those who look later */
#define TYPED_MAX ((size_t)16 << 10)
#define SAID_MAX ((size_t)16 << 10)
#define UNSEEN_NS (30 * NS_PER_S) /* nobody looks: it is closed */
#define OPENING_NS (30 * NS_PER_S)
#define END_WAIT_S 5

/* What ipmitool says when the console is there; before that it is not to be typed into. */
static const char operational[] = "[SOL Session operational";

struct session {
	struct consoles *cs;
	char *node;
	pthread_t thread;
	int wake; /* eventfd: something was typed, or the end */
	struct buf out, typed;
	uint64_t from; /* which byte of the session out.data[0] is */
	int64_t seen_ns;
	bool running, opened;
	struct err end;
	struct console_log *log;
	struct session *link;
};

struct consoles {
	struct daemon *d;
	pthread_mutex_t lock;
	pthread_cond_t quit;
	struct session *sessions;
	bool stopping;
};

static void session_free(struct session *s)
{
	pthread_join(s->thread, NULL);
	close(s->wake);
	buf_free(&s->out);
	buf_free(&s->typed);
	free(s->node);
	free(s);
}

static void wake_lookers(struct session *s)
{
	autofree char *topic = str_format(CONSOLE_TOPIC "%s", s->node);

	if (s->cs->d->http)
		http_server_wake(s->cs->d->http, topic);
}

/* Under the lock. */
static void keep(struct session *s, const char *data, size_t len)
{
	buf_add(&s->out, data, len);
	if (s->out.len > 2 * KEPT) {
		size_t drop = s->out.len - KEPT;

		memmove(s->out.data, s->out.data + drop, KEPT);
		s->out.len = KEPT;
		s->out.data[KEPT] = '\0';
		s->from += drop;
	}
}

/* The line with which ipmitool begins is not the node's; true when it was there. */
static bool skip_preamble(struct session *s)
{
	char *at = s->out.len ? memmem(s->out.data, s->out.len, operational, sizeof(operational) - 1) : NULL;
	char *end = at ? memchr(at, '\n', s->out.len - (size_t)(at - s->out.data)) : NULL;
	size_t rest;

	if (!end)
		return false;
	rest = s->out.len - (size_t)(end + 1 - s->out.data);
	memmove(s->out.data, end + 1, rest);
	s->out.len = rest;
	s->out.data[rest] = '\0';
	s->opened = true;
	return true;
}

static void take_output(struct session *s, const char *data, size_t len)
{
	pthread_mutex_lock(&s->cs->lock);
	keep(s, data, len);
	if (s->opened)
		console_log_add(s->log, data, len);
	else if (skip_preamble(s))
		console_log_add(s->log, s->out.data, s->out.len);
	pthread_mutex_unlock(&s->cs->lock);
	wake_lookers(s);
}

static void take_words(struct spawn_stream *st)
{
	char chunk[1024];
	ssize_t n = read(st->err_fd, chunk, sizeof(chunk));

	if (n > 0 && st->said.len < SAID_MAX)
		buf_add(&st->said, chunk, (size_t)n);
	else if (n == 0)
		close(steal_fd(st->err_fd));
}

/* What was typed since; false when it is time to end. */
static bool pass_input(struct session *s, struct spawn_stream *st, int64_t begun_ns)
{
	autoclean(buf_free) struct buf typed = { 0 };
	struct err err = { 0 };
	int64_t now = clock_now_ns();
	bool go_on;

	pthread_mutex_lock(&s->cs->lock);
	go_on = !s->cs->stopping && now - s->seen_ns < UNSEEN_NS;
	if (!s->opened && now - begun_ns > OPENING_NS) {
		err_set(&s->end, ERR_FAILED, "%s: the BMC did not open the console in time", s->node);
		go_on = false;
	}
	if (s->opened) {
		typed = s->typed;
		s->typed = (struct buf){ 0 };
	}
	pthread_mutex_unlock(&s->cs->lock);
	if (go_on && typed.len && spawn_stream_write(st, typed.data, typed.len, UNSEEN_NS, &err) < 0)
		return false;
	return go_on;
}

static void talk(struct session *s, struct spawn_stream *st)
{
	int64_t begun_ns = clock_now_ns();
	uint64_t count;

	while (pass_input(s, st, begun_ns)) {
		struct pollfd p[] = { { .fd = st->out, .events = POLLIN },
				      { .fd = st->err_fd, .events = POLLIN },
				      { .fd = s->wake, .events = POLLIN } };

		if (poll(p, ARRAY_LEN(p), 1000) <= 0)
			continue;
		if (p[2].revents && read(s->wake, &count, sizeof(count)) < 0)
			continue;
		if (p[1].revents)
			take_words(st);
		if (p[0].revents) {
			char chunk[4096];
			ssize_t n = read(st->out, chunk, sizeof(chunk));

			if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
				return;
			if (n > 0)
				take_output(s, chunk, (size_t)n);
		}
	}
}

static void *run(void *arg)
{
	struct session *s = arg;
	autoclean(bmc_access_free) struct bmc_access a = { 0 };
	autoclean(spawn_stream_free) struct spawn_stream st = { .in = -1, .out = -1, .err_fd = -1 };
	struct err err = { 0 };

	if (bmc_access_load(s->cs->d, s->node, &a, &err) == 0 && bmc_console(&a.bmc, &st, &err) == 0) {
		talk(s, &st);
		spawn_stream_close(&st, 0);
		/* Ended by itself: the reason is in its words. Ended by us it was killed. */
		if (st.status < 128 && bmc_console_end(&a.bmc, &st, &err) == 0)
			err = (struct err){ 0 };
	}
	pthread_mutex_lock(&s->cs->lock);
	if (s->end.kind == ERR_NONE)
		s->end = err;
	s->running = false;
	console_log_close(s->log);
	s->log = NULL;
	pthread_cond_broadcast(&s->cs->quit);
	pthread_mutex_unlock(&s->cs->lock);
	wake_lookers(s);
	return NULL;
}

static struct session *find(struct consoles *cs, const char *node)
{
	for (struct session *s = cs->sessions; s; s = s->link)
		if (str_eq(s->node, node))
			return s;
	return NULL;
}

/* Those that ended and that nobody asks for any more. Returns how many run. */
static size_t forget_ended(struct consoles *cs, const char *node)
{
	size_t running = 0;

	for (struct session **at = &cs->sessions; *at;) {
		struct session *s = *at;

		if (!s->running && (str_eq(s->node, node) || clock_now_ns() - s->seen_ns > UNSEEN_NS)) {
			*at = s->link;
			session_free(s);
			continue;
		}
		running += s->running;
		at = &s->link;
	}
	return running;
}

static int begin(struct consoles *cs, const char *node, struct session **out, struct err *err)
{
	struct session *s = mem_zalloc(sizeof(*s));

	s->cs = cs;
	s->seen_ns = clock_now_ns();
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0) {
		free(s);
		return err_errno(err, errno, "make an event");
	}
	s->node = mem_strdup(node);
	s->log = console_log_open(cs->d, node);
	s->running = true;
	if (thread_start(&s->thread, run, s, err) < 0) {
		console_log_close(s->log);
		close(s->wake);
		free(s->node);
		free(s);
		return -1;
	}
	s->link = cs->sessions;
	cs->sessions = s;
	*out = s;
	return 0;
}

int console_open(struct consoles *cs, const char *node, uint64_t *from, struct err *err)
{
	struct session *s;
	size_t running;
	int rc = 0;

	pthread_mutex_lock(&cs->lock);
	running = forget_ended(cs, node);
	s = find(cs, node);
	if (!s && running >= SESSIONS_MAX) {
		rc = err_set(err, ERR_REFUSED, "%zu consoles are open already", running);
		err_hint(err, "leave some of them: they close when nobody has looked for half a minute");
	} else if (!s) {
		rc = begin(cs, node, &s, err);
	}
	if (rc == 0 && s) {
		s->seen_ns = clock_now_ns();
		*from = s->opened ? s->from + s->out.len : s->from;
	}
	pthread_mutex_unlock(&cs->lock);
	return rc;
}

static struct session *must_find(struct consoles *cs, const char *node, struct err *err)
{
	struct session *s = find(cs, node);

	if (!s) {
		err_set(err, ERR_NOT_FOUND, "%s: its console is not open", node);
		err_hint(err, "open it: orthrus node console %s", node);
	}
	return s;
}

int console_read(struct consoles *cs, const char *node, uint64_t *from, struct buf *out, bool *open, struct err *end,
		 struct err *err)
{
	struct session *s;

	pthread_mutex_lock(&cs->lock);
	s = must_find(cs, node, err);
	if (s) {
		uint64_t last = s->from + s->out.len;

		s->seen_ns = clock_now_ns();
		if (*from < s->from || *from > last)
			*from = s->from;
		if (s->opened && last > *from)
			buf_add(out, s->out.data + (*from - s->from), (size_t)(last - *from));
		*open = s->running;
		*end = s->end;
	}
	pthread_mutex_unlock(&cs->lock);
	return s ? 0 : -1;
}

int console_type(struct consoles *cs, const char *node, const void *data, size_t len, struct err *err)
{
	struct session *s;
	uint64_t one = 1;
	int rc = -1;

	pthread_mutex_lock(&cs->lock);
	s = must_find(cs, node, err);
	if (s && (!s->running || s->typed.len + len > TYPED_MAX)) {
		err_set(err, ERR_FAILED, "%s: its console %s", node, s->running ? "takes nothing at the moment" : "has ended");
	} else if (s) {
		s->seen_ns = clock_now_ns();
		buf_add(&s->typed, data, len);
		rc = write(s->wake, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN ? 0
											 : err_errno(err, errno, "wake %s", node);
	}
	pthread_mutex_unlock(&cs->lock);
	return rc;
}

int consoles_start(struct daemon *d, struct consoles **out, struct err *err)
{
	struct consoles *cs = mem_zalloc(sizeof(*cs));

	(void)err;
	cs->d = d;
	pthread_mutex_init(&cs->lock, NULL);
	thread_cond_init(&cs->quit);
	*out = cs;
	return 0;
}

static bool none_runs(const void *consoles)
{
	const struct consoles *cs = consoles;

	for (const struct session *s = cs->sessions; s; s = s->link)
		if (s->running)
			return false;
	return true;
}

bool consoles_stop(struct consoles *cs)
{
	uint64_t one = 1;
	bool ended;

	if (!cs)
		return true;
	pthread_mutex_lock(&cs->lock);
	cs->stopping = true;
	for (struct session *s = cs->sessions; s; s = s->link)
		if (write(s->wake, &one, sizeof(one)) < 0)
			continue; /* it looks once a second anyway */
	ended = thread_cond_until(&cs->quit, &cs->lock, END_WAIT_S * NS_PER_S, none_runs, cs);
	pthread_mutex_unlock(&cs->lock);
	if (!ended)
		return false;
	while (cs->sessions) {
		struct session *s = cs->sessions;

		cs->sessions = s->link;
		session_free(s);
	}
	pthread_mutex_destroy(&cs->lock);
	pthread_cond_destroy(&cs->quit);
	free(cs);
	return true;
}
