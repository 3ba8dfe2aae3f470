/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/spawn.h"
#include "sys/spawn_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/spawn_jail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_NS (600 * NS_PER_S)
#define DEFAULT_CAPTURE ((size_t)1 << 20)
#define KILL_GRACE_NS (2 * NS_PER_S)

void spawn_result_free(struct spawn_result *r)
{
	buf_free(&r->out);
	buf_free(&r->err);
}

static void add_chosen(const struct spawn *s, struct str_list *env)
{
	for (size_t i = 0; s->env && s->env[i]; i++)
		str_list_add(env, s->env[i]);
}

/* The chosen environment: nothing of ours leaks into children but what they need to find programs and temp files. */
static void make_env(const struct spawn *s, struct str_list *env)
{
	const char *path = getenv("PATH"), *tmpdir = getenv("TMPDIR"), *home = getenv("HOME");

	/* sbin is not on every administrator's PATH, and the tools we call live there. */
	str_list_addf(env, "PATH=%s%s/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin", path ? path : "", path ? ":" : "");
	str_list_add(env, "LANG=C.UTF-8");
	str_list_addf(env, "HOME=%s", home ? home : "/root");
	str_list_addf(env, "TMPDIR=%s", tmpdir ? tmpdir : "/tmp");
	add_chosen(s, env);
}

/* What we block or ignore is none of the child's business, and neither is what whoever started us ignored (nohup: SIGHUP): an
 * ignored signal stays ignored over exec, and a shell cannot even trap it then. Numbers that can't be set are skipped. */
static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: only async-signal-safe calls from here on; report errno of a failed exec through `report`. */
static void child_exec(const struct spawn *s, char *const *env, int in, int out, int err_fd, int report, pid_t parent)
{
	int e;

	reset_signals();
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err_fd, 2) < 0)
		goto failed;
	if (s->no_capabilities && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		goto failed;
	if (s->chroot_dir && (chroot(s->chroot_dir) < 0 || chdir("/") < 0))
		goto failed;
	if (s->jail && spawn_jail_enter(s->jail) < 0)
		goto failed;
	execvpe(s->program ? s->program : s->argv[0], (char *const *)(uintptr_t)s->argv, env);
failed:
	e = errno;
	if (write(report, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

int spawn_child(const struct spawn *s, int in, int out, int err_fd, pid_t *pid, struct err *err)
{
	autoclean(str_list_free) struct str_list env = { 0 };
	autoclose int report_r = -1;
	autoclose int report_w = -1;
	int pipefd[2], failed = 0;
	pid_t parent = getpid();
	ssize_t n;

	if (s->jail)
		add_chosen(s, &env);
	else
		make_env(s, &env);
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_errno(err, errno, "start %s", s->argv[0]);
	report_r = pipefd[0];
	report_w = pipefd[1];
	*pid = fork();
	if (*pid < 0)
		return err_errno(err, errno, "start %s", s->argv[0]);
	if (*pid == 0)
		child_exec(s, env.items, in, out, err_fd, report_w, parent);
	close(steal_fd(report_w));
	do
		n = read(report_r, &failed, sizeof(failed));
	while (n < 0 && errno == EINTR);
	if (n == sizeof(failed)) {
		waitpid(*pid, NULL, 0);
		err_errno(err, failed, "start %s", s->argv[0]);
		if (failed == ENOENT)
			err_hint(err, "install the Debian package that has the program %s", s->argv[0]);
		return -1;
	}
	return 0;
}

/* One output of the child: captured up to a limit, and handed on line by line. */
struct stream {
	int fd;
	bool is_stderr;
	struct buf *keep;
	struct buf line;
	size_t taken;
};

static void stream_feed(const struct spawn *s, struct stream *st, const char *data, size_t len)
{
	size_t max = s->capture_max ? s->capture_max : DEFAULT_CAPTURE;

	if (st->keep->len < max)
		buf_add(st->keep, data, len < max - st->keep->len ? len : max - st->keep->len);
	if (!s->line)
		return;
	for (size_t i = 0; i < len; i++) {
		if (data[i] != '\n' && st->line.len < 4096) {
			buf_addc(&st->line, data[i]);
			continue;
		}
		s->line(s->ctx, st->is_stderr, buf_str(&st->line));
		buf_clear(&st->line);
	}
}

static void stream_read(const struct spawn *s, struct stream *st)
{
	char chunk[16384];
	ssize_t n = read(st->fd, chunk, sizeof(chunk));

	if (n > 0) {
		stream_feed(s, st, chunk, (size_t)n);
		st->taken += (size_t)n;
		/* Who goes on writing gets SIGPIPE. */
		if (s->output_max && st->taken >= s->output_max)
			close(steal_fd(st->fd));
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		if (s->line && st->line.len)
			s->line(s->ctx, st->is_stderr, buf_str(&st->line));
		close(steal_fd(st->fd));
	}
}

ssize_t spawn_write(int fd, const void *data, size_t len)
{
	const struct timespec at_once = { 0 };
	sigset_t pipe_only, before, pending;
	ssize_t n;
	int e;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	n = write(fd, data, len);
	e = errno;
	/* one that waited already is not ours to take */
	if (n < 0 && e == EPIPE && !sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&pipe_only, NULL, &at_once) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = e;
	return n;
}

static void feed_input(const struct spawn *s, int *fd, size_t *done)
{
	ssize_t n = spawn_write(*fd, s->input + *done, s->input_len - *done);

	if (n > 0)
		*done += (size_t)n;
	/* A child that does not want all of its input is no error of ours. */
	if ((n < 0 && errno != EINTR && errno != EAGAIN) || *done == s->input_len)
		close(steal_fd(*fd));
}

/* Until the child has ended and its outputs are closed or quiet. A grandchild that keeps the pipe open does not hold us: pidfd
 * ends it. */
static int pump(const struct spawn *s, pid_t pid, int in, struct stream streams[2], int *status, struct err *err)
{
	int64_t limit = s->timeout_ns ? s->timeout_ns : DEFAULT_TIMEOUT_NS, deadline = clock_now_ns() + limit;
	bool exited = false, timed_out = false, killed = false;
	size_t fed = 0;

	while (!exited || streams[0].fd >= 0 || streams[1].fd >= 0) {
		struct pollfd p[3] = { { .fd = streams[0].fd, .events = POLLIN },
				       { .fd = streams[1].fd, .events = POLLIN },
				       { .fd = in, .events = POLLOUT } };
		/* After the exit only what is already in the pipes matters. Before it, look at the child at least every 50 ms. */
		int n = poll(p, 3, exited ? 0 : streams[0].fd < 0 && streams[1].fd < 0 ? 5 : 50);

		for (int i = 0; n > 0 && i < 2; i++)
			if (p[i].revents)
				stream_read(s, &streams[i]);
		if (n > 0 && p[2].revents)
			feed_input(s, &in, &fed);
		if (exited && n <= 0)
			break;
		if (!exited && waitpid(pid, status, WNOHANG) == pid)
			exited = true;
		if (!timed_out && s->stop && atomic_load(s->stop))
			deadline = 0;
		if (!exited && clock_now_ns() > deadline && !killed) {
			killed = timed_out;
			kill(-pid, timed_out ? SIGKILL : SIGTERM);
			timed_out = true;
			deadline = clock_now_ns() + KILL_GRACE_NS;
		}
	}
	if (in >= 0)
		close(in);
	for (int i = 0; i < 2; i++)
		if (streams[i].fd >= 0)
			close(streams[i].fd);
	if (timed_out)
		return err_set(err, ERR_FAILED, "%s did not end within %lld s and was stopped", s->argv[0],
			       (long long)(limit / NS_PER_S));
	return 0;
}

/* The last line with something on it, of stderr if it said anything, else of stdout. */
static char *last_words(const struct spawn_result *r)
{
	const struct buf *b = r->err.len ? &r->err : &r->out;
	size_t end = b->len, begin;

	while (end > 0 && strchr("\n\r \t", b->data[end - 1]))
		end--;
	begin = end;
	while (begin > 0 && b->data[begin - 1] != '\n')
		begin--;
	return end > begin ? str_printable(b->data + begin, end - begin) : mem_strdup("it said nothing");
}

static int judge(const struct spawn *s, const struct spawn_result *r, struct err *err)
{
	autofree char *words = NULL;

	if (r->status == 0)
		return 0;
	words = last_words(r);
	if (r->status > 128)
		return err_set(err, ERR_FAILED, "%s was ended by signal %d: %s", s->argv[0], r->status - 128, words);
	return err_set(err, ERR_FAILED, "%s failed (exit %d): %s", s->argv[0], r->status, words);
}

static int open_pipes(int pipes[3][2], bool with_input, struct err *err)
{
	for (int i = 0; i < 3; i++)
		pipes[i][0] = pipes[i][1] = -1;
	if (with_input ? pipe2(pipes[0], O_CLOEXEC) < 0 : (pipes[0][0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		return err_errno(err, errno, "make a pipe");
	if (pipe2(pipes[1], O_CLOEXEC) < 0 || pipe2(pipes[2], O_CLOEXEC) < 0)
		return err_errno(err, errno, "make a pipe");
	return 0;
}

static void close_pipes(int pipes[3][2])
{
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 2; j++)
			if (pipes[i][j] >= 0)
				close(pipes[i][j]);
}

int spawn_run(const struct spawn *s, struct spawn_result *r, struct err *err)
{
	autoclean(spawn_result_free) struct spawn_result own = { 0 };
	struct spawn_result *res = r ? r : &own;
	struct stream streams[2] = { { .keep = &res->out }, { .is_stderr = true, .keep = &res->err } };
	int pipes[3][2], status = 0, rc, in;
	pid_t pid;

	if (open_pipes(pipes, s->input != NULL, err) < 0 ||
	    spawn_child(s, s->stdin_fd ? s->stdin_fd : pipes[0][0], s->stdout_fd ? s->stdout_fd : pipes[1][1], pipes[2][1], &pid,
			err) < 0) {
		close_pipes(pipes);
		return -1;
	}
	streams[0].fd = steal_fd(pipes[1][0]);
	streams[1].fd = steal_fd(pipes[2][0]);
	in = steal_fd(pipes[0][1]);
	close_pipes(pipes);
	fcntl(streams[0].fd, F_SETFL, O_NONBLOCK);
	fcntl(streams[1].fd, F_SETFL, O_NONBLOCK);
	if (in >= 0)
		fcntl(in, F_SETFL, O_NONBLOCK);
	rc = pump(s, pid, in, streams, &status, err);
	buf_free(&streams[0].line);
	buf_free(&streams[1].line);
	if (rc < 0)
		return -1;
	res->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return r ? 0 : judge(s, res, err);
}

int spawn_start(const struct spawn *s, pid_t *pid, struct err *err)
{
	autoclose int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0)
		return err_errno(err, errno, "open /dev/null");
	return spawn_child(s, s->stdin_fd ? s->stdin_fd : null, STDERR_FILENO, STDERR_FILENO, pid, err);
}
