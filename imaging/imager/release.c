/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/install.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/imager/report.h"
#include "sys/fs.h"
#include "sys/mounts.h"
#include "sys/spawn.h"

#include <errno.h>
#include <sys/mount.h>

void install_release(const char *target)
{
	autoclean(str_list_free) struct str_list mounts = { 0 };
	struct err err = { 0 };

	if (mounts_below(MOUNTS_TABLE, target, &mounts, &err) < 0)
		report_error(&err);
	for (size_t i = mounts.len; i-- > 0;)
		if (umount2(mounts.items[i], UMOUNT_NOFOLLOW) < 0) {
			err_errno(&err, errno, "unmount %s", mounts.items[i]);
			report_error(&err);
		}
	/* Arrays that the kernel put together by itself would pass for disks in use. */
	if (fs_exists("/proc/mdstat") && SPAWN(&err, "mdadm", "--stop", "--scan") < 0)
		report_error(&err);
}
