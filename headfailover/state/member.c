/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "headfailover/state/member_parts.h"
#include "headfailover/state/transport.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/loop.h"

#include <errno.h>
#include <string.h>

#define ELECTION_MS 1000
#define HEARTBEAT_MS 100
#define SPARE_BYTES (2u << 20) /* what the end of a segment may waste: an entry is never split */
#define LEAD_NS (INT64_C(30) * NS_PER_S)
#define DISK_RETRY_MS 250

static void turn(struct member *m, int stage, const struct err *failure)
{
	pthread_mutex_lock(&m->lock);
	if (m->stage == STARTING) {
		m->stage = stage;
		if (failure)
			m->failure = *failure;
		pthread_cond_broadcast(&m->turned);
	}
	pthread_mutex_unlock(&m->lock);
}

/* --- what raft calls --- */

static int fsm_apply(struct raft_fsm *fsm, const struct raft_buffer *buf, void **result)
{
	struct member *m = fsm->data;

	*result = NULL;
	if (m->broken.text[0])
		return RAFT_MALFORMED;
	m->log_entries++;
	m->log_bytes += buf->len;
	if (m->log_bytes > m->tuning.log_bytes)
		raft_set_snapshot_threshold(&m->raft, 1);
	/* raft counts an entry as applied when this returns, and calls in order. */
	if (m->machine.apply(m->machine.ctx, raft_last_applied(&m->raft) + 1, buf->base, buf->len, &m->broken) == 0)
		return 0;
	log_err("state", "cannot go on", &m->broken);
	return RAFT_MALFORMED;
}

/* raft counts entries and keeps them in memory too; what counts is their bytes. */
static void reset_log_limits(struct member *m)
{
	unsigned int trailing = m->tuning.snapshot_trailing;
	size_t mean = m->log_entries ? m->log_bytes / m->log_entries : 0;

	if (mean && m->tuning.log_bytes / 2 / mean < trailing)
		trailing = (unsigned int)(m->tuning.log_bytes / 2 / mean);
	raft_set_snapshot_threshold(&m->raft, m->tuning.snapshot_threshold);
	raft_set_snapshot_trailing(&m->raft, trailing);
	m->log_entries = 0;
	m->log_bytes = 0;
}

static int fsm_snapshot(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n_bufs)
{
	struct member *m = fsm->data;
	autoclean(buf_free) struct buf b = { 0 };

	m->machine.snapshot(m->machine.ctx, &b);
	*bufs = raft_malloc(sizeof(**bufs));
	if (!*bufs)
		return RAFT_NOMEM;
	(*bufs)[0].len = b.len;
	(*bufs)[0].base = raft_malloc(b.len);
	if (!(*bufs)[0].base) {
		raft_free(*bufs);
		return RAFT_NOMEM;
	}
	memcpy((*bufs)[0].base, b.data, b.len);
	*n_bufs = 1;
	reset_log_limits(m);
	log_debug("state", "snapshot of %zu bytes at entry %llu", b.len, raft_last_applied(&m->raft));
	return 0;
}

static int fsm_restore(struct raft_fsm *fsm, struct raft_buffer *buf)
{
	struct member *m = fsm->data;

	if (m->machine.restore(m->machine.ctx, buf->base, buf->len, &m->broken) < 0)
		return RAFT_CORRUPT;
	raft_free(buf->base); /* ours once we accept it */
	return 0;
}

static void trace(struct raft_tracer *t, int type, const void *info)
{
	const struct raft_tracer_info *i = info;

	(void)t;
	if (type == RAFT_TRACER_DIAGNOSTIC && i->diagnostic.level <= 2)
		log_warn("raft", "%s", i->diagnostic.message);
}

/* --- opening and closing --- */

static void on_barrier(struct raft_barrier *req, int status)
{
	struct member *m = req->data;

	m->barrier_sent = false;
	if (status == 0) {
		loop_timer_stop(m->lead);
		turn(m, LEADING, NULL);
	}
}

/* Until it leads and all it has is applied: a leader that has not passed a barrier may not know what is committed. */
static void on_lead(void *arg)
{
	struct member *m = arg;
	struct err err = { 0 };
	int64_t limit_ns;
	int rc = RAFT_NOTLEADER;

	if (m->closing || m->barrier_sent)
		return;
	if (!m->broken.text[0] && raft_state(&m->raft) == RAFT_LEADER) {
		m->barrier.data = m;
		rc = raft_barrier(&m->raft, &m->barrier, on_barrier);
		m->barrier_sent = rc == 0;
	}
	limit_ns = rc == RAFT_NOSPACE ? m->tuning.patience_ns : LEAD_NS;
	if (rc == 0 || (!m->broken.text[0] && clock_now_ns() - m->opened_ns < limit_ns))
		return;
	loop_timer_stop(m->lead);
	if (m->broken.text[0])
		err = m->broken;
	else if (rc == RAFT_NOSPACE || m->io.capacity == 0)
		err_errno(&err, ENOSPC, "write to the log");
	else
		err_set(&err, ERR_FAILED, "this member did not become the leader: %s", raft_strerror(rc));
	turn(m, FAILED, &err);
}

static void on_closed(struct raft *raft)
{
	struct member *m = raft->data;

	loop_stop(m->loop);
}

static void do_close(void *arg)
{
	struct member *m = arg;

	m->closing = true;
	member_queue_fail(m, MEMBER_CLOSED);
	raft_close(&m->raft, on_closed);
}

/* After do_close() was posted, or when raft was never begun. */
static void member_free(struct member *m)
{
	loop_free(m->loop); /* runs out what raft_close() left */
	if (m->io.impl)
		raft_uv_close(&m->io);
	pthread_cond_destroy(&m->turned);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void member_close(struct member *m)
{
	if (m && loop_post(m->loop, do_close, m))
		member_free(m);
}

struct loop *member_loop(struct member *m)
{
	return m->loop;
}

uint64_t member_term(struct member *m)
{
	return raft_current_term(&m->raft);
}

static int raft_error(const struct member *m, int rc, const char *what, struct err *err)
{
	enum err_kind kind = rc == RAFT_CORRUPT || rc == RAFT_MALFORMED ? ERR_DAMAGED : ERR_FAILED;
	const char *more = m->raft.errmsg[0] ? m->raft.errmsg : m->io.errmsg;

	if (m->broken.text[0]) {
		*err = m->broken;
		return err_wrap(err, "%s", what);
	}
	return err_set(err, kind, "%s: %s%s%s", what, raft_strerror(rc), more[0] ? ": " : "", more);
}

static void set_tuning(struct member *m)
{
	struct member_tuning *t = &m->tuning;

	t->snapshot_threshold = t->snapshot_threshold ? t->snapshot_threshold : 2048;
	t->snapshot_trailing = t->snapshot_trailing ? t->snapshot_trailing : 1024;
	t->log_bytes = t->log_bytes ? t->log_bytes : 32u << 20;
	t->segment_bytes = t->segment_bytes ? t->segment_bytes : 8u << 20;
	t->window_bytes = t->window_bytes ? t->window_bytes : 4u << 20;
	t->patience_ns = t->patience_ns ? t->patience_ns : 10 * NS_PER_S;
	raft_uv_set_segment_size(&m->io, t->segment_bytes);
	raft_uv_set_disk_retry(&m->io, DISK_RETRY_MS);
	reset_log_limits(m);
	/* raft tries a write that failed again for ever. Whatever is accepted must fit into what is already set aside. */
	raft_set_capacity_threshold(&m->raft, (unsigned short)((t->window_bytes + SPARE_BYTES) / 1024));
	raft_set_max_inflight_entries(&m->raft, 2 * WINDOW);
	raft_set_election_timeout(&m->raft, ELECTION_MS);
	raft_set_heartbeat_timeout(&m->raft, HEARTBEAT_MS);
	raft_set_pre_vote(&m->raft, true);
}

static int bootstrap(struct member *m, const struct member_opts *o, struct err *err)
{
	struct raft_configuration c;
	int rc;

	raft_configuration_init(&c);
	rc = raft_configuration_add(&c, o->id, o->address, RAFT_VOTER);
	if (!rc)
		rc = raft_bootstrap(&m->raft, &c);
	raft_configuration_close(&c);
	return rc ? raft_error(m, rc, "make a new log", err) : 0;
}

/* Everything up to raft_start(), in the order raft wants it. */
static int begin(struct member *m, const struct member_opts *o, bool *inited, struct err *err)
{
	int rc;

	transport_alone(&m->transport);
	rc = raft_uv_init(&m->io, loop_uv(m->loop), o->dir, &m->transport);
	if (rc)
		return raft_error(m, rc, o->dir, err);
	m->fsm = (struct raft_fsm){
		.version = 1, .data = m, .apply = fsm_apply, .snapshot = fsm_snapshot, .restore = fsm_restore
	};
	rc = raft_init(&m->raft, &m->io, &m->fsm, o->id, o->address);
	if (rc)
		return raft_error(m, rc, o->dir, err);
	*inited = true;
	m->raft.data = m;
	m->tracer = (struct raft_tracer){ .version = 2, .emit = trace };
	m->raft.tracer = &m->tracer;
	raft_uv_set_tracer(&m->io, &m->tracer);
	/* On by default, it moves a damaged segment aside and goes on with less. */
	raft_uv_set_auto_recovery(&m->io, false);
	set_tuning(m);
	if (o->bootstrap && bootstrap(m, o, err) < 0)
		return -1;
	rc = raft_start(&m->raft);
	return rc ? raft_error(m, rc, "load the log", err) : 0;
}

static int wait_to_lead(struct member *m, struct err *err)
{
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	while (m->stage == STARTING)
		pthread_cond_wait(&m->turned, &m->lock);
	if (m->stage == FAILED) {
		*err = m->failure;
		rc = -1;
	}
	pthread_mutex_unlock(&m->lock);
	return rc;
}

int member_open(const struct member_opts *opts, struct member **out, struct err *err)
{
	struct member *m = mem_zalloc(sizeof(*m));
	bool inited = false;

	if (loop_new(&m->loop, err) < 0) {
		free(m);
		return -1;
	}
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->turned, NULL);
	member_queue_init(m);
	m->machine = opts->machine;
	m->tuning = opts->tuning;
	m->opened_ns = clock_now_ns();
	m->retry = loop_timer_new(m->loop, member_queue_retry, m);
	m->lead = loop_timer_new(m->loop, on_lead, m);
	if (begin(m, opts, &inited, err) < 0) {
		if (!inited || loop_post(m->loop, do_close, m))
			member_free(m);
		return -1;
	}
	loop_timer_set(m->lead, 0, 5 * NS_PER_MS);
	if (loop_start(m->loop, "state", err) < 0 || wait_to_lead(m, err) < 0) {
		member_close(m);
		return -1;
	}
	*out = m;
	return 0;
}
