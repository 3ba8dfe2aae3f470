/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/install.h"

#include "base/mem.h"
#include "imaging/imager/fetch.h"
#include "imaging/restore.h"
#include "installer/installer.h"
#include "imaging/imager/report.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <string.h>

#define TEST_SAMPLES 32
#define PROGRESS_PERCENT 5

struct run {
	const struct install_opts *opts;
	struct head *head;
	const struct order *order;
	struct plan plan;
	struct raid_result result;
	struct raid_ctx *raid;
	const struct plan_step *step; /* the one under way */
	int shown_percent;
	char *written_token; /* the report token that the node's files hold */
};

static size_t step_number(const struct run *run, const struct plan_step *step)
{
	return (size_t)(step - run->plan.steps) + 1;
}

static int note(void *ctx, const struct plan_step *step, enum plan_event ev, const struct err *cause, struct err *err)
{
	struct run *run = ctx;
	const struct head_event event = { .install_id = run->order->install_id,
					  .step = step->name,
					  .event = plan_event_name(ev),
					  .text = ev == PLAN_BEGIN ? step->text : NULL,
					  .percent = -1,
					  .cause = cause };

	run->step = step;
	run->shown_percent = 0;
	if (ev == PLAN_BEGIN)
		report_line("[%zu/%zu] %s: %s", step_number(run, step), run->plan.len, step->name, step->text);
	if (ev == PLAN_FAILED)
		report_line("[%zu/%zu] %s failed", step_number(run, step), run->plan.len, step->name);
	return head_event(run->head, &event, err);
}

static void show_progress(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	struct run *run = ctx;
	int percent = total_bytes ? (int)((double)done_bytes * 100 / (double)total_bytes) : 100;
	const struct head_event event = {
		.install_id = run->order->install_id, .step = run->step->name, .event = "progress", .percent = percent
	};

	if (percent < run->shown_percent + PROGRESS_PERCENT && !(percent == 100 && run->shown_percent < 100))
		return;
	run->shown_percent = percent;
	report_line("[%zu/%zu] %s %s/%s %d %%", step_number(run, run->step), run->plan.len, run->step->name,
		    run->order->image_name, run->order->image_id, percent);
	head_tell(run->head, &event);
}

static int test_disks(struct run *run, struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };

	if (raid_probe(&disks, err) < 0 || raid_test_disks(&disks, TEST_SAMPLES, err) < 0)
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

static int get_from_head(void *ctx, const char *path, uint64_t first, uint64_t len, size_t max, struct buf *out, struct err *err)
{
	return head_get(ctx, path, first, len, max, out, err);
}

static int read_trust(const struct run *run, const char *name, struct buf *out, struct err *err)
{
	autofree char *path = fs_join(run->opts->trust_dir, name);

	return fs_read(path, 1 << 20, out, err);
}

static int restore_image(struct run *run, int target_fd, struct err *err)
{
	const struct fetch_source source = { .get = get_from_head, .ctx = run->head };
	const struct order *o = run->order;
	autofree char *key_path = fs_join(run->opts->trust_dir, "sign.pub");
	autoclean(fetch_docs_free) struct fetch_docs docs = { 0 };
	struct digest approved;
	struct verify_key key;
	struct restore *r = NULL;
	struct restore_source src = { .key = &key,
				      .cluster_id = o->cluster_id,
				      .name = o->image_name,
				      .manifest_digest = &approved,
				      .min_sequence = o->min_sequence };
	int rc;

	if (verify_key_load(key_path, &key, err) < 0 || str_unhex(o->manifest_digest, approved.bytes, DIGEST_LEN, err) < 0 ||
	    fetch_docs(&source, o->image_name, o->image_id, &docs, err) < 0)
		return -1;
	src.manifest = docs.manifest.data;
	src.manifest_len = docs.manifest.len;
	src.manifest_sig = docs.signature.data;
	src.manifest_sig_len = docs.signature.len;
	src.tree = docs.tree.data;
	src.tree_len = docs.tree.len;
	src.chunks = docs.chunks.data;
	src.chunks_len = docs.chunks.len;
	if (restore_begin(&src, target_fd, &r, err) < 0)
		return -1;
	fetch_docs_free(&docs);
	rc = fetch_chunks(&source, r, show_progress, run, err) < 0 ? -1 : restore_finish(r, err);
	restore_free(r);
	return rc;
}

/* The steps that work in the restored system. */
static int perform_on_target(struct run *run, struct install_target *t, enum install_step type, struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };
	autoclean(buf_free) struct buf ca = { 0 };

	if (read_trust(run, "ca.crt", &ca, err) < 0)
		return -1;
	t->ca_crt = buf_str(&ca);
	t->disks = &disks;
	switch (type) {
	case INSTALL_RESTORE:
		return restore_image(run, t->fd, err);
	case INSTALL_HOST_FILES:
		free(run->written_token);
		run->written_token = t->report_token ? mem_strdup(t->report_token) : NULL;
		return install_hostfiles(t, err);
	case INSTALL_VERIFY:
		return raid_verify(&run->result, err) < 0 ? -1 : install_verify(t, err);
	case INSTALL_BOOT_LOADER:
		return raid_probe(&disks, err) < 0 ? -1 : install_bootloader(t, err);
	case INSTALL_DISK_TEST:
	case INSTALL_UNMOUNT:
		break;
	}
	return err_set(err, ERR_INVALID, "step type %d does not work in the mounted system", (int)type);
}

static int perform_in_target(struct run *run, enum install_step type, struct err *err)
{
	autoclose int fd = fs_open_dir(run->opts->target, err);
	struct install_target t = { .order = run->order,
				    .result = &run->result,
				    .path = run->opts->target,
				    .fd = fd,
				    .report_token =
					    type == INSTALL_HOST_FILES ? head_report_token(run->head) : run->written_token };

	return fd < 0 ? -1 : perform_on_target(run, &t, type, err);
}

static int perform(void *ctx, const struct plan_step *step, struct err *err)
{
	struct run *run = ctx;

	if (raid_owns_step(step))
		return raid_perform(run->raid, step, err);
	switch ((enum install_step)step->type) {
	case INSTALL_DISK_TEST:
		return test_disks(run, err);
	case INSTALL_RESTORE:
		if (raid_mount(run->raid, &run->result, err) < 0)
			return -1;
		return perform_in_target(run, INSTALL_RESTORE, err);
	case INSTALL_HOST_FILES:
	case INSTALL_VERIFY:
	case INSTALL_BOOT_LOADER:
		return perform_in_target(run, (enum install_step)step->type, err);
	case INSTALL_UNMOUNT:
		/* Had to say hello again meanwhile? Then the head has forgotten the token that we wrote. */
		if (!str_eq(run->written_token, head_report_token(run->head)) &&
		    perform_in_target(run, INSTALL_HOST_FILES, err) < 0)
			return -1;
		return raid_unmount(run->raid, &run->result, err);
	}
	return err_set(err, ERR_INVALID, "unknown step type %d", step->type);
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
static int check_order(struct run *run, const struct disks *disks, struct err *err)
{
	autoclean(buf_free) struct buf cluster = { 0 };
	char digest[DIGEST_HEX_LEN];

	if (read_trust(run, "cluster-id", &cluster, err) < 0)
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

/* The head hears of a refusal like of a failed step; there is no step that it belongs to. */
static void refuse(struct run *run, const struct err *why)
{
	const struct head_event event = {
		.install_id = run->order->install_id, .step = "plan", .event = "failed", .percent = -1, .cause = why
	};
	struct err unheard = { 0 };

	if (head_event(run->head, &event, &unheard) < 0)
		report_error(&unheard);
}

static int prepare(struct run *run, struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };

	if (raid_probe(&disks, err) < 0 || raid_test_disks(&disks, 0, err) < 0 || check_order(run, &disks, err) < 0)
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

static int report_done(struct run *run, int64_t began_ns, struct err *err)
{
	const struct raid_fs *esp = install_esp(&run->result);
	autoclean(buf_free) struct buf report = { 0 };
	struct json_out w;

	json_out_init(&w, &report, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "root_uuid", root_uuid(&run->result));
	json_put_str(&w, "esp_uuid", esp ? esp->uuid : NULL);
	json_put_strs(&w, "disks", &run->result.members);
	json_put_str(&w, "image_name", run->order->image_name);
	json_put_str(&w, "image_id", run->order->image_id);
	json_put_u64(&w, "seconds", (uint64_t)((clock_now_ns() - began_ns) / NS_PER_S));
	json_end_obj(&w);
	return head_done(run->head, run->order->install_id, buf_str(&report), err);
}

/* Before the boot loader's step the disks hold code that refuses to boot, and nothing that UEFI would start. */
static bool may_boot(const struct run *run)
{
	return run->step && (run->step->type == INSTALL_BOOT_LOADER || run->step->type == INSTALL_UNMOUNT);
}

static void run_free(struct run *run)
{
	raid_ctx_free(run->raid);
	free(run->written_token);
	raid_result_free(&run->result);
	plan_free(&run->plan);
}

int install_run(const struct install_opts *opts, struct head *head, const struct order *order, struct err *err)
{
	static const struct plan_ops ops = { .perform = perform, .note = note };
	autoclean(run_free) struct run run = { .opts = opts, .head = head, .order = order };
	int64_t began = clock_now_ns();

	report_line("installing %s.%s with image %s/%s", run.order->node, run.order->domain, run.order->image_name,
		    run.order->image_id);
	if (prepare(&run, err) < 0) {
		refuse(&run, err);
		return -1;
	}
	if (plan_run(&run.plan, &ops, &run, err) < 0) {
		if (may_boot(&run))
			install_undo_boot(opts->target, run.raid, &run.result);
		install_release(opts->target);
		return -1;
	}
	sync();
	if (report_done(&run, began, err) == 0)
		return 0;
	/* Withdrawn at the last moment: the head takes it for a failure. */
	install_undo_boot(opts->target, run.raid, &run.result);
	install_release(opts->target);
	return -1;
}
