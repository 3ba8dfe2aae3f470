/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/sys/auditlog: what was acknowledged is in the log, whoever else writes, whenever the machine stops, and when the disk is
 * full. */
#include "sys/auditlog.h"

#include "base/mem.h"
#include "sys/auditlog_tail.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#define SEGMENT 4000

struct place {
	char *dir, *path;
};

static int set_up(void **state)
{
	struct place *p = mem_zalloc(sizeof(*p));
	const char *tmp = getenv("TMPDIR");

	p->dir = str_format("%s/orthrus-audit.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(p->dir))
		return -1;
	p->path = fs_join(p->dir, "audit.log");
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	int rc = fs_remove_tree(p->dir, &err);

	free(p->dir);
	free(p->path);
	free(p);
	return rc;
}

static uint64_t must_write(struct auditlog *a, enum audit_phase phase, uint64_t begun)
{
	struct audit_entry e = { .phase = phase, .begun = begun, .who = "uid 0", .from = "local", .what = "test", .text = "x" };
	struct err err = { 0 };
	uint64_t number = 0;

	if (auditlog_write(a, &e, &number, &err) < 0)
		fail_msg("%s", err.text);
	return number;
}

/* Everything there is, as one chain. */
static void check(const struct place *p, struct audit_chain *c)
{
	autoclean(str_list_free) struct str_list files = { 0 };
	struct err err = { 0 };

	assert_int_equal(auditlog_segments(p->dir, &files, &err), 0);
	assert_int_equal(auditlog_check(&files, c, &err), 0);
}

static void must_be_whole(const struct place *p, uint64_t last)
{
	autoclean(audit_chain_free) struct audit_chain c = { 0 };

	check(p, &c);
	if (c.faults)
		fail_msg("%s", c.findings[0].text);
	if (last) {
		assert_int_equal(c.first, 1);
		assert_int_equal(c.last, last);
	}
}

static void append_bytes(const struct place *p, const char *text)
{
	autoclose int fd = open(p->path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static off_t size_of(const struct place *p)
{
	struct stat st;

	assert_int_equal(stat(p->path, &st), 0);
	return st.st_size;
}

static void newest_text(const struct place *p, char **text, enum audit_phase *phase)
{
	autoclean(str_list_free) struct str_list lines = { 0 };
	autoclean(audit_line_free) struct audit_line l = { 0 };
	struct err err = { 0 };

	assert_int_equal(auditlog_lines(p->dir, 0, 2, 2, &lines, &err), 0);
	assert_int_equal(lines.len, 2);
	assert_int_equal(audit_line_read(lines.items[0], strlen(lines.items[0]), &l, &err), AUDIT_GOOD);
	*phase = l.phase;
	*text = mem_strdup(l.text ? l.text : "");
}

/* The line before the newest is a note that says this. */
static void must_note(const struct place *p, const char *words)
{
	autofree char *text = NULL;
	enum audit_phase phase;

	newest_text(p, &text, &phase);
	assert_int_equal(phase, AUDIT_NOTE);
	if (!strstr(text, words))
		fail_msg("the note says: %s", text);
}

static void test_segments_carry_the_chain_on(void **state)
{
	const struct place *p = *state;
	autoclean(str_list_free) struct str_list files = { 0 };
	autoclean(str_list_free) struct str_list lines = { 0 };
	struct auditlog *a = auditlog_new(p->dir, SEGMENT);
	struct audit_anchor newest;
	struct err err = { 0 };
	struct stat st;

	must_be_whole(p, 0);
	for (uint64_t i = 1; i <= 60; i++)
		assert_int_equal(must_write(a, AUDIT_BEGIN, 0), i);
	assert_int_equal(auditlog_newest(a, &newest, &err), 0);
	assert_int_equal(newest.number, 60);
	auditlog_free(a);
	must_be_whole(p, 60);
	assert_int_equal(auditlog_segments(p->dir, &files, &err), 0);
	assert_true(files.len > 3);
	assert_string_equal(files.items[files.len - 1], p->path);
	assert_true(str_ends(files.items[0], "/audit-000000000001.log"));
	assert_int_equal(stat(files.items[0], &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(st.st_size < SEGMENT + 1000);
	/* Lines are found across segments. */
	assert_int_equal(auditlog_lines(p->dir, 17, 0, 30, &lines, &err), 0);
	assert_int_equal(lines.len, 30);
	assert_int_equal(auditlog_number_of(lines.items[0], strlen(lines.items[0])), 18);
	assert_int_equal(auditlog_number_of(lines.items[29], strlen(lines.items[29])), 47);
	str_list_free(&lines);
	assert_int_equal(auditlog_lines(p->dir, 0, 5, 100, &lines, &err), 0);
	assert_int_equal(lines.len, 5);
	assert_int_equal(auditlog_number_of(lines.items[0], strlen(lines.items[0])), 56);
	/* A new file, and the newest segment closed by somebody else: the chain goes on. */
	{
		autofree char *closed = fs_join(p->dir, "audit-000000000058.log");

		assert_int_equal(rename(p->path, closed), 0);
	}
	a = auditlog_new(p->dir, SEGMENT);
	assert_int_equal(must_write(a, AUDIT_BEGIN, 0), 61);
	auditlog_free(a);
	must_be_whole(p, 61);
	/* One in the middle is gone. */
	{
		autoclean(audit_chain_free) struct audit_chain c = { 0 };

		assert_int_equal(unlink(files.items[1]), 0);
		check(p, &c);
		assert_int_equal(c.faults, 1);
		assert_int_equal(c.findings[0].fault, AUDIT_FAULT_MISSING);
	}
}

/* Several programs at once: the daemon and the command line. */
static void test_many_writers(void **state)
{
	const struct place *p = *state;
	pid_t pids[4];
	int status;

	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct auditlog *a = auditlog_new(p->dir, SEGMENT);

			for (int n = 0; n < 40; n++)
				must_write(a, n % 2 ? AUDIT_END : AUDIT_BEGIN, 1);
			auditlog_free(a);
			_exit(0);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	must_be_whole(p, 160);
}

static void test_torn_end(void **state)
{
	const struct place *p = *state;
	struct auditlog *a = auditlog_new(p->dir, 0);
	off_t whole;

	must_write(a, AUDIT_BEGIN, 0);
	whole = size_of(p);
	append_bytes(p, "{\"number\":2,\"at\":\"20\x1b[2J");
	/* It is looked at again by whoever has it open, too. */
	assert_int_equal(must_write(a, AUDIT_BEGIN, 0), 3);
	must_note(p,
		  "line 2 was not written to its end (a crash); its 24 bytes were taken away: {\"number\":2,\"at\":\"20\\x1b[2J");
	must_be_whole(p, 3);
	/* Only the newline is missing: nothing is lost. */
	whole = size_of(p);
	assert_int_equal(truncate(p->path, whole - 1), 0);
	assert_int_equal(must_write(a, AUDIT_BEGIN, 0), 4);
	must_be_whole(p, 4);
	/* The state knows that the line was whole: cut by somebody, it stays as a trace. */
	{
		autoclean(audit_chain_free) struct audit_chain c = { 0 };
		struct audit_anchor anchor = { .number = 4, .hash = AUDIT_NO_LINE };

		assert_int_equal(truncate(p->path, size_of(p) - 20), 0);
		auditlog_set_anchor(a, &anchor);
		must_write(a, AUDIT_BEGIN, 0);
		check(p, &c);
		assert_true(c.faults > 0);
		assert_int_equal(c.findings[0].fault, AUDIT_FAULT_CHANGED);
		assert_int_equal(c.findings[0].number, 4);
	}
	auditlog_free(a);
}

static void test_behind_the_anchor(void **state)
{
	const struct place *p = *state;
	autoclean(audit_chain_free) struct audit_chain c = { 0 };
	struct auditlog *a = auditlog_new(p->dir, 0);
	struct audit_anchor anchor;
	off_t two;
	struct err err = { 0 };

	must_write(a, AUDIT_BEGIN, 0);
	must_write(a, AUDIT_BEGIN, 0);
	two = size_of(p);
	must_write(a, AUDIT_BEGIN, 0);
	must_write(a, AUDIT_BEGIN, 0);
	assert_int_equal(auditlog_newest(a, &anchor, &err), 0);
	auditlog_free(a);
	assert_int_equal(truncate(p->path, two), 0);
	c.anchor = anchor;
	check(p, &c);
	assert_int_equal(c.faults, 1);
	assert_int_equal(c.findings[0].fault, AUDIT_FAULT_CUT);
	assert_int_equal(c.findings[0].number, 3);
	/* It goes on, and what is missing stays missing. */
	a = auditlog_new(p->dir, 0);
	auditlog_set_anchor(a, &anchor);
	assert_int_equal(must_write(a, AUDIT_BEGIN, 0), 6);
	auditlog_free(a);
	must_note(p, "lines 3 to 4 are missing");
	audit_chain_free(&c);
	c = (struct audit_chain){ .anchor = anchor };
	check(p, &c);
	assert_int_equal(c.faults, 1);
	assert_int_equal(c.findings[0].fault, AUDIT_FAULT_MISSING);
	assert_int_equal(c.findings[0].number, 3);
}

static void test_damaged_end(void **state)
{
	const struct place *p = *state;
	autoclean(audit_chain_free) struct audit_chain c = { 0 };
	struct auditlog *a = auditlog_new(p->dir, 0);

	must_write(a, AUDIT_BEGIN, 0);
	must_write(a, AUDIT_BEGIN, 0);
	append_bytes(p, "something else\n");
	assert_int_equal(must_write(a, AUDIT_BEGIN, 0), 5);
	must_note(p, "line 3 is not what was written");
	check(p, &c);
	assert_int_equal(c.faults, 1);
	assert_int_equal(c.findings[0].fault, AUDIT_FAULT_CHANGED);
	assert_int_equal(c.findings[0].number, 3);
	auditlog_free(a);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void test_no_room(void **state)
{
	const struct place *p = *state;
	struct auditlog *a = auditlog_new(p->dir, 0);
	struct audit_entry e = { .phase = AUDIT_BEGIN, .who = "uid 0", .what = "test" };
	struct err err = { 0 };
	uint64_t number = 0, begun;
	off_t before;

	signal(SIGXFSZ, SIG_IGN);
	begun = must_write(a, AUDIT_BEGIN, 0);
	before = size_of(p);
	limit_files((rlim_t)before + 100); /* in the middle of a line */
	assert_int_equal(auditlog_write(a, &e, &number, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.hint, p->dir));
	e.phase = AUDIT_REFUSED;
	assert_int_equal(auditlog_write(a, &e, &number, &err), -1);
	assert_int_equal(size_of(p), before); /* no half line */
	/* How it ended is kept, and said as soon as that can be. */
	assert_int_equal(must_write(a, AUDIT_END, begun), 0);
	assert_int_equal(size_of(p), before);
	limit_files(RLIM_INFINITY);
	assert_int_equal(must_write(a, AUDIT_BEGIN, 0), begun + 2);
	must_be_whole(p, begun + 2);
	{
		autofree char *text = NULL;
		enum audit_phase phase;

		newest_text(p, &text, &phase);
		assert_int_equal(phase, AUDIT_END);
	}
	/* A file that is none. */
	auditlog_free(a);
	assert_int_equal(unlink(p->path), 0);
	assert_int_equal(mkfifo(p->path, 0600), 0);
	a = auditlog_new(p->dir, 0);
	assert_int_equal(auditlog_write(a, &e, &number, &err), -1);
	auditlog_free(a);
}

/* The power is cut at any moment: what was acknowledged is there, and nothing looks like a forgery. */
static void test_killed_writers(void **state)
{
	const struct place *p = *state;
	uint64_t acknowledged = 0;

	for (int round = 0; round < 40; round++) {
		autoclean(audit_chain_free) struct audit_chain c = { 0 };
		int out[2], status;
		uint64_t n;
		pid_t pid;

		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
		pid = fork();
		if (pid == 0) {
			struct auditlog *a = auditlog_new(p->dir, SEGMENT);

			for (;;) {
				n = must_write(a, AUDIT_BEGIN, 0);
				if (write(out[1], &n, sizeof(n)) < 0)
					_exit(1);
			}
		}
		close(out[1]);
		for (int i = 0; i <= round % 3 && read(out[0], &n, sizeof(n)) == sizeof(n); i++)
			acknowledged = n;
		clock_sleep_ns((round * 37 % 20) * (NS_PER_MS / 10));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		while (read(out[0], &n, sizeof(n)) == sizeof(n))
			acknowledged = n;
		close(out[0]);
		check(p, &c);
		if (c.faults > 1 || (c.faults == 1 && c.findings[0].fault != AUDIT_FAULT_TORN))
			fail_msg("round %d: %s", round, c.findings[0].text);
		assert_true(c.last >= acknowledged);
	}
	{
		struct auditlog *a = auditlog_new(p->dir, SEGMENT);

		must_write(a, AUDIT_BEGIN, 0);
		auditlog_free(a);
	}
	must_be_whole(p, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_segments_carry_the_chain_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_writers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_torn_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_behind_the_anchor, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed_writers, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
