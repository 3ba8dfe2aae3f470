/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/install.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/imager/report.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

/* The mount points at or below `target`, in the order they were mounted (proc(5): mountinfo, 5th field). */
static int list_mounts(const char *target, struct str_list *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	size_t len = strlen(target);

	if (fs_read("/proc/self/mountinfo", 1 << 20, &text, err) < 0)
		return -1;
	for (const char *at = buf_str(&text); *at;) {
		const char *end = at + strcspn(at, "\n"), *field = at;
		autofree char *path = NULL;

		for (int i = 0; i < 4 && field < end; i++) {
			field += strcspn(field, " \n");
			field += *field == ' ';
		}
		path = mem_strndup(field, strcspn(field, " \n"));
		if (str_starts(path, target) && (path[len] == '\0' || path[len] == '/'))
			str_list_add(out, path);
		at = end + (*end == '\n');
	}
	return 0;
}

void install_release(const char *target)
{
	autoclean(str_list_free) struct str_list mounts = { 0 };
	struct err err = { 0 };

	if (list_mounts(target, &mounts, &err) < 0)
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
