/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/prior.h"

#include "base/mem.h"
#include "daemon/ident.h"
#include "sys/clock.h"

#include <stdlib.h>

/* The seed of identifiers in a plan that is only shown. */
#define SHOWN_ID "00000000000000000000000000000000"

void prior_keep(const struct run *now, enum node_boot boot, struct run *next)
{
	next->prior = now->state;
	next->prior_boot = boot;
	model_set(&next->prior_image, now->image);
	model_set(&next->prior_install_id, now->install_id);
	model_set(&next->esp_uuid, now->esp_uuid);
	model_set(&next->booted, now->booted);
}

static void forget(struct run *r)
{
	r->prior_boot = NODE_BOOT_AUTO;
	model_set(&r->prior_image, NULL);
	model_set(&r->prior_install_id, NULL);
	model_set(&r->shown_digest, NULL);
}

int prior_gone(struct change *c, const char *node, struct run *r, struct err *err)
{
	if (ident_erased(c, node, err) < 0)
		return -1;
	r->prior = RUN_NEW;
	forget(r);
	model_set(&r->booted, NULL);
	model_set(&r->esp_uuid, NULL);
	return 0;
}

static void boot_back(struct change *c, const char *node, const struct run *r)
{
	autoclean(node_free) struct node n = { 0 };
	struct err gone = { 0 };

	if (r->prior_boot == NODE_BOOT_AUTO || daemon_node(c->d, node, &n, NULL, &gone) < 0)
		return;
	n.boot = r->prior_boot;
	change_node(c, &n);
}

void prior_back(struct change *c, const char *node, struct run *r)
{
	boot_back(c, node, r);
	model_set(&r->image, r->prior_image);
	model_set(&r->install_id, r->prior_install_id);
	run_set_state(r, r->prior, clock_wall_s());
	forget(r);
}

void prior_refused(struct change *c, const char *node, struct run *r, const char *step, const char *why, const char *hint)
{
	prior_back(c, node, r);
	if (r->state != RUN_INSTALLED && r->state != RUN_UP)
		run_set_state(r, RUN_FAILED, clock_wall_s());
	model_set(&r->step, step);
	model_set(&r->error, why);
	model_set(&r->hint, hint);
	change_delete(c, "order", node);
}

/* How a test of a disk was worded may differ from one try to the next; that it failed counts. */
static struct disks without_wording(const struct disks *disks)
{
	struct disks view = { .items = mem_array(disks->len ? disks->len : 1, sizeof(*view.items)), .len = disks->len };

	for (size_t i = 0; i < disks->len; i++) {
		view.items[i] = disks->items[i];
		view.items[i].bad = disks->items[i].bad ? mem_strdup("failed its test") : NULL;
	}
	return view;
}

int shown_digest(const struct order *order, const struct disks *disks, char hex[DIGEST_HEX_LEN], struct err *err)
{
	autofree char *shown_id = mem_strdup(SHOWN_ID);
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	struct disks view = without_wording(disks);
	struct order shown = *order;
	struct digest d;
	int rc;

	shown.install_id = shown_id;
	rc = install_plan(&shown, &view, &plan, &result, err);
	for (size_t i = 0; i < view.len; i++)
		free(view.items[i].bad); /* the rest is the caller's */
	free(view.items);
	if (rc < 0)
		return -1;
	plan_digest(&plan, &d);
	digest_hex(&d, hex);
	return 0;
}
