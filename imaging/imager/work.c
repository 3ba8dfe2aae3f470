/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "imaging/imager/bring.h"
#include "imaging/imager/diskless.h"
#include "imaging/imager/fetch.h"
#include "imaging/imager/identity.h"
#include "imaging/imager/report.h"
#include "imaging/imager/rescue.h"
#include "imaging/imager/run.h"
#include "installer/installer.h"
#include "sys/fs.h"

#include <string.h>

#define TEST_SAMPLES 32
#define PROGRESS_PERCENT 5
#define CERTIFICATE_MAX 16384

static void show_progress(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	struct install_run *run = ctx;
	int percent = total_bytes ? (int)((double)done_bytes * 100 / (double)total_bytes) : 100;
	const struct head_event event = {
		.install_id = run->order->install_id, .step = run->step->name, .event = "progress", .percent = percent
	};

	if (percent < run->shown_percent + PROGRESS_PERCENT && !(percent == 100 && run->shown_percent < 100))
		return;
	run->shown_percent = percent;
	report_line("[%zu/%zu] %s %s/%s %d %%", install_step_number(run, run->step), run->plan.len, run->step->name,
		    run->order->image_name, run->order->image_id, percent);
	head_tell(run->head, &event);
}

static int get_from_head(void *ctx, const char *path, uint64_t first, uint64_t len, size_t max, struct buf *out, struct err *err)
{
	return head_get(ctx, path, first, len, max, out, err);
}

int install_trust(const struct install_run *run, const char *name, struct buf *out, struct err *err)
{
	autofree char *path = fs_join(run->opts->trust_dir, name);

	return fs_read(path, 1 << 20, out, err);
}

static int ask_head(void *ctx, const char *body, size_t len, struct buf *answer, struct err *err)
{
	return head_cast(ctx, body, len, answer, err);
}

static int restore_image(struct install_run *run, int target_fd, struct err *err)
{
	const struct fetch_source source = { .get = get_from_head, .ctx = run->head };
	autofree char *sign_pub = fs_join(run->opts->trust_dir, "sign.pub");
	const struct bring_image b = { .order = run->order,
				       .sign_pub = sign_pub,
				       .opts = { .source = &source,
						 .ask = ask_head,
						 .ask_ctx = run->head,
						 .progress = show_progress,
						 .progress_ctx = run,
						 .server = head_server(run->head) } };

	return bring_image(&b, target_fd, &run->brought, err);
}

/* The steps that work in the restored system. */
static int perform_on_target(struct install_run *run, struct install_target *t, enum install_step type, struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };
	autoclean(buf_free) struct buf ca = { 0 };

	if (install_trust(run, "ca.crt", &ca, err) < 0)
		return -1;
	t->ca_crt = buf_str(&ca);
	t->disks = &disks;
	switch (type) {
	case INSTALL_RESTORE:
		return restore_image(run, t->fd, err);
	case INSTALL_HOST_FILES:
		return install_hostfiles(t, err) < 0 ? -1 : install_secrets(run, t->fd, err);
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

/* The certificate is renewed meanwhile: what is verified is what was written. */
static int read_certificate(struct install_run *run, const struct identity *id, enum install_step type, struct err *err)
{
	if (type != INSTALL_HOST_FILES)
		return 0;
	buf_clear(&run->written_crt);
	return fs_read(id->crt_path, CERTIFICATE_MAX, &run->written_crt, err);
}

static int perform_in_target(struct install_run *run, enum install_step type, struct err *err)
{
	const struct identity *id = head_identity(run->head);
	autoclose int fd = fs_open_dir(run->opts->target, err);
	char seal[NODE_SEAL_TEXT_LEN];
	struct install_identity own = { .key = buf_str(&id->keys.tls_pem),
					.seal = seal,
					.csr = id->csr,
					.seal_key = id->seal_key,
					.fingerprint = id->fingerprint };
	struct install_target t = {
		.order = run->order, .result = &run->result, .path = run->opts->target, .fd = fd, .identity = &own
	};
	int rc;

	if (fd < 0 || read_certificate(run, id, type, err) < 0)
		return -1;
	own.crt = buf_str(&run->written_crt);
	node_keys_seal_text(&id->keys, seal);
	rc = perform_on_target(run, &t, type, err);
	explicit_bzero(seal, sizeof(seal));
	return rc;
}

static int perform(struct install_run *run, const struct plan_step *step, struct err *err)
{
	if (raid_owns_step(step))
		return raid_perform(run->raid, step, err);
	switch ((enum install_step)step->type) {
	case INSTALL_RESTORE:
		if (raid_mount(run->raid, &run->result, err) < 0)
			return -1;
		return perform_in_target(run, INSTALL_RESTORE, err);
	case INSTALL_BOOT_LOADER:
		if (raid_mount_esp(run->raid, &run->result, err) < 0)
			return -1;
		return perform_in_target(run, INSTALL_BOOT_LOADER, err);
	case INSTALL_HOST_FILES:
	case INSTALL_VERIFY:
		return perform_in_target(run, (enum install_step)step->type, err);
	case INSTALL_UNMOUNT:
		return raid_unmount(run->raid, &run->result, err);
	case INSTALL_DISK_TEST:
		break;
	}
	return err_set(err, ERR_INVALID, "unknown step type %d", step->type);
}

static int look(struct disks *out, struct err *err)
{
	if (raid_probe(out, err) < 0)
		return -1;
	if (raid_test_disks(out, TEST_SAMPLES, err) == 0)
		return 0;
	disks_free(out);
	return -1;
}

const struct install_work install_work = {
	.look = look,
	.perform = perform,
	.undo_boot = install_undo_boot,
	.release = install_release,
	.diskless = diskless_prepare,
	.rescue_is_here = rescue_is_here,
	.rescue = rescue_prepare,
};
