/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon makes of a request for the audit log, and how many refusals of one source it writes. */
#include "daemon/audit_call.h"
#include "daemon/audit_limit.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect_nodes(const char *body, const char *nodes)
{
	autofree char *got = audit_nodes(body, strlen(body));

	if (!str_eq(got, nodes))
		fail_msg("%s: %s, not %s", body, got ? got : "none", nodes ? nodes : "none");
}

static void test_nodes(void **state)
{
	(void)state;
	expect_nodes("{\"nodes\":[\"n02\",\"n01\",\"n03\"],\"plan\":false}", "n[01-03]");
	expect_nodes("{\"nodes\":[{\"name\":\"n01\",\"group\":\"g\"},{\"name\":\"x\"}]}", "n01,x");
	expect_nodes("{\"items\":[{\"fingerprint\":\"00\",\"node\":\"n7\"},{\"fingerprint\":\"01\"}]}", "n7");
	expect_nodes("{\"node\":\"n1\"}", "n1");
	expect_nodes("{\"nodes\":[\"$(reboot)\",\"n1\\nn2\",7,null,[\"n9\"],\"n1\"],\"node\":{}}", "n1");
	expect_nodes("{\"nodes\":\"n1\"}", NULL);
	expect_nodes("[\"n1\"]", NULL);
	expect_nodes("{", NULL);
	expect_nodes("", NULL);
}

static bool plan(const char *body)
{
	return audit_is_plan(body, strlen(body));
}

/* What is taken for a plan by mistake would be done unseen. */
static void test_plan(void **state)
{
	(void)state;
	assert_true(plan("{\"plan\":true}"));
	assert_false(plan("{\"plan\":false}"));
	assert_false(plan("{\"plan\":1}"));
	assert_false(plan("{\"plan\":\"true\"}"));
	assert_false(plan("{\"nodes\":[{\"plan\":true}]}"));
	assert_false(plan("{\"Plan\":true}"));
	assert_false(plan("{\"plan\":true,\"plan\":false}"));
	assert_false(plan("{\"plan\":true"));
	assert_false(plan(""));
}

static bool look(const char *body)
{
	return audit_is_look("/v1/power", body, strlen(body));
}

static void expect_what(const char *pattern, const char *body, const char *want)
{
	autofree char *what = audit_what(pattern, body, strlen(body));

	if (!str_eq(what, want))
		fail_msg("%s %s: %s", pattern, body, what ? what : "none");
}

/* What is not known to be a look is an act. */
static void test_looks(void **state)
{
	(void)state;
	assert_true(look("{\"act\":\"status\",\"nodes\":[\"n1\"]}"));
	assert_false(look("{\"act\":\"off\"}"));
	assert_false(look("{\"act\":\"Status\"}"));
	assert_false(look("{\"act\":1}"));
	assert_false(look("{}"));
	assert_false(look(""));
	assert_false(audit_is_look("/v1/boot", "{\"act\":\"status\"}", 16));
	{
		autofree char *what = audit_what("/v1/power", "{\"act\":\"off\"}", 13);

		assert_string_equal(what, "power off");
		assert_null(audit_what("/v1/power", "{\"act\":\"of\"}", 12));
	}
	expect_what("/v1/casts/stop", "{\"image\":\"compute/i1\"}", "cast stop compute/i1");
	expect_what("/v1/casts/stop", "{\"image\":null}", "cast stop all");
	expect_what("/v1/casts/resume", "{}", "cast resume all");
	expect_what("/v1/casts/stop", "{\"image\":\"a\\nb\"}", NULL);
	expect_what("/v1/casts/stop", "{\"image\":7}", NULL);
	expect_what("/v1/casts/stop", "{", NULL);
	expect_what("/v1/install", "{\"image\":\"compute\"}", NULL);
}

static void test_reports(void **state)
{
	(void)state;
	assert_true(audit_is_report("POST", "/v1/imager/event"));
	assert_true(audit_is_report("POST", "/v1/hostkey")); /* every node asks every few minutes */
	assert_false(audit_is_report("DELETE", "/v1/imager/event"));
	assert_false(audit_is_report("POST", "/v1/install"));
	assert_false(audit_is_report("POST", "/v1/something/new"));
	assert_false(audit_is_report("POST", ""));
}

/* Without the key nobody can try which password was in a request. */
static void test_digest(void **state)
{
	uint8_t key[AUDIT_KEY_LEN] = { 1 }, other[AUDIT_KEY_LEN] = { 2 };
	char a[DIGEST_HEX_LEN], b[DIGEST_HEX_LEN];

	(void)state;
	audit_digest(key, "POST /v1/a", "b", 1, a);
	audit_digest(key, "POST /v1/a", "b", 1, b);
	assert_string_equal(a, b);
	audit_digest(other, "POST /v1/a", "b", 1, b);
	assert_string_not_equal(a, b);
	audit_digest(key, "POST /v1/ab", "", 0, b);
	assert_string_not_equal(a, b);
	audit_digest(key, "POST /v1/a", "c", 1, b);
	assert_string_not_equal(a, b);
}

static void expect_source(const char *address, const char *source)
{
	char got[AUDIT_SOURCE_LEN];

	audit_source(address, got);
	assert_string_equal(got, source);
}

static void test_source(void **state)
{
	(void)state;
	expect_source("10.0.0.7", "10.0.0.7");
	expect_source("::ffff:10.0.0.7", "::ffff:10.0.0.7");
	expect_source("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
	expect_source("2001:db8:1:2:ffff::", "2001:db8:1:2::/64");
	expect_source("fe80::1", "fe80::/64");
	expect_source("local", "local");
}

static void test_one_source(void **state)
{
	struct audit_limit l = { 0 };
	unsigned int written = 0;

	(void)state;
	assert_false(audit_limit_over(&l, 0));
	for (int i = 0; i < 1000; i++)
		written += audit_limit_take(&l, "10.0.0.7", NS_PER_S + i);
	assert_int_equal(written, AUDIT_LIMIT_PER_SOURCE);
	assert_true(audit_limit_take(&l, "10.0.0.8", NS_PER_S)); /* another one is not held up by it */
	assert_int_equal(l.sources[0].more, 1000 - AUDIT_LIMIT_PER_SOURCE);
	assert_false(audit_limit_over(&l, 60 * NS_PER_S));
	assert_true(audit_limit_over(&l, 61 * NS_PER_S));
	audit_limit_clear(&l);
	assert_true(audit_limit_take(&l, "10.0.0.7", 62 * NS_PER_S));
	assert_int_equal(l.n, 1);
}

static void test_many_sources(void **state)
{
	struct audit_limit l = { 0 };
	uint64_t written = 0, more = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "10.0.%d.%d", i / 256, i % 256);
		written += audit_limit_take(&l, name, NS_PER_S);
		written += audit_limit_take(&l, name, NS_PER_S);
	}
	assert_int_equal(written, AUDIT_LIMIT_ALL);
	assert_int_equal(l.n, AUDIT_LIMIT_SOURCES + 1);
	for (size_t i = 0; i < l.n; i++)
		more += l.sources[i].more;
	assert_int_equal(more, 10000 - AUDIT_LIMIT_ALL); /* none is lost */
	assert_string_equal(l.sources[l.n - 1].name, AUDIT_LIMIT_OTHERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes),	   cmocka_unit_test(test_plan),		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_reports),	   cmocka_unit_test(test_digest),	cmocka_unit_test(test_source),
		cmocka_unit_test(test_one_source), cmocka_unit_test(test_many_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
