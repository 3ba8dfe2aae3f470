/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run of `orthrus node exec`: ssh to every node, what comes back shown, Ctrl-C heard, and what became of it all. */
#include "base/mem.h"
#include "cmd/exec.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define GRACE_NS (2 * NS_PER_S)
#define TICK_NS (200 * NS_PER_MS)

/* Each node reads it at its own pace, from its beginning: hence a file, and one without a name. */
static int take_input(int *fd, struct err *err)
{
	const char *dir = getenv("TMPDIR");
	char chunk[65536];
	ssize_t n;

	*fd = open(dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd < 0)
		return err_errno(err, errno, "--stdin: make a file in %s", dir ? dir : "/tmp");
	while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "--stdin: read standard input");
		if (fs_write_all(*fd, "a file for --stdin", chunk, (size_t)n, err) < 0)
			return -1;
	}
	return 0;
}

static int prepare(void *ctx, size_t i, struct spawn *s, struct err *err)
{
	struct exec_run *r = ctx;

	r->logs[i] = exec_ssh_log(err);
	if (r->logs[i] < 0)
		return -1;
	if (r->input_fd >= 0) {
		if (exec_input(r->input_fd, &r->input_of_one, err) < 0)
			return -1;
		s->stdin_fd = r->input_of_one;
	}
	exec_ssh_argv(&r->ssh, nodeset_get(r->nodes, i), r->addresses[i], r->logs[i]);
	s->argv = (const char *const *)r->ssh.argv.items;
	s->env = r->ssh.env;
	return 0;
}

/* Nobody reads any more, or it can't be written: what still runs has no use. */
static void look_at_output(struct exec_run *r)
{
	if (!r->interrupted && (r->out.gone || r->out.wrong.kind != ERR_NONE)) {
		r->interrupted = true;
		fanout_stop(r->fanout);
	}
}

static bool on_output(void *ctx, size_t i, bool is_stderr, const char *data, size_t len)
{
	struct exec_run *r = ctx;
	bool more = exec_view_output(&r->view, i, is_stderr, data, len);

	look_at_output(r);
	return more;
}

static void on_ended(void *ctx, size_t i, const struct fanout_result *result)
{
	struct exec_run *r = ctx;
	const struct exec_said *said = &r->view.said[i];
	struct exec_end end;
	size_t own_len = exec_ssh_judge(result, r->logs[i], r->addresses[i], said->tail.text, said->tail.len, &end);

	if (r->logs[i] >= 0)
		close(steal_fd(r->logs[i]));
	if (exec_hint(&end))
		r->hint = exec_hint(&end);
	if ((exec_view_end(&r->view, i, &end, own_len, &r->wrong) < 0 ||
	     (end.state != EXEC_DONE && nodeset_add(&r->failed, nodeset_get(r->nodes, i), &r->wrong) < 0)) &&
	    !r->interrupted) {
		r->interrupted = true;
		fanout_stop(r->fanout);
	}
	free(end.why);
	look_at_output(r);
}

static void on_all_ended(void *ctx)
{
	struct exec_run *r = ctx;

	loop_stop(r->loop);
}

static void on_tick(void *ctx)
{
	struct exec_run *r = ctx;

	exec_view_tick(&r->view, r->fanout, clock_now_ns());
}

static void on_signal(void *ctx)
{
	struct exec_run *r = ctx;
	struct signalfd_siginfo info;

	if (read(r->out.signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	r->interrupted = true;
	fanout_stop(r->fanout); /* a second time: at once */
}

/* What whoever started us ignores stays so (nohup). */
static int take_signals(int *fd, sigset_t *before, struct err *err)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct sigaction is;

		if (sigaction(numbers[i], NULL, &is) == 0 && is.sa_handler != SIG_IGN)
			sigaddset(&set, numbers[i]);
	}
	sigprocmask(SIG_BLOCK, &set, before);
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd < 0 ? err_errno(err, errno, "take signals") : 0;
}

static int run_loop(struct exec_run *r, struct err *err)
{
	struct fanout_opts opts = { .n = nodeset_count(r->nodes),
				    .at_a_time = r->wish->fanout,
				    .timeout_ns = (int64_t)r->wish->timeout_s * NS_PER_S,
				    .grace_ns = GRACE_NS,
				    .prepare = prepare,
				    .output = on_output,
				    .ended = on_ended,
				    .all_ended = on_all_ended,
				    .ctx = r };
	struct loop_fd *signals = NULL;
	int rc = -1;

	if (loop_new(&r->loop, err) < 0)
		return -1;
	if (loop_fd_new(r->loop, r->out.signal_fd, on_signal, r, &signals, err) == 0 &&
	    fanout_start(r->loop, &opts, &r->fanout, err) == 0) {
		r->tick = loop_timer_new(r->loop, on_tick, r);
		loop_timer_set(r->tick, TICK_NS, TICK_NS);
		loop_run(r->loop);
		exec_view_close(&r->view);
		rc = 0;
	}
	loop_free(r->loop);
	fanout_free(r->fanout);
	return rc;
}

/* All of them, some of them, or none. */
static int judge(struct exec_run *r, struct err *err)
{
	size_t n = nodeset_count(r->nodes), failed = nodeset_count(&r->failed);
	autoclean(buf_free) struct buf names = { 0 };

	if (r->out.wrong.kind != ERR_NONE || r->wrong.kind != ERR_NONE) {
		*err = r->out.wrong.kind != ERR_NONE ? r->out.wrong : r->wrong;
		r->c->json = false; /* standard output takes nothing more */
		return -1;
	}
	if (!failed)
		return 0;
	nodeset_fold(&r->failed, &names);
	err_set(err, failed < n ? ERR_PARTIAL : ERR_FAILED, "%s%zu of %zu node%s failed: %.600s",
		r->interrupted ? "interrupted; " : "", failed, n, n == 1 ? "" : "s", buf_str(&names));
	if (r->c->json || r->out.gone) /* said for each, or to nobody */
		err->text[0] = '\0';
	return r->hint ? err_hint(err, "%s", r->hint) : -1;
}

int exec_run(struct exec_run *r, struct err *err)
{
	sigset_t before;
	int rc = -1;

	if (cmd_flag(r->c, "stdin") && take_input(&r->input_fd, err) < 0)
		return -1;
	if (exec_room(r->wish->fanout < nodeset_count(r->nodes) ? r->wish->fanout : nodeset_count(r->nodes), err) < 0)
		return -1;
	fflush(stdout);
	if (take_signals(&r->out.signal_fd, &before, err) == 0) {
		exec_view_init(&r->view, r->wish->mode, r->nodes, &r->out, r->c->quiet);
		r->view.max_bytes = r->wish->max_bytes;
		rc = run_loop(r, err) < 0 ? -1 : judge(r, err);
		exec_view_free(&r->view);
		close(r->out.signal_fd);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}
