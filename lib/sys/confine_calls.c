/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of sys/confine.h: the system calls (seccomp(2)). What is listed passes, all else is as if this kernel did not have it: a C
 * library that is newer than this list takes its older way then, and a call that nobody thought of costs an error, not the work.
 * The kernel's log names it (type=1326): a log of our own would be that of whoever took over this process. */
#include "base/mem.h"
#include "sys/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define WRITES (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)
#define WHOLE_INT UINT64_C(0xffffffff)
#define SOCK_TYPES UINT64_C(0xf) /* the rest of that argument is flags */

static const int always[] = {
	/* What is open. */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(preadv2), SCMP_SYS(write),
	SCMP_SYS(writev), SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(getsockopt), SCMP_SYS(getsockname),
	/* Memory. */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	/* Threads, signals that come, and the end. */
	SCMP_SYS(futex), SCMP_SYS(clone3), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(membarrier), SCMP_SYS(gettid),
	SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
	/* Clocks, dice, and what the machine is like. */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(getrusage), SCMP_SYS(sysinfo)
};

/* Where an argument says what it is for: it passes when (argument & mask) == value. fcntl's F_SETOWN and F_SETSIG would send any
 * signal to any process of this user. */
struct passes {
	int call;
	unsigned int argument;
	uint64_t mask, value;
};
static const struct passes sometimes[] = { { SCMP_SYS(openat), 2, WRITES, O_RDONLY },
					   { SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
					   { SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
					   { SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD },
					   { SCMP_SYS(fcntl), 1, WHOLE_INT, F_GETFD },
					   { SCMP_SYS(fcntl), 1, WHOLE_INT, F_SETFD },
					   { SCMP_SYS(fcntl), 1, WHOLE_INT, F_GETFL },
					   { SCMP_SYS(prlimit64), 2, UINT64_MAX, 0 },
					   { SCMP_SYS(prctl), 0, WHOLE_INT, PR_SET_NAME },
					   { SCMP_SYS(prctl), 0, WHOLE_INT, PR_GET_TIMERSLACK },
					   { SCMP_SYS(prctl), 0, WHOLE_INT, PR_SET_TIMERSLACK } };

/* getifaddrs(3): whoever has no capability can ask there, and change nothing. A name for it is 12 bytes long: shorter than that
 * of another socket that is open. */
static const struct passes addresses[] = { { SCMP_SYS(socket), 0, WHOLE_INT, AF_NETLINK },
					   { SCMP_SYS(bind), 2, WHOLE_INT, sizeof(struct sockaddr_nl) } };

/* For who fetches a file. What can be opened is said by Landlock. */
static const int fetching[] = { SCMP_SYS(openat),
				SCMP_SYS(openat2),
				SCMP_SYS(pwrite64),
				SCMP_SYS(pwritev),
				SCMP_SYS(pwritev2),
				SCMP_SYS(fsync),
				SCMP_SYS(fdatasync),
				SCMP_SYS(sync_file_range),
				SCMP_SYS(fallocate),
				SCMP_SYS(ftruncate),
				SCMP_SYS(fadvise64),
				SCMP_SYS(fchmod),
				SCMP_SYS(utimensat),
				SCMP_SYS(umask),
				SCMP_SYS(flock),
				SCMP_SYS(fstatfs),
				SCMP_SYS(statfs),
				SCMP_SYS(renameat2),
				SCMP_SYS(renameat),
				SCMP_SYS(rename),
				SCMP_SYS(unlink),
				SCMP_SYS(unlinkat),
				SCMP_SYS(access),
				SCMP_SYS(faccessat),
				SCMP_SYS(faccessat2),
				SCMP_SYS(getcwd),
				SCMP_SYS(uname),
				SCMP_SYS(readlink),
				SCMP_SYS(readlinkat),
				SCMP_SYS(getdents64),
				SCMP_SYS(stat),
				SCMP_SYS(lstat),
				SCMP_SYS(dup),
				SCMP_SYS(connect),
				SCMP_SYS(bind),
				SCMP_SYS(setsockopt),
				SCMP_SYS(getpeername),
				SCMP_SYS(shutdown),
				SCMP_SYS(socketpair),
				SCMP_SYS(pipe2),
				SCMP_SYS(eventfd2),
				SCMP_SYS(timerfd_create),
				SCMP_SYS(timerfd_settime),
				SCMP_SYS(signalfd4),
				SCMP_SYS(epoll_create1),
				SCMP_SYS(epoll_ctl),
				SCMP_SYS(epoll_wait),
				SCMP_SYS(epoll_pwait),
				SCMP_SYS(epoll_pwait2),
				SCMP_SYS(select),
				SCMP_SYS(pselect6) };

static const struct passes fetching_sometimes[] = { { SCMP_SYS(fcntl), 1, WHOLE_INT, F_SETFL },
						    { SCMP_SYS(fcntl), 1, WHOLE_INT, F_DUPFD_CLOEXEC },
						    /* A terminal is looked at; nothing is typed there (TIOCSTI, TIOCLINUX). */
						    { SCMP_SYS(ioctl), 1, WHOLE_INT, TCGETS },
						    { SCMP_SYS(ioctl), 1, WHOLE_INT, TIOCGWINSZ },
						    { SCMP_SYS(ioctl), 1, WHOLE_INT, FIONREAD },
						    { SCMP_SYS(ioctl), 1, WHOLE_INT, FIONBIO },
						    { SCMP_SYS(ioctl), 1, WHOLE_INT, SIOCGIFINDEX },
						    { SCMP_SYS(ioctl), 1, WHOLE_INT, SIOCGIFNAME },
						    { SCMP_SYS(ioctl), 1, WHOLE_INT, SIOCGIFMTU } };

static int pass(scmp_filter_ctx filter, const struct passes *p)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, p->call, 1, SCMP_CMP(p->argument, SCMP_CMP_MASKED_EQ, p->mask, p->value));
}

static int fill(scmp_filter_ctx filter, bool ask_addresses)
{
	/* A program that gives up (abort(3)) sends itself a signal. */
	const struct passes own = { SCMP_SYS(tgkill), 0, WHOLE_INT, (uint64_t)getpid() };
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(always); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, always[i], 0);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(sometimes); i++)
		rc = pass(filter, &sometimes[i]);
	for (size_t i = 0; rc == 0 && ask_addresses && i < ARRAY_LEN(addresses); i++)
		rc = pass(filter, &addresses[i]);
	return rc == 0 ? pass(filter, &own) : rc;
}

/* if_nametoindex(3) asks by a datagram socket of AF_UNIX; a stream would reach what listens on this machine. */
static const int sockets[][2] = { { AF_INET, SOCK_STREAM },
				  { AF_INET, SOCK_DGRAM },
				  { AF_INET6, SOCK_STREAM },
				  { AF_INET6, SOCK_DGRAM },
				  { AF_UNIX, SOCK_DGRAM } };

static int pass_socket(scmp_filter_ctx filter, const int socket[2])
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				SCMP_CMP(0, SCMP_CMP_MASKED_EQ, WHOLE_INT, (scmp_datum_t)socket[0]),
				SCMP_CMP(1, SCMP_CMP_MASKED_EQ, SOCK_TYPES, (scmp_datum_t)socket[1]));
}

static int fill_fetching(scmp_filter_ctx filter)
{
	int rc = fill(filter, true);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(fetching); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, fetching[i], 0);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(fetching_sometimes); i++)
		rc = pass(filter, &fetching_sometimes[i]);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(sockets); i++)
		rc = pass_socket(filter, sockets[i]);
	return rc;
}

static int load(scmp_filter_ctx filter, int rc, struct err *err)
{
	scmp_filter_ctx no_clone3 = seccomp_init(SCMP_ACT_ALLOW);

	/* A filter does not see the flags of clone3, and so not whether it makes a thread: without it the C library uses clone.
	 * That is no news: this filter has not asked for the log. */
	if (rc == 0)
		rc = seccomp_rule_add(no_clone3, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = seccomp_load(no_clone3);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(no_clone3);
	seccomp_release(filter);
	return rc < 0 ? err_errno(err, -rc, "confine this process to the system calls that it needs") : 0;
}

int confine_calls(bool ask_addresses, struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

	return load(filter, fill(filter, ask_addresses), err);
}

int confine_fetching_calls(struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

	return load(filter, fill_fetching(filter), err);
}
