/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/sys: files that are whole or absent, paths that stay inside, children that are watched. */
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/fs_direct.h"
#include "sys/log.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char *make_dir(void)
{
	char *dir = mem_strdup("/tmp/orthrus-sys.XXXXXX");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static void test_write_atomic(void **state)
{
	autofree char *dir = make_dir(), *path = fs_join(dir, "f"), *absent = fs_join(dir, "none/f");
	autoclean(buf_free) struct buf got = { 0 };
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err err = { 0 };
	struct stat st;
	bool changed = false;

	(void)state;
	assert_int_equal(fs_write_atomic(path, "one", 3, 0640, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(fs_write_if_changed(path, "one", 3, 0640, &changed, &err), 0);
	assert_false(changed);
	assert_int_equal(fs_write_if_changed(path, "one", 3, 0600, &changed, &err), 0);
	assert_true(changed);
	assert_int_equal(fs_write_if_changed(path, "two!", 4, 0600, &changed, &err), 0);
	assert_true(changed);
	assert_int_equal(fs_read(path, 4, &got, &err), 0);
	assert_string_equal(buf_str(&got), "two!");
	assert_int_equal(fs_read(path, 3, &got, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_int_equal(fs_write_atomic(absent, "x", 1, 0600, &err), -1);
	assert_non_null(strstr(err.text, absent));
	assert_int_equal(fs_list(dir, &names, &err), 0);
	assert_int_equal(names.len, 1); /* no temporary file is left */
	assert_int_equal(fs_remove_tree(dir, &err), 0);
	assert_false(fs_exists(dir));
}

static void test_beneath(void **state)
{
	autofree char *dir = make_dir(), *link = fs_join(dir, "out"), *sub = fs_join(dir, "a/b");
	autoclose int dirfd = -1;
	autoclose int ok = -1;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(symlink("/etc", link), 0);
	assert_int_equal(fs_mkdirs(sub, 0755, &err), 0);
	assert_int_equal(fs_mkdirs(sub, 0755, &err), 0);
	dirfd = fs_open_dir(dir, &err);
	assert_true(dirfd >= 0);
	ok = fs_open_beneath(dirfd, "a/b/file", O_CREAT | O_WRONLY, 0600, RESOLVE_NO_SYMLINKS, &err);
	assert_true(ok >= 0);
	assert_int_equal(fs_open_beneath(dirfd, "out/passwd", O_RDONLY, 0, 0, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(fs_open_beneath(dirfd, "../x", O_RDONLY, 0, 0, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(fs_open_beneath(dirfd, "/etc/passwd", O_RDONLY, 0, 0, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
	assert_true(fs_exists("/etc/passwd"));
}

static void test_all_bytes(void **state)
{
	autofree char *dir = make_dir(), *path = fs_join(dir, "f");
	autoclose int fd = open(path, O_RDWR | O_CREAT, 0600);
	struct err err = { 0 };
	char got[4] = "";

	(void)state;
	assert_int_equal(fs_write_all(fd, path, "abcd", 4, &err), 0);
	assert_int_equal(fs_pwrite_all(fd, path, "XY", 2, 1, &err), 0);
	assert_int_equal(fs_pread_all(fd, path, got, 4, 0, &err), 0);
	assert_memory_equal(got, "aXYd", 4);
	assert_int_equal(fs_pread_all(fd, path, got, 4, 1, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

static void test_direct(void **state)
{
	autofree char *dir = make_dir(), *path = fs_join(dir, "f");
	autofree uint8_t *page = mem_aligned(FS_DIRECT_ALIGN, 2 * FS_DIRECT_ALIGN), *got = mem_zalloc(2 * FS_DIRECT_ALIGN);
	autoclose int fd = open(path, O_RDWR | O_CREAT, 0600);
	int flags = fcntl(fd, F_GETFL);
	struct err err = { 0 };
	size_t done = 1;

	(void)state;
	memset(page, 'x', 2 * FS_DIRECT_ALIGN);
	assert_int_equal(fs_pwrite_direct(fd, path, page, 2 * FS_DIRECT_ALIGN, FS_DIRECT_ALIGN, &done, &err), 0);
	assert_int_equal(fcntl(fd, F_GETFL), flags);
	assert_true(done == 0 || done == 2 * FS_DIRECT_ALIGN);
	if (done) {
		assert_int_equal(fs_pread_all(fd, path, got, 2 * FS_DIRECT_ALIGN, FS_DIRECT_ALIGN, &err), 0);
		assert_memory_equal(got, page, 2 * FS_DIRECT_ALIGN);
	}
	/* What can't be written that way is left to others, and is no error. */
	assert_int_equal(fs_pwrite_direct(fd, path, page + 1, FS_DIRECT_ALIGN, 1, &done, &err), 0);
	assert_int_equal(fs_pwrite_direct(-1, path, page, FS_DIRECT_ALIGN, 0, &done, &err), 0);
	assert_int_equal(done, 0);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

/* A limit on the size of files makes the kernel write less than it is asked to. */
static void write_within(rlim_t limit)
{
	autofree char *dir = make_dir(), *path = fs_join(dir, "f");
	autofree uint8_t *pages = mem_aligned(FS_DIRECT_ALIGN, 3 * FS_DIRECT_ALIGN), *got = mem_zalloc(limit);
	autoclose int fd = open(path, O_RDWR | O_CREAT, 0600);
	size_t done = 1, len = 3 * FS_DIRECT_ALIGN;
	struct err err = { 0 };
	struct rlimit old, low;
	int rc, rest = -1;
	struct stat st;

	memset(pages, 'x', len);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = (struct rlimit){ .rlim_cur = limit, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	rc = fs_pwrite_direct(fd, path, pages, len, 0, &done, &err);
	assert_int_equal(fstat(fd, &st), 0);
	if (rc == 0 && done < len)
		rest = fs_pwrite_all(fd, path, pages + done, len - done, done, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	/* What is said to be written is what there is, */
	assert_int_equal(done, st.st_size);
	assert_true(done <= limit);
	/* and that it is not all is an error of one of the two. */
	assert_int_equal(rest, -1);
	assert_non_null(strstr(err.text, strerror(EFBIG)));
	if (done) {
		assert_int_equal(fs_pread_all(fd, path, got, done, 0, &err), 0);
		assert_memory_equal(got, pages, done);
	}
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

static void test_direct_short(void **state)
{
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);

	(void)state;
	write_within(FS_DIRECT_ALIGN);
	write_within(2 * FS_DIRECT_ALIGN);
	write_within(FS_DIRECT_ALIGN + FS_DIRECT_ALIGN / 2);
	signal(SIGXFSZ, before);
}

static void test_secret(void **state)
{
	autofree char *dir = make_dir(), *path = fs_join(dir, "key");
	autoclean(buf_free) struct buf got = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(fs_read_secret(path, 1, 64, &got, &err), -1);
	assert_int_equal(fs_write_atomic(path, "k", 1, 0644, &err), 0);
	assert_int_equal(fs_read_secret(path, 1, 64, &got, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(fs_read_secret(path, 2, 64, &got, &err), -1);
	buf_clear(&got);
	assert_int_equal(fs_read_secret(path, 1, 64, &got, &err), 0);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

/* Reading a pipe that nobody writes to must not wait: the alarm would end the test. */
static void test_no_regular_file(void **state)
{
	autofree char *dir = make_dir(), *fifo = fs_join(dir, "fifo"), *file = fs_join(dir, "file"), *link = fs_join(dir, "link");
	autoclean(buf_free) struct buf got = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	alarm(20);
	assert_int_equal(fs_read(fifo, 64, &got, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_true(strstr(err.text, fifo) && strstr(err.text, "not a regular file") && err.hint[0]);
	assert_int_equal(fs_read_secret(fifo, 1, 64, &got, &err), -1);
	assert_non_null(strstr(err.text, "not a regular file"));
	alarm(0);
	assert_int_equal(fs_read(dir, 64, &got, &err), -1);
	assert_non_null(strstr(err.text, "Is a directory"));
	assert_int_equal(fs_write_atomic(file, "x", 1, 0600, &err), 0);
	assert_int_equal(symlink("file", link), 0);
	assert_int_equal(fs_read(link, 64, &got, &err), 0);
	assert_int_equal(fs_read_nofollow(link, 64, &got, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_true(strstr(err.text, link) && strstr(err.text, "symbolic link"));
	assert_int_equal(fs_read_nofollow(file, 64, &got, &err), 0);
	assert_string_equal(buf_str(&got), "xx");
	assert_int_equal(fs_read("/proc/self/comm", 64, &got, &err), 0);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

static void test_lock(void **state)
{
	autofree char *dir = make_dir(), *path = fs_join(dir, "lock");
	struct err err = { 0 };
	int held = fs_lock(path, &err);

	(void)state;
	assert_true(held >= 0);
	assert_int_equal(fs_lock(path, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	close(held);
	held = fs_lock(path, &err);
	assert_true(held >= 0);
	close(held);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

static void count_line(void *ctx, bool is_stderr, const char *line)
{
	int *n = ctx;

	if (!is_stderr && str_starts(line, "line"))
		++*n;
}

static void test_spawn(void **state)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	int lines = 0;
	struct spawn s = { .argv = (const char *const[]){ "sh", "-c", "cat; echo line2; echo bad >&2; exit 3", NULL },
			   .input = "line1\n",
			   .input_len = 6,
			   .line = count_line,
			   .ctx = &lines };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(spawn_run(&s, &r, &err), 0);
	assert_int_equal(r.status, 3);
	assert_string_equal(buf_str(&r.out), "line1\nline2\n");
	assert_string_equal(buf_str(&r.err), "bad\n");
	assert_int_equal(lines, 2);
	assert_int_equal(spawn_run(&s, NULL, &err), -1);
	assert_string_equal(err.text, "sh failed (exit 3): bad");
	assert_int_equal(SPAWN(&err, "orthrus-no-such-program"), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_non_null(strstr(err.hint, "orthrus-no-such-program"));
	assert_int_equal(SPAWN(&err, "sh", "-c", "kill -9 $$"), -1);
	assert_non_null(strstr(err.text, "signal 9"));
}

/* A test run, or a head's daemon, below nohup: its children obey all the same. */
static void test_spawn_resets_signals(void **state)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1 };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
		autofree char *script = str_format("kill -%d $$; echo ignored >&2", ignored[i]);
		autofree char *words = str_format("signal %d", ignored[i]);
		void (*before)(int) = signal(ignored[i], SIG_IGN);

		assert_int_equal(SPAWN(&err, "sh", "-c", script), -1);
		assert_non_null(strstr(err.text, words));
		signal(ignored[i], before);
	}
}

static void test_spawn_limits(void **state)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	struct spawn cut = { .argv = (const char *const[]){ "head", "-c", "3000000", "/dev/zero", NULL }, .capture_max = 1000 };
	struct spawn slow = { .argv = (const char *const[]){ "sleep", "600", NULL }, .timeout_ns = 100 * NS_PER_MS };
	struct spawn deaf = { .argv = (const char *const[]){ "true", NULL }, .input = "never read", .input_len = 10 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(spawn_run(&cut, &r, &err), 0);
	assert_int_equal(r.out.len, 1000);
	assert_int_equal(spawn_run(&slow, NULL, &err), -1);
	assert_non_null(strstr(err.text, "did not end"));
	assert_int_equal(spawn_run(&deaf, NULL, &err), 0);
}

static void test_clock(void **state)
{
	char utc[CLOCK_UTC_LEN];
	int64_t before = clock_now_ns();

	(void)state;
	clock_sleep_ns(NS_PER_MS);
	assert_true(clock_now_ns() - before >= NS_PER_MS);
	clock_utc(0, utc);
	assert_string_equal(utc, "1970-01-01T00:00:00Z");
	clock_utc(1795239000, utc);
	assert_string_equal(utc, "2026-11-21T05:30:00Z");
	clock_utc(INT64_MAX, utc);
	assert_string_equal(utc, "1970-01-01T00:00:00Z");
	assert_true(clock_wall_s() > 1700000000);
	log_init("test", false);
	log_info("sys", "a line with %d number", 1);
}

/* The child of this test: nobody reads what it logs, and then somebody does. */
static _Noreturn void log_into(int pipefd[2])
{
	static char text[1 << 17];
	ssize_t n, all = 0;

	alarm(20); /* it would wait for ever */
	if (dup2(pipefd[1], STDERR_FILENO) < 0)
		_exit(1);
	log_init("test", false);
	log_never_wait();
	for (int i = 0; i < 2000; i++)
		log_info("sys", "line %d, which is long enough for a pipe to be full before the last of them is there", i);
	while ((n = read(pipefd[0], text + all, sizeof(text) - 1 - (size_t)all)) > 0)
		all += n;
	text[all] = 0;
	if (!strstr(text, "line 0,") || strstr(text, "line 1999,"))
		_exit(2);
	log_info("sys", "after it");
	n = read(pipefd[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	_exit(strstr(text, "lines were lost") && strstr(text, "after it") ? 0 : 3);
}

static void test_log_never_waits(void **state)
{
	int pipefd[2], status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	assert_int_equal(fcntl(pipefd[0], F_SETFL, O_NONBLOCK), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		log_into(pipefd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(pipefd[0]);
	close(pipefd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_never_waits),
		cmocka_unit_test(test_write_atomic),
		cmocka_unit_test(test_beneath),
		cmocka_unit_test(test_all_bytes),
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_direct_short),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_no_regular_file),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_spawn),
		cmocka_unit_test(test_spawn_resets_signals),
		cmocka_unit_test(test_spawn_limits),
		cmocka_unit_test(test_clock),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("sys", tests, NULL, NULL);
}
