/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream of GNU tar: what it says becomes entries and content; what is damaged or comes in another order is refused. */
#include "image_fixture.h"

#include "imaging/capture_priv.h"
#include "sys/spawn.h"

#include <sys/xattr.h>

struct feed {
	const char *data;
	size_t len, at, step;
	struct buf content;
};

static ssize_t read_some(void *ctx, void *data, size_t len, struct err *err)
{
	struct feed *f = ctx;
	size_t n = f->len - f->at;

	(void)err;
	n = n < len ? n : len;
	n = n < f->step ? n : f->step;
	memcpy(data, f->data + f->at, n);
	f->at += n;
	return (ssize_t)n;
}

static int put_some(void *ctx, const void *data, size_t len, struct err *err)
{
	struct feed *f = ctx;

	(void)err;
	buf_add(&f->content, data, len);
	return 0;
}

static bool all_but_unwanted(void *ctx, const char *path, bool is_dir)
{
	(void)ctx;
	(void)is_dir;
	return !str_eq(path, "unwanted");
}

static int take(struct feed *f, struct capture_tree *out, struct err *err)
{
	struct capture_stream s = { .read = read_some, .put = put_some, .wanted = all_but_unwanted, .ctx = f };

	f->at = 0;
	buf_clear(&f->content);
	return capture_tar_read(&s, out, err);
}

/* What GNU tar makes of f->tree. */
static void tar(struct fixture *f, struct buf *out, const char *sort)
{
	const char *const argv[] = {
		"tar",	    "--create",	       "--file=-", "--format=posix", sort, "--xattrs", "--xattrs-include=*",
		"--sparse", "--numeric-owner", "-C",	   f->tree,	     ".",  NULL
	};
	autoclean(spawn_result_free) struct spawn_result r = { 0 };

	OK(spawn_run(&(struct spawn){ .argv = argv, .capture_max = (size_t)64 << 20 }, &r, err));
	assert_int_equal(r.status, 0);
	*out = r.out;
	r.out = (struct buf){ 0 };
}

static void make_source_tree(struct fixture *f)
{
	autofree char *file = fs_join(f->tree, "big"), *second = fs_join(f->tree, "link"), *soft = fs_join(f->tree, "soft");
	autofree char *sparse = fs_join(f->tree, "sparse"), *hole = fs_join(f->tree, "hole"), *old = fs_join(f->tree, "old");
	struct timespec times[2] = { { 0, UTIME_OMIT }, { -100, 250000000 } };
	autoclose int fd = -1;

	put_noise(f->tree, "big", 300000, 1);
	put_noise(f->tree, "unwanted", 5000, 2);
	put_file(f->tree, "old", "", 0);
	put_file(f->tree, "hole", "", 0);
	put_file(f->tree, "sparse", "", 0);
	assert_int_equal(truncate(hole, 1000000), 0);
	assert_int_equal(link(file, second), 0);
	assert_int_equal(symlink("x\xff", soft), 0);
	assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
	fd = open(sparse, O_WRONLY | O_CLOEXEC);
	OK(fs_pwrite_all(fd, "sparse", "middle", 6, 500000, err));
	assert_int_equal(ftruncate(fd, 1000000), 0);
	if (setxattr(file, "user.a=b%c", "v", 1, 0) < 0)
		print_message("no user attributes on this file system\n");
}

static void test_entries(void **state)
{
	struct fixture *f = *state;
	static const size_t steps[] = { 1, 511, 10240, 1 << 20 };
	autoclean(buf_free) struct buf stream = { 0 };
	autofree uint8_t *data = noise(300000, 1);

	make_source_tree(f);
	tar(f, &stream, "--sort=name");
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		autoclean(capture_tree_free) struct capture_tree t = { 0 };
		struct feed feed = { .data = stream.data, .len = stream.len, .step = steps[i] };
		const struct tree_entry *e;

		OK(take(&feed, &t, err));
		assert_int_equal(feed.at, stream.len); /* whoever writes it is not left waiting */
		assert_int_equal(t.tree.len, 7);
		e = tree_find(&t.tree, "big");
		assert_non_null(e);
		assert_int_equal(e->size, 300000);
		assert_int_equal(e->n_extents, 0);
		assert_memory_equal(feed.content.data + e->stream_at, data, 300000);
		if (e->n_xattrs)
			assert_string_equal(e->xattrs[0].name, "user.a=b%c");
		assert_int_equal(tree_find(&t.tree, "link")->type, TREE_HARDLINK);
		assert_string_equal(tree_find(&t.tree, "soft")->target, "x\xff");
		e = tree_find(&t.tree, "hole");
		assert_int_equal(e->size, 1000000);
		assert_int_equal(e->stream_len, 0);
		e = tree_find(&t.tree, "sparse");
		assert_int_equal(e->size, 1000000);
		assert_true(e->stream_len >= 6 && e->stream_len < 10000);
		assert_memory_equal(feed.content.data + e->stream_at + (500000 - e->extents[0].offset), "middle", 6);
		assert_int_equal(t.tree.stream_bytes, feed.content.len);
		assert_null(tree_find(&t.tree, "unwanted"));
		assert_true(t.got[1].ctime_s > 1700000000);
		buf_free(&feed.content);
	}
}

static void test_cut_and_damaged(void **state)
{
	struct fixture *f = *state;
	autoclean(buf_free) struct buf stream = { 0 };

	make_source_tree(f);
	tar(f, &stream, "--sort=name");
	for (size_t len = 100; len < stream.len - 10240; len += 40961) {
		autoclean(capture_tree_free) struct capture_tree t = { 0 };
		struct feed feed = { .data = stream.data, .len = len, .step = 10000 };
		struct err e = { 0 };

		assert_int_equal(take(&feed, &t, &e), -1);
		assert_int_equal(e.kind, ERR_DAMAGED);
		buf_free(&feed.content);
	}
}

static void test_another_order_is_refused(void **state)
{
	struct fixture *f = *state;
	autoclean(capture_tree_free) struct capture_tree t = { 0 };
	autoclean(buf_free) struct buf stream = { 0 };
	autoclean(buf_free) struct buf twice = { 0 };
	struct feed feed = { .step = 10000 };

	put_file(f->tree, "a", "x", 1);
	tar(f, &stream, "--sort=name");
	/* Extended header (2 blocks), header and data of both entries: "./" and "./a". Then all of it once more. */
	buf_add(&twice, stream.data, (size_t)7 * 512);
	buf_add(&twice, stream.data, stream.len);
	feed.data = twice.data;
	feed.len = twice.len;
	FAILS(ERR_DAMAGED, "out of order", take(&feed, &t, err));
	buf_free(&feed.content);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_entries),
		TEST(test_cut_and_damaged),
		TEST(test_another_order_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
