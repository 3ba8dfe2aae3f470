/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of hooks.d is run, what is kept of a hook, and the jail: nothing that it started is left, and nothing of ours is in it. */
#include "daemon/hooks_priv.h"
#include "daemon/hooks_scan.h"

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/spawn.h"
#include "sys/spawn_jail.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static int set_up(void **state)
{
	char *dir = mem_strdup("/tmp/orthrus-hooks.XXXXXX");

	*state = dir;
	return mkdtemp(dir) ? chmod(dir, 0755) : -1;
}

static int tear_down(void **state)
{
	struct err err = { 0 };
	int rc = fs_remove_tree(*state, &err);

	free(*state);
	return rc;
}

static void put(const char *dir, const char *name, mode_t mode)
{
	autofree char *path = fs_join(dir, name);
	struct err err = { 0 };

	assert_int_equal(fs_write_atomic(path, "#!/bin/sh\n", 10, mode, &err), 0);
}

/* "id" of those that run, "id:why" of those that do not. */
static char *scan(const char *dir)
{
	autoclean(hook_files_free) struct hook_files f = { 0 };
	autoclean(buf_free) struct buf b = { 0 };

	hook_files_scan(dir, &f);
	for (size_t i = 0; i < f.len; i++)
		buf_addf(&b, "%s%s%s%s%s|", f.items[i].kind ? f.items[i].kind : "", f.items[i].kind ? "=" : "", f.items[i].id,
			 f.items[i].why_not ? ":" : "", f.items[i].why_not ? f.items[i].why_not : "");
	return buf_steal(&b);
}

static void expect(const char *dir, const char *want)
{
	autofree char *got = scan(dir);

	if (!strstr(got, want))
		fail_msg("%s, not %s", got, want);
}

static void test_scan(void **state)
{
	const char *dir = *state;
	autofree char *none = fs_join(dir, "none");
	autofree char *kind = fs_join(dir, "node-added.d");
	autofree char *link = fs_join(dir, "link");
	autofree char *nothing = scan(none);

	assert_string_equal(nothing, "");
	put(dir, "mail", 0755);
	put(dir, "group", 0775);
	put(dir, "secret", 0700);
	put(dir, "text", 0644);
	put(dir, "-dash", 0755);
	put(dir, "up.sh", 0755);
	assert_int_equal(mkdir(kind, 0755), 0);
	put(kind, "page", 0755);
	assert_int_equal(symlink("mail", link), 0);
	expect(dir, "|mail|");
	expect(dir, "|node-added=node-added.d/page|");
	expect(dir, "|group:others than its owner may write to it (mode 0775)|");
	expect(dir, "secret:not everybody may execute it (mode 0700)");
	expect(dir, "text:not everybody may execute it (mode 0644)");
	expect(dir, "-dash:a name has");
	expect(dir, "up.sh:a name has");
	expect(dir, "link:it is a symbolic link");
	assert_int_equal(chmod(kind, 0757), 0);
	expect(dir, "node-added.d:others than its owner may write to it (mode 0757)");
	assert_int_equal(chmod(dir, 0777), 0);
	expect(dir, "hooks.d:others than its owner may write to it (mode 0777)|");
}

static void test_too_many(void **state)
{
	const char *dir = *state;
	size_t run = 0;
	autoclean(hook_files_free) struct hook_files f = { 0 };

	for (int i = 0; i < HOOKS_MAX + 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "h%02d", i);
		put(dir, name, 0755);
	}
	hook_files_scan(dir, &f);
	for (size_t i = 0; i < f.len; i++)
		run += f.items[i].why_not == NULL;
	assert_int_equal(run, HOOKS_MAX);
}

static void test_record(void **state)
{
	struct hook_record r = { .last = 9, .delivered = 8, .failed = 7, .dropped = 6, .error = (char[]){ "no\n" } };
	autoclean(hook_record_free) struct hook_record back = { 0 };
	autoclean(buf_free) struct buf json = { 0 };
	struct err err = { 0 };

	(void)state;
	hook_record_print(&r, &json);
	assert_int_equal(hook_record_read(json.data, json.len, &back, &err), 0);
	assert_int_equal(back.last, 9);
	assert_int_equal(back.dropped, 6);
	assert_string_equal(back.error, "no\n");
	assert_null(back.error_at);
	assert_int_equal(hook_record_read("{\"last\":1}", 10, &(struct hook_record){ 0 }, &err), -1);
}

static struct spawn_jail jail_here(void)
{
	bool root = geteuid() == 0;

	return (struct spawn_jail){ .uid = root ? 65534 : geteuid(),
				    .gid = root ? 65534 : getegid(),
				    .cpu_s = 5,
				    .memory_bytes = 1 << 30,
				    .file_bytes = 1 << 20,
				    .processes = 4096,
				    .files = 64 };
}

static int run(const char *words, int64_t limit_ns, const atomic_bool *stop, struct spawn_result *r, struct err *err)
{
	const struct spawn_jail jail = jail_here();
	const char *const argv[] = { "/bin/bash", "-c", words, NULL };
	const char *const env[] = { "PATH=/usr/bin:/bin", "A=b", NULL };
	const struct spawn s = { .argv = argv, .env = env, .jail = &jail, .timeout_ns = limit_ns, .stop = stop };

	return spawn_run(&s, r, err);
}

static void test_jail(void **state)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	/* One that would be inherited: no O_CLOEXEC. */
	int leak = open("/dev/null", O_RDONLY);
	struct err err = { 0 };
	autofree char *want = str_format("%u %u / A=b 1 0077", jail_here().uid, jail_here().gid);

	(void)state;
	assert_int_equal(
		run("echo \"$(id -u) $(id -g) $(pwd) $(/usr/bin/env | grep -v '^PATH=\\|^PWD=\\|^_=\\|^SHLVL=' | tr '\\n' ' ')"
		    "$(ls -l /proc/$$/fd | grep -c /dev/null) $(umask)\"; exit 7",
		    0, NULL, &r, &err),
		0);
	close(leak);
	assert_int_equal(r.status, 7);
	/* Of /dev/null there is standard input only. */
	if (strncmp(buf_str(&r.out), want, strlen(want)) != 0)
		fail_msg("%s, not %s", buf_str(&r.out), want);
}

static bool is_there(pid_t pid)
{
	return kill(pid, 0) == 0;
}

/* Whatever it started, in whatever session, is over when it is. */
static void test_nothing_is_left(void **state)
{
	static const char *const words[] = {
		"setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!",
		"(setsid bash -c 'trap \"\" TERM HUP; echo $$; while :; do sleep 1000; done' 2>/dev/null &); sleep 0.3",
		"setsid sleep 1000 & echo $!; kill -KILL $$",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		autoclean(spawn_result_free) struct spawn_result r = { 0 };
		struct err err = { 0 };
		pid_t pid;

		assert_int_equal(run(words[i], 0, NULL, &r, &err), 0);
		assert_int_equal(r.status, i == 2 ? 137 : 0);
		pid = (pid_t)strtol(buf_str(&r.out), NULL, 10);
		assert_true(pid > 1);
		assert_false(is_there(pid));
	}
}

static void test_time_is_over(void **state)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	atomic_bool stop = true;
	struct err err = { 0 };
	int64_t begin = clock_now_ns();

	(void)state;
	assert_int_equal(run("trap '' TERM; sleep 1000 & echo $$; wait", 200 * NS_PER_MS, NULL, &r, &err), -1);
	assert_non_null(strstr(err.text, "did not end"));
	assert_int_equal(run("trap '' TERM; sleep 1000", 0, &stop, &r, &err), -1);
	assert_true(clock_now_ns() - begin < 8 * NS_PER_S);
}

static void test_output_is_closed(void **state)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	const struct spawn_jail jail = jail_here();
	const char *const argv[] = { "/usr/bin/yes", NULL };
	const struct spawn s = { .argv = argv, .jail = &jail, .capture_max = 100, .output_max = 65536 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(spawn_run(&s, &r, &err), 0);
	assert_int_equal(r.status, 128 + SIGPIPE);
	assert_int_equal(r.out.len, 100);
}

/* Nobody is root by mistake. */
static void test_root_is_refused(void **state)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	struct spawn_jail jail = jail_here();
	const char *const argv[] = { "/bin/true", NULL };
	const struct spawn s = { .argv = argv, .jail = &jail };
	struct err err = { 0 };

	(void)state;
	jail.uid = geteuid() == 0 ? 0 : geteuid() + 1;
	assert_int_equal(spawn_run(&s, &r, &err), -1);
	jail = jail_here();
	jail.gid = 0;
	if (geteuid() == 0)
		assert_int_equal(spawn_run(&s, &r, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_scan, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_jail),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_time_is_over),
		cmocka_unit_test(test_output_is_closed),
		cmocka_unit_test(test_root_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
