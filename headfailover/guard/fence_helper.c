/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/fence.h"

#include "sys/privilege.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the guard had been given is not the helper's: its priority, its way with signals, its descriptors, and its rights, which
 * the programs that it runs would have, too. */
static bool become_helper(int fd)
{
	struct err why = { 0 };
	const struct sched_param normal = { 0 };
	struct sigaction dflt = { .sa_handler = SIG_DFL };
	sigset_t none;

	sched_setscheduler(0, SCHED_OTHER, &normal);
	for (int i = 1; i < SIGRTMAX; i++)
		sigaction(i, &dflt, NULL);
	signal(SIGPIPE, SIG_IGN); /* a program that does not read all that it is told */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, "guard-fence");
	if (fd > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned int)fd - 1, 0);
	close_range((unsigned int)fd + 1, ~0U, 0);
	return privilege_keep(PRIVILEGE_NONE, &why) == 0;
}

/* The last of the questions that are there: they all want the same. False: the guard is gone. */
static bool last_question(int fd, uint64_t *number)
{
	bool any = false;

	for (;;) {
		ssize_t n = recv(fd, number, sizeof(*number), any ? MSG_DONTWAIT : 0);

		if (n == (ssize_t)sizeof(*number))
			any = true;
		else if (n < 0 && errno == EINTR)
			continue;
		else
			return any && n != 0;
	}
}

static void serve(const struct fence_set *set, int fd)
{
	struct fence_answer a = { 0 };

	while (last_question(fd, &a.number)) {
		struct err err = { 0 };

		a.verdict = fence_run(set, fd, &err);
		snprintf(a.text, sizeof(a.text), "%s", a.verdict == FENCE_CONFIRMED ? "" : err.text);
		if (send(fd, &a, sizeof(a), MSG_NOSIGNAL) < 0)
			return;
	}
}

int fence_helper_start(const struct fence_set *set, struct fence_helper *out, struct err *err)
{
	pid_t guard = getpid();
	int ends[2];

	*out = (struct fence_helper){ .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_errno(err, errno, "start the fence's process");
	out->pid = fork();
	if (out->pid < 0) {
		err_errno(err, errno, "start the fence's process");
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	if (out->pid == 0) {
		/* A group of its own: it is killed with what it runs. */
		if (become_helper(ends[1]) && setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == guard)
			serve(set, ends[1]);
		_exit(0);
	}
	setpgid(out->pid, out->pid); /* both do: whoever comes first */
	close(ends[1]);
	out->fd = ends[0];
	return 0;
}

bool fence_helper_ask(struct fence_helper *h, uint64_t number)
{
	return h->fd >= 0 && send(h->fd, &number, sizeof(number), MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(number);
}

int fence_helper_take(struct fence_helper *h, struct fence_answer *out)
{
	ssize_t n;

	if (h->fd < 0)
		return -1;
	n = recv(h->fd, out, sizeof(*out), MSG_DONTWAIT);
	if (n == (ssize_t)sizeof(*out)) {
		out->text[sizeof(out->text) - 1] = '\0';
		return 1;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

void fence_helper_end(struct fence_helper *h)
{
	if (h->fd >= 0) {
		close(h->fd);
		kill(-h->pid, SIGKILL);
		while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*h = (struct fence_helper){ .fd = -1 };
}
