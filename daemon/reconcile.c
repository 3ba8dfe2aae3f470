/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/reconcile.h"

#include "base/mem.h"
#include "daemon/boot_input.h"
#include "daemon/cast.h"
#include "daemon/change.h"
#include "daemon/dnsmasq.h"
#include "daemon/exports.h"
#include "daemon/head_tls.h"
#include "daemon/helper_call.h"
#include "daemon/node_trust.h"
#include "daemon/payloads.h"
#include "daemon/querier_head.h"
#include "daemon/site_change.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <errno.h>
#include <time.h>

#define WAIT_S 60
#define RETRY_FIRST_S 1 /* after a round that failed; doubles */
#define RETRY_MAX_S 60
#define LOADERS_RETRY_NS (600 * NS_PER_S)
#define LOADERS_LOOK_NS (3600 * NS_PER_S)

struct reconcile {
	struct daemon *d;
	struct payloads *payloads;
	struct dnsmasq *dnsmasq; /* NULL with --no-dnsmasq */
	struct querier_head *querier;
	struct exports *files;
	char *conf_path, *pid_path;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more, done_one;
	/* under the lock */
	bool stop;
	uint64_t wanted, done; /* rounds */
	struct err last;       /* of the round `done` */
	/* the thread's own */
	struct head_tls tls;
	bool have_loaders;
	int64_t loaders_tried_ns;
	struct str_list told; /* images whose lack was said */
};

/* The lack of an image is said once, until it is there and lacks again. */
static void tell_missing(struct reconcile *r, struct str_list *missing)
{
	for (size_t i = 0; i < missing->len; i++)
		if (!str_list_has(&r->told, missing->items[i]))
			event_note(r->d, EVENT_WARNING, "image-missing", NULL,
				   "nodes stay on their disks: image %s is not in the store; run `orthrus image build %s`",
				   missing->items[i], missing->items[i]);
	str_list_free(&r->told);
	r->told = *missing;
	*missing = (struct str_list){ 0 };
}

static void tell_dnsmasq(struct reconcile *r, enum netboot_effect effect)
{
	if (!r->dnsmasq || effect == NETBOOT_UNWRITTEN)
		return;
	dnsmasq_run(r->dnsmasq);
	switch (effect) {
	case NETBOOT_NOTHING:
	case NETBOOT_UNWRITTEN:
		break;
	case NETBOOT_RELOAD:
		dnsmasq_reload(r->dnsmasq);
		break;
	case NETBOOT_RESTART:
		dnsmasq_restart(r->dnsmasq);
		break;
	}
}

static int follow_netboot(struct reconcile *r, struct err *err)
{
	autoclean(boot_input_free) struct boot_input b = { 0 };
	autoclean(str_list_free) struct str_list missing = { 0 };
	enum netboot_effect effect = NETBOOT_UNWRITTEN;
	int rc;

	if (boot_input_make(r->d, r->payloads, &b, &missing, err) < 0)
		return -1;
	tell_missing(r, &missing);
	rc = netboot_apply(&b.in, &effect, err);
	tell_dnsmasq(r, effect);
	return rc;
}

static int follow_loaders(struct reconcile *r, struct err *err)
{
	int64_t now = clock_now_ns(), pause = r->have_loaders ? LOADERS_LOOK_NS : LOADERS_RETRY_NS;

	/* Looked at again now and then: Debian's security updates of shim and GRUB shall reach machines that netboot. */
	if (r->loaders_tried_ns && now - r->loaders_tried_ns < pause)
		return 0;
	r->loaders_tried_ns = now;
	if (netboot_loaders(r->d->paths.tftp_dir, err) < 0)
		return err_wrap(err, "boot loaders for network boot");
	r->have_loaders = true;
	return 0;
}

/* Which head we are is said by others, if it is not known. */
static void follow_querier(struct reconcile *r, const struct site *site)
{
	struct err ignored = { 0 };

	querier_head_follow(r->querier, site, daemon_head(site, &ignored));
	if (r->dnsmasq)
		dnsmasq_turn(r->dnsmasq);
}

static int do_round(struct reconcile *r, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	struct err loaders = { 0 }, netboot = { 0 }, orders = { 0 };
	uint64_t version;
	int rc;

	/* Before a machine can ask for what it shall do; what goes wrong here keeps nobody from the rest. */
	if (site_change_resume(r->d, &orders) < 0)
		log_err("site", "orders", &orders);
	if (daemon_site(r->d, &site, &version, err) < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	follow_querier(r, &site);
	casts_follow(r->d->casts, &site);
	rc = head_tls_follow(&r->tls, r->d, r->payloads, &site, version, err);
	if (rc == 0)
		rc = node_trust_follow(r->d, &site, err);
	/* Without listener or boot loaders the files of nodes are still right: go on, and say it. */
	if (follow_loaders(r, &loaders) < 0)
		event_note(r->d, EVENT_ERROR, "loaders-failed", NULL, "%s%s%s", loaders.text, loaders.hint[0] ? "; " : "",
			   loaders.hint);
	if (follow_netboot(r, &netboot) < 0) {
		if (rc < 0)
			return err_wrap(err, "2 problems, the first");
		*err = netboot;
		rc = -1;
	}
	return rc;
}

/* Said when it begins, when it becomes another problem, and when it is over. */
static void tell_problem(struct reconcile *r, const struct err *before, const struct err *now)
{
	if (now->kind != ERR_NONE && !str_eq(before->text, now->text))
		event_note(r->d, EVENT_ERROR, "netboot-failed", NULL, "network boot does not follow the state: %s%s%s", now->text,
			   now->hint[0] ? "; " : "", now->hint);
	else if (now->kind == ERR_NONE && before->kind != ERR_NONE)
		event_note(r->d, EVENT_INFO, "netboot-follows", NULL, "network boot follows the state again");
}

/* Until the next round that nobody asks for. */
static time_t pause_s(unsigned int failures)
{
	time_t s = RETRY_FIRST_S;

	if (!failures)
		return HEAD_TLS_EVERY_NS / NS_PER_S + 1;
	while (--failures && s < RETRY_MAX_S)
		s *= 2;
	return s < RETRY_MAX_S ? s : RETRY_MAX_S;
}

static void *work(void *arg)
{
	struct reconcile *r = arg;
	struct err before = { 0 };
	unsigned int failures = 0;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		struct err err = { 0 };
		struct timespec until;
		uint64_t round;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += pause_s(failures);
		while (!r->stop && r->wanted == r->done)
			if (pthread_cond_timedwait(&r->more, &r->lock, &until) == ETIMEDOUT)
				r->wanted++;
		if (r->stop)
			break;
		round = r->wanted;
		pthread_mutex_unlock(&r->lock);
		if (do_round(r, &err) == 0)
			err = (struct err){ 0 };
		tell_problem(r, &before, &err);
		exports_kick(r->files);
		failures = err.kind == ERR_NONE ? 0 : failures + 1;
		before = err;
		pthread_mutex_lock(&r->lock);
		r->done = round;
		r->last = err;
		pthread_cond_broadcast(&r->done_one);
	}
	pthread_cond_broadcast(&r->done_one);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

void reconcile_kick(struct reconcile *r, bool retry)
{
	if (retry)
		payloads_retry(r->payloads);
	pthread_mutex_lock(&r->lock);
	r->wanted++;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
}

int reconcile_wait(struct reconcile *r, struct err *err)
{
	struct timespec until;
	uint64_t mine;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&r->lock);
	mine = ++r->wanted;
	pthread_cond_signal(&r->more);
	while (r->done < mine && !r->stop && rc == 0)
		rc = pthread_cond_timedwait(&r->done_one, &r->lock, &until);
	if (r->done < mine)
		rc = err_set(err, ERR_FAILED, "network boot did not follow within %d s", WAIT_S);
	else if (r->last.kind != ERR_NONE) {
		*err = r->last;
		rc = -1;
	} else
		rc = 0;
	pthread_mutex_unlock(&r->lock);
	return rc;
}

static void on_payload(void *ctx)
{
	reconcile_kick(ctx, false);
}

static int before_start(void *ctx, struct err *err)
{
	struct reconcile *r = ctx;
	autoclean(boot_input_free) struct boot_input b = { 0 };
	autoclean(str_list_free) struct str_list missing = { 0 };
	autofree char *leases = NULL;

	if (boot_input_make(r->d, r->payloads, &b, &missing, err) < 0 || netboot_before_start(&b.in, err) < 0)
		return -1;
	leases = fs_join(r->d->paths.run_dir, "dnsmasq.leases");
	return r->d->helper ? helper_share_leases(leases, err) : 0;
}

static int64_t querier_turn(void *ctx, int64_t now_ns)
{
	struct reconcile *r = ctx;

	return querier_head_turn(r->querier, now_ns);
}

static void on_dnsmasq(void *ctx, bool bad, const char *text)
{
	struct reconcile *r = ctx;

	event_note(r->d, bad ? EVENT_ERROR : EVENT_INFO, "dnsmasq", NULL, "%s", text);
}

static void reconcile_free(struct reconcile *r)
{
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->more);
	pthread_cond_destroy(&r->done_one);
	str_list_free(&r->told);
	querier_head_free(r->querier);
	free(r->conf_path);
	free(r->pid_path);
	free(r);
}

int reconcile_start(struct daemon *d, struct reconcile **out, struct err *err)
{
	struct reconcile *r = mem_zalloc(sizeof(*r));
	struct dnsmasq_opts opts = { .before_start = before_start, .tell = on_dnsmasq, .ctx = r, .turn = querier_turn };
	struct err gc = { 0 };
	int rc;

	r->d = d;
	r->conf_path = fs_join(d->paths.run_dir, "dnsmasq.conf");
	r->pid_path = fs_join(d->paths.run_dir, "dnsmasq.pid");
	opts.conf_path = r->conf_path;
	opts.pid_path = r->pid_path;
	opts.helper = d->helper;
	r->querier = querier_head_new(d->helper);
	pthread_mutex_init(&r->lock, NULL);
	thread_cond_init(&r->more);
	thread_cond_init(&r->done_one);
	if (payloads_collect(d, &gc) < 0)
		log_err("payload", "remove what is not needed", &gc);
	if (payloads_new(d, on_payload, r, &r->payloads, err) < 0) {
		reconcile_free(r);
		return -1;
	}
	if (!d->no_dnsmasq && dnsmasq_new(&opts, &r->dnsmasq, err) < 0) {
		if (payloads_stop(r->payloads))
			reconcile_free(r);
		return -1;
	}
	if (exports_start(d, &r->files, err) < 0) {
		dnsmasq_stop(r->dnsmasq);
		if (payloads_stop(r->payloads))
			reconcile_free(r);
		return -1;
	}
	*out = r; /* the thread opens the TLS listener, whose calls look there */
	rc = pthread_create(&r->thread, NULL, work, r);
	if (rc) {
		*out = NULL;
		exports_stop(r->files);
		dnsmasq_stop(r->dnsmasq);
		if (payloads_stop(r->payloads))
			reconcile_free(r);
		return err_errno(err, rc, "start the reconciling thread");
	}
	return 0;
}

int reconcile_look(struct reconcile *r, const struct boot_wish *wish, netboot_file_fn fn, void *ctx, enum netboot_effect *effect,
		   struct err *err)
{
	autoclean(boot_input_free) struct boot_input b = { 0 };

	return boot_input_look(r->d, r->payloads, wish, &b, err) < 0 ? -1 : netboot_look(&b.in, fn, ctx, effect, err);
}

struct exports *reconcile_exports(struct reconcile *r)
{
	return r->files;
}

void reconcile_querier(struct reconcile *r, struct querier_head_view *out)
{
	querier_head_look(r->querier, out);
}

void reconcile_status(struct reconcile *r, struct json_out *w)
{
	if (r->dnsmasq)
		dnsmasq_status(r->dnsmasq, w);
	else
		json_put_str(w, "dnsmasq", "off");
	querier_head_status(r->querier, w);
	payloads_status(r->payloads, w, "payloads");
	pthread_mutex_lock(&r->lock);
	json_put_bool(w, "behind", r->done != r->wanted);
	json_put_str(w, "problem", r->last.kind != ERR_NONE ? r->last.text : NULL);
	pthread_mutex_unlock(&r->lock);
}

bool reconcile_stop(struct reconcile *r)
{
	if (!r)
		return true;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->more);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	exports_stop(r->files);
	dnsmasq_stop(r->dnsmasq);
	if (!payloads_stop(r->payloads))
		return false;
	reconcile_free(r);
	return true;
}
