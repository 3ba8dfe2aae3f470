/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/power.h"

#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/audit.h"
#include "daemon/change.h"
#include "daemon/power_node.h"
#include "sys/clock.h"
#include "sys/http_server.h"
#include "sys/keys.h"
#include "sys/threads.h"

#include <string.h>
#include <time.h>

#define THREADS_MAX 32 /* BMCs that are talked with at once */
#define JOBS_MAX 64
#define KEPT_NS (600 * NS_PER_S)
#define END_WAIT_S 5

const char *const power_ask_names[] = { [POWER_STATUS] = "status",
					[POWER_SENSORS] = "sensors",
					[POWER_FACTS] = "bmc",
					[POWER_LIGHT_ON] = "light-on",
					[POWER_LIGHT_OFF] = "light-off",
					[POWER_NETWORK] = "network",
					[POWER_ON] = "on",
					[POWER_OFF] = "off",
					[POWER_CYCLE] = "cycle",
					[POWER_RESET] = "reset",
					[POWER_SOFT_OFF] = "soft-off",
					NULL };

struct job {
	char id[POWER_JOB_ID_LEN];
	enum power_ask ask;
	bool network;
	char *who;
	uint64_t act; /* in the audit log; 0: there is none, or its end is written */
	struct str_list nodes;
	struct power_result *results; /* one a node */
	size_t next, finished;
	int64_t begun_ns, stagger_ns, ended_ns;
	struct job *link;
};

struct power {
	struct daemon *d;
	pthread_mutex_t lock;
	pthread_cond_t work, quit; /* something to do; the end, or a thread of it */
	pthread_t threads[THREADS_MAX];
	size_t n_threads, n_busy, n_left;
	bool stopping;
	struct job *jobs; /* oldest first */
};

static void job_free(struct job *j)
{
	for (size_t i = 0; i < j->nodes.len; i++)
		power_result_free(&j->results[i]);
	free(j->results);
	str_list_free(&j->nodes);
	free(j->who);
	free(j);
}

static struct timespec at(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
}

/* The next node whose turn it is; NULL: none yet, *wake_ns is when there may be one (INT64_MAX: not before there is a new job).
 */
static struct job *next_task(struct power *p, size_t *index, int64_t *wake_ns)
{
	int64_t now = clock_now_ns();

	*wake_ns = INT64_MAX;
	for (struct job *j = p->jobs; j; j = j->link) {
		int64_t due = j->begun_ns + (int64_t)j->next * j->stagger_ns;

		if (j->next == j->nodes.len)
			continue;
		if (due <= now) {
			*index = j->next++;
			return j;
		}
		if (due < *wake_ns)
			*wake_ns = due;
	}
	return NULL;
}

static bool is_stopping(const void *power)
{
	return ((const struct power *)power)->stopping;
}

static bool pause_until_end(void *ctx, int64_t ns)
{
	struct power *p = ctx;
	bool go_on;

	pthread_mutex_lock(&p->lock);
	go_on = !thread_cond_until(&p->quit, &p->lock, ns, is_stopping, p);
	pthread_mutex_unlock(&p->lock);
	return go_on;
}

/* What became of it, by name: one event however many nodes, and the end of the act. Reading is neither. The job is done, so that
 * nobody changes it; `act` is its own. */
static void tell_end(struct power *p, const struct job *j, uint64_t act)
{
	autoclean(nodeset_free) struct nodeset good = { 0 }, bad = { 0 };
	autoclean(buf_free) struct buf well = { 0 }, badly = { 0 }, text = { 0 };
	const struct err *first = NULL;
	struct err err = { 0 };
	int rc = 0;

	if (j->ask <= POWER_LAST_READ)
		return;
	for (size_t i = 0; i < j->nodes.len && rc == 0; i++) {
		bool failed = j->results[i].err.kind != ERR_NONE;

		rc = nodeset_add(failed ? &bad : &good, j->nodes.items[i], &err);
		if (failed && !first)
			first = &j->results[i].err;
	}
	nodeset_fold(&good, &well);
	nodeset_fold(&bad, &badly);
	if (first)
		buf_addf(&text, "done on %s; failed on %s: %s", well.len ? buf_str(&well) : "none", buf_str(&badly), first->text);
	else
		buf_addf(&text, "done on %s", buf_str(&well));
	audit_ended(p->d, act, first ? AUDIT_FAILED : AUDIT_DONE, first ? buf_str(&text) : NULL);
	event_note(p->d, first ? EVENT_WARNING : EVENT_INFO, "node-power", j->nodes.len == 1 ? j->nodes.items[0] : NULL,
		   "power %s by %s: %s", power_ask_names[j->ask], j->who, buf_str(&text));
}

/* The daemon ends first: what the audit log says of jobs that are not done. With the lock; who is late writes nothing more. */
static void end_acts(struct power *p)
{
	for (struct job *j = p->jobs; j; j = j->link) {
		autofree char *text = str_format("the daemon ended when %zu of %zu nodes were done", j->finished, j->nodes.len);

		audit_ended(p->d, j->act, AUDIT_FAILED, text);
		j->act = 0;
	}
}

static void run_task(struct power *p, struct job *j, size_t index)
{
	struct power_result result = { 0 };
	autofree char *topic = NULL;
	bool last;

	p->n_busy++;
	pthread_mutex_unlock(&p->lock);
	power_node(p->d, j->nodes.items[index], j->ask, j->network, pause_until_end, p, &result);
	pthread_mutex_lock(&p->lock);
	j->results[index] = result;
	/* The last one tells before anybody can see the end: the job may be forgotten after it. */
	last = j->finished + 1 == j->nodes.len;
	if (last) {
		uint64_t act = j->act;

		j->act = 0;
		pthread_mutex_unlock(&p->lock);
		tell_end(p, j, act);
		pthread_mutex_lock(&p->lock);
		j->ended_ns = clock_now_ns();
	}
	j->finished++;
	p->n_busy--;
	topic = str_format(POWER_TOPIC "%s", j->id);
	if (p->d->http)
		http_server_wake(p->d->http, topic);
}

static void *work(void *arg)
{
	struct power *p = arg;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping) {
		size_t index;
		int64_t wake_ns;
		struct job *j = next_task(p, &index, &wake_ns);

		if (j) {
			run_task(p, j, index);
		} else if (wake_ns == INT64_MAX) {
			pthread_cond_wait(&p->work, &p->lock);
		} else {
			struct timespec until = at(wake_ns);

			pthread_cond_timedwait(&p->work, &p->lock, &until);
		}
	}
	p->n_left++;
	pthread_cond_broadcast(&p->quit);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

int power_start(struct daemon *d, struct power **out, struct err *err)
{
	struct power *p = mem_zalloc(sizeof(*p));
	pthread_condattr_t attr;

	(void)err;
	p->d = d;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->work, &attr);
	pthread_cond_init(&p->quit, &attr);
	pthread_condattr_destroy(&attr);
	*out = p;
	return 0;
}

static bool all_left(const void *power)
{
	const struct power *p = power;

	return p->n_left == p->n_threads;
}

bool power_stop(struct power *p)
{
	bool ended;

	if (!p)
		return true;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->work);
	pthread_cond_broadcast(&p->quit);
	ended = thread_cond_until(&p->quit, &p->lock, END_WAIT_S * NS_PER_S, all_left, p);
	end_acts(p);
	pthread_mutex_unlock(&p->lock);
	if (!ended)
		return false;
	for (size_t i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	while (p->jobs) {
		struct job *j = p->jobs;

		p->jobs = j->link;
		job_free(j);
	}
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->quit);
	free(p);
	return true;
}

/* Those whose end was long ago. Returns how many are left. */
static size_t forget_old(struct power *p)
{
	size_t left = 0;

	for (struct job **at_job = &p->jobs; *at_job;) {
		struct job *j = *at_job;

		if (j->ended_ns && clock_now_ns() - j->ended_ns > KEPT_NS) {
			*at_job = j->link;
			job_free(j);
			continue;
		}
		left += !j->ended_ns;
		at_job = &j->link;
	}
	return left;
}

static int more_threads(struct power *p, size_t tasks, struct err *err)
{
	size_t want = p->n_busy + tasks < THREADS_MAX ? p->n_busy + tasks : THREADS_MAX;

	while (p->n_threads < want) {
		/* One is enough to go on. */
		if (thread_start(&p->threads[p->n_threads], work, p, err) < 0)
			return p->n_threads ? 0 : -1;
		p->n_threads++;
	}
	return 0;
}

int power_begin(struct power *p, const struct power_request *req, const char *who, char id[POWER_JOB_ID_LEN], struct err *err)
{
	struct job *j = mem_zalloc(sizeof(*j)), **end;
	uint8_t raw[(POWER_JOB_ID_LEN - 1) / 2];
	int rc = -1;

	random_bytes(raw, sizeof(raw));
	str_hex(raw, sizeof(raw), j->id);
	j->ask = req->ask;
	j->network = req->network;
	j->who = mem_strdup(who);
	j->act = req->act;
	j->stagger_ns = req->stagger_ns;
	j->begun_ns = clock_now_ns();
	for (size_t i = 0; i < req->nodes.len; i++)
		str_list_add(&j->nodes, req->nodes.items[i]);
	j->results = mem_array(j->nodes.len, sizeof(*j->results));
	memcpy(id, j->id, POWER_JOB_ID_LEN);
	pthread_mutex_lock(&p->lock);
	if (p->stopping || forget_old(p) >= JOBS_MAX) {
		err_set(err, ERR_REFUSED, "%s", p->stopping ? "the daemon is ending" : "too many requests to BMCs are under way");
		err_hint(err, "try again when some are done");
	} else if (more_threads(p, j->nodes.len, err) == 0) {
		for (end = &p->jobs; *end; end = &(*end)->link)
			continue;
		*end = j;
		pthread_cond_broadcast(&p->work);
		rc = 0;
	}
	pthread_mutex_unlock(&p->lock);
	if (rc < 0)
		job_free(j);
	return rc;
}

static struct job *find(struct power *p, const char *id, struct err *err)
{
	for (struct job *j = p->jobs; j; j = j->link)
		if (str_eq(j->id, id))
			return j;
	err_set(err, ERR_NOT_FOUND, "there is no such request to BMCs, or it was too long ago, or the daemon began anew");
	err_hint(err, "see what became of it: `orthrus node power NODESET` and `orthrus event list`");
	return NULL;
}

int power_progress(struct power *p, const char *id, size_t *done, size_t *all, struct err *err)
{
	const struct job *j;

	pthread_mutex_lock(&p->lock);
	j = find(p, id, err);
	if (j) {
		*done = j->finished;
		*all = j->nodes.len;
	}
	pthread_mutex_unlock(&p->lock);
	return j ? 0 : -1;
}

int power_put(struct power *p, const char *id, struct json_out *w, struct err *err)
{
	const struct job *j;

	pthread_mutex_lock(&p->lock);
	j = find(p, id, err);
	if (j) {
		bool done = j->finished == j->nodes.len;

		json_put_obj(w, NULL);
		json_put_str(w, "job", j->id);
		json_put_str(w, "act", power_ask_names[j->ask]);
		json_put_bool(w, "done", done);
		json_put_u64(w, "finished", j->finished);
		json_put_u64(w, "count", j->nodes.len);
		json_put_arr(w, "nodes");
		for (size_t i = 0; done && i < j->nodes.len; i++)
			power_result_put(&j->results[i], j->ask, j->nodes.items[i], w);
		json_end_arr(w);
		json_end_obj(w);
	}
	pthread_mutex_unlock(&p->lock);
	return j ? 0 : -1;
}
