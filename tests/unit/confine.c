/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that gave up files can't get them back; numeric addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/confine.h"
#include "sys/fs.h"
#include "sys/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* What went wrong in the child, by its exit code. */
enum wrong { FINE, CANT_CONFINE, CANT_READ, READS_ELSEWHERE, WRITES, RUNS, REGAINS };

static bool can_open(const char *dir, const char *name, int flags)
{
	autofree char *path = fs_join(dir, name);
	autoclose int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd >= 0;
}

/* A file that is open when it was confined is no way round. */
static bool can_write(int fd)
{
	signal(SIGXFSZ, SIG_IGN);
	return write(fd, "x", 1) == 1;
}

static enum wrong confined(const char *inside, const char *outside, int open_fd)
{
	const char *const dirs[] = { inside };
	const char *const argv[] = { "/bin/true", NULL };
	struct err err = { 0 };
	bool files;

	if (confine_to_reading(dirs, 1, &files, &err) < 0)
		return CANT_CONFINE;
	if (!can_open(inside, "file", O_RDONLY))
		return CANT_READ;
	if (can_write(open_fd))
		return WRITES;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return REGAINS;
	if (!files) {
		puts("this kernel has no Landlock: the files were not looked at");
		fflush(stdout);
		return FINE;
	}
	if (can_open(outside, "file", O_RDONLY))
		return READS_ELSEWHERE;
	if (can_open(inside, "new", O_WRONLY | O_CREAT) || can_open(inside, "file", O_WRONLY))
		return WRITES;
	execv(argv[0], (char *const *)(uintptr_t)argv);
	return errno == EACCES ? FINE : RUNS;
}

static bool can_rename(const char *dir, const char *from, const char *other_dir, const char *to)
{
	autofree char *a = fs_join(dir, from), *b = fs_join(other_dir, to);

	return rename(a, b) == 0;
}

/* As who receives a file: it makes one and names it, in its directory. */
static enum wrong receives(const char *inside, const char *outside, const char *listed)
{
	const char *const reads[] = { "/nowhere/at/all", listed }, *const argv[] = { "/bin/true", NULL };
	struct err err = { 0 };
	bool files;

	if (confine_to_writing(inside, reads, ARRAY_LEN(reads), &files, &err) < 0)
		return CANT_CONFINE;
	if (!can_open(inside, "file", O_RDONLY) || !can_open(inside, ".new", O_RDWR | O_CREAT) ||
	    !can_rename(inside, ".new", inside, "new") || !can_open(inside, "new", O_WRONLY))
		return CANT_READ;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return REGAINS;
	if (!files)
		return FINE;
	if (!can_open(outside, "listed", O_RDONLY))
		return CANT_READ;
	if (can_open(outside, "file", O_RDONLY))
		return READS_ELSEWHERE;
	if (can_open(outside, "listed", O_WRONLY) || can_open(outside, "new", O_WRONLY | O_CREAT) ||
	    can_rename(inside, "new", outside, "new") || can_rename(outside, "file", inside, "stolen"))
		return WRITES;
	execv(argv[0], (char *const *)(uintptr_t)argv);
	return errno == EACCES ? FINE : RUNS;
}

static void what_is_given_up_stays_so(void **state)
{
	char dir[] = "/tmp/orthrus-confine.XXXXXX";
	autofree char *inside = NULL, *outside = NULL, *file = NULL, *other = NULL, *listed = NULL;
	struct err err = { 0 };
	int status = 0;
	pid_t pid;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	inside = fs_join(dir, "in");
	outside = fs_join(dir, "out");
	file = fs_join(inside, "file");
	other = fs_join(outside, "file");
	assert_int_equal(fs_mkdirs(inside, 0700, &err) | fs_mkdirs(outside, 0700, &err), 0);
	assert_int_equal(fs_write_atomic(file, "x", 1, 0600, &err) | fs_write_atomic(other, "x", 1, 0600, &err), 0);
	fd = open(other, O_WRONLY | O_APPEND | O_CLOEXEC);
	pid = fork();
	if (pid == 0)
		_exit(confined(inside, outside, fd));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
	listed = fs_join(outside, "listed");
	assert_int_equal(fs_write_atomic(listed, "x", 1, 0600, &err), 0);
	pid = fork();
	if (pid == 0)
		_exit(receives(inside, outside, listed));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

static void addresses(void **state)
{
	static const char *const wrong[] = { "", "10.1", "10.0.0.256", "fe80::1%eth0", "host", "[fd00::1]", "10.0.0.1:80" };
	struct sockaddr_storage a;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(inet_address("10.0.0.1", 4580, &a, &err), 0);
	assert_int_equal(a.ss_family, AF_INET);
	assert_int_equal(ntohs(((struct sockaddr_in *)&a)->sin_port), 4580);
	assert_int_equal(ntohl(((struct sockaddr_in *)&a)->sin_addr.s_addr), 0x0a000001);
	assert_int_equal(inet_address("fd00::1", 1, &a, &err), 0);
	assert_int_equal(a.ss_family, AF_INET6);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(inet_address(wrong[i], 1, &a, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_given_up_stays_so), cmocka_unit_test(addresses) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
