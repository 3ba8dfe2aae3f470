/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hook's thread: one event after the other, each in a run of the program. */
#include "base/mem.h"
#include "daemon/hooks_priv.h"
#include "daemon/hooks_scan.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/spawn.h"
#include "sys/spawn_jail.h"
#include "sys/threads.h"

#include <string.h>

#define TIME_LIMIT_NS (30 * NS_PER_S)
#define LINES_LOGGED 20 /* of one run */
#define LINE_LOGGED 200 /* bytes */
#define OUTPUT_MAX ((size_t)64 << 10)
#define RECORD_MAX ((size_t)16 << 10)
#define MIB ((uint64_t)1 << 20)

struct said {
	const struct hook *hook;
	unsigned int lines;
};

static void log_line(void *ctx, bool is_stderr, const char *line)
{
	struct said *s = ctx;
	size_t len = strnlen(line, LINE_LOGGED);
	autofree char *text = NULL;

	(void)is_stderr;
	if (++s->lines > LINES_LOGGED + 1)
		return;
	text = str_printable(line, len);
	if (s->lines <= LINES_LOGGED)
		log_info("hook", "%s: %s", s->hook->id, text);
	else
		log_info("hook", "%s: (it says more, which is left out)", s->hook->id);
}

/* 0: it took the event. */
static int run(const struct hook *h, const struct hook_event *e, struct err *err)
{
	struct spawn_jail jail = { .uid = h->all->uid,
				   .gid = h->all->gid,
				   .cpu_s = 20,
				   .memory_bytes = 1024 * MIB,
				   .file_bytes = 64 * MIB,
				   .processes = 256,
				   .files = 256 };
	autofree char *what = str_format("ORTHRUS_EVENT=%s", e->kind);
	autofree char *input = str_format("%s\n", e->json);
	const char *const argv[] = { h->path, NULL };
	const char *const env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", what, NULL };
	struct said said = { .hook = h };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	struct spawn s = { .argv = argv,
			   .env = env,
			   .jail = &jail,
			   .input = input,
			   .input_len = strlen(input),
			   .timeout_ns = TIME_LIMIT_NS,
			   .capture_max = 1,
			   .output_max = OUTPUT_MAX,
			   .line = log_line,
			   .ctx = &said,
			   .stop = &h->stop };

	if (hook_file_check(h->path, err) < 0 || spawn_run(&s, &r, err) < 0)
		return -1;
	if (r.status > 128)
		return err_set(err, ERR_FAILED, "it was ended by signal %d", r.status - 128);
	return r.status ? err_set(err, ERR_FAILED, "exit %d", r.status) : 0;
}

/* With the lock held. */
static void note(struct hook *h, const struct hook_event *e, int rc, const struct err *err)
{
	char at[CLOCK_UTC_LEN];

	h->record.last = e->number;
	h->record.delivered++;
	if (rc == 0) {
		if (h->failing)
			log_info("hook", "%s works again", h->id);
		h->failing = false;
		return;
	}
	clock_utc(clock_wall_s(), at);
	h->record.failed++;
	free(h->record.error);
	free(h->record.error_at);
	h->record.error = mem_strdup(err->text);
	h->record.error_at = mem_strdup(at);
	/* Once, not with each event: it will fail with the next one too. */
	h->tell_failed = !h->failing;
	h->failing = true;
}

/* Written before the next event is given: after a crash it is given this one again at most. */
static void save(const struct hook *h, const struct buf *json)
{
	struct err err = { 0 };

	if (fs_write_atomic(h->record_path, buf_str(json), json->len, 0600, &err) < 0)
		log_err("hook", h->id, &err);
}

static void event_free(struct hook_event *e)
{
	free(e->kind);
	free(e->json);
}

static struct hook_event pop(struct hook *h)
{
	struct hook_event e = h->queue[h->head];

	h->head = (h->head + 1) % HOOK_QUEUE;
	h->len--;
	return e;
}

/* With the lock held, which is let go while the program runs. */
static void give_next(struct hook *h)
{
	struct hook_event e = pop(h);
	autoclean(buf_free) struct buf json = { 0 };
	struct err err = { 0 };
	int rc;

	h->running = true;
	pthread_mutex_unlock(&h->all->lock);
	rc = run(h, &e, &err);
	pthread_mutex_lock(&h->all->lock);
	h->running = false;
	if (!h->stop) { /* else it was killed, and is given the event again */
		note(h, &e, rc, &err);
		if (h->behind && !h->len)
			h->tell_dropped = true;
		hook_record_print(&h->record, &json);
		pthread_mutex_unlock(&h->all->lock);
		save(h, &json);
		pthread_mutex_lock(&h->all->lock);
	}
	event_free(&e);
	if (h->tell_failed || h->tell_dropped) {
		h->all->woken = true;
		pthread_cond_broadcast(&h->all->more);
	}
}

static void *work(void *arg)
{
	struct hook *h = arg;

	pthread_mutex_lock(&h->all->lock);
	while (!h->stop)
		if (h->len)
			give_next(h);
		else
			pthread_cond_wait(&h->all->more, &h->all->lock);
	pthread_mutex_unlock(&h->all->lock);
	return NULL;
}

void hook_push(struct hook *h, uint64_t number, const char *kind, const char *json)
{
	if (number <= h->record.last || number <= h->pushed)
		return;
	h->pushed = number;
	if (h->len == HOOK_QUEUE) {
		struct hook_event oldest = pop(h);

		event_free(&oldest);
		h->record.dropped++;
		h->dropped_now++;
		h->tell_dropped |= !h->behind;
		h->behind = true;
	}
	h->queue[(h->head + h->len++) % HOOK_QUEUE] =
		(struct hook_event){ .number = number, .kind = mem_strdup(kind), .json = mem_strdup(json) };
}

void hook_free(struct hook *h)
{
	while (h->len) {
		struct hook_event e = pop(h);

		event_free(&e);
	}
	hook_record_free(&h->record);
	free(h->id);
	free(h->kind);
	free(h->path);
	free(h->record_path);
	free(h);
}

/* What it was given before the daemon ended; a new one begins with what happens from now on. */
static int load(struct hook *h, uint64_t newest, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(buf_free) struct buf json = { 0 };
	struct err bad = { 0 };

	if (fs_exists(h->record_path) && (fs_read(h->record_path, RECORD_MAX, &text, &bad) < 0 ||
					  hook_record_read(buf_str(&text), text.len, &h->record, &bad) < 0))
		log_err("hook", "what was kept of it is lost, it begins with what happens now", &bad);
	if (text.len && bad.kind == ERR_NONE && h->record.last <= newest)
		return 0;
	h->record.last = newest;
	hook_record_print(&h->record, &json);
	return fs_write_atomic(h->record_path, buf_str(&json), json.len, 0600, err);
}

static char *record_name(const char *id)
{
	char *name = mem_strdup(id), *slash = strchr(name, '/');

	if (slash)
		*slash = ',';
	return name;
}

int hook_start(struct hooks *all, const char *id, const char *kind, const char *path, uint64_t newest, struct hook **out,
	       struct err *err)
{
	struct hook *h = mem_zalloc(sizeof(*h));
	autofree char *name = record_name(id);

	h->all = all;
	h->id = mem_strdup(id);
	h->kind = kind ? mem_strdup(kind) : NULL;
	h->path = mem_strdup(path);
	h->record_path = fs_join(all->records_dir, name);
	if (load(h, newest, err) < 0 || thread_start(&h->thread, work, h, err) < 0) {
		hook_free(h);
		return -1;
	}
	*out = h;
	return 0;
}

void hook_stop(struct hook *h)
{
	pthread_mutex_lock(&h->all->lock);
	h->stop = true;
	pthread_cond_broadcast(&h->all->more);
	pthread_mutex_unlock(&h->all->lock);
	pthread_join(h->thread, NULL);
}

void hook_forget(const struct hook *h)
{
	if (unlink(h->record_path) < 0)
		log_warn("hook", "%s can't be removed", h->record_path);
}
