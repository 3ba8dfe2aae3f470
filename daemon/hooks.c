/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hooks.h"

#include "base/mem.h"
#include "daemon/change.h"
#include "daemon/hooks_priv.h"
#include "daemon/hooks_scan.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <pwd.h>
#include <string.h>

#define OWN_USER "orthrus-hooks"
#define NOBODY 65534 /* Debian's nobody and nogroup */

/* --- which there are --- */

static struct hook *find(const struct hooks *h, const char *id)
{
	for (size_t i = 0; i < h->len; i++)
		if (str_eq(h->items[i]->id, id))
			return h->items[i];
	return NULL;
}

static const struct hook_file *find_file(const struct hook_files *f, const char *id)
{
	for (size_t i = 0; i < f->len; i++)
		if (!f->items[i].why_not && str_eq(f->items[i].id, id))
			return &f->items[i];
	return NULL;
}

/* Those whose program went: killed if they run. One that is refused from now on keeps its place for when it is put right. */
static void stop_gone(struct hooks *h, const struct hook_files *files)
{
	for (size_t i = 0; i < h->len;) {
		struct hook *gone = h->items[i];

		if (find_file(files, gone->id)) {
			i++;
			continue;
		}
		hook_stop(gone); /* first: what is not shown any more does not run either */
		pthread_mutex_lock(&h->lock);
		h->items[i] = h->items[--h->len];
		pthread_mutex_unlock(&h->lock);
		if (!fs_exists(gone->path))
			hook_forget(gone);
		log_info("hook", "%s runs no more", gone->id);
		hook_free(gone);
	}
}

static void start_new(struct hooks *h, const struct hook_files *files, uint64_t newest)
{
	for (size_t i = 0; i < files->len; i++) {
		const struct hook_file *f = &files->items[i];
		struct err err = { 0 };
		struct hook *hook;

		if (f->why_not || find(h, f->id))
			continue;
		if (hook_start(h, f->id, f->kind, f->path, newest, &hook, &err) < 0) {
			log_err("hook", f->id, &err);
			continue;
		}
		pthread_mutex_lock(&h->lock);
		h->items = mem_room(h->items, h->len, &h->cap, sizeof(*h->items));
		h->items[h->len++] = hook;
		/* What happened while the daemon was away is still to be handed out. */
		if (hook->record.last < h->seen)
			h->seen = hook->record.last;
		pthread_mutex_unlock(&h->lock);
		log_info("hook", "%s is run for %s%s, as %s", f->id, f->kind ? "events of the kind " : "all events",
			 f->kind ? f->kind : "", h->user);
	}
}

static bool was_told(const struct hook_ignored *old, size_t n, const struct hook_file *f)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(old[i].id, f->id) && str_eq(old[i].why, f->why_not))
			return true;
	return false;
}

static void free_ignored(struct hook_ignored *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].id);
		free(list[i].why);
	}
	free(list);
}

/* Loudly, but once: until its reason is another one. */
static void note_ignored(struct hooks *h, const struct hook_files *files)
{
	struct hook_ignored *old = h->ignored, *now = mem_array(files->len + 1, sizeof(*now));
	size_t n_old = h->n_ignored, n = 0;

	for (size_t i = 0; i < files->len; i++)
		if (files->items[i].why_not)
			now[n++] = (struct hook_ignored){ mem_strdup(files->items[i].id), mem_strdup(files->items[i].why_not) };
	pthread_mutex_lock(&h->lock);
	h->ignored = now;
	h->n_ignored = n;
	pthread_mutex_unlock(&h->lock);
	for (size_t i = 0; i < files->len; i++)
		if (files->items[i].why_not && !was_told(old, n_old, &files->items[i]))
			event_note(h->d, EVENT_WARNING, "hook-ignored", NULL, "hook %s is not run: %s", files->items[i].id,
				   files->items[i].why_not);
	free_ignored(old, n_old);
}

static void look(struct hooks *h)
{
	autoclean(hook_files_free) struct hook_files files = { 0 };

	hook_files_scan(h->dir, &files);
	stop_gone(h, &files);
	start_new(h, &files, h->seen); /* what was handed out before it was there is not for it */
	note_ignored(h, &files);
}

/* --- handing out --- */

/* Only its kind is looked at; the rest is the hook's. */
static int kind_of(const char *json, char **kind, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	return json_parse(json, strlen(json), &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0
		       ? -1
		       : json_str(&o, "kind", JSON_MUST, kind, err);
}

/* What is about hooks goes to none: one that fails would be given the event that it failed. */
static void hand_out(struct hooks *h, uint64_t number)
{
	autofree char *key = str_format("event/%012llu", (unsigned long long)number);
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *kind = NULL;
	struct err gone = { 0 };

	if (state_get(h->d->state, key, &doc, &gone) < 0 || kind_of(doc.value, &kind, &gone) < 0 || str_starts(kind, "hook-"))
		return;
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < h->len; i++)
		if (!h->items[i]->kind || str_eq(h->items[i]->kind, kind))
			hook_push(h->items[i], number, kind, doc.value);
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
}

static void hand_out_new(struct hooks *h)
{
	uint64_t last = atomic_load(&h->d->last_event);

	if (last > EVENTS_KEPT && h->seen < last - EVENTS_KEPT)
		h->seen = last - EVENTS_KEPT;
	while (h->seen < last && h->len && !h->stop)
		hand_out(h, ++h->seen);
	h->seen = last;
}

/* What the hooks' threads have found out, as events. */
static void tell(struct hooks *h)
{
	for (size_t i = 0; i < h->len; i++) {
		struct hook *k = h->items[i];
		autofree char *error = NULL;
		uint64_t dropped;
		bool failed, fell_behind, caught_up;

		pthread_mutex_lock(&h->lock);
		failed = k->tell_failed;
		caught_up = k->tell_dropped && k->behind && !k->len;
		fell_behind = k->tell_dropped && !caught_up;
		dropped = k->dropped_now;
		error = mem_strdup(k->record.error ? k->record.error : "");
		k->tell_failed = k->tell_dropped = false;
		if (caught_up) {
			k->behind = false;
			k->dropped_now = 0;
		}
		pthread_mutex_unlock(&h->lock);
		if (failed)
			event_note(h->d, EVENT_WARNING, "hook-failed", NULL, "hook %s failed: %s", k->id, error);
		if (fell_behind)
			event_note(h->d, EVENT_WARNING, "hook-dropped", NULL,
				   "hook %s is too slow: more than %d events wait for it, the oldest are dropped", k->id,
				   HOOK_QUEUE);
		if (caught_up)
			event_note(h->d, EVENT_WARNING, "hook-dropped", NULL, "hook %s goes on; %llu events were dropped", k->id,
				   (unsigned long long)dropped);
	}
}

static void *work(void *arg)
{
	struct hooks *h = arg;

	pthread_mutex_lock(&h->lock);
	while (!h->stop) {
		if (!h->woken) {
			pthread_cond_wait(&h->more, &h->lock);
			continue;
		}
		h->woken = false;
		pthread_mutex_unlock(&h->lock);
		look(h);
		hand_out_new(h);
		tell(h);
		pthread_mutex_lock(&h->lock);
	}
	for (size_t i = 0; i < h->len; i++) /* all at once: each takes a moment */
		h->items[i]->stop = true;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
	while (h->len) {
		struct hook *last = h->items[--h->len];

		hook_stop(last);
		hook_free(last);
	}
	return NULL;
}

void hooks_wake(struct hooks *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->woken = true;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
}

/* --- start, end, state --- */

/* A user of their own, if the package or the administrator made one. */
static void choose_user(struct hooks *h)
{
	static const char *const names[] = { OWN_USER, "nobody" };
	char text[2048];
	struct passwd pw, *found = NULL;

	h->uid = geteuid();
	h->gid = getegid();
	if (h->uid != 0) {
		h->user = str_format("uid %u", h->uid);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (getpwnam_r(names[i], &pw, text, sizeof(text), &found) != 0 || !found || !pw.pw_uid || !pw.pw_gid)
			continue;
		h->uid = pw.pw_uid;
		h->gid = pw.pw_gid;
		h->user = mem_strdup(names[i]);
		return;
	}
	h->uid = h->gid = NOBODY;
	h->user = str_format("uid %d", NOBODY);
}

void hooks_free(struct hooks *h)
{
	if (!h)
		return;
	free_ignored(h->ignored, h->n_ignored);
	free(h->items);
	free(h->dir);
	free(h->records_dir);
	free(h->user);
	pthread_cond_destroy(&h->more);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

int hooks_start(struct daemon *d, struct hooks **out, struct err *err)
{
	struct hooks *h = mem_zalloc(sizeof(*h));

	h->d = d;
	h->dir = fs_join(d->paths.etc_dir, "hooks.d");
	h->records_dir = fs_join(d->paths.var_dir, "hooks");
	h->seen = atomic_load(&d->last_event);
	h->woken = true;
	choose_user(h);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	if (fs_mkdirs(h->records_dir, 0700, err) < 0 || thread_start(&h->thread, work, h, err) < 0) {
		hooks_free(h);
		return err_wrap(err, "event hooks");
	}
	*out = h;
	return 0;
}

void hooks_stop(struct hooks *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
}

static void put_hook(const struct hook *k, struct json_out *w)
{
	json_put_obj(w, NULL);
	json_put_str(w, "name", k->id);
	json_put_str(w, "event", k->kind);
	json_put_str(w, "state", k->running ? "running" : k->failing ? "failing" : "ready");
	json_put_str(w, "why", NULL);
	json_put_u64(w, "queued", k->len);
	json_put_u64(w, "last", k->record.last);
	json_put_u64(w, "delivered", k->record.delivered);
	json_put_u64(w, "failed", k->record.failed);
	json_put_u64(w, "dropped", k->record.dropped);
	json_put_str(w, "error", k->record.error);
	json_put_str(w, "error_at", k->record.error_at);
	json_end_obj(w);
}

void hooks_status(struct hooks *h, struct json_out *w)
{
	pthread_mutex_lock(&h->lock);
	json_put_str(w, "directory", h->dir);
	json_put_str(w, "user", h->user);
	json_put_arr(w, "hooks");
	for (size_t i = 0; i < h->len; i++)
		put_hook(h->items[i], w);
	for (size_t i = 0; i < h->n_ignored; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "name", h->ignored[i].id);
		json_put_str(w, "event", NULL);
		json_put_str(w, "state", "ignored");
		json_put_str(w, "why", h->ignored[i].why);
		json_end_obj(w);
	}
	json_end_arr(w);
	pthread_mutex_unlock(&h->lock);
}
