/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cast_child.h"

#include "base/mem.h"
#include "daemon/cast_child_priv.h"
#include "imaging/store.h"
#include "sys/clock.h"
#include "sys/confine.h"
#include "sys/fs.h"
#include "sys/inet.h"
#include "sys/keys.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define READ_ONCE ((size_t)64 << 10)

/* --- hearing --- */

/* Appends what comes. False at the end of input. */
static bool read_more(struct cast_child *c)
{
	ssize_t n;

	buf_reserve(&c->in, READ_ONCE);
	n = read(STDIN_FILENO, c->in.data + c->in.len, READ_ONCE);
	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	c->in.len += (size_t)n;
	c->in.data[c->in.len] = '\0';
	return c->in.len <= CAST_LINE_MAX;
}

/* 1: a line, read and taken out of the input; 0: there is no whole one; -1: it is wrong. */
static int next_line(struct cast_child *c, struct cast_do_line *out, struct err *err)
{
	char *end = c->in.len ? memchr(c->in.data, '\n', c->in.len) : NULL;
	size_t len = end ? (size_t)(end - c->in.data) : 0;
	int rc;

	if (!end)
		return 0;
	rc = cast_do_read(c->in.data, len, out, err);
	explicit_bzero(c->in.data, len);
	memmove(c->in.data, end + 1, c->in.len - len - 1);
	c->in.len -= len + 1;
	c->in.data[c->in.len] = '\0';
	return rc < 0 ? -1 : 1;
}

/* Whoever it is for goes on without, by HTTPS. */
static void lead_to(struct cast_child *c, uint64_t relay)
{
	struct err err = { 0 };

	if (relay && (relay > c->n_relays || tx_relay(c->tx, &c->relays[relay - 1], &err) < 0))
		log_warn("cast", "relay %llu can't be sent to: %s", (unsigned long long)relay, err.text);
}

static bool is_too_large(struct cast_child *c)
{
	struct tx_view v = { 0 };

	if (c->tx)
		tx_look(c->tx, &v);
	return v.too_large;
}

static int let_in(struct cast_child *c, const struct cast_do_line *l, struct err *err)
{
	size_t need = (layout_chunks(c->layout) + (size_t)7) / 8;

	if (l->have.len && l->have.len != need)
		return err_set(err, ERR_INVALID, "its bitmap has %zu bytes, not %zu", l->have.len, need);
	lead_to(c, l->relay);
	return tx_join(c->tx, (uint16_t)l->number, l->own_key, l->have.len ? (const uint8_t *)l->have.data : NULL, err);
}

static void join(struct cast_child *c, const struct cast_do_line *l)
{
	struct cast_said_line said = { .what = CAST_SAID_JOINED, .number = l->number };
	struct err err = { 0 };

	if (let_in(c, l, &err) < 0) {
		said.what = CAST_SAID_REFUSED;
		said.too_large = is_too_large(c);
		said.text = err.text;
	} else {
		pthread_mutex_lock(&c->lock);
		if (l->number > c->last)
			c->last = (uint16_t)l->number;
		pthread_mutex_unlock(&c->lock);
	}
	cast_child_tell(c, &said);
}

static void obey(struct cast_child *c, const struct cast_do_line *l)
{
	switch (l->what) {
	case CAST_DO_JOIN:
		join(c, l);
		break;
	case CAST_DO_LEAVE:
		tx_leave(c->tx, (uint16_t)l->number, false);
		break;
	case CAST_DO_OPEN: /* a second one means nothing */
	case CAST_DO_STOP:
		tx_stop(c->tx);
		break;
	}
}

/* Without orthrusd there is no cast: its end, or a line that can't be read, ends it. */
static void *hear(void *arg)
{
	struct cast_child *c = arg;
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = c->quit, .events = POLLIN } };

	for (;;) {
		struct cast_do_line l = { 0 };
		struct err err = { 0 };
		int rc;

		while ((rc = next_line(c, &l, &err)) > 0) {
			obey(c, &l);
			cast_do_free(&l);
		}
		if (rc < 0)
			log_err("cast", "a line of orthrusd", &err);
		if (rc < 0 || poll(p, 2, -1) < 0 || p[1].revents || (p[0].revents && !read_more(c))) {
			tx_stop(c->tx);
			return NULL;
		}
	}
}

/* --- the cast --- */

static const uint8_t *read_chunk(void *ctx, uint32_t chunk, uint8_t *scratch, struct err *err)
{
	const struct cast_child *c = ctx;

	return chunk_source_read(c->source, chunk, scratch, err) < 0 ? NULL : scratch;
}

static int sign(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64], struct err *err)
{
	const struct cast_child *c = ctx;

	return sign_bytes(&c->sign, data, len, signature, err);
}

static int open_source(struct cast_child *c, const struct cast_open *o, struct err *err)
{
	struct verify_key key;
	struct store *store;
	int rc;

	memcpy(key.public, o->verify_key, sizeof(key.public));
	if (store_open(o->store, false, &store, err) < 0)
		return -1;
	rc = chunk_source_open(store, o->name, o->id, &key, &c->source, err);
	store_close(store);
	if (rc < 0)
		return -1;
	return layout_new(chunk_source_lens(c->source), chunk_source_count(c->source), (uint16_t)o->symbol_bytes, &c->layout,
			  err);
}

static int more_ways(const struct cast_open *o, struct session *s, struct err *err)
{
	if (o->group2 && (inet_address(o->group2, (uint16_t)o->port, &s->group2, err) < 0 ||
			  inet_address(o->sender2, 0, &s->sender2, err) < 0))
		return -1;
	return o->broadcast ? inet_address(o->broadcast, (uint16_t)o->port, &s->broadcast, err) : 0;
}

static int open_tx(struct cast_child *c, const struct cast_open *o, struct err *err)
{
	struct session session = { .cast = (uint32_t)o->cast, .symbol_bytes = (uint16_t)o->symbol_bytes };
	struct tx_opts opts = { .layout = c->layout,
				.session = &session,
				.source = { .chunk = read_chunk, .sign = sign, .ctx = c },
				.expected = (uint32_t)o->expected,
				.gather_ns = (int64_t)o->gather_s * NS_PER_S,
				.empty_ns = (int64_t)o->empty_s * NS_PER_S,
				.rate_max = o->rate_max,
				.small_instead = o->small_instead,
				.ports = (unsigned int)o->ports };
	int rc;

	if (sign_key_make(&c->sign, err) < 0)
		return -1;
	memcpy(session.group_key, o->group_key, sizeof(session.group_key));
	rc = inet_address(o->group, (uint16_t)o->port, &session.group, err) < 0 ||
			     inet_address(o->sender, (uint16_t)o->reports, &session.sender, err) < 0 ||
			     more_ways(o, &session, err) < 0
		     ? -1
		     : tx_open(&opts, &c->tx, err);
	for (; rc == 0 && c->n_relays < o->relays.len; c->n_relays++)
		rc = inet_address(o->relays.items[c->n_relays], (uint16_t)o->port, &c->relays[c->n_relays], err);
	explicit_bzero(&session, sizeof(session));
	return rc;
}

/* What is needed beside the store is open or read by then, and no thread runs yet. */
static int confine(const struct cast_open *o, struct err *err)
{
	autofree char *packs = fs_join(o->store, "packs");
	const char *const dirs[] = { o->store, packs };
	bool files;

	if (confine_to_reading(dirs, ARRAY_LEN(dirs), &files, err) < 0)
		return -1;
	if (!files)
		log_debug("cast", "this kernel has no Landlock: a cast's process could read what its user can");
	return confine_calls(false, err);
}

static int begin(struct cast_child *c, struct err *err)
{
	struct cast_do_line l = { 0 };
	int rc;

	while ((rc = next_line(c, &l, err)) == 0)
		if (!read_more(c))
			return err_set(err, ERR_FAILED, "orthrusd did not say what to cast");
	if (rc > 0 && l.what != CAST_DO_OPEN)
		rc = err_set(err, ERR_INVALID, "the first line does not say what to cast");
	if (rc > 0)
		rc = open_source(c, &l.open, err) < 0 || open_tx(c, &l.open, err) < 0 || confine(&l.open, err) < 0 ? -1 : 0;
	cast_do_free(&l);
	return rc;
}

static void tell_opened(struct cast_child *c)
{
	struct cast_said_line l = { .what = CAST_SAID_OPENED,
				    .port = tx_port(c->tx),
				    .chunks = layout_chunks(c->layout),
				    .blocks = layout_blocks(c->layout),
				    .bytes = layout_bytes(c->layout) };

	layout_digest(c->layout, &l.layout);
	memcpy(l.sign_public, c->sign.public, sizeof(l.sign_public));
	cast_child_tell(c, &l);
}

static void end(struct cast_child *c, pthread_t thread)
{
	uint64_t one = 1;

	if (write(c->quit, &one, sizeof(one)) < 0)
		log_warn("cast", "its threads can't be told that it is over");
	pthread_join(thread, NULL);
}

static int cast(struct cast_child *c, struct err *err)
{
	pthread_t hearing, telling;
	int rc;

	if (begin(c, err) < 0)
		return -1;
	tell_opened(c);
	if (thread_start(&telling, cast_child_tell_all, c, err) < 0)
		return -1;
	rc = thread_start(&hearing, hear, c, err);
	if (rc == 0) {
		rc = tx_run(c->tx, err);
		end(c, hearing);
	}
	end(c, telling);
	return rc;
}

int cast_child_run(struct err *err)
{
	struct cast_child c = { 0 };
	struct cast_said_line ended = { .what = CAST_SAID_ENDED };
	int rc;

	/* None of orthrusd's should have come along; none does. */
	if (close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
		return err_errno(err, errno, "close what orthrusd has open");
	c.quit = eventfd(0, EFD_CLOEXEC);
	if (c.quit < 0)
		return err_errno(err, errno, "make an event");
	pthread_mutex_init(&c.lock, NULL);
	rc = cast(&c, err);
	if (rc < 0)
		ended.text = err->text;
	ended.too_large = is_too_large(&c);
	cast_child_tell(&c, &ended);
	(void)!cast_child_say(&c);
	if (c.tx)
		tx_close(c.tx);
	sign_key_clear(&c.sign);
	layout_drop(c.layout);
	chunk_source_close(c.source);
	buf_free(&c.in);
	buf_free(&c.out);
	pthread_mutex_destroy(&c.lock);
	close(c.quit);
	return rc;
}
