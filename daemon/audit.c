/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "base/json.h"
#include "base/mem.h"
#include "daemon/audit_priv.h"
#include "daemon/change.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define HEAD_KEY "audit/head"
#define WAITING_MAX 512		      /* refusals that are not written yet; the limit of a minute is far below */
#define ANCHOR_EVERY_NS NS_PER_S      /* the state is told at most that often */
#define LOOK_EVERY_NS (30 * NS_PER_S) /* for lines that other programs wrote */
#define DRAIN_S 2

static void refusal_free(struct refusal *r)
{
	free(r->who);
	free(r->from);
	free(r->what);
	free(r->text);
}

/* --- the state's word --- */

static int read_head(struct json_obj *o, void *out, struct err *err)
{
	struct audit_anchor *a = out;
	autofree char *hash = NULL;

	if (json_u64(o, "number", JSON_MUST, 1, UINT64_MAX - 1, &a->number, err) < 0 ||
	    json_str(o, "hash", JSON_MUST, &hash, err) < 0)
		return -1;
	if (strlen(hash) != DIGEST_HEX_LEN - 1)
		return json_bad(o, "hash", err, "is no hash");
	memcpy(a->hash, hash, DIGEST_HEX_LEN);
	return json_obj_end(o, err);
}

int audit_anchor(struct daemon *d, struct audit_anchor *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	struct err why = { 0 };

	*out = (struct audit_anchor){ 0 };
	if (state_get(d->state, HEAD_KEY, &doc, &why) < 0) {
		if (why.kind == ERR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	return json_read(doc.value, strlen(doc.value), read_head, out, err) < 0 ? err_wrap(err, "document " HEAD_KEY) : 0;
}

static int write_anchor(struct audit *a, const struct audit_anchor *newest, struct err *err)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct state_op op = { .key = HEAD_KEY, .expect = STATE_ANY };
	struct json_out w;

	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "number", newest->number);
	json_put_str(&w, "hash", newest->hash);
	json_end_obj(&w);
	op.value = buf_str(&json);
	return state_write(a->d->state, &op, 1, NULL, err);
}

/* --- the thread --- */

static void tell_anchor(struct audit *a)
{
	struct audit_anchor newest = { 0 };
	struct err err = { 0 };

	a->anchored_ns = clock_now_ns();
	if (auditlog_newest(a->log, &newest, &err) < 0) {
		log_err("audit", "look for the newest line", &err);
		return;
	}
	if (newest.number <= a->anchor.number)
		return;
	if (write_anchor(a, &newest, &err) < 0)
		log_err("audit", "tell the cluster's state of the newest line", &err);
	else
		a->anchor = newest;
}

static void write_refusal(struct audit *a, const struct refusal *r)
{
	struct audit_entry e = { .phase = AUDIT_REFUSED,
				 .at = r->at,
				 .who = r->who,
				 .from = r->from,
				 .what = r->what,
				 .text = r->text,
				 .status = r->status,
				 .result = AUDIT_DENIED };
	struct err err = { 0 };

	if (auditlog_write(a->log, &e, NULL, &err) < 0)
		log_err("audit", "write who was refused", &err);
}

static void write_counts(struct audit *a, const struct audit_limit *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct audit_entry e = { .phase = AUDIT_REFUSALS,
					 .from = l->sources[i].name,
					 .count = l->sources[i].more,
					 .text = "more were refused within a minute than are written one by one" };
		struct err err = { 0 };

		if (e.count && auditlog_write(a->log, &e, NULL, &err) < 0)
			log_err("audit", "write how many were refused", &err);
	}
}

/* Without the lock: what was taken out of *a is written. */
static void write_all(struct audit *a, struct refusal *list, size_t n, struct audit_limit *counts)
{
	for (size_t i = 0; i < n; i++) {
		write_refusal(a, &list[i]);
		refusal_free(&list[i]);
	}
	free(list);
	if (counts)
		write_counts(a, counts);
	free(counts);
}

static void wait_until(struct audit *a, int64_t at)
{
	struct timespec ts = { .tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S) };

	pthread_cond_clockwait(&a->more, &a->lock, CLOCK_MONOTONIC, &ts);
}

/* With the lock held, which is let go meanwhile. False: there was nothing to do. */
static bool do_some(struct audit *a, bool last)
{
	int64_t now = clock_now_ns();
	struct refusal *list = steal(a->waiting);
	struct audit_limit *counts = NULL;
	size_t n = a->n_waiting;
	bool tell = (a->written && (last || now - a->anchored_ns >= ANCHOR_EVERY_NS)) || now - a->anchored_ns >= LOOK_EVERY_NS;

	a->n_waiting = a->cap_waiting = 0;
	if (audit_limit_over(&a->limit, now) || (last && a->limit.n)) {
		counts = mem_dup(&a->limit, sizeof(a->limit));
		audit_limit_clear(&a->limit);
	}
	if (!n && !counts && !tell) {
		free(list);
		return false;
	}
	a->written = (a->written && !tell) || n || counts;
	a->busy = true;
	pthread_mutex_unlock(&a->lock);
	write_all(a, list, n, counts);
	if (tell)
		tell_anchor(a);
	pthread_mutex_lock(&a->lock);
	a->busy = false;
	return true;
}

/* Once, while the daemon serves already: is what was written there? */
static void check_log(struct audit *a)
{
	autoclean(str_list_free) struct str_list files = { 0 };
	autoclean(audit_chain_free) struct audit_chain c = { .anchor = a->anchor };
	uint64_t torn = 0;
	struct err err = { 0 };

	if (auditlog_segments(a->d->paths.log_dir, &files, &err) < 0 || auditlog_check(&files, &c, &err) < 0) {
		event_note(a->d, EVENT_ERROR, "audit-damaged", NULL, "the audit log can't be checked: %s", err.text);
		return;
	}
	/* Somebody is writing at this moment, or did when the machine crashed: the next line mends it. */
	for (size_t i = 0; i < c.n_findings; i++)
		torn += c.findings[i].fault == AUDIT_FAULT_TORN;
	if (c.faults > torn)
		event_note(a->d, EVENT_ERROR, "audit-damaged", NULL,
			   "the audit log is not what was written: %s (%llu findings; `orthrus audit verify` lists them)",
			   c.findings[0].text, (unsigned long long)(c.faults - torn));
}

static void *work(void *arg)
{
	struct audit *a = arg;

	check_log(a);
	pthread_mutex_lock(&a->lock);
	while (!a->stop) {
		int64_t now = clock_now_ns();

		if (do_some(a, false))
			continue;
		pthread_cond_broadcast(&a->less);
		wait_until(a, a->written ? a->anchored_ns + ANCHOR_EVERY_NS : now + (a->limit.n ? NS_PER_S : LOOK_EVERY_NS));
	}
	while (do_some(a, true))
		;
	pthread_cond_broadcast(&a->less);
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/* --- from other threads --- */

void audit_written(struct audit *a)
{
	pthread_mutex_lock(&a->lock);
	a->written = true;
	pthread_cond_signal(&a->more);
	pthread_mutex_unlock(&a->lock);
}

const char *audit_who(const char *who, const char *from)
{
	return str_eq(who, from) ? "nobody" : who;
}

void audit_refuse(struct audit *a, const char *who, const char *from, const char *what, int status, const char *text)
{
	char source[AUDIT_SOURCE_LEN];

	audit_source(from, source);
	pthread_mutex_lock(&a->lock);
	if (a->n_waiting < WAITING_MAX && audit_limit_take(&a->limit, source, clock_now_ns())) {
		struct refusal *r;

		a->waiting = mem_room(a->waiting, a->n_waiting, &a->cap_waiting, sizeof(*a->waiting));
		r = &a->waiting[a->n_waiting++];
		*r = (struct refusal){ .who = mem_strdup(audit_who(who, from)),
				       .from = mem_strdup(from),
				       .what = mem_strdup(what),
				       .text = mem_strdup(text),
				       .status = (unsigned int)status };
		clock_utc(clock_wall_s(), r->at);
	}
	pthread_cond_signal(&a->more);
	pthread_mutex_unlock(&a->lock);
}

void audit_refused(struct daemon *d, const char *who, const char *from, const char *what, const struct err *why)
{
	audit_refuse(d->audit, who, from, what, 0, why->text);
}

void audit_drain(struct audit *a)
{
	struct timespec limit;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += DRAIN_S;
	pthread_mutex_lock(&a->lock);
	while ((a->n_waiting || a->busy) && pthread_cond_clockwait(&a->less, &a->lock, CLOCK_MONOTONIC, &limit) == 0)
		;
	pthread_mutex_unlock(&a->lock);
}

/* --- start and end --- */

/* Made once: an older digest shall be comparable after a restart. */
static int load_key(struct audit *a, struct err *err)
{
	autofree char *path = fs_join(a->d->paths.var_dir, "audit.key");
	autoclean(buf_free) struct buf key = { 0 };

	if (!fs_exists(path)) {
		random_bytes(a->key, sizeof(a->key));
		return fs_write_atomic(path, a->key, sizeof(a->key), 0600, err);
	}
	if (fs_read_secret(path, sizeof(a->key), sizeof(a->key), &key, err) < 0)
		return -1;
	memcpy(a->key, key.data, sizeof(a->key));
	explicit_bzero(key.data, key.len);
	return 0;
}

int audit_start(struct daemon *d, struct audit **out, struct err *err)
{
	struct audit *a = mem_zalloc(sizeof(*a));

	a->d = d;
	a->log = auditlog_new(d->paths.log_dir, 0);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->more, NULL);
	pthread_cond_init(&a->less, NULL);
	if (load_key(a, err) < 0 || audit_anchor(d, &a->anchor, err) < 0 ||
	    (auditlog_set_anchor(a->log, &a->anchor), thread_start(&a->thread, work, a, err)) < 0) {
		auditlog_free(a->log);
		free(a);
		return err_wrap(err, "the audit log");
	}
	*out = a;
	return 0;
}

void audit_stop(struct audit *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->more);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	auditlog_free(a->log);
	explicit_bzero(a->key, sizeof(a->key));
	for (size_t i = 0; i < a->n_waiting; i++)
		refusal_free(&a->waiting[i]);
	free(a->waiting);
	pthread_cond_destroy(&a->more);
	pthread_cond_destroy(&a->less);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
