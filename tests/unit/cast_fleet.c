/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What receivers on nodes say and how they end (`orthrus cast send --to`): progress, results, errors, and what is none of these.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "cmd/cast_fleet.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

static bool hear(struct fleet_node *n, bool is_stderr, const char *text)
{
	return fleet_node_hear(n, is_stderr, text, strlen(text));
}

static void end(struct fleet_node *n, enum exec_state state, int status, const char *why)
{
	struct exec_end e = { .state = state, .exit = status, .took_ns = 1500 * NS_PER_MS };

	e.why = why ? mem_strdup(why) : NULL;
	fleet_node_end(n, &e);
	free(e.why);
}

static void line_is(const struct fleet_node *n, const char *want)
{
	autoclean(buf_free) struct buf b = { 0 };

	fleet_node_line(n, "n01", &b);
	assert_string_equal(buf_str(&b), want);
}

static void test_progress(void **state)
{
	autoclean(fleet_node_clear) struct fleet_node n = { 0 };

	(void)state;
	line_is(&n, "n01          [....................]   0 %  begins");
	/* It is there, and has no ticket yet. */
	assert_true(hear(&n, true, "{\"progress\":{\"stage\":\"" FLEET_LOOKING "\",\"done_bytes\":0}}\n"));
	assert_int_equal(n.state, FLEET_BEGINS);
	assert_string_equal(n.stage, FLEET_LOOKING);
	line_is(&n, "n01          [....................]   0 %  " FLEET_LOOKING);
	/* In pieces, as it comes. */
	assert_true(hear(&n, true, "{\"progress\":{\"stage\":\"waiting for the sender\","));
	assert_int_equal(n.state, FLEET_BEGINS);
	assert_true(
		hear(&n, true, "\"done_bytes\":0,\"total_bytes\":400,\"more\":1}}\r\n{\"progress\":{\"stage\":\"receiving\""));
	assert_int_equal(n.state, FLEET_RECEIVES);
	assert_string_equal(n.stage, "waiting for the sender");
	assert_true(hear(&n, true, ",\"done_bytes\":100,\"total_bytes\":400}}\n"));
	assert_int_equal(fleet_node_percent(&n), 25);
	line_is(&n, "n01          [#####...............]  25 %  receiving");
	/* What is no progress is kept as its last words, and changes nothing else. */
	assert_true(hear(&n, true, "warning: \033[2Jno multicast\n\n"));
	assert_string_equal(n.words, "warning: \\x1b[2Jno multicast");
	assert_int_equal(fleet_node_percent(&n), 25);
	assert_true(hear(&n, false, "{\"file\":\"x\",\"bytes\":400,\"tls_bytes\":7,\"kept_bytes\":3,"));
	assert_true(hear(&n, false, "\"seconds\":1.5}\n"));
	end(&n, EXEC_DONE, 0, NULL);
	assert_int_equal(n.state, FLEET_DONE);
	assert_true(n.tls_bytes == 7 && n.kept_bytes == 3 && n.done_bytes == 400);
	line_is(&n, "n01          [####################] 100 %  done");
	assert_string_equal(fleet_state_name(n.state), "done");
}

/* What it came to: what it said, how ssh ended, why and the hint (a part of it; NULL: none). */
static void ends(const char *out, const char *error, enum exec_state how, int status, const char *exec_why, const char *why,
		 const char *hint)
{
	autoclean(fleet_node_clear) struct fleet_node n = { 0 };

	if (out)
		assert_true(hear(&n, false, out));
	if (error)
		assert_true(hear(&n, true, error));
	end(&n, how, status, exec_why);
	assert_int_equal(n.state, FLEET_FAILED);
	assert_string_equal(n.why, why);
	assert_true(hint ? n.hint && strstr(n.hint, hint) : !n.hint);
}

static void test_ends(void **state)
{
	(void)state;
	ends("{\"error\":{\"kind\":\"failed\",\"text\":\"no room\",\"hint\":\"make room\"}}", "warning\n", EXEC_FAILED, 1,
	     "exit 1", "no room", "make room");
	ends("{\"error\":{\"kind\":\"exists\",\"text\":\"it exists\"}}", NULL, EXEC_FAILED, 1, "exit 1", "it exists", NULL);
	ends(NULL, "bash: line 1: exec: orthrus: not found\n", EXEC_FAILED, 127, "exit 127",
	     "there is no program `orthrus` on it", "package orthrus");
	ends(NULL, "bash: orthrus: Permission denied", EXEC_FAILED, 126, "exit 126", "exit 126: bash: orthrus: Permission denied",
	     "noexec");
	ends(NULL, NULL, EXEC_FAILED, 137, "exit 137 (signal 9)", "exit 137 (signal 9)", NULL);
	ends(NULL, NULL, EXEC_UNREACHABLE, -1, "ssh: connect: No route to host", "ssh: connect: No route to host", "node list");
	ends("{\"error\":{\"text\":\"\"}}", NULL, EXEC_FAILED, 1, "exit 1", "exit 1", NULL);
	/* It says that all is well, and does not say what it did. */
	ends("", NULL, EXEC_DONE, 0, NULL, "what it answered is no answer of `orthrus cast receive`", "version");
	ends("{\"bytes\":-1}", NULL, EXEC_DONE, 0, NULL, "what it answered is no answer of `orthrus cast receive`", "version");
	ends("welcome\n", NULL, EXEC_DONE, 0, NULL, "what it answered is no answer of `orthrus cast receive`", "version");
}

static void test_flood(void **state)
{
	autoclean(fleet_node_clear) struct fleet_node n = { 0 };
	autofree char *much = mem_zalloc(60001);

	(void)state;
	memset(much, 'x', 60000);
	for (int i = 0; i < 50; i++)
		assert_true(hear(&n, true, much)); /* a line without end is cut */
	assert_true(n.line.len <= 4096);
	assert_true(hear(&n, true, "\n{\"progress\":{\"stage\":\"receiving\",\"done_bytes\":1}}\n"));
	assert_int_equal(n.state, FLEET_RECEIVES);
	assert_int_equal(fleet_node_percent(&n), 0);
	assert_true(hear(&n, false, much));
	assert_false(hear(&n, false, much));
}

static void test_command(void **state)
{
	autoclean(buf_free) struct buf b = { 0 }, plain = { 0 };
	struct fleet_order o = { .path = "/a b/it's $(x)", .force = true };

	(void)state;
	fleet_command(&o, &b);
	assert_string_equal(buf_str(&b),
			    "exec orthrus cast receive '/a b/it'\\''s $(x)' --token-file - --attended --json --force");
	buf_clear(&b);
	o.loader = "ld.so";
	fleet_command(&o, &b);
	assert_true(str_starts(buf_str(&b), "exec sh -c 'd=\ntrap "));
	assert_non_null(strstr(buf_str(&b), "\"${TMPDIR:-/tmp}\" /var/tmp "));
	assert_non_null(strstr(buf_str(&b), "\"$d/ld.so\" --library-path \"$d\" \"$d/orthrus\" cast receive "));
	fleet_quote("", &plain);
	assert_string_equal(buf_str(&plain), "''");
}

static void test_tail(void **state)
{
	struct exec_tail t = { 0 };
	char text[300];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	exec_tail_add(&t, text, 100);
	assert_true(t.len == 100 && memcmp(t.text, text, 100) == 0);
	exec_tail_add(&t, text + 100, 50);
	assert_true(t.len == EXEC_TAIL && memcmp(t.text, text + 150 - EXEC_TAIL, EXEC_TAIL) == 0);
	exec_tail_add(&t, text, sizeof(text));
	assert_memory_equal(t.text, text + sizeof(text) - EXEC_TAIL, EXEC_TAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_progress), cmocka_unit_test(test_ends), cmocka_unit_test(test_flood),
		cmocka_unit_test(test_command),	 cmocka_unit_test(test_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
