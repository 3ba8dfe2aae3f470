/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "imaging/imager/report.h"
#include "imaging/imager/run.h"
#include "installer/order.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <string.h>

size_t install_step_number(const struct install_run *run, const struct plan_step *step)
{
	return (size_t)(step - run->plan.steps) + 1;
}

static int note(void *ctx, const struct plan_step *step, enum plan_event ev, const struct err *cause, struct err *err)
{
	struct install_run *run = ctx;
	/* By what way the image came is worth knowing where it was not the quick one. */
	autofree char *way = ev == PLAN_DONE && step->type == INSTALL_RESTORE ? bring_text(&run->brought) : NULL;
	const struct head_event event = { .install_id = run->order->install_id,
					  .step = step->name,
					  .event = plan_event_name(ev),
					  .text = ev == PLAN_BEGIN ? step->text : way,
					  .percent = -1,
					  .cause = cause };

	run->step = step;
	run->shown_percent = 0;
	if (ev == PLAN_BEGIN)
		report_line("[%zu/%zu] %s: %s", install_step_number(run, step), run->plan.len, step->name, step->text);
	if (way)
		report_line("[%zu/%zu] %s: %s", install_step_number(run, step), run->plan.len, step->name, way);
	if (ev == PLAN_FAILED)
		report_line("[%zu/%zu] %s failed", install_step_number(run, step), run->plan.len, step->name);
	if (head_event(run->head, &event, err) < 0)
		return -1;
	run->told = run->told || ev == PLAN_FAILED;
	return 0;
}

static int test_disks(struct install_run *run, struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };

	if (run->opts->work->look(&disks, err) < 0)
		return -1;
	for (size_t i = 0; i < disks.len; i++) {
		autofree char *id = disk_id(&disks.items[i]);

		if (!disks.items[i].bad || !str_list_has(&run->result.members, id))
			continue;
		err_set(err, ERR_REFUSED, "disk %s failed its test: %s", id, disks.items[i].bad);
		err_hint(err, "replace the disk, or run `orthrus node install` again: the new plan leaves it out where the "
			      "layout allows");
		return -1;
	}
	return 0;
}

/* Before the boot loader's step the disks hold code that refuses to boot, and nothing that UEFI would start. */
static bool may_boot(const struct install_run *run)
{
	return run->step && (run->step->type == INSTALL_BOOT_LOADER || run->step->type == INSTALL_UNMOUNT);
}

/* Once, whatever fails afterwards. What could not be taken back is the most urgent thing that the reader of `why` must know. */
static void undo_boot(struct install_run *run, struct err *why)
{
	struct err err = { 0 };

	if (!may_boot(run) || run->undone)
		return;
	run->undone = true;
	run->boots = run->opts->work->undo_boot(run->opts->target, run->raid, &run->result, &err) < 0;
	if (run->boots)
		err_hint(why, "install it again before it starts from its disks, which may still boot the unfinished system: %s",
			 err.text);
}

static int perform(void *ctx, const struct plan_step *step, struct err *err)
{
	struct install_run *run = ctx;

	if ((step->type == INSTALL_DISK_TEST ? test_disks(run, err) : run->opts->work->perform(run, step, err)) == 0)
		return 0;
	/* Before the head is told of the failure, so that it is told of this too. */
	undo_boot(run, err);
	return -1;
}

/* "serial n01a (5 GiB), serial n01b (5 GiB; reading at byte 0 fails)" */
static char *list_disks(const struct disks *disks)
{
	autoclean(buf_free) struct buf out = { 0 };

	for (size_t i = 0; i < disks->len; i++) {
		const struct disk *d = &disks->items[i];
		autofree char *id = disk_id(d);
		char size[STR_BYTES_MAX];

		str_from_bytes(d->size_bytes, size);
		buf_addf(&out, "%s%s (%s%s%s)", i ? ", " : "", id, size, d->bad ? "; " : "", d->bad ? d->bad : "");
	}
	return out.len ? buf_steal(&out) : mem_strdup("none");
}

/* The order is for this cluster, and these are the disks that were approved: checked before the first step, so nothing was
 * touched. */
static int check_order(struct install_run *run, const struct disks *disks, struct err *err)
{
	autoclean(buf_free) struct buf cluster = { 0 };
	char digest[DIGEST_HEX_LEN];

	if (install_trust(run, "cluster-id", &cluster, err) < 0)
		return -1;
	if (cluster.len && cluster.data[cluster.len - 1] == '\n')
		cluster.data[--cluster.len] = '\0';
	if (!str_eq(buf_str(&cluster), run->order->cluster_id))
		return err_set(err, ERR_REFUSED, "the order is of cluster %s, this boot payload of cluster %s",
			       run->order->cluster_id, buf_str(&cluster));
	if (install_plan(run->order, disks, &run->plan, &run->result, err) < 0)
		return -1;
	if (!run->order->plan_digest)
		return 0;
	if (install_digest(run->order, disks, digest, err) < 0)
		return -1;
	if (!str_eq(digest, run->order->plan_digest)) {
		autofree char *now = list_disks(disks);

		err_set(err, ERR_REFUSED, "the disks are not those that were approved; there are now %s", now);
		err_hint(err, "run `orthrus node install %s --plan` to see the plan for the disks that are there now",
			 run->order->node);
		return -1;
	}
	return 0;
}

/* The head hears of a refusal like of a failed step; there is no step that it belongs to. So it does when it would not take the
 * news of a step: the step's name may be what it does not take, and without an end the order would stand for ever. */
static void refuse(struct install_run *run, const struct err *why)
{
	const struct head_event event = {
		.install_id = run->order->install_id, .step = "plan", .event = "failed", .percent = -1, .cause = why
	};
	struct err unheard = { 0 };

	if (head_event(run->head, &event, &unheard) < 0)
		report_error(&unheard);
}

static int prepare(struct install_run *run, struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };

	if (run->opts->work->look(&disks, err) < 0 || check_order(run, &disks, err) < 0)
		return -1;
	if (fs_mkdirs(run->opts->target, 0755, err) < 0)
		return -1;
	run->raid = raid_ctx_new(run->opts->target, err);
	return run->raid ? 0 : -1;
}

static const char *root_uuid(const struct raid_result *r)
{
	for (size_t i = 0; i < r->n_fs; i++)
		if (str_eq(r->fs[i].mount, "/"))
			return r->fs[i].uuid;
	return NULL;
}

static int report_done(struct install_run *run, int64_t began_ns, struct err *err)
{
	const struct raid_fs *esp = raid_esp(&run->result);
	autoclean(buf_free) struct buf report = { 0 };
	struct json_out w;

	json_out_init(&w, &report, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "root_uuid", root_uuid(&run->result));
	json_put_str(&w, "esp_uuid", esp ? esp->uuid : NULL);
	json_put_strs(&w, "disks", &run->result.members);
	json_put_str(&w, "image_name", run->order->image_name);
	json_put_str(&w, "image_id", run->order->image_id);
	json_put_u64(&w, "cast_bytes", run->brought.cast_bytes);
	json_put_u64(&w, "https_bytes", run->brought.https_bytes);
	if (run->brought.https_bytes && run->brought.why[0])
		json_put_str(&w, "https_reason", run->brought.why);
	json_put_u64(&w, "seconds", (uint64_t)((clock_now_ns() - began_ns) / NS_PER_S));
	json_end_obj(&w);
	return head_done(run->head, run->order->install_id, buf_str(&report), err);
}

static void run_free(struct install_run *run)
{
	raid_ctx_free(run->raid);
	buf_free(&run->written_crt);
	raid_result_free(&run->result);
	plan_free(&run->plan);
}

int install_run(const struct install_opts *opts, struct head *head, const struct order *order, struct err *err)
{
	static const struct plan_ops ops = { .perform = perform, .note = note };
	autoclean(run_free) struct install_run run = { .opts = opts, .head = head, .order = order };
	int64_t began = clock_now_ns();

	report_line("installing %s.%s with image %s/%s", run.order->node, run.order->domain, run.order->image_name,
		    run.order->image_id);
	if (prepare(&run, err) < 0) {
		refuse(&run, err);
		return -1;
	}
	if (plan_run(&run.plan, &ops, &run, err) == 0) {
		sync();
		if (report_done(&run, began, err) == 0)
			return 0;
	}
	/* Not only a step that failed: the head may have withdrawn the order when it heard of the last one. */
	undo_boot(&run, err);
	if (!run.told && (err->kind != ERR_CONFLICT || run.boots))
		refuse(&run, err);
	opts->work->release(opts->target);
	return -1;
}
