/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state.h's questions and writes: on the threads of others. */
#include "base/json.h"
#include "base/mem.h"
#include "headfailover/state/state_parts.h"
#include "sys/clock.h"
#include "sys/loop.h"

#include <errno.h>
#include <string.h>

#define WRITE_NS (INT64_C(30) * NS_PER_S) /* longer than the member tries; then a frozen disk is all that is left */

struct timespec state_deadline(int64_t ns)
{
	int64_t at = clock_now_ns() + (ns > 0 ? ns : 0);

	return (struct timespec){ .tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S };
}

/* With the lock held. */
static int enter(struct state *s, struct err *err)
{
	if (s->closing)
		return err_set(err, ERR_FAILED, "the state is being closed");
	s->users++;
	return 0;
}

static void leave(struct state *s)
{
	if (--s->users == 0)
		pthread_cond_broadcast(&s->changed);
}

void state_doc_free(struct state_doc *d)
{
	free(d->key);
	free(d->value);
	*d = (struct state_doc){ 0 };
}

void state_docs_free(struct state_docs *l)
{
	for (size_t i = 0; i < l->len; i++)
		state_doc_free(&l->items[i]);
	free(l->items);
	*l = (struct state_docs){ 0 };
}

void state_changes_free(struct state_changes *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->items[i].key);
		free(l->items[i].value);
	}
	free(l->items);
	*l = (struct state_changes){ 0 };
}

int state_get(struct state *s, const char *key, struct state_doc *out, struct err *err)
{
	int rc;

	*out = (struct state_doc){ 0 };
	pthread_mutex_lock(&s->lock);
	rc = kv_get(s->kv, key, out, err);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int state_list(struct state *s, const char *prefix, struct state_docs *out, struct err *err)
{
	(void)err; /* reading memory does not fail; a member that asks the leader first will */
	pthread_mutex_lock(&s->lock);
	kv_list(s->kv, prefix ? prefix : "", out);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

size_t state_usage(struct state *s, const char *prefix, size_t *bytes)
{
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = kv_usage(s->kv, prefix, bytes);
	pthread_mutex_unlock(&s->lock);
	return n;
}

uint64_t state_revision(struct state *s)
{
	uint64_t r;

	pthread_mutex_lock(&s->lock);
	r = kv_revision(s->kv);
	pthread_mutex_unlock(&s->lock);
	return r;
}

void state_digest(struct state *s, char hex[65])
{
	pthread_mutex_lock(&s->lock);
	kv_digest(s->kv, hex);
	pthread_mutex_unlock(&s->lock);
}

int state_dump(struct state *s, char **json, struct err *err)
{
	autoclean(buf_free) struct buf b = { 0 };

	(void)err;
	pthread_mutex_lock(&s->lock);
	kv_dump(s->kv, &b);
	pthread_mutex_unlock(&s->lock);
	*json = buf_steal(&b);
	return 0;
}

void state_on_change(struct state *s, void (*fn)(void *ctx, uint64_t revision), void *ctx)
{
	pthread_mutex_lock(&s->lock);
	s->listeners = mem_room(s->listeners, s->n_listeners, &s->cap_listeners, sizeof(*s->listeners));
	s->listeners[s->n_listeners++] = (struct listener){ fn, ctx };
	pthread_mutex_unlock(&s->lock);
}

int state_watch(struct state *s, const char *prefix, uint64_t since, int64_t timeout_ns, struct state_changes *out,
		struct err *err)
{
	struct timespec until = state_deadline(timeout_ns);
	int rc;

	*out = (struct state_changes){ 0 };
	prefix = prefix ? prefix : "";
	pthread_mutex_lock(&s->lock);
	if (enter(s, err) < 0) {
		pthread_mutex_unlock(&s->lock);
		return -1;
	}
	while (!s->closing && !kv_has_changes(s->kv, prefix, since))
		if (pthread_cond_timedwait(&s->changed, &s->lock, &until) == ETIMEDOUT)
			break;
	if (s->closing)
		rc = err_set(err, ERR_FAILED, "the state is being closed");
	else
		rc = kv_changes(s->kv, prefix, since, out, err);
	leave(s);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static int check_values(const struct state_op *ops, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		autoclean(json_doc_free) struct json_doc doc = { 0 };

		if (ops[i].value && json_parse(ops[i].value, strlen(ops[i].value), &doc, err) < 0)
			return err_wrap(err, "%s", ops[i].key);
	}
	return 0;
}

static uint64_t expected(const struct state_op *ops, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(ops[i].key, key) == 0)
			return ops[i].expect;
	return STATE_ANY;
}

static int conflict(const struct kv_result *r, const struct state_op *ops, size_t n, struct err *err)
{
	uint64_t want = expected(ops, n, r->key);

	if (want == 0)
		err_set(err, ERR_CONFLICT, "%s is there already (version %llu)", r->key, (unsigned long long)r->found);
	else if (r->found == 0)
		err_set(err, ERR_CONFLICT, "%s is gone; version %llu was expected", r->key, (unsigned long long)want);
	else
		err_set(err, ERR_CONFLICT, "%s was changed meanwhile: it is at version %llu, not %llu", r->key,
			(unsigned long long)r->found, (unsigned long long)want);
	return err_hint(err, "read it again and repeat");
}

static int unknown(const char *why, const char *key, struct err *err)
{
	err_set(err, ERR_FAILED, "%s: it is not known whether %s was written", why, key);
	return err_hint(err, "read it again before you repeat");
}

static int outcome(const struct write *w, const struct state_op *ops, size_t n, uint64_t *revision, struct err *err)
{
	switch (w->outcome) {
	case MEMBER_COMMITTED:
		if (w->result.conflict)
			return conflict(&w->result, ops, n, err);
		if (revision)
			*revision = w->result.revision;
		return 0;
	case MEMBER_NO_SPACE:
		err_errno(err, ENOSPC, "write %s", ops[0].key);
		return err_hint(err, "nothing was written; free some space (64 MiB) on the disk with the state");
	case MEMBER_UNKNOWN:
		return unknown("the log did not take it in time", ops[0].key, err);
	case MEMBER_CLOSED:
		return unknown("the state is being closed", ops[0].key, err);
	}
	return unknown("no answer", ops[0].key, err);
}

/* With the lock held, which it gives up while the entry is handed over. NULL: refused. */
static struct write *submit(struct state *s, const struct state_op *ops, size_t n, struct err *err)
{
	autoclean(buf_free) struct buf entry = { 0 };
	struct command_id id = { .client = s->client, .seq = ++s->next_seq };
	struct write *w;
	pthread_condattr_t attr;
	bool taken;

	if (s->failed) {
		err_set(err, ERR_FAILED, "write %s: the mark beside the log can't be written, so nothing can be acknowledged",
			ops[0].key);
		err_hint(err, "check the disk with the state, then restart orthrusd");
		return NULL;
	}
	w = mem_zalloc(sizeof(*w));
	w->s = s;
	w->seq = id.seq;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->finished, &attr);
	pthread_condattr_destroy(&attr);
	w->link = s->last_write;
	*s->last_write = w;
	s->last_write = &w->next;
	pthread_mutex_unlock(&s->lock);
	taken = command_encode(&id, ops, n, &entry, err) == 0;
	if (taken && !member_submit(s->member, entry.data, entry.len, state_write_done, w)) {
		taken = false;
		err_set(err, ERR_FAILED, "the state is being closed");
	}
	pthread_mutex_lock(&s->lock);
	if (taken)
		return w;
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	else
		s->last_write = w->link;
	state_write_free(w);
	return NULL;
}

int state_write(struct state *s, const struct state_op *ops, size_t n, uint64_t *revision, struct err *err)
{
	struct timespec until = state_deadline(WRITE_NS);
	struct write *w = NULL;
	int rc = -1;

	if (n == 0)
		return err_set(err, ERR_INVALID, "a write of no keys");
	if (loop_here(member_loop(s->member)))
		return err_set(err, ERR_USAGE, "state_write on the state's own thread would wait for itself");
	if (check_values(ops, n, err) < 0)
		return -1;
	pthread_mutex_lock(&s->lock);
	if (enter(s, err) < 0) {
		pthread_mutex_unlock(&s->lock);
		return -1;
	}
	w = submit(s, ops, n, err);
	while (w && !w->outcome)
		if (pthread_cond_timedwait(&w->finished, &s->lock, &until) == ETIMEDOUT)
			break;
	if (w) {
		rc = outcome(w, ops, n, revision, err);
		if (w->outcome)
			state_write_free(w);
		else
			w->abandoned = true;
	}
	leave(s);
	pthread_mutex_unlock(&s->lock);
	return rc;
}
