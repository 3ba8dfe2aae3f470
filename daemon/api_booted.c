/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first boot of an installed system, as it reports it itself. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/ident.h"
#include "daemon/imager_event.h"
#include "daemon/reconcile.h"
#include "sys/clock.h"

#include <string.h>

static const char *step_result(const struct run *r, const char *name)
{
	for (size_t i = 0; i < r->n_steps; i++)
		if (str_eq(r->steps[i].name, name))
			return r->steps[i].result;
	return NULL;
}

/* The machine was switched off or lost the head after it was made bootable and before it said `done`, and its firmware starts the
 * disk first: it would never netboot again to say so, or be installed over what works there. With the boot-loader step reported
 * as done nothing is missing (the check of the files came before it). Otherwise not each disk may boot. */
static int end_by_boot(struct change *c, const char *node, struct run *r, struct err *err)
{
	const char *loader = step_result(r, "boot-loader");

	change_delete(c, "order", node);
	if (str_eq(loader, "done")) {
		run_set_state(r, RUN_INSTALLED, clock_wall_s());
		change_event(c, EVENT_WARNING, "node-installed", node,
			     "%s is installed: it boots its own disk, though it did not report the end", r->image);
		return ident_installed(c, node, err);
	}
	run_set_state(r, RUN_FAILED, clock_wall_s());
	model_set(&r->error, "it booted from its disks in the middle of its installation");
	model_set(&r->hint, "its boot loader may be missing on a disk: install it again");
	change_event(c, EVENT_ERROR, "install-failed", node, "installation failed at %s: %s",
		     r->step ? r->step : "an unknown step", r->error);
	return 0;
}

/* An installation that failed must not boot; that it does so is said to the administrator, each time. */
static int refuse_boot(struct change *c, const char *node, const struct run *r, struct err *err)
{
	if (r->state == RUN_FAILED)
		change_event(c, EVENT_ERROR, "booted-unfinished", node,
			     "it booted from its disks, though its installation failed: don't use it, install it again");
	if (change_commit(c, err) < 0)
		return -1;
	err_set(err, ERR_CONFLICT, "%s is %s: it can't have booted from its disks", node, run_state_name(r->state));
	return err_hint(err, "install it again: orthrus node install %s", node);
}

static int note_boot(struct change *c, const char *node, struct run *r, const struct imager_booted *b, struct err *err)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;

	json_out_init(&w, &json, false);
	imager_booted_print(b, &w);
	if (r->state == RUN_UP && str_eq(r->booted, buf_str(&json)))
		return 0;
	if (r->state == RUN_INSTALLED) {
		run_set_state(r, RUN_UP, clock_wall_s());
		change_event(c, EVENT_INFO, "node-up", node, "booted from its own disks: root %s, kernel %s%s%s",
			     b->root ? b->root : "?", b->kernel ? b->kernel : "?", b->os ? ", " : "", b->os ? b->os : "");
	}
	if (r->state == RUN_ORDERED)
		r->prior = RUN_UP;
	model_set(&r->booted, buf_str(&json));
	if (b->esp)
		model_set(&r->esp_uuid, b->esp);
	change_run(c, node, r);
	return change_commit(c, err);
}

/* What runs from memory is no installation: it says so at each boot, and what the disks hold is not told of by that. */
static int note_diskless(struct change *c, const char *node, struct run *r, struct imager_booted *b, struct err *err)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;

	model_set(&b->root, "memory");
	json_out_init(&w, &json, false);
	imager_booted_print(b, &w);
	if (r->state == RUN_UP && str_eq(r->booted, buf_str(&json)))
		return 0;
	(void)run_forget_diskless(r);
	run_set_state(r, RUN_UP, clock_wall_s());
	change_event(c, EVENT_INFO, "node-up", node, "runs from memory: kernel %s%s%s", b->kernel ? b->kernel : "?",
		     b->os ? ", " : "", b->os ? b->os : "");
	model_set(&r->booted, buf_str(&json));
	change_run(c, node, r);
	return change_commit(c, err);
}

int api_imager_booted(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(imager_booted_free) struct imager_booted b = { 0 };
	autofree char *node = NULL;
	autoclean(run_free) struct run r = { 0 };
	autoclean(node_free) struct node n = { 0 };
	autoclean(change_end) struct change c = { 0 };
	size_t len;
	const char *body = http_body(call, &len);
	bool ends, before, moved;

	change_begin(&c, d);
	if (ident_caller(d, call, &node, &r, err) < 0 || imager_booted_read(body, len, &b, err) < 0)
		return -1;
	if (daemon_node(d, node, &n, NULL, err) < 0)
		return -1;
	/* The system on its disks may still speak, which was told to be left at the next start. */
	if (n.boot == NODE_BOOT_DISKLESS && r.state != RUN_ORDERED && r.state != RUN_INSTALLING &&
	    !str_eq(r.install_id, b.install_id)) {
		if (note_diskless(&c, node, &r, &b, err) < 0)
			return -1;
		buf_adds(http_out(call), "{\"ok\":true}");
		return 0;
	}
	/* Ordered again before it reported for the first time: it speaks of what is there now. */
	before = r.state == RUN_ORDERED && str_eq(r.prior_install_id, b.install_id);
	if (!before && api_check_install(&r, node, b.install_id, err) < 0)
		return -1;
	ends = r.state == RUN_INSTALLING;
	if (ends && end_by_boot(&c, node, &r, err) < 0)
		return -1;
	if (!ends && !before && r.state != RUN_INSTALLED && r.state != RUN_UP)
		return refuse_boot(&c, node, &r, err);
	moved = b.esp && !str_eq(b.esp, r.esp_uuid);
	if (note_boot(&c, node, &r, &b, err) < 0)
		return -1;
	buf_adds(http_out(call), "{\"ok\":true}");
	if (!ends && !moved)
		return 0;
	change_release(&c);
	reconcile_kick(d->reconcile, false);
	return 0;
}
