/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mount points are read from a table like /proc/self/mountinfo: those of one tree, and no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/mounts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *make_table(const char *text)
{
	char *path = str_format("%s/orthrus-mounts.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	struct err err = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, path, text, strlen(text), &err), 0);
	close(fd);
	return path;
}

static void check(const char *table, const char *root, const char *want)
{
	autofree char *path = make_table(table);
	autoclean(str_list_free) struct str_list found = { 0 };
	autoclean(buf_free) struct buf got = { 0 };
	struct err err = { 0 };

	if (mounts_below(path, root, &found, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < found.len; i++)
		buf_addf(&got, "%s\n", found.items[i]);
	assert_string_equal(buf_str(&got), want);
	unlink(path);
}

static void one_tree_in_the_order_of_mounting(void **state)
{
	static const char table[] = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
				    "40 21 9:1 / /target rw,noatime - ext4 /dev/md1 rw\n"
				    "41 40 9:2 / /target/var rw,noatime - xfs /dev/md2 rw\n"
				    "42 21 9:3 / /target2 rw - ext4 /dev/md3 rw\n"
				    "43 21 9:4 /target /srv rw - ext4 /target rw\n"
				    "44 40 8:17 / /target/boot/efi rw - vfat /dev/sdb1 rw\n"
				    "45 41 0:5 / /target/var/a\\040b rw - tmpfs tmpfs rw\n"
				    "46 40 9:5 / /target rw - ext4 /dev/md5 rw";

	(void)state;
	check(table, "/target", "/target\n/target/var\n/target/boot/efi\n/target/var/a\\040b\n/target\n");
	check(table, "/target/var", "/target/var\n/target/var/a\\040b\n");
	check(table, "/target/v", "");
	check(table, "/nowhere", "");
}

static void short_lines_name_nothing(void **state)
{
	(void)state;
	check("", "/target", "");
	check("\n\n21\n21 1 8:1 /target\n21 1 8:1 /target \n40 21 9:1 / /target", "/target", "/target\n");
}

static void the_own_table_is_understood(void **state)
{
	autoclean(str_list_free) struct str_list found = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(mounts_below(MOUNTS_TABLE, "/proc", &found, &err), 0);
	assert_true(str_list_has(&found, "/proc"));
	assert_int_equal(mounts_below("/nonexistent/table", "/proc", &found, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/table"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_tree_in_the_order_of_mounting),
		cmocka_unit_test(short_lines_name_nothing),
		cmocka_unit_test(the_own_table_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
