/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/state/state.h"

#include "base/mem.h"
#include "headfailover/state/open.h"
#include "headfailover/state/state_parts.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/loop.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#define CLOSE_NS (INT64_C(2) * NS_PER_S)

/* --- the machine: on the member's thread --- */

static int machine_apply(void *ctx, uint64_t index, const void *entry, size_t len, struct err *err)
{
	struct state *s = ctx;
	struct kv_result r;
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = kv_apply(s->kv, index, entry, len, &r, err);
	if (rc == 0 && index == s->boot.mark.index && digest_cmp(kv_chain(s->kv), &s->boot.mark.chain) != 0)
		rc = err_set(err, ERR_DAMAGED, "entry %llu is not the one that was acknowledged", (unsigned long long)index);
	if (rc == 0 && r.id.client == s->client) {
		for (struct write *w = s->writes; w; w = w->next) {
			if (w->seq != r.id.seq)
				continue;
			w->index = index;
			w->result = r;
			break;
		}
	}
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static void machine_snapshot(void *ctx, struct buf *out)
{
	struct state *s = ctx;

	/* No lock: only this thread changes it. */
	kv_snapshot(s->kv, out);
}

static int machine_restore(void *ctx, const void *data, size_t len, struct err *err)
{
	struct state *s = ctx;
	struct kv *kv;

	if (kv_restore(&s->limits, data, len, &kv, err) < 0)
		return -1;
	pthread_mutex_lock(&s->lock);
	kv_free(s->kv);
	s->kv = kv;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* --- answering writers: on the member's thread --- */

void state_write_free(struct write *w)
{
	pthread_cond_destroy(&w->finished);
	free(w);
}

static void write_finish(struct write *w, enum member_outcome outcome)
{
	struct state *s = w->s;

	pthread_mutex_lock(&s->lock);
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	else
		s->last_write = w->link;
	w->outcome = outcome;
	if (w->abandoned)
		state_write_free(w);
	else
		pthread_cond_signal(&w->finished);
	pthread_mutex_unlock(&s->lock);
}

static void tell_listeners(struct state *s)
{
	autofree struct listener *list = NULL;
	uint64_t revision;
	size_t n;

	/* A copy: a listener may call anything that does not block, so the lock is not held. */
	pthread_mutex_lock(&s->lock);
	n = s->n_listeners;
	list = mem_array(n + 1, sizeof(*list));
	if (n)
		memcpy(list, s->listeners, n * sizeof(*list));
	revision = kv_revision(s->kv);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < n; i++)
		list[i].fn(list[i].ctx, revision);
}

static void start_marking(struct state *s);

static void mark_work(void *arg)
{
	struct state *s = arg;

	s->mark_rc = mark_write(s->boot.mark_file, &s->next_mark, &s->mark_err);
}

static void mark_done(void *arg)
{
	struct state *s = arg;
	bool ok = s->mark_rc == 0;

	s->marking = false;
	if (ok) {
		s->marked = s->next_mark.index;
	} else {
		log_err("state", "nothing can be acknowledged any more", &s->mark_err);
		pthread_mutex_lock(&s->lock);
		s->failed = true;
		pthread_mutex_unlock(&s->lock);
	}
	while (s->unmarked && (!ok || s->unmarked->index <= s->marked)) {
		struct write *w = s->unmarked;

		s->unmarked = w->next_unmarked;
		write_finish(w, ok ? MEMBER_COMMITTED : MEMBER_UNKNOWN);
	}
	if (!s->unmarked)
		s->last_unmarked = &s->unmarked;
	tell_listeners(s);
	if (s->unmarked)
		start_marking(s);
}

/* One write of the mark for all that was committed since the last one. */
static void start_marking(struct state *s)
{
	if (s->marking)
		return;
	s->marking = true;
	s->next_mark = (struct mark){ .id = s->boot.mark.id, .serving = true, .term = member_term(s->member) };
	s->next_mark.index = kv_applied(s->kv);
	s->next_mark.chain = *kv_chain(s->kv);
	if (loop_work(member_loop(s->member), mark_work, mark_done, s, &s->mark_err) < 0) {
		s->mark_rc = -1;
		mark_done(s);
	}
}

void state_write_done(void *ctx, enum member_outcome outcome)
{
	struct write *w = ctx;
	struct state *s = w->s;

	if (outcome != MEMBER_COMMITTED) {
		write_finish(w, outcome);
		return;
	}
	w->next_unmarked = NULL;
	*s->last_unmarked = w;
	s->last_unmarked = &w->next_unmarked;
	start_marking(s);
}

/* --- opening and closing --- */

static int serve(struct state *s, const struct state_opts *opts, const struct state_tuning *tuning, struct err *err)
{
	struct member_opts o = {
		.dir = s->boot.log_dir,
		.id = opts->id,
		.address = opts->address,
		.bootstrap = s->boot.fresh,
		.machine = { .apply = machine_apply, .snapshot = machine_snapshot, .restore = machine_restore, .ctx = s },
		.tuning = tuning->member,
	};
	struct mark m = { .id = opts->id, .serving = true };

	if (member_open(&o, &s->member, err) < 0)
		return -1;
	if (kv_applied(s->kv) < s->boot.mark.index)
		return err_set(err, ERR_DAMAGED, "%s: raft loaded entries up to %llu only, but %llu was acknowledged", opts->dir,
			       (unsigned long long)kv_applied(s->kv), (unsigned long long)s->boot.mark.index);
	m.index = kv_applied(s->kv);
	m.chain = *kv_chain(s->kv);
	m.term = s->boot.mark.term;
	s->marked = m.index;
	return mark_write(s->boot.mark_file, &m, err);
}

int state_open_tuned(const struct state_opts *opts, const struct state_tuning *tuning, struct state **out, struct err *err)
{
	struct state *s;
	pthread_condattr_t attr;

	if (opts->id == 0)
		return err_set(err, ERR_USAGE, "a member's id is not 0");
	s = mem_zalloc(sizeof(*s));
	s->boot.lock_fd = -1;
	s->last_unmarked = &s->unmarked;
	s->last_write = &s->writes;
	s->limits = tuning->limits;
	s->kv = kv_new(&s->limits);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (getrandom(&s->client, sizeof(s->client), 0) != sizeof(s->client)) {
		err_errno(err, errno, "get random bytes");
		state_close(s);
		return -1;
	}
	if (boot_check(opts->dir, opts->id, &s->boot, err) < 0 || serve(s, opts, tuning, err) < 0) {
		state_close(s);
		return err_wrap(err, "open the state");
	}
	*out = s;
	return 0;
}

int state_open(const struct state_opts *opts, struct state **out, struct err *err)
{
	static const struct state_tuning defaults;

	return state_open_tuned(opts, &defaults, out, err);
}

void state_stop(struct state *s)
{
	struct timespec until = state_deadline(CLOSE_NS);

	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_broadcast(&s->changed);
	/* Those under way are milliseconds from their answer, unless the disk is stuck. */
	while (s->users && pthread_cond_timedwait(&s->changed, &s->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&s->lock);
}

void state_close(struct state *s)
{
	if (!s)
		return;
	state_stop(s);
	member_close(s->member);
	pthread_mutex_lock(&s->lock);
	while (s->users)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
	boot_free(&s->boot);
	kv_free(s->kv);
	free(s->listeners);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
