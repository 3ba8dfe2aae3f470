/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/install.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/imager/report.h"
#include "installer/installer.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <string.h>
#include <sys/stat.h>

const struct raid_fs *install_esp(const struct raid_result *result)
{
	for (size_t i = 0; i < result->n_fs; i++)
		if (str_eq(result->fs[i].type, "vfat") && result->fs[i].mount)
			return &result->fs[i];
	return NULL;
}

static bool is_mounted(const char *target, const struct raid_fs *fs)
{
	autofree char *at = fs_join(target, fs->mount + strspn(fs->mount, "/")), *above = fs_join(at, "..");
	struct stat inner, outer;

	return stat(at, &inner) == 0 && stat(above, &outer) == 0 && inner.st_dev != outer.st_dev;
}

/* When unmounting is what failed, it may be the one that was unmounted, and its array stopped. */
static int mount_esp(const char *target, struct raid_ctx *raid, const struct raid_result *result, const struct raid_fs *esp,
		     struct err *err)
{
	struct raid_fs only = *esp;
	struct raid_result part = *result;
	struct err why = { 0 };
	int assembled = 0;

	if (is_mounted(target, esp))
		return 0;
	/* Fails too when all arrays run: only of interest when the mount fails. */
	if (esp->device_md)
		assembled = SPAWN(&why, "mdadm", "--assemble", "--scan");
	part.fs = &only;
	part.n_fs = 1;
	if (raid_mount(raid, &part, err) == 0)
		return 0;
	if (assembled < 0)
		err_hint(err, "also: %s", why.text);
	return -1;
}

static int undo_uefi(const char *target, struct raid_ctx *raid, const struct raid_result *result, struct err *err)
{
	const struct raid_fs *esp = install_esp(result);
	struct install_target t = { .result = result, .path = target };
	autoclose int fd = -1;

	if (!esp)
		return 0;
	if (mount_esp(target, raid, result, esp, err) < 0)
		return -1;
	fd = fs_open_dir(target, err);
	t.fd = fd;
	return fd < 0 ? -1 : install_unboot(&t, err);
}

void install_undo_boot(const char *target, struct raid_ctx *raid, const struct raid_result *result)
{
	struct err bios = { 0 }, uefi = { 0 };
	int bios_rc = raid_unboot(raid, result, &bios), uefi_rc = undo_uefi(target, raid, result, &uefi);

	if (bios_rc < 0)
		report_error(&bios);
	if (uefi_rc < 0)
		report_error(&uefi);
	if (bios_rc < 0 || uefi_rc < 0)
		report_line("the disks may still boot the unfinished system: install again, or don't start it");
	else
		report_line("the disks don't boot the unfinished system: its boot loaders were taken back");
}
