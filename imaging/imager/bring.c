/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/bring.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "cast/rx.h"
#include "imaging/imager/bring_ticket.h"
#include "imaging/restore.h"
#include "sys/clock.h"
#include "sys/threads.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HANDS_MAX 8
/* Casts that a node takes part in: when one is cut off there is another. Of those that bring nothing few are enough. */
#define ROUNDS_MAX 16
#define ROUNDS_IDLE_MAX 4
#define SILENCE_NS (10 * NS_PER_S) /* as cast/rx.h has it */
#define LOOK_NS (500 * NS_PER_MS)

struct bring {
	const struct bring_opts *o;
	struct restore *r;
	struct bring_result *result;
	struct layout *layout;
	struct restore_hand *hands[HANDS_MAX];
	unsigned int n_hands;
	atomic_uint_fast64_t done; /* stored bytes that are there */
	uint64_t total;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool over; /* under the lock */
};

/* The cast's order of chunks is that of restore_chunk_at(), on both sides. */
static int make_layout(struct bring *b, const struct bring_ticket *t, struct err *err)
{
	size_t n = restore_chunk_count(b->r);
	autofree uint32_t *lens = mem_array(n, sizeof(*lens));
	struct digest digest;

	for (size_t i = 0; i < n; i++)
		lens[i] = restore_chunk_at(b->r, i)->stored_len;
	if (t->chunks != n)
		return err_set(err, ERR_REFUSED, "it is of %llu chunks, the image has %zu", (unsigned long long)t->chunks, n);
	if (layout_new(lens, n, t->session.symbol_bytes, &b->layout, err) < 0)
		return -1;
	layout_digest(b->layout, &digest);
	if (digest_cmp(&digest, &t->layout) != 0)
		return err_set(err, ERR_REFUSED, "it has another layout than the image's signed list of chunks");
	return 0;
}

/* One bit a chunk, LSB first; the caller frees. */
static uint8_t *have_map(const struct bring *b, size_t *len)
{
	size_t n = restore_chunk_count(b->r);
	uint8_t *map;

	*len = (n + 7) / 8;
	map = mem_zalloc(*len);
	for (size_t i = 0; i < n; i++)
		if (restore_chunk_done(b->r, i))
			map[i / 8] |= (uint8_t)(1U << (i % 8));
	return map;
}

static int ask(struct bring *b, bool again, struct bring_ticket *out, struct err *err)
{
	autoclean(buf_free) struct buf body = { 0 }, answer = { 0 }, have = { 0 };
	autofree uint8_t *map = NULL;
	struct json_out w;
	size_t len;
	int rc;

	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "image", b->o->name);
	json_put_str(&w, "id", b->o->id);
	if (again)
		json_put_bool(&w, "again", true);
	if (atomic_load(&b->done)) {
		map = have_map(b, &len);
		base64_put(&have, map, len);
		json_put_str(&w, "have", buf_str(&have));
	}
	bring_ticket_facts(b->o->server, &w);
	json_end_obj(&w);
	if (b->o->ask(b->o->ask_ctx, buf_str(&body), body.len, &answer, err) < 0)
		return -1;
	rc = bring_ticket_read(buf_str(&answer), answer.len, out, err);
	if (answer.len)
		explicit_bzero(answer.data, answer.len);
	return rc;
}

static int store_chunk(void *ctx, unsigned int hand, uint32_t chunk, const uint8_t *data, size_t len, const struct digest *digest,
		       struct err *err)
{
	struct bring *b = ctx;

	(void)digest;
	if (restore_chunk_done(b->r, chunk))
		return 0;
	if (restore_put(b->hands[hand], chunk, data, len, err) < 0)
		return -1;
	atomic_fetch_add(&b->done, len);
	return 0;
}

/* The head is told while the cast runs, however long an answer takes: whoever stores chunks does not wait for it. At the end once
 * more. */
static void *tell(void *arg)
{
	struct bring *b = arg;
	uint64_t told = atomic_load(&b->done);
	bool over = false;

	while (!over) {
		int64_t until_ns = clock_now_ns() + LOOK_NS;
		struct timespec until = { .tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S };
		uint64_t done;

		pthread_mutex_lock(&b->lock);
		if (!b->over)
			pthread_cond_timedwait(&b->changed, &b->lock, &until);
		over = b->over;
		pthread_mutex_unlock(&b->lock);
		done = atomic_load(&b->done);
		if (done != told)
			b->o->progress(b->o->progress_ctx, done, b->total);
		told = done;
	}
	return NULL;
}

static void end_telling(struct bring *b, pthread_t thread)
{
	pthread_mutex_lock(&b->lock);
	b->over = true;
	pthread_cond_signal(&b->changed);
	pthread_mutex_unlock(&b->lock);
	pthread_join(thread, NULL);
	b->over = false;
}

enum heard { HEARD_NOTHING, HEARD_WRONG, HEARD_SOME, HEARD_ALL, HEARD_END };

/* How it ended: END: the sender said so. SOME: it was heard, and is not any more. WRONG: only chunks are left that came wrong
 * twice. NOTHING: it was not heard, or only its small packets are. After these two another cast would be no better. */
static enum heard how(const struct bring *b, const struct rx_view *v, bool whole)
{
	int64_t silence_ns = b->o->silence_ns ? b->o->silence_ns : SILENCE_NS;

	if (whole)
		return HEARD_ALL;
	if (v->receiver.over)
		return HEARD_END;
	if (!v->receiver.blocks_lacking)
		return HEARD_WRONG;
	return v->stored_bytes || (v->receiver.heard_ns && clock_now_ns() - v->receiver.heard_ns > silence_ns / 2)
		       ? HEARD_SOME
		       : HEARD_NOTHING;
}

static int receive(struct bring *b, const struct bring_ticket *t, enum heard *heard, struct err *err)
{
	size_t len;
	autofree uint8_t *have = have_map(b, &len);
	const struct rx_opts opts = { .layout = b->layout,
				      .session = &t->session,
				      .have = have,
				      .sink = { .chunk = store_chunk, .ctx = b },
				      .hands = b->n_hands,
				      .silence_ns = b->o->silence_ns };
	struct rx_view view = { 0 };
	pthread_t telling;
	struct rx *rx;
	bool tells, whole = false;
	int rc;

	if (rx_open(&opts, &rx, err) < 0)
		return -1;
	b->result->casts++;
	tells = b->o->progress && thread_start(&telling, tell, b, err) == 0;
	rc = rx_run(rx, &whole, err);
	if (tells)
		end_telling(b, telling);
	rx_look(rx, &view);
	*heard = how(b, &view, whole);
	if (rc == 0 && whole)
		rx_done(rx);
	rx_close(rx);
	return rc;
}

static void say_why(struct bring *b, const struct err *err)
{
	snprintf(b->result->why, sizeof(b->result->why), "%.*s", (int)sizeof(b->result->why) - 1, err->text);
}

/* One cast. True: it ended before all was there, and there may be another. */
static bool take_part(struct bring *b, bool again)
{
	struct bring_ticket t = { 0 };
	struct err err = { 0 };
	enum heard heard = HEARD_NOTHING;

	if (ask(b, again, &t, &err) < 0) {
		err_wrap(&err, "the head gives no ticket of a cast");
	} else if (!t.given) {
		/* How the cast before ended, and why there is no other. */
		err_set(&err, ERR_REFUSED, "%s%s%s", again ? b->result->why : "", again ? "; " : "", t.reason);
	} else if (make_layout(b, &t, &err) < 0 || receive(b, &t, &heard, &err) < 0) {
		err_wrap(&err, "the cast");
		heard = HEARD_NOTHING;
	} else if (heard != HEARD_ALL) {
		static const char *const words[] = { [HEARD_NOTHING] = "nothing of the cast is heard",
						     [HEARD_WRONG] = "what is left came wrong twice",
						     [HEARD_SOME] = "nothing of the cast is heard any more",
						     [HEARD_END] = "the cast ended before all was there" };

		err_set(&err, ERR_FAILED, "%s", words[heard]);
	}
	if (err.kind != ERR_NONE)
		say_why(b, &err);
	else if (heard == HEARD_ALL)
		b->result->why[0] = '\0';
	layout_drop(steal(b->layout));
	bring_ticket_free(&t);
	return heard == HEARD_SOME || heard == HEARD_END;
}

static void take_parts(struct bring *b)
{
	unsigned int rounds = 0, idle = 0;
	uint64_t had;

	do {
		had = atomic_load(&b->done);
		if (!take_part(b, rounds != 0))
			return;
		idle += atomic_load(&b->done) == had;
	} while (++rounds < ROUNDS_MAX && idle < ROUNDS_IDLE_MAX);
}

static void by_cast(struct bring *b)
{
	uint64_t before = atomic_load(&b->done);

	b->n_hands = threads_for_work(HANDS_MAX + 1);
	b->n_hands = b->n_hands > 1 ? b->n_hands - 1 : 1;
	for (unsigned int i = 0; i < b->n_hands; i++)
		b->hands[i] = restore_hand_new(b->r);
	if (before < b->total)
		take_parts(b);
	for (unsigned int i = 0; i < b->n_hands; i++)
		restore_hand_free(b->hands[i]);
	b->result->cast_bytes = atomic_load(&b->done) - before;
}

int bring_chunks(const struct bring_opts *o, struct restore *r, struct bring_result *out, struct err *err)
{
	struct bring b = { .o = o, .r = r, .result = out, .total = restore_stored_bytes(r) };
	int rc;

	*out = (struct bring_result){ .before_bytes = fetch_there(r) };
	atomic_store(&b.done, out->before_bytes);
	pthread_mutex_init(&b.lock, NULL);
	thread_cond_init(&b.changed);
	if (o->ask)
		by_cast(&b);
	pthread_mutex_destroy(&b.lock);
	pthread_cond_destroy(&b.changed);
	rc = fetch_chunks(o->source, r, o->progress, o->progress_ctx, err);
	out->https_bytes = fetch_there(r) - out->before_bytes - out->cast_bytes;
	return rc;
}

char *bring_text(const struct bring_result *b)
{
	char cast[STR_BYTES_MAX], https[STR_BYTES_MAX];

	str_from_bytes(b->cast_bytes, cast);
	str_from_bytes(b->https_bytes, https);
	if (!b->https_bytes)
		return str_format("%s by the cast", cast);
	if (!b->cast_bytes)
		return str_format("%s over HTTPS%s%s", https, b->why[0] ? ": " : "", b->why);
	return str_format("%s by the cast, %s over HTTPS%s%s", cast, https, b->why[0] ? ": " : "", b->why);
}
