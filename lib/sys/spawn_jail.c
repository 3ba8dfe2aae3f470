/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guardian is the subreaper (prctl(2)) of what it started: an orphan becomes its child, whatever group or session it is in.
 * So its children are all that is left, and it kills until there are none. All of this runs between fork and exec of a program
 * with threads: no allocation, no lock, and system calls where glibc would speak to threads that are not here. */
#include "sys/spawn_jail.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGNAL_EXIT 128
#define SIGNALS_FD 0 /* the guardian's two descriptors */
#define CHILDREN_FD 1

static void kill_children(void)
{
	char text[4096];
	pid_t pid = 0;
	ssize_t n;

	/* Numbers with a blank after each: proc(5). */
	if (lseek(CHILDREN_FD, 0, SEEK_SET) < 0)
		return;
	while ((n = read(CHILDREN_FD, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				pid = pid * 10 + (text[i] - '0');
				continue;
			}
			if (pid > 1)
				kill(pid, SIGKILL);
			pid = 0;
		}
}

/* Whoever dies leaves its own children to us: again, until nobody is left. */
static void kill_all(void)
{
	/* A kernel that does not tell our children: our group, with ourselves. */
	if (open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC) != CHILDREN_FD)
		kill(0, SIGKILL);
	do
		kill_children();
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

static int exit_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNAL_EXIT + WTERMSIG(status);
}

/* Until the program has ended, or we are told that its time is over. */
static int wait_for(pid_t program)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	for (;;) {
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == program)
				return exit_of(status);
		if (read(SIGNALS_FD, &info, sizeof(info)) != sizeof(info) || info.ssi_signo == SIGTERM)
			return SIGNAL_EXIT + SIGTERM;
	}
}

/* Nothing of ours stays open here: locks and sockets would outlive us for a moment. */
static void guard(pid_t program, int signals)
{
	int status = SIGNAL_EXIT + SIGTERM;

	if (dup2(signals, SIGNALS_FD) == SIGNALS_FD && close_range(CHILDREN_FD, ~0U, 0) == 0)
		status = wait_for(program);
	kill_all();
	_exit(status);
}

static int set_limit(int resource, uint64_t value)
{
	struct rlimit l = { .rlim_cur = value, .rlim_max = value };

	return syscall(SYS_prlimit64, 0, resource, &l, NULL) < 0 ? -1 : 0;
}

static int set_limits(const struct spawn_jail *jail)
{
	return set_limit(RLIMIT_CORE, 0) < 0 || set_limit(RLIMIT_CPU, jail->cpu_s) < 0 ||
			       set_limit(RLIMIT_AS, jail->memory_bytes) < 0 || set_limit(RLIMIT_FSIZE, jail->file_bytes) < 0 ||
			       set_limit(RLIMIT_NPROC, jail->processes) < 0 || set_limit(RLIMIT_NOFILE, jail->files) < 0
		       ? -1
		       : 0;
}

/* Whoever may be root can take a group or user back: all three of each, and then it is tried. */
static int drop(const struct spawn_jail *jail)
{
	if (geteuid() != 0) {
		errno = EPERM;
		return jail->uid == getuid() && jail->uid == geteuid() ? 0 : -1;
	}
	if (jail->uid == 0 || jail->gid == 0) {
		errno = EPERM;
		return -1;
	}
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, jail->gid, jail->gid, jail->gid) < 0 ||
	    syscall(SYS_setresuid, jail->uid, jail->uid, jail->uid) < 0)
		return -1;
	if (syscall(SYS_setresuid, 0, 0, 0) == 0 || geteuid() != jail->uid || getegid() != jail->gid) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int become_nobody(const struct spawn_jail *jail, pid_t guardian)
{
	umask(077);
	if (chdir("/") < 0 || close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 || set_limits(jail) < 0 || drop(jail) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	/* Behind the change of the user, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != guardian)
		return -1;
	return 0;
}

int spawn_jail_enter(const struct spawn_jail *jail)
{
	pid_t guardian = getpid(), program;
	sigset_t told, before;
	int signals;

	sigemptyset(&told);
	sigaddset(&told, SIGTERM);
	sigaddset(&told, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &told, &before) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -1;
	signals = signalfd(-1, &told, SFD_CLOEXEC);
	if (signals < 0)
		return -1;
	program = _Fork();
	if (program < 0)
		return -1;
	if (program > 0)
		guard(program, signals);
	return sigprocmask(SIG_SETMASK, &before, NULL) < 0 ? -1 : become_nobody(jail, guardian);
}
