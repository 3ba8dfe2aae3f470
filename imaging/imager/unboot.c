/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/install.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/imager/report.h"
#include "installer/installer.h"
#include "sys/fs.h"

#include <string.h>
#include <sys/stat.h>

static bool is_mounted(const char *target, const struct raid_fs *fs)
{
	autofree char *at = fs_join(target, fs->mount + strspn(fs->mount, "/")), *above = fs_join(at, "..");
	struct stat inner, outer;

	return stat(at, &inner) == 0 && stat(above, &outer) == 0 && inner.st_dev != outer.st_dev;
}

static int remove_loader(const char *target, const struct raid_result *result, struct err *err)
{
	struct install_target t = { .result = result, .path = target };
	autoclose int fd = fs_open_dir(target, err);

	t.fd = fd;
	return fd < 0 ? -1 : install_unboot(&t, err);
}

/* On the disks themselves: whatever failed, the arrays may be stopped by now, and the imager's mdadm assembles none by itself. A
 * FAT that is mounted writes its first sector again when it is unmounted, so that comes before; one that can't be unmounted has
 * at least lost the file that UEFI starts. */
int install_undo_boot(const char *target, struct raid_ctx *raid, const struct raid_result *result, struct err *err)
{
	const struct raid_fs *esp = raid_esp(result);
	struct err kept = { 0 }, busy = { 0 };
	int rc;

	if (esp && is_mounted(target, esp) && remove_loader(target, result, &kept) < 0)
		report_error(&kept);
	if (raid_unmount(raid, result, &busy) < 0)
		report_error(&busy);
	rc = raid_unboot(raid, result, err);
	if (rc == 0 && kept.text[0] && is_mounted(target, esp)) {
		*err = kept;
		rc = -1;
	}
	if (rc == 0)
		report_line("the disks don't boot the unfinished system: its boot loaders were taken back");
	else
		report_line("the disks may still boot the unfinished system (%s): install again, or don't start it", err->text);
	return rc;
}
