/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that gave up system calls: what is left it, and what somebody who took it over would like to do and can't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sys/confine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* What was open before. */
struct open {
	int event, udp, file, unix_listener;
	struct sockaddr_in at; /* of the socket */
	struct sockaddr_un api;
	pid_t parent;
	void *page;
};
struct attempt {
	const char *what;
	long (*make)(const struct open *o);
	bool fetching; /* whoever fetches files may */
};
enum kind { CASTS, ASKS_ADDRESSES, FETCHES };

static long make_unix(const struct open *o)
{
	(void)o;
	return socket(AF_UNIX, SOCK_STREAM, 0);
}
static long make_inet(const struct open *o)
{
	(void)o;
	return socket(AF_INET, SOCK_STREAM, 0);
}
static long make_netlink(const struct open *o)
{
	(void)o;
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}
static long make_pair(const struct open *o)
{
	int pair[2];

	(void)o;
	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}
static long connect_api(const struct open *o)
{
	return connect(o->udp, (const struct sockaddr *)&o->api, sizeof(o->api));
}
static long bind_again(const struct open *o)
{
	return bind(o->udp, (const struct sockaddr *)&o->at, sizeof(o->at));
}
static long take_connection(const struct open *o)
{
	return accept(o->unix_listener, NULL, NULL);
}
static long set_option(const struct open *o)
{
	int one = 1;

	return setsockopt(o->udp, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
}
static long signal_parent(const struct open *o)
{
	return kill(o->parent, 0);
}
static long signal_thread_of_parent(const struct open *o)
{
	return syscall(SYS_tgkill, o->parent, o->parent, 0);
}
static long signal_by_descriptor(const struct open *o)
{
	return fcntl(o->udp, F_SETOWN, o->parent);
}
static long signal_queued(const struct open *o)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	return syscall(SYS_rt_sigqueueinfo, o->parent, SIGUSR1, &info);
}
static long hold_parent(const struct open *o)
{
	return syscall(SYS_pidfd_open, o->parent, 0);
}
static long trace_parent(const struct open *o)
{
	return ptrace(PTRACE_SEIZE, o->parent, NULL, NULL);
}
static long read_parent(const struct open *o)
{
	char c;
	struct iovec to = { &c, 1 }, from = { (void *)(uintptr_t)o, 1 };

	return process_vm_readv(o->parent, &to, 1, &from, 1, 0);
}
static long write_parent(const struct open *o)
{
	char c = 0;
	struct iovec from = { &c, 1 }, to = { o->page, 1 };

	return process_vm_writev(o->parent, &from, 1, &to, 1, 0);
}
static long make_process(const struct open *o)
{
	(void)o;
	return fork();
}
static long make_process_v(const struct open *o)
{
	(void)o;
	return syscall(SYS_fork);
}
static long run_program(const struct open *o)
{
	const char *const argv[] = { "/bin/true", NULL };

	(void)o;
	return execv(argv[0], (char *const *)(uintptr_t)argv);
}
static long run_open_file(const struct open *o)
{
	const char *const argv[] = { "true", NULL };

	return fexecve(o->file, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)argv);
}
static long open_to_write(const struct open *o)
{
	(void)o;
	return open("/dev/null", O_WRONLY);
}
static long open_to_append(const struct open *o)
{
	(void)o;
	return open("/dev/null", O_RDWR | O_APPEND);
}
static long open_by_how(const struct open *o)
{
	const uint64_t how[3] = { O_RDWR };

	(void)o;
	return syscall(SYS_openat2, AT_FDCWD, "/dev/null", how, sizeof(how));
}
static long remove_file(const struct open *o)
{
	(void)o;
	return unlink("/nowhere/at/all");
}
static long rename_file(const struct open *o)
{
	(void)o;
	return rename("/nowhere/at/all", "/nowhere/else");
}
static long open_mode(const struct open *o)
{
	return fchmod(o->file, 0777);
}
static long map_code(const struct open *o)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)o;
	return p == MAP_FAILED ? -1 : 0;
}
static long make_code(const struct open *o)
{
	return mprotect(o->page, 4096, PROT_READ | PROT_EXEC);
}
static long be_dumped(const struct open *o)
{
	(void)o;
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
static long raise_limit(const struct open *o)
{
	const struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };

	(void)o;
	return setrlimit(RLIMIT_FSIZE, &l);
}
static long new_namespace(const struct open *o)
{
	(void)o;
	return unshare(CLONE_NEWUSER);
}
static long other_ways(const struct open *o)
{
	struct io_uring_params p = { 0 };

	(void)o;
	return syscall(SYS_io_uring_setup, 1, &p);
}
static long other_user(const struct open *o)
{
	(void)o;
	return setuid(getuid());
}

static long make_raw(const struct open *o)
{
	(void)o;
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}
static long type_in(const struct open *o)
{
	return ioctl(o->event, TIOCSTI, "x");
}

static const struct attempt attempts[] = { { "make a Unix socket", make_unix, false },
					   { "make an internet socket", make_inet, true },
					   { "make a netlink socket", make_netlink, false },
					   { "make a pair of sockets", make_pair, true },
					   { "connect a socket", connect_api, true },
					   { "name a socket", bind_again, true },
					   { "take a connection", take_connection, false },
					   { "set an option of a socket", set_option, true },
					   { "signal its parent", signal_parent, false },
					   { "signal a thread of its parent", signal_thread_of_parent, false },
					   { "signal its parent by a descriptor", signal_by_descriptor, false },
					   { "queue a signal", signal_queued, false },
					   { "hold its parent", hold_parent, false },
					   { "trace its parent", trace_parent, false },
					   { "read its parent's memory", read_parent, false },
					   { "write its parent's memory", write_parent, false },
					   { "fork", make_process, false },
					   { "fork the old way", make_process_v, false },
					   { "run a program", run_program, false },
					   { "run an open file", run_open_file, false },
					   { "open a file to write", open_to_write, true },
					   { "open a file to append", open_to_append, true },
					   { "open a file by openat2", open_by_how, true },
					   { "remove a file", remove_file, true },
					   { "rename a file", rename_file, true },
					   { "change a mode", open_mode, true },
					   { "map memory to be run", map_code, false },
					   { "make memory one to be run", make_code, false },
					   { "be dumped", be_dumped, false },
					   { "raise a limit", raise_limit, false },
					   { "make a namespace", new_namespace, false },
					   { "use a ring of calls", other_ways, false },
					   { "change its user", other_user, false },
					   { "make a raw socket", make_raw, false },
					   { "type at a terminal", type_in, false } };

/* --- what is left */

static void *add_one(void *arg)
{
	*(int *)arg += 1;
	return NULL;
}

static bool has_thread(void)
{
	pthread_t thread;
	int n = 0;

	return pthread_create(&thread, NULL, add_one, &n) == 0 && pthread_join(thread, NULL) == 0 && n == 1;
}

static bool has_packets(const struct open *o)
{
	struct pollfd p = { .fd = o->udp, .events = POLLIN };
	char c = 0;

	return sendto(o->udp, "x", 1, 0, (const struct sockaddr *)&o->at, sizeof(o->at)) == 1 && poll(&p, 1, 10000) == 1 &&
	       recv(o->udp, &c, 1, 0) == 1 && c == 'x';
}

static bool has_event(const struct open *o)
{
	uint64_t n = 1;

	return write(o->event, &n, sizeof(n)) == sizeof(n) && read(o->event, &n, sizeof(n)) == sizeof(n);
}

static bool has_file(const struct open *o)
{
	autoclose int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	char c;

	return fd >= 0 && pread(o->file, &c, 1, 0) == 1;
}

static bool has_addresses(void)
{
	struct ifaddrs *all = NULL;
	const bool has = getifaddrs(&all) == 0 && all;

	freeifaddrs(all);
	return has;
}

/* The first thing that is otherwise than it should be, or NULL. */
static const char *wrong(const struct open *o, enum kind kind)
{
	struct err err = { 0 };

	if (kind == FETCHES ? confine_fetching_calls(&err) < 0 : confine_calls(kind == ASKS_ADDRESSES, &err) < 0)
		return "it can't be confined";
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		if ((kind != CASTS && attempts[i].make == make_netlink) || (kind == FETCHES && attempts[i].fetching))
			continue;
		errno = 0;
		if (attempts[i].make(o) != -1 || errno != ENOSYS)
			return attempts[i].what;
	}
	if (has_addresses() != (kind != CASTS))
		return "ask for addresses";
	for (size_t i = 0; kind == FETCHES && i < ARRAY_LEN(attempts); i++)
		if (attempts[i].fetching && attempts[i].make(o) == -1 && errno == ENOSYS)
			return attempts[i].what;
	return !has_thread()	 ? "no thread"
	       : !has_packets(o) ? "no packets"
	       : !has_event(o)	 ? "no event"
	       : !has_file(o)	 ? "no file"
				 : NULL;
}

static void listen_somewhere(struct open *o)
{
	socklen_t len = sizeof(o->at);

	o->at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	o->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(o->udp, (struct sockaddr *)&o->at, sizeof(o->at)), 0);
	assert_int_equal(getsockname(o->udp, (struct sockaddr *)&o->at, &len), 0);
	o->api = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(o->api.sun_path + 1, sizeof(o->api.sun_path) - 1, "orthrus-confine-%d", (int)getpid());
	o->unix_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(o->unix_listener, (struct sockaddr *)&o->api, sizeof(o->api)), 0);
	assert_int_equal(listen(o->unix_listener, 1), 0);
}

static void try(enum kind kind)
{
	struct open o = { .event = eventfd(0, EFD_CLOEXEC), .file = open("/bin/true", O_RDONLY), .parent = getpid() };
	int status = 0;
	pid_t pid;

	o.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(o.page != MAP_FAILED);
	listen_somewhere(&o);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		const char *what = wrong(&o, kind);

		if (what) {
			printf("confined all the same: %s (%s)\n", what, strerror(errno));
			fflush(stdout);
		}
		_exit(what != NULL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	munmap(o.page, 4096);
	close(o.event);
	close(o.udp);
	close(o.file);
	close(o.unix_listener);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void only_what_it_needs(void **state)
{
	(void)state;
	try(CASTS);
}

static void and_addresses(void **state)
{
	(void)state;
	try(ASKS_ADDRESSES);
}

/* Who fetches a file may do that, and no more. */
static void what_fetches(void **state)
{
	(void)state;
	try(FETCHES);
}

/* Who gives up (an assertion of a library) is ended by SIGABRT, as it should. */
static void gives_up(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		struct err err = { 0 };

		if (confine_calls(false, &err) < 0)
			_exit(1);
		abort();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(only_what_it_needs), cmocka_unit_test(and_addresses),
					    cmocka_unit_test(what_fetches), cmocka_unit_test(gives_up) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
