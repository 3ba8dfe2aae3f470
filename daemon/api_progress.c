/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The imager's journal as the head keeps it, and the end of an installation. What is answered with 200 is durable. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/ident.h"
#include "daemon/imager_event.h"
#include "daemon/prior.h"
#include "daemon/reconcile.h"
#include "installer/order.h"
#include "sys/clock.h"

#include <string.h>

static int check_running(const struct run *r, const char *node, struct err *err)
{
	if (r->state == RUN_ORDERED || r->state == RUN_INSTALLING)
		return 0;
	return err_set(err, ERR_CONFLICT, "%s: its installation is over, it is %s", node, run_state_name(r->state));
}

/* Up to the first step that writes, what was installed before is whole and comes back when the installation does not take place.
 */
static bool only_reads(const char *step)
{
	return str_eq(step, "plan") || str_eq(step, "disk-test");
}

static int begin_step(struct change *c, const char *node, struct run *r, const struct imager_event *ev, struct run_step *s,
		      struct err *err)
{
	int64_t now = clock_wall_s();
	char at[CLOCK_UTC_LEN];

	if (r->state == RUN_ORDERED && !only_reads(ev->step)) {
		run_set_state(r, RUN_INSTALLING, now);
		if (prior_gone(c, node, r, err) < 0)
			return -1;
		change_event(c, EVENT_INFO, "install-begun", node, "installation of %s begins", r->image);
	}
	clock_utc(now, at);
	model_set(&r->step, ev->step);
	model_set(&r->step_text, ev->text);
	r->percent = 0;
	if (!s)
		return 0;
	model_set(&s->at, at);
	model_set(&s->result, "running");
	s->begun_s = (uint64_t)now;
	s->seconds = 0;
	return 0;
}

static void end_step(struct run_step *s, const char *result)
{
	uint64_t now = (uint64_t)clock_wall_s();

	if (!s)
		return;
	model_set(&s->result, result);
	s->seconds = now > s->begun_s && s->begun_s ? now - s->begun_s : 0;
}

/* The order is gone with it: a node that failed is not tried again by itself, somebody looks first. */
static void fail_install(struct change *c, const char *node, struct run *r, const struct imager_event *ev)
{
	const char *why = ev->error ? ev->error : ev->text ? ev->text : "the imager did not say why";

	if (r->state == RUN_ORDERED) {
		prior_refused(c, node, r, ev->step, why, ev->hint);
	} else {
		run_set_state(r, RUN_FAILED, clock_wall_s());
		model_set(&r->step, ev->step);
		model_set(&r->error, why);
		model_set(&r->hint, ev->hint);
		change_delete(c, "order", node);
	}
	change_event(c, EVENT_ERROR, "install-failed", node, "installation failed at %s: %s", ev->step, r->error);
}

/* Into the run document and the events. 0: nothing worth writing; 1: written with the commit. */
static int take_event(struct change *c, const char *node, struct run *r, const struct imager_event *ev, struct err *err)
{
	struct run_step *s = ev->type == IMAGER_PROGRESS ? NULL : run_step(r, ev->step);
	char at[CLOCK_UTC_LEN];

	switch (ev->type) {
	case IMAGER_BEGIN:
		if (begin_step(c, node, r, ev, s, err) < 0)
			return -1;
		change_event(c, EVENT_INFO, "step-begun", node, "%s: %s", ev->step, ev->text ? ev->text : "begins");
		break;
	case IMAGER_DONE:
		end_step(s, "done");
		r->percent = 100;
		change_event(c, EVENT_INFO, "step-done", node, "%s: done%s%s", ev->step, ev->text ? ": " : "",
			     ev->text ? ev->text : "");
		break;
	case IMAGER_FAILED:
		end_step(s, "failed");
		fail_install(c, node, r, ev);
		break;
	case IMAGER_PROGRESS:
		if (r->percent == ev->percent && str_eq(r->step, ev->step))
			return 0;
		model_set(&r->step, ev->step);
		if (ev->text)
			model_set(&r->step_text, ev->text);
		r->percent = ev->percent;
		break;
	}
	r->last_seq = ev->seq;
	clock_utc(clock_wall_s(), at);
	model_set(&r->seen, at);
	return 1;
}

static void say_ok(struct http_call *call)
{
	buf_adds(http_out(call), "{\"ok\":true}");
}

/* After it was given up: that its boot loaders could not be taken back, say. Nothing changes by it, but somebody should know. */
static int note_afterwards(struct change *c, const char *node, struct run *r, const struct imager_event *ev, struct err *err)
{
	r->last_seq = ev->seq;
	change_run(c, node, r);
	change_event(c, EVENT_ERROR, "install-failed", node, "after its installation was over: %s%s%s",
		     ev->error ? ev->error : ev->step, ev->hint ? "; " : "", ev->hint ? ev->hint : "");
	return change_commit(c, err);
}

/* It tries again every few seconds: only what is new is written. It is not up then, whatever it was before; what its disks hold
 * is not told of by that. */
static int note_diskless(struct daemon *d, struct change *c, const char *node, struct run *r, const struct imager_event *ev,
			 struct err *err)
{
	autoclean(node_free) struct node n = { 0 };
	const char *why = ev->error ? ev->error : "the imager did not say why";

	if (daemon_node(d, node, &n, NULL, err) < 0)
		return -1;
	if (ev->type != IMAGER_FAILED || n.boot != NODE_BOOT_DISKLESS || r->state == RUN_ORDERED || r->state == RUN_INSTALLING)
		return err_set(err, ERR_CONFLICT, "%s: it was not told to run its image from memory", node);
	if (str_eq(r->step, DISKLESS_STEP) && str_eq(r->error, why) && r->state != RUN_UP)
		return 0;
	if (r->state == RUN_UP)
		run_set_state(r, r->install_id ? RUN_INSTALLED : RUN_READY, clock_wall_s());
	model_set(&r->step, DISKLESS_STEP);
	model_set(&r->step_text, NULL);
	model_set(&r->error, why);
	model_set(&r->hint, ev->hint);
	change_run(c, node, r);
	change_event(c, EVENT_ERROR, "diskless-failed", node, "it can't run its image from memory: %s%s%s", why,
		     ev->hint ? "; " : "", ev->hint ? ev->hint : "");
	return change_commit(c, err);
}

int api_imager_event(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(imager_event_free) struct imager_event ev = { 0 };
	autofree char *node = NULL;
	autoclean(run_free) struct run r = { 0 };
	autoclean(change_end) struct change c = { 0 };
	size_t len;
	const char *body = http_body(call, &len);
	int taken;

	change_begin(&c, d);
	if (ident_caller(d, call, &node, &r, err) < 0 || imager_event_read(body, len, &ev, err) < 0)
		return -1;
	if (str_eq(ev.step, DISKLESS_STEP)) {
		if (note_diskless(d, &c, node, &r, &ev, err) < 0)
			return -1;
		say_ok(call);
		return 0;
	}
	if ((ev.seq > r.last_seq && api_check_install(&r, node, ev.install_id, err) < 0))
		return -1;
	say_ok(call);
	/* Its answer was lost and it says it again: this is not news, of whichever installation. */
	if (ev.seq <= r.last_seq)
		return 0;
	if (r.state == RUN_FAILED && ev.type == IMAGER_FAILED)
		return note_afterwards(&c, node, &r, &ev, err);
	if (check_running(&r, node, err) < 0)
		return -1;
	taken = take_event(&c, node, &r, &ev, err);
	if (taken <= 0)
		return taken;
	change_run(&c, node, &r);
	if (change_commit(&c, err) < 0)
		return -1;
	if (ev.type != IMAGER_FAILED)
		return 0;
	change_release(&c);
	reconcile_kick(d->reconcile, false);
	return 0;
}

static int finish_run(struct change *c, const char *node, struct run *r, const struct imager_done *done, struct err *err)
{
	autoclean(buf_free) struct buf report = { 0 };

	if (ident_installed(c, node, err) < 0)
		return -1;
	run_set_state(r, RUN_INSTALLED, clock_wall_s());
	model_set(&r->step, NULL);
	model_set(&r->step_text, NULL);
	model_set(&r->error, NULL);
	model_set(&r->hint, NULL);
	r->percent = 100;
	model_set(&r->esp_uuid, done->esp_uuid);
	change_run(c, node, r);
	change_delete(c, "order", node);
	if (done->report) {
		buf_adds(&report, done->report);
		change_put(c, "report", node, &report);
	}
	change_event(c, EVENT_INFO, "node-installed", node, "%s is installed; the machine boots its own disk now", r->image);
	return 0;
}

int api_imager_done(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(imager_done_free) struct imager_done done = { 0 };
	autofree char *node = NULL;
	autoclean(run_free) struct run r = { 0 };
	autoclean(change_end) struct change c = { 0 };
	size_t len;
	const char *body = http_body(call, &len);

	change_begin(&c, d);
	if (ident_caller(d, call, &node, &r, err) < 0 || imager_done_read(body, len, &done, err) < 0 ||
	    api_check_install(&r, node, done.install_id, err) < 0)
		return -1;
	if (r.state != RUN_INSTALLED && r.state != RUN_UP) {
		if (check_running(&r, node, err) < 0)
			return -1;
		if (r.state == RUN_ORDERED) /* each step is told before it begins: nothing was written */
			return err_set(err, ERR_CONFLICT, "%s: its installation has not begun, it can't be done", node);
		if (finish_run(&c, node, &r, &done, err) < 0 || change_commit(&c, err) < 0)
			return -1;
	}
	/* The machine reboots when it hears 200: by then its next netboot must lead to its own disk. */
	change_release(&c);
	if (reconcile_wait(d->reconcile, err) < 0)
		return err_wrap(err, "%s is installed, but network boot does not follow", node);
	buf_adds(http_out(call), "{\"action\":\"disk\"}");
	return 0;
}
