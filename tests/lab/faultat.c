/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a command as a failing machine would: killed at its Kth system call, or with that call failing or falling short.
 *   faultat [--kill K | --fail K[+] ERRNO | --short K] [--only WHAT,...] [--below DIR]... [--out FILE] [--trace] -- COMMAND...
 * All threads and children of COMMAND are followed, and their calls are counted in one counter as they begin:
 *   --only WHAT    change (what changes the file system or makes it durable: the default), read, all, or calls by name; -NAME:
 * not these
 *   --below DIR    only calls on files at or below DIR, by path or file descriptor; DIR is absolute and without symbolic links
 *   --kill K       SIGKILL to all of them when the Kth begins; it is not performed
 *   --fail K E     the Kth is not performed and returns the error, e.g. EIO; with K+ all from the Kth on
 *   --short K      a read or write gets half of its count, at least 1; the rest is for the caller to ask for again
 *   --trace        each counted call: "begin N THREAD CALL PATH PATH2" and "end N THREAD CALL PATH PATH2 RESULT", separated by
 * tabs The last line is "count=N hit=0|1", on stderr or in FILE; before it, where something was done, "at N CALL PATH PATH2",
 * with tabs. The exit status is that of COMMAND, 137 when it was killed. 77: not on this processor, whose registers are not known
 * here. */
#include <stdio.h>

#if !defined(__x86_64__)
int main(void)
{
	fputs("faultat: only for x86_64\n", stderr);
	return 77;
}
#else
#include "faultat_calls.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS_MAX 512
#define BELOW_MAX 8

enum fault { FAULT_NONE, FAULT_KILL, FAULT_FAIL, FAULT_SHORT };

static struct {
	enum fault fault;
	unsigned long k;
	bool onward;
	int error;
	const char *only, *below[BELOW_MAX];
	size_t n_below;
	bool trace;
	FILE *out;
} want = { .only = "change" };

/* A thread between the begin and the end of a call. */
struct thread {
	pid_t tid;
	bool traced;		/* its end is to be told */
	bool failed, shortened; /* what its end has to put right */
	unsigned long long rdx; /* what a shortened call had */
	unsigned long number;
	char what[2 * PATH_BYTES + 64]; /* "CALL PATH PATH2" */
};

static struct thread threads[THREADS_MAX];
static unsigned long count;
static bool hit, killed, started;

static void die(const char *what)
{
	fprintf(stderr, "faultat: %s: %s\n", what, strerror(errno));
	exit(2);
}

static struct thread *thread_of(pid_t tid)
{
	struct thread *unused = NULL;

	for (size_t i = 0; i < THREADS_MAX; i++) {
		if (threads[i].tid == tid)
			return &threads[i];
		if (!threads[i].tid && !unused)
			unused = &threads[i];
	}
	if (!unused) {
		fprintf(stderr, "faultat: more than %d threads\n", THREADS_MAX);
		exit(2);
	}
	memset(unused, 0, sizeof(*unused));
	unused->tid = tid;
	return unused;
}

static bool in_list(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (strncmp(p, word, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

static bool is_below(const char *path)
{
	for (size_t i = 0; i < want.n_below; i++) {
		size_t len = strlen(want.below[i]);

		if (strncmp(path, want.below[i], len) == 0 && (path[len] == '/' || path[len] == '\0'))
			return true;
	}
	return want.n_below == 0;
}

/* Is it one of those that are counted? Its name and paths are told in `t`. */
static bool is_wanted(const struct call *c, struct thread *t, const uint64_t *args)
{
	enum call_class class = class_of(c, t->tid, args);
	char path[PATH_BYTES], path2[PATH_BYTES], not [64];

	snprintf(not, sizeof(not ), "-%s", c->name);
	if (in_list(want.only, not ))
		return false;
	if (!in_list(want.only, "all") && !in_list(want.only, c->name) &&
	    !(class == CALL_CHANGE && in_list(want.only, "change")) && !(class == CALL_READ && in_list(want.only, "read")))
		return false;
	path_of(t->tid, args, c->dir, c->path, path, sizeof(path));
	path_of(t->tid, args, c->dir2, c->path2, path2, sizeof(path2));
	if (!is_below(path) && (!path2[0] || !is_below(path2)))
		return false;
	snprintf(t->what, sizeof(t->what), "%s\t%s\t%s", c->name, path, path2);
	return true;
}

static void kill_all(void)
{
	killed = true;
	for (size_t i = 0; i < THREADS_MAX; i++)
		if (threads[i].tid)
			kill(threads[i].tid, SIGKILL);
}

static void inject(const struct call *c, struct thread *t)
{
	struct user_regs_struct regs;

	if (want.fault == FAULT_SHORT && c->count == NONE)
		return;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &regs) < 0)
		return; /* it was killed by somebody else */
	if (want.fault == FAULT_SHORT) {
		if (regs.rdx < 2)
			return;
		t->shortened = true;
		t->rdx = regs.rdx;
		regs.rdx /= 2;
	} else {
		t->failed = want.fault == FAULT_FAIL;
		regs.orig_rax = (unsigned long long)-1;
	}
	if (ptrace(PTRACE_SETREGS, t->tid, NULL, &regs) < 0)
		return;
	if (!hit || want.trace)
		fprintf(want.out, "at\t%lu\t%s\n", t->number, t->what);
	hit = true;
	if (want.fault == FAULT_KILL)
		kill_all();
}

static void call_begins(struct thread *t, uint64_t nr, const uint64_t *args)
{
	const struct call *c = call_of(nr);

	t->traced = t->failed = t->shortened = false;
	if (!started || !is_wanted(c, t, args))
		return;
	t->number = ++count;
	if (want.trace) {
		fprintf(want.out, "begin\t%lu\t%d\t%s\n", t->number, t->tid, t->what);
		t->traced = true;
	}
	if (want.fault != FAULT_NONE && (t->number == want.k || (want.onward && t->number > want.k)))
		inject(c, t);
}

static void call_ends(struct thread *t, int64_t result)
{
	struct user_regs_struct regs;

	if ((t->failed || t->shortened) && ptrace(PTRACE_GETREGS, t->tid, NULL, &regs) == 0) {
		if (t->failed)
			regs.rax = (unsigned long long)-(long long)want.error;
		else
			regs.rdx = t->rdx; /* calls keep their arguments' registers */
		ptrace(PTRACE_SETREGS, t->tid, NULL, &regs);
		result = (int64_t)regs.rax;
	}
	if (t->traced)
		fprintf(want.out, "end\t%lu\t%d\t%s\t%lld\n", t->number, t->tid, t->what, (long long)result);
	t->traced = t->failed = t->shortened = false;
}

static void call_stop(pid_t tid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof(info), &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		call_begins(thread_of(tid), info.entry.nr, (const uint64_t *)info.entry.args);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		call_ends(thread_of(tid), info.exit.rval);
}

/* Until the last of them is gone. Returns the exit status of the first. */
static int follow(pid_t first)
{
	int status, result = 0;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		int sig = WIFSTOPPED(status) ? WSTOPSIG(status) : 0, event = status >> 16;

		if (tid < 0)
			continue;
		if (!WIFSTOPPED(status)) {
			if (tid == first)
				result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			thread_of(tid)->tid = 0;
			continue;
		}
		thread_of(tid);
		if (killed) {
			kill(tid, SIGKILL); /* one that was just made */
			continue;
		}
		if (event == PTRACE_EVENT_EXEC)
			started = true;
		if (sig == (SIGTRAP | 0x80))
			call_stop(tid);
		if (event || sig == (SIGTRAP | 0x80))
			sig = 0;
		if (!killed)
			ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(intptr_t)sig);
	}
	return killed ? 137 : result;
}

static int run(char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int gate[2];
	pid_t pid;
	char c;

	if (pipe2(gate, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		die("start the command");
	if (pid == 0) {
		close(gate[1]);
		if (read(gate[0], &c, 1) != 0)
			_exit(126);
		execvp(argv[0], argv);
		fprintf(stderr, "faultat: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) < 0 || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0) {
		kill(pid, SIGKILL);
		die("trace the command");
	}
	close(gate[0]);
	close(gate[1]);
	return follow(pid);
}

static void usage(const char *why)
{
	fprintf(stderr,
		"faultat: %s\nusage: faultat [--kill K | --fail K[+] ERRNO | --short K] [--only WHAT,...] [--below DIR]... "
		"[--out FILE] "
		"[--trace] -- COMMAND...\n",
		why);
	exit(2);
}

static void set_fault(enum fault fault, const char *k)
{
	char *end;

	want.fault = fault;
	want.k = strtoul(k, &end, 10);
	want.onward = *end == '+';
	if (!isdigit((unsigned char)*k) || !want.k || end[*end == '+'] || (want.onward && fault != FAULT_FAIL))
		usage("K counts from 1");
}

static int errno_of(const char *name)
{
	for (int i = 1; i < 134; i++)
		if (strerrorname_np(i) && strcmp(strerrorname_np(i), name) == 0)
			return i;
	usage("the error is a name like EIO");
	return 0;
}

int main(int argc, char **argv)
{
	int i = 1, rc;

	want.out = stderr;
	for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *word = argv[i];

		if (strcmp(word, "--count") == 0)
			continue;
		if (strcmp(word, "--trace") == 0) {
			want.trace = true;
			continue;
		}
		if (i + 1 >= argc)
			usage("an option lacks its value");
		if (strcmp(word, "--kill") == 0) {
			set_fault(FAULT_KILL, argv[++i]);
		} else if (strcmp(word, "--short") == 0) {
			set_fault(FAULT_SHORT, argv[++i]);
		} else if (strcmp(word, "--fail") == 0 && i + 2 < argc) {
			set_fault(FAULT_FAIL, argv[++i]);
			want.error = errno_of(argv[++i]);
		} else if (strcmp(word, "--only") == 0) {
			want.only = argv[++i];
		} else if (strcmp(word, "--below") == 0 && want.n_below < BELOW_MAX) {
			want.below[want.n_below++] = argv[++i];
		} else if (strcmp(word, "--out") == 0) {
			if (!(want.out = fopen(argv[++i], "we")))
				die(argv[i]);
		} else {
			usage(word);
		}
	}
	if (i + 1 >= argc)
		usage("no command");
	rc = run(argv + i + 1);
	fprintf(want.out, "count=%lu hit=%d\n", count, hit);
	fflush(want.out);
	return rc;
}
#endif
