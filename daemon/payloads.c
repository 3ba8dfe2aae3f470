/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/payloads.h"

#include "base/mem.h"
#include "daemon/change.h"
#include "daemon/diskless.h"
#include "netboot/netboot.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <string.h>
#include <time.h>

#define RETRY_NS (600 * NS_PER_S)
#define STOP_GRACE_S 3

enum payload_state { PAYLOAD_QUEUED, PAYLOAD_BUILDING, PAYLOAD_READY, PAYLOAD_FAILED };

struct payload {
	char *ref, *key; /* key NULL: there are no files yet */
	enum payload_state state;
	bool diskless; /* its squashfs is wanted too */
	bool at_work;  /* until what became of it is in the state and told to `built` */
	char *error;
	int64_t failed_ns;
};

struct payloads {
	struct daemon *d;
	void (*built)(void *ctx);
	void *ctx;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	bool stop;
	char *ca_crt, *sign_pub, *cluster_id; /* NULL: no site yet, nothing is made */
	struct payload *items;
	size_t len, cap;
};

static struct payload *find(struct payloads *p, const char *ref)
{
	for (size_t i = 0; i < p->len; i++)
		if (str_eq(p->items[i].ref, ref))
			return &p->items[i];
	return NULL;
}

/* What was made before this start. The worker makes it again all the same: the imager or the anchors may be newer; the same input
 * gives the same key at once. */
static char *remembered(struct payloads *p, const char *ref, char **error)
{
	autofree char *doc_key = str_format("payload/%s", ref);
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autoclean(json_doc_free) struct json_doc json = { 0 };
	autofree char *key = NULL;
	autofree char *initrd = NULL;
	struct json_obj o;
	struct err ignored = { 0 };

	if (state_get(p->d->state, doc_key, &doc, &ignored) < 0 ||
	    json_parse(doc.value, strlen(doc.value), &json, &ignored) < 0 || json_root_obj(&json, &o, &ignored) < 0 ||
	    json_str(&o, "error", JSON_MAY, error, &ignored) < 0 || json_str(&o, "key", JSON_MAY, &key, &ignored) < 0 || !key)
		return NULL;
	initrd = str_format("%s/payload/%s/initrd.img", p->d->paths.tftp_dir, key);
	return fs_exists(initrd) ? steal(key) : NULL;
}

char *payloads_get(struct payloads *p, const char *ref)
{
	struct payload *x;
	char *key;

	pthread_mutex_lock(&p->lock);
	x = find(p, ref);
	if (!x) {
		p->items = mem_room(p->items, p->len, &p->cap, sizeof(*p->items));
		x = &p->items[p->len++];
		*x = (struct payload){ .ref = mem_strdup(ref), .state = PAYLOAD_QUEUED };
		x->key = remembered(p, ref, &x->error);
		pthread_cond_signal(&p->more);
	} else if (x->state == PAYLOAD_FAILED && clock_now_ns() - x->failed_ns > RETRY_NS) {
		x->state = PAYLOAD_QUEUED;
		pthread_cond_signal(&p->more);
	}
	key = x->key ? mem_strdup(x->key) : NULL;
	pthread_mutex_unlock(&p->lock);
	return key;
}

char *payloads_look(struct payloads *p, const char *ref)
{
	autofree char *error = NULL;
	const struct payload *x;
	char *key;

	pthread_mutex_lock(&p->lock);
	x = find(p, ref);
	key = !x ? remembered(p, ref, &error) : x->key ? mem_strdup(x->key) : NULL;
	pthread_mutex_unlock(&p->lock);
	return key;
}

void payloads_want_diskless(struct payloads *p, const char *ref)
{
	struct payload *x;

	pthread_mutex_lock(&p->lock);
	x = find(p, ref);
	if (x && !x->diskless) {
		x->diskless = true;
		x->state = PAYLOAD_QUEUED; /* once more after one that is under way, which may not have heard of it */
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
}

bool payloads_failed(struct payloads *p, const char *ref)
{
	const struct payload *x;
	bool failed;

	pthread_mutex_lock(&p->lock);
	x = find(p, ref);
	failed = x && x->state == PAYLOAD_FAILED;
	pthread_mutex_unlock(&p->lock);
	return failed;
}

void payloads_retry(struct payloads *p)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->len; i++)
		if (p->items[i].state == PAYLOAD_FAILED)
			p->items[i].state = PAYLOAD_QUEUED;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
}

void payloads_anchors(struct payloads *p, const struct pki_paths *pki)
{
	pthread_mutex_lock(&p->lock);
	/* They are the same as long as this daemon lives, and the worker reads them without the lock: once is enough. */
	if (!p->ca_crt) {
		model_set(&p->ca_crt, pki->ca_crt);
		model_set(&p->sign_pub, pki->sign_pub);
		model_set(&p->cluster_id, pki->cluster_id);
	}
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
}

static int build(struct payloads *p, const char *ref, bool diskless, char **key, struct err *err)
{
	struct netboot_payload in = { .store_dir = p->d->paths.store_dir,
				      .image_ref = ref,
				      .imager = p->d->paths.imager,
				      .scripts_dir = p->d->paths.scripts_dir,
				      .ca_crt = p->ca_crt,
				      .sign_pub = p->sign_pub,
				      .cluster_id = p->cluster_id,
				      .tftp_root = p->d->paths.tftp_dir };
	int64_t begin = clock_now_ns();

	if (netboot_payload_build(&in, key, err) < 0 || (diskless && diskless_make(p->d, ref, p->sign_pub, err) < 0))
		return -1;
	log_info("payload", "%s: %s (%.1f s)", ref, *key, (double)(clock_now_ns() - begin) / (double)NS_PER_S);
	return 0;
}

/* Events are for what is new: a start that finds everything as it was, or as wrong as it was, says nothing. */
static void remember(struct payloads *p, const char *ref, const char *key, const struct err *failure)
{
	autoclean(change_end) struct change c = { 0 };
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;
	struct err err = { 0 };

	change_begin(&c, p->d);
	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "key", key);
	json_put_str(&w, "error", key ? NULL : failure->text);
	json_end_obj(&w);
	change_put(&c, "payload", ref, &json);
	if (key)
		change_event(&c, EVENT_INFO, "payload-ready", NULL, "nodes can netboot the imager for image %s", ref);
	else
		change_event(&c, EVENT_ERROR, "payload-failed", NULL,
			     "the imager for image %s cannot be made, nodes with it stay on their disks: %s%s%s", ref,
			     failure->text, failure->hint[0] ? "; " : "", failure->hint);
	if (change_commit(&c, &err) < 0)
		log_err("payload", ref, &err);
}

/* The index of one to make, or p->len. Entries are never removed, but the array moves when it grows. */
static size_t next_queued(const struct payloads *p)
{
	size_t i = 0;

	while (i < p->len && (!p->ca_crt || p->items[i].state != PAYLOAD_QUEUED))
		i++;
	return p->ca_crt ? i : p->len;
}

/* Takes the lock off while it works. False when the daemon stopped meanwhile. */
static bool work_one(struct payloads *p, size_t i)
{
	autofree char *ref = mem_strdup(p->items[i].ref);
	autofree char *key = NULL;
	struct err err = { 0 };
	bool news, diskless = p->items[i].diskless;
	int rc;

	p->items[i].state = PAYLOAD_BUILDING;
	p->items[i].at_work = true;
	pthread_mutex_unlock(&p->lock);
	rc = build(p, ref, diskless, &key, &err);
	pthread_mutex_lock(&p->lock);
	if (p->stop)
		return false;
	news = !str_eq(rc < 0 ? p->items[i].error : p->items[i].key, rc < 0 ? err.text : key);
	p->items[i].state = rc < 0 ? PAYLOAD_FAILED : diskless != p->items[i].diskless ? PAYLOAD_QUEUED : PAYLOAD_READY;
	p->items[i].failed_ns = clock_now_ns();
	model_set(&p->items[i].error, rc < 0 ? err.text : NULL);
	if (rc == 0)
		model_set(&p->items[i].key, key);
	pthread_mutex_unlock(&p->lock);
	if (news)
		remember(p, ref, rc < 0 ? NULL : key, &err);
	p->built(p->ctx);
	pthread_mutex_lock(&p->lock);
	p->items[i].at_work = false;
	return true;
}

static void *work(void *arg)
{
	struct payloads *p = arg;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		size_t i = next_queued(p);

		if (i == p->len)
			pthread_cond_wait(&p->more, &p->lock);
		else if (!work_one(p, i))
			break;
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

int payloads_new(struct daemon *d, void (*built)(void *ctx), void *ctx, struct payloads **out, struct err *err)
{
	struct payloads *p = mem_zalloc(sizeof(*p));
	int rc;

	p->d = d;
	p->built = built;
	p->ctx = ctx;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	rc = pthread_create(&p->thread, NULL, work, p);
	if (rc) {
		pthread_cond_destroy(&p->more);
		pthread_mutex_destroy(&p->lock);
		free(p);
		return err_errno(err, rc, "start the worker for payloads");
	}
	*out = p;
	return 0;
}

void payloads_status(struct payloads *p, struct json_out *w, const char *key)
{
	static const char *const names[] = { [PAYLOAD_QUEUED] = "queued",
					     [PAYLOAD_BUILDING] = "building",
					     [PAYLOAD_READY] = "ready",
					     [PAYLOAD_FAILED] = "failed" };

	pthread_mutex_lock(&p->lock);
	json_put_arr(w, key);
	for (size_t i = 0; i < p->len; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "image", p->items[i].ref);
		json_put_str(w, "state", names[p->items[i].at_work ? PAYLOAD_BUILDING : p->items[i].state]);
		json_put_str(w, "key", p->items[i].key);
		json_put_str(w, "error", p->items[i].error);
		json_end_obj(w);
	}
	json_end_arr(w);
	pthread_mutex_unlock(&p->lock);
}

bool payloads_stop(struct payloads *p)
{
	struct timespec limit;

	if (!p)
		return true;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
	clock_gettime(CLOCK_MONOTONIC, &limit); /* the wall clock may jump */
	limit.tv_sec += STOP_GRACE_S;
	/* One that is being made takes as long as it takes, and is whole or not there: the end of the process cuts it off. */
	if (pthread_clockjoin_np(p->thread, NULL, CLOCK_MONOTONIC, &limit) != 0)
		return false;
	for (size_t i = 0; i < p->len; i++) {
		free(p->items[i].ref);
		free(p->items[i].key);
		free(p->items[i].error);
	}
	free(p->items);
	free(p->ca_crt);
	free(p->sign_pub);
	free(p->cluster_id);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p);
	return true;
}
