/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries on their way into raft: so many at once, tried again when that may help, answered once. */
#include "base/mem.h"
#include "headfailover/state/member_parts.h"
#include "sys/clock.h"
#include "sys/loop.h"

#include <string.h>

#define RETRY_NS (20 * NS_PER_MS)

static void entries_init(struct entries *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void entries_add(struct entries *l, struct entry *e)
{
	e->next = NULL;
	e->link = l->last;
	*l->last = e;
	l->last = &e->next;
}

static void entries_remove(struct entries *l, struct entry *e)
{
	*e->link = e->next;
	if (e->next)
		e->next->link = e->link;
	else
		l->last = e->link;
}

static void entry_finish(struct entry *e, enum member_outcome outcome)
{
	e->done(e->ctx, outcome);
	free(e->data);
	free(e);
}

void member_queue_init(struct member *m)
{
	entries_init(&m->queue);
	entries_init(&m->flying);
}

void member_queue_fail(struct member *m, enum member_outcome outcome)
{
	while (m->queue.first) {
		struct entry *e = m->queue.first;

		entries_remove(&m->queue, e);
		entry_finish(e, outcome);
	}
}

static void pump(struct member *m);

static void on_applied(struct raft_apply *req, int status, void *result)
{
	struct entry *e = req->data;
	struct member *m = e->m;

	(void)result;
	entries_remove(&m->flying, e);
	m->n_flying--;
	m->flying_bytes -= e->len;
	if (m->tuning.fault)
		status = m->tuning.fault(m->tuning.fault_ctx, status);
	if (status == 0)
		entry_finish(e, MEMBER_COMMITTED);
	else if (m->closing)
		entry_finish(e, MEMBER_CLOSED);
	else if (m->broken.text[0] || clock_now_ns() - e->since_ns > m->tuning.patience_ns)
		entry_finish(e, MEMBER_UNKNOWN);
	else
		entries_add(&m->queue, e); /* it carries an id: if it was committed after all, the second time does nothing */
	if (!m->closing)
		pump(m);
}

/* Why raft did not take the first of the queue, and what to do. */
static void refused(struct member *m, int rc)
{
	enum member_outcome outcome = rc == RAFT_NOSPACE ? MEMBER_NO_SPACE : MEMBER_UNKNOWN;

	if (m->broken.text[0]) {
		member_queue_fail(m, MEMBER_UNKNOWN);
		return;
	}
	while (m->queue.first && clock_now_ns() - m->queue.first->since_ns > m->tuning.patience_ns) {
		struct entry *e = m->queue.first;

		entries_remove(&m->queue, e);
		entry_finish(e, outcome);
	}
	if (m->queue.first)
		loop_timer_set(m->retry, RETRY_NS, 0);
}

static int fly(struct member *m, struct entry *e)
{
	struct raft_buffer buf = { .base = raft_malloc(e->len), .len = e->len };
	int rc;

	if (!buf.base)
		return RAFT_NOMEM;
	memcpy(buf.base, e->data, e->len);
	e->req.data = e;
	rc = raft_apply(&m->raft, &e->req, &buf, 1, on_applied);
	if (rc == RAFT_NOTLEADER || rc == RAFT_NOSPACE)
		raft_free(buf.base); /* refused before raft did anything; after any other error it has freed it, and is half
					changed */
	else if (rc)
		err_set(&m->broken, ERR_FAILED, "the log refused an entry: %s", raft_errmsg(&m->raft));
	return rc;
}

static void pump(struct member *m)
{
	while (m->queue.first && m->n_flying < WINDOW &&
	       (m->n_flying == 0 || m->flying_bytes + m->queue.first->len <= m->tuning.window_bytes)) {
		struct entry *e = m->queue.first;
		int rc;

		/* Listed before raft has it: it may answer before it returns. */
		entries_remove(&m->queue, e);
		entries_add(&m->flying, e);
		m->n_flying++;
		m->flying_bytes += e->len;
		rc = fly(m, e);
		if (rc == 0)
			continue;
		entries_remove(&m->flying, e);
		m->n_flying--;
		m->flying_bytes -= e->len;
		e->next = m->queue.first;
		e->link = &m->queue.first;
		if (e->next)
			e->next->link = &e->next;
		else
			m->queue.last = &e->next;
		m->queue.first = e;
		refused(m, rc);
		return;
	}
}

void member_queue_retry(void *arg)
{
	struct member *m = arg;

	if (!m->closing)
		pump(m);
}

static void on_submit(void *arg)
{
	struct entry *e = arg;
	struct member *m = e->m;

	if (m->closing || m->broken.text[0]) {
		entry_finish(e, m->closing ? MEMBER_CLOSED : MEMBER_UNKNOWN);
		return;
	}
	entries_add(&m->queue, e);
	pump(m);
}

bool member_submit(struct member *m, const void *entry, size_t len, member_done done, void *ctx)
{
	struct entry *e;

	if (len == 0 || len % 8)
		return false;
	e = mem_zalloc(sizeof(*e));
	e->m = m;
	e->data = mem_dup(entry, len);
	e->len = len;
	e->done = done;
	e->ctx = ctx;
	e->since_ns = clock_now_ns();
	if (loop_post(m->loop, on_submit, e))
		return true;
	free(e->data);
	free(e);
	return false;
}
