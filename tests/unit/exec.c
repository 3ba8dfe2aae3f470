/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of `node exec` that need no node: what a terminal may be shown, a node's line of JSON, what ssh's end means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "cmd/exec.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void shown(const char *data, size_t len, const char *want)
{
	autoclean(buf_free) struct buf b = { 0 };

	exec_printable(data, len, &b);
	assert_string_equal(buf_str(&b), want);
}
#define SHOWN(data, want) shown(data, sizeof(data) - 1, want)

static void test_printable(void **state)
{
	(void)state;
	SHOWN("", "");
	SHOWN("a\tb\n\nc", "a\tb\n\nc");
	SHOWN("\n", "\n");
	SHOWN("\t", "\t");
	SHOWN("caf\303\251 \377\n", "caf\303\251 \\xff\n");
	SHOWN("\033]0;title\007\033[2J", "\\x1b]0;title\\x07\\x1b[2J");
	SHOWN("nul\0end", "nul\\x00end");
}

static void json(const struct exec_end *end, const char *out, size_t out_len, const char *want)
{
	struct buf text[2] = { 0 };
	autoclean(buf_free) struct buf line = { 0 };

	buf_add(&text[0], out, out_len);
	exec_json("n07", end, text, &line);
	assert_string_equal(buf_str(&line), want);
	buf_free(&text[0]);
}

static void test_json(void **state)
{
	char why[] = "exit 3";

	(void)state;
	json(&(struct exec_end){ .state = EXEC_DONE, .took_ns = 1500 * NS_PER_MS }, "a\n", 2,
	     "{\"node\":\"n07\",\"state\":\"done\",\"exit\":0,\"seconds\":1.500,\"why\":null,\"stdout\":\"a\\n\",\"stderr\":\"\"}"
	     "\n");
	json(&(struct exec_end){ .state = EXEC_FAILED, .exit = 3, .why = why }, "\377", 1,
	     "{\"node\":\"n07\",\"state\":\"failed\",\"exit\":3,\"seconds\":0.000,\"why\":\"exit 3\",\"stdout\":\"\357\277\275\","
	     "\"stdout_hex\":\"ff\",\"stderr\":\"\"}\n");
	/* A NUL would end the string before its time. */
	json(&(struct exec_end){ .state = EXEC_UNBEGUN, .exit = -1 }, "a\0b", 3,
	     "{\"node\":\"n07\",\"state\":\"unbegun\",\"exit\":null,\"seconds\":0.000,\"why\":null,\"stdout\":\"a\","
	     "\"stdout_hex\":\"610062\",\"stderr\":\"\"}\n");
}

/* What ssh wrote to its log and, at the end of standard error, in the command's stream. */
static void judged(int status, const char *log, const char *tail, enum exec_state state, const char *why, size_t own_len)
{
	struct fanout_result r = { .how = FANOUT_EXITED, .status = status };
	struct exec_end end;
	struct err err = { 0 };
	autoclose int fd = exec_ssh_log(&err);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, log, strlen(log)), strlen(log));
	assert_int_equal(exec_ssh_judge(&r, fd, "10.1.0.7", tail, strlen(tail), &end), own_len);
	assert_int_equal(end.state, state);
	assert_int_equal(end.exit, state == EXEC_UNREACHABLE ? -1 : status);
	if (why)
		assert_string_equal(end.why, why);
	else
		assert_null(end.why);
	free(end.why);
}

static void test_judge(void **state)
{
	static const char closed[] = "Connection to 10.1.0.7 closed by remote host.\r\n";

	(void)state;
	judged(0, "", "", EXEC_DONE, NULL, 0);
	judged(0, "some warning\n", "", EXEC_DONE, NULL, 0);
	judged(1, "", "", EXEC_FAILED, "exit 1", 0);
	judged(127, "x\n", "", EXEC_FAILED, "exit 127", 0);
	judged(137, "", "", EXEC_FAILED, "exit 137 (signal 9)", 0);
	judged(200, "", "", EXEC_FAILED, "exit 200", 0);
	/* 255 is ssh's own, but may be the command's: who wrote to ssh's log tells. */
	judged(255, "", "", EXEC_FAILED, "exit 255 (or a signal ended it)", 0);
	judged(255, " \n", "", EXEC_FAILED, "exit 255 (or a signal ended it)", 0);
	judged(255, "ssh: connect to host 10.1.0.7 port 22: Connection timed out\r\n", "", EXEC_UNREACHABLE,
	       "ssh: connect to host port 22: Connection timed out", 0);
	judged(255, "a\nb\nHost key verification failed.\n", "", EXEC_UNREACHABLE, "ssh: Host key verification failed", 0);
	judged(255, "clientloop.c:server_alive_check():503 (pid=7): Timeout, server 10.1.0.7 not responding.\r\n", "",
	       EXEC_UNREACHABLE, "ssh: Timeout, server not responding", 0);
	judged(255, "\033[2J\n", "", EXEC_UNREACHABLE, "ssh: \\x1b[2J", 0);
	judged(255, "", closed, EXEC_UNREACHABLE, "ssh: the connection was closed by the node", sizeof(closed) - 1);
	judged(255, "", "Connection to 10.1.0.70 closed by remote host.\r\n", EXEC_FAILED, "exit 255 (or a signal ended it)", 0);
	judged(1, "", closed, EXEC_FAILED, "exit 1", 0);
}

static void test_argv(void **state)
{
	autoclean(str_list_free) struct str_list options = { 0 };
	char word[] = "-la", *command[] = { word, NULL };
	char known[] = "/a b/100%/known_hosts", domain[] = "x.internal";
	struct exec_ssh s = { .user = "root", .connect_s = "10", .options = &options, .command = command };
	const char *const *a;
	size_t n;
	bool weak = false;

	(void)state;
	str_list_add(&options, "StrictHostKeyChecking=no");
	exec_ssh_argv(&s, "n07", "10.1.0.7", 5);
	a = (const char *const *)s.argv.items;
	n = s.argv.len;
	/* Of several values ssh takes the first: what was asked for comes behind what must be. */
	for (size_t i = 0; i < n && !str_eq(a[i], "StrictHostKeyChecking=yes"); i++)
		weak = weak || str_eq(a[i], "StrictHostKeyChecking=no");
	assert_false(weak);
	assert_string_equal(a[n - 1], "-la");
	assert_string_equal(a[n - 2], "n07");
	assert_string_equal(a[n - 3], "--");
	assert_true(str_list_has(&s.argv, "HostName=10.1.0.7"));
	assert_true(str_list_has(&s.argv, "HostKeyAlias=n07"));
	assert_false(str_list_has(&s.argv, "HostKeyAlias=n07.x.internal"));
	s.known_hosts = known;
	s.domain = domain;
	exec_ssh_argv(&s, "n07", "10.1.0.7", 5);
	assert_true(str_list_has(&s.argv, "UserKnownHostsFile=\"/a b/100%%/known_hosts\""));
	assert_true(str_list_has(&s.argv, "GlobalKnownHostsFile=/dev/null"));
	assert_true(str_list_has(&s.argv, "HostKeyAlias=n07.x.internal"));
	str_list_free(&s.argv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_printable),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_argv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
