/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The archive is read back with libarchive, an independent reader, and written twice to see that it is reproducible. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cpio.h"
#include "base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static void write_archive(struct buf *out)
{
	struct cpio c = { .out = out };

	cpio_dir(&c, "etc", 0755);
	cpio_file(&c, "etc/odd", 0600, "abcde", 5);
	cpio_file(&c, "etc/empty", 0644, "", 0);
	cpio_symlink(&c, "bin", "usr/bin");
	cpio_char_device(&c, "console", 0600, 5, 1);
	cpio_end(&c);
}

static struct archive *open_archive(const struct buf *b, size_t from)
{
	struct archive *a = archive_read_new();

	assert_int_equal(archive_read_support_format_cpio(a), ARCHIVE_OK);
	assert_int_equal(archive_read_open_memory(a, b->data + from, b->len - from), ARCHIVE_OK);
	return a;
}

static struct archive_entry *next(struct archive *a, const char *path, mode_t mode)
{
	struct archive_entry *e = NULL;

	assert_int_equal(archive_read_next_header(a, &e), ARCHIVE_OK);
	assert_string_equal(archive_entry_pathname(e), path);
	assert_int_equal(archive_entry_mode(e), mode);
	assert_int_equal(archive_entry_uid(e), 0);
	assert_int_equal(archive_entry_mtime(e), 0);
	return e;
}

static void another_reader_reads_it(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct archive *a;
	struct archive_entry *e;
	char data[8] = "";

	(void)state;
	write_archive(&b);
	assert_int_equal(b.len % 512, 0);
	a = open_archive(&b, 0);
	next(a, "etc", S_IFDIR | 0755);
	next(a, "etc/odd", S_IFREG | 0600);
	assert_int_equal(archive_read_data(a, data, sizeof(data)), 5);
	assert_string_equal(data, "abcde");
	e = next(a, "etc/empty", S_IFREG | 0644);
	assert_int_equal(archive_entry_size(e), 0);
	assert_int_equal(archive_entry_nlink(e), 1);
	e = next(a, "bin", S_IFLNK | 0777);
	assert_string_equal(archive_entry_symlink(e), "usr/bin");
	e = next(a, "console", S_IFCHR | 0600);
	assert_int_equal(archive_entry_rdev(e), makedev(5, 1));
	assert_int_equal(archive_read_next_header(a, &e), ARCHIVE_EOF);
	archive_read_free(a);
}

static void same_calls_same_bytes(void **state)
{
	autoclean(buf_free) struct buf one = { 0 }, two = { 0 };

	(void)state;
	write_archive(&one);
	write_archive(&two);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
}

/* Padding counts from the archive's own beginning, not from the buffer's. */
static void may_follow_other_bytes(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct archive *a;

	(void)state;
	buf_adds(&b, "123");
	write_archive(&b);
	assert_int_equal((b.len - 3) % 512, 0);
	a = open_archive(&b, 3);
	next(a, "etc", S_IFDIR | 0755);
	next(a, "etc/odd", S_IFREG | 0600);
	next(a, "etc/empty", S_IFREG | 0644);
	archive_read_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_reader_reads_it),
		cmocka_unit_test(same_calls_same_bytes),
		cmocka_unit_test(may_follow_other_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
