/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two texts compared line by line, as diff -u says it. */
#include "base/mem.h"
#include "daemon/text_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

static void diff_is(const char *a, const char *b, const char *want, size_t added, size_t removed)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct text_diff n;

	text_diff("f", a, b, &n, &out);
	assert_string_equal(buf_str(&out), want);
	assert_int_equal(n.added, added);
	assert_int_equal(n.removed, removed);
	text_diff("f", a, b, &n, NULL);
	assert_int_equal(n.added, added);
}

static void test_text_diff(void **state)
{
	autoclean(buf_free) struct buf a = { 0 }, b = { 0 }, out = { 0 };
	struct text_diff n;

	(void)state;
	diff_is("", "", "", 0, 0);
	diff_is("a\nb\n", "a\nb\n", "", 0, 0);
	diff_is(NULL, "a\nb\n", "--- /dev/null\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n", 2, 0);
	diff_is("a\n", NULL, "--- f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", 0, 1);
	diff_is("a\nb\nc\n", "a\nx\nc\n", "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n", 1, 1);
	diff_is("a", "a\n", "--- f\n+++ f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n", 1, 1);
	diff_is("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n",
		"--- f\n+++ f\n@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -6,4 +7,3 @@\n 6\n 7\n 8\n-9\n", 1, 1);
	diff_is("1\n2\n3\n4\n5\n6\n7\n", "x\n2\n3\n4\n5\n6\n7\ny\n",
		"--- f\n+++ f\n@@ -1,7 +1,8 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n+y\n", 2, 1);
	/* Too much for a table: it is told all the same. */
	for (unsigned int i = 0; i < 5000; i++) {
		buf_addf(&a, "a%u\n", i);
		buf_addf(&b, "b%u\n", i);
	}
	text_diff("f", buf_str(&a), buf_str(&b), &n, &out);
	assert_int_equal(n.added, 5000);
	assert_int_equal(n.removed, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_diff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
