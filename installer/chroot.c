/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/chroot.h"

#include "base/mem.h"
#include "base/str.h"
#include "installer/target.h"

#include <errno.h>
#include <sys/mount.h>

static const char *const dirs[] = { "dev", "proc", "sys", "run" };

/* Through the file descriptor: a link in the image can't send the mount elsewhere. */
static int bind_one(int root_fd, const char *dir, struct err *err)
{
	autofree char *from = str_format("/%s", dir), *at = NULL;
	autoclose int fd = target_open_dir(root_fd, dir, 0755, err);

	if (fd < 0)
		return -1;
	at = str_format("/proc/self/fd/%d", fd);
	if (mount(from, at, NULL, MS_BIND, NULL) < 0)
		return err_errno(err, errno, "bind %s into the new system", from);
	return 0;
}

int chroot_enter(const char *target, int root_fd, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		struct err ignored = { 0 };

		if (bind_one(root_fd, dirs[i], err) < 0) {
			(void)!chroot_leave(target, &ignored);
			return -1;
		}
	}
	return 0;
}

int chroot_leave(const char *target, struct err *err)
{
	int rc = 0;

	for (size_t i = ARRAY_LEN(dirs); i-- > 0;) {
		autofree char *at = str_format("%s/%s", target, dirs[i]);

		/* EINVAL: nothing mounted there. */
		if (umount2(at, UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT && rc == 0)
			rc = err_errno(err, errno, "unmount %s", at);
	}
	return rc;
}
