/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/fanout.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/spawn_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define DRAIN_MAX ((size_t)4 << 20)

struct program;

struct stream {
	struct program *p;
	bool is_stderr;
	int fd; /* -1: at its end */
	struct loop_fd *watch;
};

struct program {
	struct fanout *f;
	size_t number;
	pid_t pid; /* 0: has ended */
	struct stream streams[2];
	struct loop_timer *timer; /* its limit, then the grace; NULL without */
	int64_t begun_ns;
	enum fanout_end how;
	bool ending;  /* told to end: `how` says why */
	bool refused; /* output() wants no more */
	bool settled; /* not counted in `running` */
	struct program *next, **link;
};

struct fanout {
	struct loop *loop;
	struct fanout_opts opts;
	struct program *programs; /* those that run */
	size_t begun, running, ended;
	int null_fd;
	bool stopped, posted;
};

static void begin_soon(struct fanout *f);

/* Nothing of the program but its number is left then. */
static void report(struct fanout *f, size_t i, const struct fanout_result *r)
{
	f->ended++;
	f->opts.ended(f->opts.ctx, i, r);
	if (f->ended == f->opts.n)
		f->opts.all_ended(f->opts.ctx);
}

static void stream_close(struct stream *s)
{
	loop_fd_free(s->watch);
	s->watch = NULL;
	if (s->fd >= 0)
		close(steal_fd(s->fd));
}

static void tell_end(struct program *p, enum fanout_end how, int64_t grace_ns)
{
	if (p->ending || !p->pid)
		return;
	p->ending = true;
	p->how = how;
	kill(-p->pid, SIGTERM);
	loop_timer_set(p->timer, grace_ns, 0);
}

/* One piece; false at the end, or when there is nothing now. */
static bool stream_read(struct stream *s)
{
	struct program *p = s->p;
	char chunk[65536];
	ssize_t n = read(s->fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n <= 0) {
		stream_close(s);
		return false;
	}
	/* What nobody wants is read all the same: a full pipe would hold it up at its end. */
	if (p->refused || p->f->opts.output(p->f->opts.ctx, p->number, s->is_stderr, chunk, (size_t)n))
		return true;
	p->refused = true;
	if (p->pid)
		tell_end(p, FANOUT_REFUSED, p->f->opts.grace_ns);
	else if (!p->ending)
		p->how = FANOUT_REFUSED;
	p->ending = true;
	return true;
}

static void on_readable(void *ctx)
{
	stream_read(ctx);
}

static void program_free(struct program *p)
{
	for (int i = 0; i < 2; i++)
		stream_close(&p->streams[i]);
	loop_timer_free(p->timer);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	p->f->running -= !p->settled;
	free(p);
}

/* It has exited, so all that it wrote is in the pipes; a grandchild that keeps one open is not waited for. */
static void on_exit_of(void *ctx, pid_t pid, int status)
{
	struct program *p = ctx;
	struct fanout *f = p->f;
	size_t number = p->number;
	struct fanout_result r = { .status = status, .took_ns = clock_now_ns() - p->begun_ns };

	(void)pid;
	p->pid = 0;
	for (int i = 0; i < 2; i++)
		for (size_t n = 0; p->streams[i].fd >= 0 && n < DRAIN_MAX && stream_read(&p->streams[i]); n += 65536)
			;
	r.how = p->ending ? p->how : FANOUT_EXITED;
	program_free(p);
	begin_soon(f);
	report(f, number, &r);
}

/* Ended, but not yet noticed here: then its time was not up. */
static bool has_exited(const struct program *p)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == p->pid;
}

static void on_timer(void *ctx)
{
	struct program *p = ctx;

	if (!p->pid || has_exited(p))
		return;
	if (p->ending)
		kill(-p->pid, SIGKILL);
	else
		tell_end(p, FANOUT_TIMEOUT, p->f->opts.grace_ns);
}

static void kill_and_reap(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL); /* before it made its own process group */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int watch(struct program *p, struct err *err)
{
	struct loop *loop = p->f->loop;

	for (int i = 0; i < 2; i++) {
		fcntl(p->streams[i].fd, F_SETFL, O_NONBLOCK);
		if (loop_fd_new(loop, p->streams[i].fd, on_readable, &p->streams[i], &p->streams[i].watch, err) < 0)
			return -1;
	}
	return loop_child(loop, p->pid, on_exit_of, p, err);
}

/* The pipes; our ends go to the program, the others are closed by the caller. */
static int open_pipes(struct program *p, int theirs[2], struct err *err)
{
	for (int i = 0; i < 2; i++) {
		int fds[2];

		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_errno(err, errno, "make a pipe");
		p->streams[i].fd = fds[0];
		theirs[i] = fds[1];
	}
	return 0;
}

static int run_program(struct program *p, struct err *err)
{
	struct fanout *f = p->f;
	int theirs[2] = { -1, -1 };
	struct spawn s = { 0 };
	int rc = -1;

	if (f->opts.prepare(f->opts.ctx, p->number, &s, err) == 0 && open_pipes(p, theirs, err) == 0) {
		p->begun_ns = clock_now_ns();
		rc = spawn_child(&s, s.stdin_fd ? s.stdin_fd : f->null_fd, theirs[0], theirs[1], &p->pid, err);
		if (rc < 0)
			p->pid = 0;
	}
	for (int i = 0; i < 2; i++)
		if (theirs[i] >= 0)
			close(theirs[i]);
	if (rc == 0 && watch(p, err) < 0) {
		kill_and_reap(p->pid);
		rc = -1;
	}
	return rc;
}

static void begin(struct fanout *f)
{
	struct program *p = mem_zalloc(sizeof(*p));
	size_t number = f->begun++;
	struct err why = { 0 };

	*p = (struct program){ .f = f, .number = number, .next = f->programs, .link = &f->programs };
	if (p->next)
		p->next->link = &p->next;
	f->programs = p;
	f->running++;
	for (int i = 0; i < 2; i++)
		p->streams[i] = (struct stream){ .p = p, .is_stderr = i == 1, .fd = -1 };
	p->timer = loop_timer_new(f->loop, on_timer, p);
	if (run_program(p, &why) < 0) {
		program_free(p);
		report(f, number, &(struct fanout_result){ .how = FANOUT_UNSTARTED, .why = &why });
		return;
	}
	if (f->opts.timeout_ns)
		loop_timer_set(p->timer, f->opts.timeout_ns, 0);
}

/* One at a time, and then whatever else the loop has to do: with a thousand to begin, signals and output don't wait for the last.
 */
static void begin_next(void *ctx)
{
	struct fanout *f = ctx;

	f->posted = false;
	if (f->stopped || f->running >= f->opts.at_a_time || f->begun >= f->opts.n)
		return;
	begin(f);
	begin_soon(f);
}

static void begin_soon(struct fanout *f)
{
	if (!f->posted && !f->stopped && f->begun < f->opts.n)
		f->posted = loop_post(f->loop, begin_next, f);
}

int fanout_start(struct loop *loop, const struct fanout_opts *opts, struct fanout **out, struct err *err)
{
	struct fanout *f = mem_zalloc(sizeof(*f));

	*f = (struct fanout){ .loop = loop, .opts = *opts, .null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC) };
	if (f->null_fd < 0) {
		free(f);
		return err_errno(err, errno, "open /dev/null");
	}
	begin_soon(f);
	*out = f;
	return 0;
}

void fanout_stop(struct fanout *f)
{
	bool again = f->stopped;

	f->stopped = true;
	for (struct program *p = f->programs; p; p = p->next) {
		if (again && p->pid)
			kill(-p->pid, SIGKILL);
		tell_end(p, FANOUT_STOPPED, f->opts.grace_ns);
	}
	while (f->begun < f->opts.n) {
		size_t number = f->begun++;

		report(f, number, &(struct fanout_result){ .how = FANOUT_UNBEGUN });
	}
}

void fanout_settled(struct fanout *f, size_t i)
{
	struct program *p = f->programs;

	while (p && p->number != i)
		p = p->next;
	if (!p || p->settled)
		return;
	p->settled = true;
	f->running--;
	begin_soon(f);
}

size_t fanout_begun(const struct fanout *f)
{
	return f->begun;
}

void fanout_free(struct fanout *f)
{
	if (!f)
		return;
	/* The loop has ended and freed its watches. */
	while (f->programs) {
		struct program *p = f->programs;

		kill_and_reap(p->pid);
		for (int i = 0; i < 2; i++)
			if (p->streams[i].fd >= 0)
				close(p->streams[i].fd);
		f->programs = p->next;
		free(p);
	}
	close(f->null_fd);
	free(f);
}
