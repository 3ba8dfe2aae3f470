/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/file: what is read and digested is what the file holds, and nothing else is ever cast. */
#include "cast/file.h"

#include "base/mem.h"
#include "cast/layout.h"
#include "cast/ticket.h"
#include "cast/treehash.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE (5 * TICKET_PIECE + 77)

struct bench {
	char *dir, *path;
	uint8_t *data;
	struct file *file;
};

static void check(int rc, const struct err *err)
{
	if (rc != 0)
		fail_msg("%s", err->text);
}

static int set_up(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	struct err err = { 0 };

	b->dir = mem_strdup("/tmp/orthrus-cast-file.XXXXXX");
	if (!mkdtemp(b->dir))
		return -1;
	b->path = fs_join(b->dir, "file");
	b->data = mem_zalloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		b->data[i] = (uint8_t)(i * 7 + i / 509);
	check(fs_write_atomic(b->path, b->data, SIZE, 0644, &err), &err);
	check(file_open(b->path, &b->file, &err), &err);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	int rc;

	file_close(b->file);
	rc = fs_remove_tree(b->dir, &err);
	free(b->dir);
	free(b->path);
	free(b->data);
	free(b);
	return rc;
}

static void test_file(void **state)
{
	struct bench *b = *state;
	autofree uint8_t *scratch = mem_aligned(64, TICKET_PIECE);
	struct treehash *t = treehash_new();
	struct digest is, want;
	struct err err = { 0 };
	int fd = file_dup(b->file, &err);
	struct stat st;

	assert_int_equal(file_facts(b->file)->size_bytes, SIZE);
	assert_int_equal(layout_chunks(file_layout(b->file)), 6);
	assert_int_equal(layout_chunk_len(file_layout(b->file), 5), 77);
	assert_string_equal(file_facts(b->file)->name, "file");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	close(fd);
	assert_false(file_digested(b->file, 1));
	assert_ptr_equal(file_chunk(b->file, 1, scratch, &err), scratch);
	assert_memory_equal(scratch, b->data + TICKET_PIECE, TICKET_PIECE);
	assert_true(file_digested(b->file, 1));
	for (uint32_t i = 1; i < 6; i += 4) {
		treehash_of(t, b->data + i * TICKET_PIECE, layout_chunk_len(file_layout(b->file), i), &want);
		check(file_digest(b->file, i, &is, &err), &err);
		assert_int_equal(digest_cmp(&is, &want), 0);
	}
	treehash_free(t);
}

/* Three files as one: pieces go over their edges. */
static void test_parts(void **state)
{
	struct bench *b = *state;
	autofree char *one = fs_join(b->dir, "one"), *two = fs_join(b->dir, "two"), *empty = fs_join(b->dir, "empty2");
	struct file_part parts[] = { { "a/one", one }, { "two", two }, { "all", b->path } };
	autofree uint8_t *scratch = mem_aligned(64, TICKET_PIECE);
	uint8_t some[200];
	struct err err = { 0 };
	struct file *f = NULL;
	size_t n = 7;

	assert_null(file_parts(b->file, &n));
	assert_int_equal(n, 0);
	check(fs_write_atomic(one, b->data, 100, 0600, &err), &err);
	check(fs_write_atomic(two, b->data + 50, TICKET_PIECE, 0600, &err), &err);
	check(fs_write_atomic(empty, "", 0, 0600, &err), &err);
	check(file_open_parts("name/id", parts, 3, &f, &err), &err);
	assert_int_equal(file_facts(f)->size_bytes, 100 + TICKET_PIECE + SIZE);
	assert_string_equal(file_facts(f)->name, "name/id");
	assert_string_equal(file_parts(f, &n)[0].name, "a/one");
	assert_true(n == 3 && file_parts(f, &n)[1].bytes == TICKET_PIECE);
	assert_non_null(file_chunk(f, 0, scratch, &err));
	assert_memory_equal(scratch, b->data, 100);
	assert_memory_equal(scratch + 100, b->data + 50, TICKET_PIECE - 100);
	assert_non_null(file_chunk(f, 1, scratch, &err));
	assert_memory_equal(scratch, b->data + 50 + TICKET_PIECE - 100, 100);
	assert_memory_equal(scratch + 100, b->data, TICKET_PIECE - 100);
	assert_int_equal(file_read_at(f, 50, some, sizeof(some)), sizeof(some));
	assert_memory_equal(some, b->data + 50, 50);
	assert_memory_equal(some + 50, b->data + 50, 150);
	assert_int_equal(file_read_at(f, file_facts(f)->size_bytes - 10, some, sizeof(some)), 10);
	assert_memory_equal(some, b->data + SIZE - 10, 10);
	assert_int_equal(file_read_at(f, file_facts(f)->size_bytes, some, sizeof(some)), 0);
	check(file_check(f, &err), &err);
	assert_int_equal(truncate(two, 10), 0);
	assert_int_equal(file_check(f, &err), -1);
	assert_int_equal(file_read_at(f, 90, some, sizeof(some)), 0);
	file_close(f);
	parts[1].path = empty;
	assert_int_equal(file_open_parts("name", parts, 3, &f, &err), -1);
	parts[1].path = "/nonexistent";
	assert_int_equal(file_open_parts("name", parts, 3, &f, &err), -1);
	assert_int_equal(file_open_parts("name", parts, 0, &f, &err), -1);
}

static void test_what_cannot_be_cast(void **state)
{
	struct bench *b = *state;
	autofree char *empty = fs_join(b->dir, "empty");
	struct file *f = NULL;
	struct err err = { 0 };

	check(fs_write_atomic(empty, "", 0, 0600, &err), &err);
	assert_int_equal(file_open(empty, &f, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_int_equal(file_open(b->dir, &f, &err), -1);
	assert_int_equal(file_open("/dev/null", &f, &err), -1);
	assert_int_equal(file_open("/nonexistent", &f, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
}

/* Files of the kernel say 4,096 bytes and have a few: what the memory held before must not be taken for the rest. */
static void test_shorter_than_it_says(void **state)
{
	static const char path[] = "/sys/class/net/lo/mtu";
	autofree uint8_t *scratch = mem_aligned(64, TICKET_PIECE);
	struct file *f = NULL;
	struct err err = { 0 };

	(void)state;
	check(file_open(path, &f, &err), &err);
	assert_true(file_facts(f)->size_bytes > 100);
	assert_null(file_chunk(f, 0, scratch, &err));
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_non_null(strstr(err.text, "mtu"));
	file_close(f);
}

/* The same pieces, with the same id: only how they are cut up for the network is another. */
static void test_symbols(void **state)
{
	struct bench *b = *state;
	const struct digest id = file_facts(b->file)->id, layout = file_facts(b->file)->layout;
	struct err err = { 0 };

	check(file_symbols(b->file, 8896, &err), &err);
	assert_int_equal(file_facts(b->file)->symbol_bytes, 8896);
	assert_int_equal(layout_symbol_bytes(file_layout(b->file)), 8896);
	assert_int_equal(digest_cmp(&file_facts(b->file)->id, &id), 0);
	assert_int_not_equal(digest_cmp(&file_facts(b->file)->layout, &layout), 0);
	assert_int_equal(file_symbols(b->file, 100, &err), -1);
	assert_int_equal(file_facts(b->file)->symbol_bytes, 8896);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_cast, set_up, tear_down),
		cmocka_unit_test(test_shorter_than_it_says),
		cmocka_unit_test_setup_teardown(test_symbols, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
