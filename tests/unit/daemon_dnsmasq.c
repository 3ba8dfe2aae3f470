/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor against a fake dnsmasq: started, told, started again when it died, ended; an orphan of a killed daemon is found.
 */
#include "base/mem.h"
#include "daemon/dnsmasq.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

/* Notes each start and SIGHUP in a file, its pid in another. */
static const char fake[] = "#!/bin/bash\n"
			   "dir=$(dirname \"$0\")\n"
			   "echo $$ >\"$dir/pid\"\n"
			   "trap 'echo hup >>\"$dir/notes\"' HUP\n"
			   "trap 'echo term >>\"$dir/notes\"; exit 0' TERM\n"
			   "echo start >>\"$dir/notes\"\n"
			   "[ ! -e \"$dir/fail\" ] || exit 3\n"
			   /* wait is what a trapped signal interrupts at once (POSIX, 2.12) */
			   "while :; do sleep 1 & wait $!; done\n";

/* Stands in for the C library's; fails as often as asked. */
static atomic_int no_pidfd;
static _Atomic pid_t unwatched;

int pidfd_open(pid_t pid, unsigned int flags)
{
	if (atomic_load(&no_pidfd) > 0) {
		atomic_fetch_sub(&no_pidfd, 1);
		atomic_store(&unwatched, pid);
		errno = EMFILE;
		return -1;
	}
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

struct bench {
	char *dir, *program, *notes, *pid, *fail, *conf;
	struct dnsmasq *d;
	atomic_int ends, befores;
	char last[256];
	pthread_mutex_t lock;
};

static void on_tell(void *ctx, bool bad, const char *text)
{
	struct bench *b = ctx;

	assert_true(bad);
	pthread_mutex_lock(&b->lock);
	snprintf(b->last, sizeof(b->last), "%s", text);
	pthread_mutex_unlock(&b->lock);
	atomic_fetch_add(&b->ends, 1);
}

static int on_before(void *ctx, struct err *err)
{
	struct bench *b = ctx;

	(void)err;
	atomic_fetch_add(&b->befores, 1);
	return 0;
}

static struct dnsmasq_opts opts_of(struct bench *b)
{
	return (struct dnsmasq_opts){ .program = b->program,
				      .conf_path = b->conf,
				      .pid_path = b->pid,
				      .before_start = on_before,
				      .tell = on_tell,
				      .ctx = b };
}

static int setup(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	struct dnsmasq_opts opts;
	struct err err = { 0 };

	b->dir = mem_strdup("/tmp/orthrus-dnsmasq.XXXXXX");
	if (!mkdtemp(b->dir))
		return -1;
	b->program = fs_join(b->dir, "fake");
	b->notes = fs_join(b->dir, "notes");
	b->pid = fs_join(b->dir, "pid");
	b->fail = fs_join(b->dir, "fail");
	b->conf = fs_join(b->dir, "dnsmasq.conf");
	pthread_mutex_init(&b->lock, NULL);
	if (fs_write_atomic(b->program, fake, strlen(fake), 0755, &err) < 0)
		return -1;
	opts = opts_of(b);
	*state = b;
	return dnsmasq_new(&opts, &b->d, &err);
}

static int teardown(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	int rc;

	dnsmasq_stop(b->d);
	rc = fs_remove_tree(b->dir, &err);
	free(b->dir);
	free(b->program);
	free(b->notes);
	free(b->pid);
	free(b->fail);
	free(b->conf);
	free(b);
	return rc;
}

/* How often a word is in the notes. */
static int noted(struct bench *b, const char *word)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };
	int n = 0;

	if (fs_read(b->notes, 65536, &text, &err) < 0)
		return 0;
	for (const char *at = buf_str(&text); (at = strstr(at, word)) != NULL; at += strlen(word))
		n++;
	return n;
}

static void wait_noted(struct bench *b, const char *word, int n)
{
	int64_t deadline = clock_now_ns() + 30 * NS_PER_S;

	while (noted(b, word) < n) {
		if (clock_now_ns() > deadline)
			fail_msg("'%s' is noted %d times, not %d", word, noted(b, word), n);
		clock_sleep_ns(5 * NS_PER_MS);
	}
}

/* Until its whole line is there: a pid of 0 would be all of this test's processes. */
static pid_t its_pid(struct bench *b)
{
	for (int64_t deadline = clock_now_ns() + 30 * NS_PER_S;; clock_sleep_ns(5 * NS_PER_MS)) {
		autoclean(buf_free) struct buf text = { 0 };
		struct err err = { 0 };

		if (fs_read(b->pid, 32, &text, &err) == 0 && str_ends(buf_str(&text), "\n"))
			return (pid_t)strtol(buf_str(&text), NULL, 10);
		if (clock_now_ns() > deadline)
			fail_msg("no pid in %s", b->pid);
	}
}

/* The process is there a moment before its supervisor has noted that. */
static void wait_status(struct bench *b, const char *part, struct buf *json)
{
	int64_t deadline = clock_now_ns() + 30 * NS_PER_S;

	do {
		struct json_out w;

		buf_clear(json);
		json_out_init(&w, json, false);
		json_put_obj(&w, NULL);
		dnsmasq_status(b->d, &w);
		json_end_obj(&w);
		if (strstr(buf_str(json), part))
			return;
		clock_sleep_ns(5 * NS_PER_MS);
	} while (clock_now_ns() < deadline);
	fail_msg("'%s' is not in the status: %s", part, buf_str(json));
}

static void test_started_told_and_ended(void **state)
{
	struct bench *b = *state;

	dnsmasq_reload(b->d); /* nothing runs yet: nothing to tell */
	assert_int_equal(noted(b, "start"), 0);
	dnsmasq_run(b->d);
	wait_noted(b, "start", 1);
	dnsmasq_run(b->d); /* again: it runs already */
	dnsmasq_reload(b->d);
	wait_noted(b, "hup", 1);
	assert_int_equal(noted(b, "start"), 1);
	dnsmasq_restart(b->d);
	wait_noted(b, "start", 2);
	assert_int_equal(noted(b, "term"), 1);
	assert_int_equal(atomic_load(&b->ends), 0); /* it was asked to end: no event */
	assert_int_equal(atomic_load(&b->befores), 2);
}

static void test_started_again_when_it_dies(void **state)
{
	struct bench *b = *state;
	autoclean(buf_free) struct buf json = { 0 };

	dnsmasq_run(b->d);
	wait_noted(b, "start", 1);
	assert_int_equal(kill(its_pid(b), SIGKILL), 0);
	wait_noted(b, "start", 2);
	assert_int_equal(atomic_load(&b->ends), 1);
	pthread_mutex_lock(&b->lock);
	assert_non_null(strstr(b->last, "signal 9"));
	pthread_mutex_unlock(&b->lock);
	wait_status(b, "\"dnsmasq\":\"running\"", &json);
	assert_non_null(strstr(buf_str(&json), "signal 9"));
}

static void test_ever_more_slowly(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	int64_t begin = clock_now_ns();

	assert_int_equal(fs_write_atomic(b->fail, "", 0, 0644, &err), 0);
	dnsmasq_run(b->d);
	/* At once, after 1 s, after 2 more. */
	wait_noted(b, "start", 3);
	assert_true(clock_now_ns() - begin >= 2900 * NS_PER_MS);
	assert_true(atomic_load(&b->ends) >= 2);
}

/* Its end could not be noticed: it does not stay, and is tried again. */
static void test_not_left_unwatched(void **state)
{
	struct bench *b = *state;
	int64_t deadline = clock_now_ns() + 30 * NS_PER_S;

	atomic_store(&no_pidfd, 1);
	dnsmasq_run(b->d);
	while (atomic_load(&b->ends) < 1 && clock_now_ns() < deadline)
		clock_sleep_ns(5 * NS_PER_MS);
	assert_int_equal(atomic_load(&b->ends), 1);
	pthread_mutex_lock(&b->lock);
	assert_non_null(strstr(b->last, "dnsmasq cannot be started: watch its process"));
	pthread_mutex_unlock(&b->lock);
	/* Ended and reaped: no such process any more. */
	assert_true(atomic_load(&unwatched) > 0);
	assert_int_equal(kill(atomic_load(&unwatched), 0), -1);
	assert_int_equal(errno, ESRCH);
	while (atomic_load(&b->befores) < 2 && clock_now_ns() < deadline)
		clock_sleep_ns(5 * NS_PER_MS);
	assert_int_equal(atomic_load(&b->befores), 2);
	/* The second one is watched: its death is seen. */
	while ((noted(b, "start") < 1 || its_pid(b) == atomic_load(&unwatched)) && clock_now_ns() < deadline)
		clock_sleep_ns(5 * NS_PER_MS);
	assert_int_equal(kill(its_pid(b), SIGKILL), 0);
	while (atomic_load(&b->ends) < 2 && clock_now_ns() < deadline)
		clock_sleep_ns(5 * NS_PER_MS);
	assert_int_equal(atomic_load(&b->ends), 2);
}

static void test_an_orphan_is_ended(void **state)
{
	struct bench *b = *state;
	autofree char *conf = str_format("--conf-file=%s", b->conf);
	const char *const argv[] = { b->program, conf, NULL }, *const other[] = { b->program, "--conf-file=/elsewhere", NULL };
	struct spawn s = { .argv = argv };
	struct dnsmasq_opts opts = opts_of(b);
	struct dnsmasq *second;
	struct err err = { 0 };
	pid_t pid;

	assert_int_equal(spawn_start(&s, &pid, &err), 0);
	wait_noted(b, "start", 1);
	assert_int_equal(its_pid(b), pid);
	assert_int_equal(dnsmasq_new(&opts, &second, &err), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(noted(b, "term"), 1);
	dnsmasq_stop(second);
	/* Another program that got the number of the pid file is none of ours. */
	s.argv = other;
	assert_int_equal(spawn_start(&s, &pid, &err), 0);
	wait_noted(b, "start", 2);
	assert_int_equal(dnsmasq_new(&opts, &second, &err), 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	dnsmasq_stop(second);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_started_told_and_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_started_again_when_it_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ever_more_slowly, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_left_unwatched, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_orphan_is_ended, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
