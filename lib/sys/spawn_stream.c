/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/spawn_stream.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/spawn_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_MAX ((size_t)65536)
#define POLL_MS 200

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int spawn_stream_open(const struct spawn *s, struct spawn_stream *out, struct err *err)
{
	int in[2] = { -1, -1 }, to[2] = { -1, -1 }, words[2] = { -1, -1 }, rc = -1;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(to, O_CLOEXEC) < 0 || pipe2(words, O_CLOEXEC) < 0)
		err_errno(err, errno, "make a pipe");
	else
		rc = spawn_child(s, in[0], to[1], words[1], &out->pid, err);
	close_all((const int[]){ in[0], to[1], words[1] }, 3);
	if (rc < 0) {
		close_all((const int[]){ in[1], to[0], words[0] }, 3);
		out->in = out->out = out->err_fd = -1;
		out->exited = true;
		return -1;
	}
	*out = (struct spawn_stream){
		.program = s->argv[0], .pid = out->pid, .in = in[1], .out = to[0], .err_fd = words[0], .idled_ns = clock_now_ns()
	};
	fcntl(out->in, F_SETFL, O_NONBLOCK);
	fcntl(out->out, F_SETFL, O_NONBLOCK);
	fcntl(out->err_fd, F_SETFL, O_NONBLOCK);
	return 0;
}

/* What came last says why it ended: the first half goes when there is too much. */
static void take_words(struct spawn_stream *st)
{
	char chunk[4096];
	ssize_t n = read(st->err_fd, chunk, sizeof(chunk));

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		close(steal_fd(st->err_fd));
		return;
	}
	if (n < 0)
		return;
	buf_add(&st->said, chunk, (size_t)n);
	if (st->said.len > SAID_MAX) {
		memmove(st->said.data, st->said.data + SAID_MAX / 2, st->said.len - SAID_MAX / 2);
		st->said.len -= SAID_MAX / 2;
		st->said.data[st->said.len] = '\0';
	}
}

static int idle(struct spawn_stream *st, struct err *err)
{
	int64_t now = clock_now_ns();

	if (!st->idle || now - st->idled_ns < st->idle_ns)
		return 0;
	st->idled_ns = now;
	return st->idle(st->ctx, err);
}

/* Until `events` of `fd` or something on standard error, or POLL_MS. */
static bool wait_for(struct spawn_stream *st, int fd, short events)
{
	struct pollfd p[2] = { { .fd = fd, .events = events }, { .fd = st->err_fd, .events = POLLIN } };

	if (poll(p, 2, POLL_MS) <= 0)
		return false;
	if (p[1].revents)
		take_words(st);
	return p[0].revents != 0;
}

static int too_long(const struct spawn_stream *st, int64_t limit_ns, struct err *err)
{
	return err_set(err, ERR_FAILED, "%s said nothing for %lld s", st->program, (long long)(limit_ns / NS_PER_S));
}

ssize_t spawn_stream_read(struct spawn_stream *st, void *data, size_t len, int64_t limit_ns, struct err *err)
{
	int64_t deadline = clock_now_ns() + limit_ns;

	for (;;) {
		ssize_t n;

		if (idle(st, err) < 0)
			return -1;
		n = read(st->out, data, len);
		if (n >= 0)
			return n;
		if (errno != EINTR && errno != EAGAIN)
			return err_errno(err, errno, "read from %s", st->program);
		if (!wait_for(st, st->out, POLLIN) && clock_now_ns() > deadline)
			return too_long(st, limit_ns, err);
	}
}

int spawn_stream_write(struct spawn_stream *st, const void *data, size_t len, int64_t limit_ns, struct err *err)
{
	int64_t deadline = clock_now_ns() + limit_ns;
	const char *p = data;

	while (len) {
		ssize_t n = spawn_write(st->in, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
			deadline = clock_now_ns() + limit_ns;
		} else if (n < 0 && errno != EINTR && errno != EAGAIN) {
			return err_errno(err, errno, "write to %s", st->program);
		} else if (!wait_for(st, st->in, POLLOUT) && clock_now_ns() > deadline) {
			return too_long(st, limit_ns, err);
		}
	}
	return 0;
}

static void reap(struct spawn_stream *st, int64_t grace_ns)
{
	int64_t deadline = clock_now_ns() + grace_ns;
	int status = 0;

	while (waitpid(st->pid, &status, WNOHANG) != st->pid) {
		if (clock_now_ns() > deadline) {
			kill(-st->pid, SIGKILL);
			deadline = INT64_MAX;
		}
		if (st->err_fd < 0 || !wait_for(st, -1, 0))
			poll(NULL, 0, 5);
	}
	st->exited = true;
	st->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	/* What is still in the pipe; a grandchild that keeps it open is not waited for. */
	while (st->err_fd >= 0) {
		struct pollfd p = { .fd = st->err_fd, .events = POLLIN };

		if (poll(&p, 1, 0) <= 0)
			break;
		take_words(st);
	}
}

void spawn_stream_close(struct spawn_stream *st, int64_t grace_ns)
{
	if (st->in >= 0)
		close(steal_fd(st->in));
	if (st->out >= 0)
		close(steal_fd(st->out));
	if (!st->exited)
		reap(st, grace_ns);
	if (st->err_fd >= 0)
		close(steal_fd(st->err_fd));
}

void spawn_stream_free(struct spawn_stream *st)
{
	if (st->pid > 0)
		spawn_stream_close(st, 0);
	buf_free(&st->said);
}
