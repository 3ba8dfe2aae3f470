/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/fs_direct.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int fs_pwrite_direct(int fd, const char *name, const void *data, size_t len, uint64_t at, size_t *done, struct err *err)
{
	int flags = fcntl(fd, F_GETFL), rc = 0;
	const char *p = data;

	*done = 0;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) < 0)
		return 0;
	while (*done < len && *done % FS_DIRECT_ALIGN == 0 && rc == 0) {
		ssize_t n = pwrite(fd, p + *done, len - *done, (off_t)(at + *done));

		if (n > 0)
			*done += (size_t)n;
		else if (n == 0 || errno == EINVAL || errno == EOPNOTSUPP)
			break;
		else if (errno != EINTR)
			rc = err_errno(err, errno, "write %s at %llu", name, (unsigned long long)(at + *done));
	}
	/* Only to set it can be refused. */
	(void)fcntl(fd, F_SETFL, flags);
	return rc;
}
