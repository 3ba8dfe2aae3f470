/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread of one cast: it starts the process that casts, hands on what it is to be told, and keeps what it says. */
#include "base/mem.h"
#include "daemon/cast_facts.h"
#include "daemon/cast_priv.h"
#include "daemon/change.h"
#include "sys/clock.h"
#include "sys/http_server.h"
#include "sys/spawn_stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define CLOSE_NS (10 * NS_PER_S)
#define DEAF_NS (30 * NS_PER_S)
#define GRACE_NS (2 * NS_PER_S)
#define WAIT_MS 250
#define READ_ONCE ((size_t)64 << 10)
#define WORDS_MAX ((size_t)16 << 10)

struct talk {
	struct cast *c;
	struct spawn_stream st;
	struct buf in;
	bool ended;	 /* it said so */
	int64_t deaf_ns; /* it took no line then; 0: it takes them */
	int64_t said_ns; /* when it said something last */
};

void cast_wake(const struct cast *c)
{
	autofree char *topic = str_format(CAST_TOPIC "%s/%s", c->name, c->id);

	if (c->all->d->http)
		http_server_wake(c->all->d->http, topic);
}

void cast_say(struct cast *c, const struct cast_do_line *l)
{
	uint64_t one = 1;

	cast_do_write(l, &c->to_say);
	if (write(c->wake, &one, sizeof(one)) < 0)
		return; /* it is readable already */
}

void cast_close(struct cast *c)
{
	const struct cast_do_line stop = { .what = CAST_DO_STOP };

	c->state = CAST_CLOSING;
	c->closing_ns = clock_now_ns();
	cast_say(c, &stop);
}

/* --- what the child says --- */

static struct cast_member *member(struct cast *c, uint64_t number)
{
	return number && number <= c->n_members ? &c->members[number - 1] : NULL;
}

/* A cast that has sent bytes and takes nobody any more is over; another may begin. */
static void take_refused(struct cast *c, struct cast_said_line *l)
{
	struct cast_member *m = member(c, l->number);

	if (!m || m->state != MEMBER_ASKED)
		return;
	if (l->too_large) { /* it is not refused by the next one */
		c->too_large = true;
		if (c->state == CAST_RUNNING)
			cast_close(c);
		return;
	}
	m->state = MEMBER_REFUSED;
	m->why = str_printable(l->text, strlen(l->text));
	if (c->progress.data_packets && c->state == CAST_RUNNING)
		cast_close(c);
}

static void take_views(struct cast *c, const struct cast_said_line *l)
{
	for (size_t i = 0; i < l->n_views; i++) {
		struct cast_member *m = member(c, l->views[i].number);

		if (m)
			m->view = l->views[i];
	}
}

static void take_opened(struct cast *c, const struct cast_said_line *l)
{
	c->sender_port = (uint16_t)l->port;
	c->chunks = l->chunks;
	c->blocks = l->blocks;
	c->bytes = l->bytes;
	c->layout = l->layout;
	memcpy(c->sign_public, l->sign_public, sizeof(c->sign_public));
	if (c->state == CAST_STARTING)
		c->state = CAST_RUNNING;
}

/* It goes into events, and to nodes. */
static void say_printable(const char *text, struct err *err)
{
	autofree char *words = str_printable(text, strlen(text));

	err_set(err, ERR_FAILED, "%s", words);
}

/* True: somebody may wait for it. */
static bool take(struct talk *t, struct cast_said_line *l, struct err *err)
{
	const struct cast_zone *silent[SITE_RELAYS_MAX];
	struct cast *c = t->c;
	size_t n_silent;
	bool news = true;

	pthread_mutex_lock(&c->all->lock);
	switch (l->what) {
	case CAST_SAID_OPENED:
		take_opened(c, l);
		break;
	case CAST_SAID_JOINED:
		if (member(c, l->number) && member(c, l->number)->state == MEMBER_ASKED)
			member(c, l->number)->state = MEMBER_JOINED;
		break;
	case CAST_SAID_REFUSED:
		take_refused(c, l);
		break;
	case CAST_SAID_PROGRESS:
		c->progress = l->progress;
		news = false;
		break;
	case CAST_SAID_RECEIVERS:
		take_views(c, l);
		news = false;
		break;
	case CAST_SAID_ENDED:
		t->ended = true;
		c->too_large |= l->too_large;
		if (l->text)
			say_printable(l->text, err);
		break;
	}
	n_silent = news ? 0 : cast_zones_silent(c, false, silent);
	pthread_mutex_unlock(&c->all->lock);
	cast_zones_tell(c, silent, n_silent);
	return news;
}

static int take_lines(struct talk *t, struct err *err)
{
	char *end;

	while ((end = t->in.len ? memchr(t->in.data, '\n', t->in.len) : NULL)) {
		size_t len = (size_t)(end - t->in.data);
		struct cast_said_line l;

		if (cast_said_read(t->in.data, len, &l, err) < 0)
			return err_wrap(err, "what the process of the cast says");
		if (take(t, &l, err))
			cast_wake(t->c);
		cast_said_free(&l);
		memmove(t->in.data, end + 1, t->in.len - len - 1);
		t->in.len -= len + 1;
		t->in.data[t->in.len] = '\0';
	}
	return t->in.len <= CAST_LINE_MAX ? 0 : err_set(err, ERR_FAILED, "the process of the cast says lines without an end");
}

/* 1: more may come; 0: that was all. */
static int hear(struct talk *t, struct err *err)
{
	ssize_t n;

	buf_reserve(&t->in, READ_ONCE);
	n = read(t->st.out, t->in.data + t->in.len, READ_ONCE);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : err_errno(err, errno, "read from the process of the cast");
	t->in.len += (size_t)n;
	t->in.data[t->in.len] = '\0';
	t->said_ns = clock_now_ns();
	if (take_lines(t, err) < 0)
		return -1;
	return n > 0;
}

static void take_words(struct spawn_stream *st)
{
	char chunk[1024];
	ssize_t n = read(st->err_fd, chunk, sizeof(chunk));

	if (n > 0 && st->said.len < WORDS_MAX)
		buf_add(&st->said, chunk, (size_t)n);
	else if (n == 0)
		close(steal_fd(st->err_fd));
}

/* --- what it is told --- */

static int hand_on(struct talk *t, struct err *err)
{
	struct cast *c = t->c;
	autoclean(buf_free) struct buf lines = { 0 };
	uint64_t count;
	bool late, stuck;

	if (read(c->wake, &count, sizeof(count)) < 0)
		count = 0; /* it was not that what woke us */
	pthread_mutex_lock(&c->all->lock);
	lines = c->to_say;
	c->to_say = (struct buf){ 0 };
	late = c->state == CAST_STARTING && clock_now_ns() - c->begun_ns > c->all->times.begin_ns;
	stuck = c->state == CAST_CLOSING && clock_now_ns() - c->closing_ns > CLOSE_NS;
	pthread_mutex_unlock(&c->all->lock);
	if (late || stuck)
		return err_set(err, ERR_FAILED, "the process of the cast did not %s in time", late ? "begin" : "end");
	if (t->deaf_ns != 0 && clock_now_ns() - t->deaf_ns > DEAF_NS)
		return err_set(err, ERR_FAILED, "the process of the cast takes nothing any more");
	if (!lines.len)
		return 0;
	/* One that is about to end hears nothing; how it ended, its last word says. */
	if (t->deaf_ns == 0 && spawn_stream_write(&t->st, lines.data, lines.len, DEAF_NS, err) < 0) {
		t->deaf_ns = clock_now_ns();
		*err = (struct err){ 0 };
	}
	explicit_bzero(lines.data, lines.len);
	return 0;
}

/* It casts, and does not say how that goes: it hangs. Asked when there is nothing to read. */
static bool is_mute(struct talk *t)
{
	bool runs;

	pthread_mutex_lock(&t->c->all->lock);
	runs = t->c->state == CAST_RUNNING;
	pthread_mutex_unlock(&t->c->all->lock);
	return runs && clock_now_ns() - t->said_ns > t->c->all->times.mute_ns;
}

static int talk(struct talk *t, struct err *err)
{
	struct err why = { 0 };
	int more = 1;

	while (more > 0) {
		struct pollfd p[] = { { .fd = t->st.out, .events = POLLIN },
				      { .fd = t->st.err_fd, .events = POLLIN },
				      { .fd = t->c->wake, .events = POLLIN } };

		cast_findings_watch(t->c);
		if (hand_on(t, &why) < 0) {
			if (t->ended) /* too late to matter: how it ended, it has said */
				return 0;
			*err = why;
			return -1;
		}
		if (poll(p, ARRAY_LEN(p), WAIT_MS) <= 0) {
			if (is_mute(t))
				return err_set(err, ERR_FAILED, "the process of the cast says nothing any more");
			continue;
		}
		if (p[1].revents)
			take_words(&t->st);
		if (p[0].revents)
			more = hear(t, err);
	}
	return more;
}

/* --- its beginning and its end --- */

static int start(struct talk *t, struct err *err)
{
	static const char *const argv[] = { "orthrusd", "--cast-child", NULL };
	const struct spawn s = { .argv = argv, .program = SPAWN_SELF };
	struct cast_do_line l = { .what = CAST_DO_OPEN };
	autoclean(str_list_free) struct str_list expected = { 0 };
	autoclean(buf_free) struct buf line = { 0 };
	struct cast *c = t->c;
	int rc;

	if (cast_plan(c, &l.open, &expected, err) < 0 || spawn_stream_open(&s, &t->st, err) < 0) {
		cast_do_free(&l);
		return -1;
	}
	memcpy(l.open.group_key, c->group_key, sizeof(l.open.group_key));
	cast_do_write(&l, &line);
	cast_do_free(&l);
	rc = spawn_stream_write(&t->st, line.data, line.len, DEAF_NS, err);
	explicit_bzero(line.data, line.len);
	event_note(c->all->d, EVENT_INFO, "cast-begun", NULL, "image %s/%s is cast to %s: %zu node%s expected", c->name, c->id,
		   c->group, expected.len, expected.len == 1 ? "" : "s");
	pthread_mutex_lock(&c->all->lock);
	for (size_t i = 0; i < expected.len; i++)
		str_list_add(&c->expected, expected.items[i]);
	pthread_mutex_unlock(&c->all->lock);
	return rc;
}

/* How it ended says its last word; where it had none, its exit and what it wrote to standard error. */
static void judge(struct talk *t, int rc, struct err *err)
{
	autofree char *words = NULL;

	if (rc < 0 || t->ended)
		return;
	words = str_printable(buf_str(&t->st.said), t->st.said.len < CAST_WORDS_MAX ? t->st.said.len : CAST_WORDS_MAX);
	err_set(err, ERR_FAILED, "the process of the cast ended with %d%s%s", t->st.status, *words ? ": " : "", words);
}

/* Of those that took part, each once. */
static void count(const struct cast *c, size_t *nodes, size_t *whole)
{
	*nodes = *whole = 0;
	for (size_t i = 0; i < c->n_members; i++) {
		if (c->members[i].old || !c->members[i].told)
			continue;
		++*nodes;
		*whole += c->members[i].view.state == WIRE_COMPLETE || c->members[i].view.state == WIRE_DONE;
	}
}

static const char *why_over(const struct cast *c)
{
	if (c->rekey)
		return ", since a node was removed";
	if (c->too_large)
		return ", since jumbo packets do not reach all its nodes: they go on in one of small packets";
	return c->ended_by ? ", stopped before its end" : "";
}

static void tell_end(struct cast *c)
{
	autofree char *found = cast_findings_end(c);
	size_t nodes, whole;

	cast_findings_watch(c);
	count(c, &nodes, &whole);
	if (c->state == CAST_FAILED)
		event_note(c->all->d, EVENT_WARNING, "cast-failed", NULL,
			   "the cast of %s/%s failed, its nodes go on by another one or over HTTPS: %s%s%s", c->name, c->id,
			   c->error, *found ? ". " : "", found);
	else
		event_note(c->all->d, *found ? EVENT_WARNING : EVENT_INFO, "cast-over", NULL,
			   "the cast of %s/%s is over%s: %zu of %zu node%s got all by it, %.2f times its bytes were sent in %.1f "
			   "s%s%s",
			   c->name, c->id, why_over(c), whole, nodes, nodes == 1 ? "" : "s",
			   c->bytes ? (double)c->progress.wire_bytes / (double)c->bytes : 0.0, (double)c->progress.ms / 1000.0,
			   *found ? ". " : "", found);
}

void *cast_talk(void *arg)
{
	struct talk t = { .c = arg, .st = { .in = -1, .out = -1, .err_fd = -1, .exited = true } };
	const struct cast_zone *silent[SITE_RELAYS_MAX];
	struct cast *c = arg;
	struct err err = { 0 };
	int rc = start(&t, &err);
	size_t n_silent;

	if (rc == 0)
		rc = talk(&t, &err);
	spawn_stream_close(&t.st, rc < 0 ? 0 : GRACE_NS);
	judge(&t, rc, &err);
	pthread_mutex_lock(&c->all->lock);
	c->state = err.kind == ERR_NONE ? CAST_ENDED : CAST_FAILED;
	if (err.kind != ERR_NONE)
		c->error = mem_strdup(err.text);
	c->ended_ns = clock_now_ns();
	buf_free(&c->to_say);
	explicit_bzero(c->group_key, sizeof(c->group_key));
	n_silent = cast_zones_silent(c, true, silent);
	pthread_mutex_unlock(&c->all->lock);
	/* Nothing of it changes any more. */
	cast_zones_tell(c, silent, n_silent);
	tell_end(c);
	cast_wake(c);
	pthread_mutex_lock(&c->all->lock);
	c->told_end = true;
	pthread_cond_broadcast(&c->all->quit);
	pthread_mutex_unlock(&c->all->lock);
	spawn_stream_free(&t.st);
	buf_free(&t.in);
	return NULL;
}
