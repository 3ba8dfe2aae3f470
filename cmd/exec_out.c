/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/exec.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#define LAST_WORDS_MS 500 /* how long after a signal a reader that rests is waited for */

/* Until `fd` takes a piece of PIPE_BUF bytes without a wait; false when a signal came first. */
static bool wait_for_room(struct exec_out *o, int fd)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = fd, .events = POLLOUT }, { .fd = o->signal_fd, .events = POLLIN } };
		int n = poll(p, o->gave_up ? 1 : 2, o->gave_up ? 0 : -1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || p[0].revents) /* also with POLLERR: the write tells */
			return true;
		if (o->gave_up)
			return false;
		/* A signal: who reads may just be slow. */
		if (poll(p, 1, LAST_WORDS_MS) > 0)
			return true;
		o->gave_up = true;
		return false;
	}
}

bool exec_put(struct exec_out *o, int fd, const char *data, size_t len)
{
	while (len) {
		size_t piece = len < PIPE_BUF ? len : PIPE_BUF;
		ssize_t n;

		if (fd == STDOUT_FILENO && (o->gone || o->wrong.kind != ERR_NONE))
			return false;
		if (!wait_for_room(o, fd))
			return false;
		n = write(fd, data, piece);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0 && fd == STDOUT_FILENO && errno == EPIPE)
			o->gone = true;
		else if (n < 0 && fd == STDOUT_FILENO)
			err_errno(&o->wrong, errno, "write to standard output");
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}
