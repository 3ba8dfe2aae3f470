/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images as squashfs for nodes without disks: made once, whole or not at all, found again, and gone with their image. */
#include "image_fixture.h"

#include "base/digest.h"
#include "daemon/diskless.h"
#include "sys/spawn.h"

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

struct bench {
	struct daemon d;
	char *dir, *public;
};

static void open_bench(struct fixture *f, struct bench *b)
{
	char hex[65];
	autofree char *key = str_format("%s.pub", f->key_path);

	*b = (struct bench){ .dir = fs_join(f->dir, "diskless"), .public = steal(key) };
	b->d.paths.store_dir = f->store_dir;
	b->d.paths.diskless_dir = b->dir;
	verify_key_print(&f->public, hex);
	OK(fs_write_atomic(b->public, hex, 64, 0644, err));
}

static void close_bench(struct bench *b)
{
	free(b->dir);
	free(b->public);
}

static void made_once_and_found_again(void **state)
{
	struct fixture *f = *state;
	autoclean(close_bench) struct bench b;
	autofree char *ref = NULL, *newest = NULL, *path = NULL;
	autoclean(buf_free) struct buf data = { 0 };
	autoclose int fd = -1;
	struct diskless_image image, again;
	struct digest sum;
	char hex[DIGEST_HEX_LEN];
	struct err none = { 0 };
	struct stat st;

	open_bench(f, &b);
	put_file(f->tree, "motd", "in memory\n", 10);
	ref = take_image(f, "compute");
	newest = diskless_ref(&b.d, "compute");
	assert_string_equal(newest, ref);
	assert_null(diskless_ref(&b.d, "other"));
	assert_int_equal(diskless_find(&b.d, ref, &image, &none), 0);
	OK(fs_mkdirs(b.dir, 0755, err));
	OK(diskless_make(&b.d, ref, b.public, err));
	assert_int_equal(diskless_find(&b.d, ref, &image, &none), 1);
	OK(diskless_open(&b.d, "compute", ref + strlen("compute/"), &fd, err));
	OK(fs_read_fd(fd, "squashfs", 1 << 20, &data, err));
	assert_int_equal(data.len, image.bytes);
	assert_memory_equal(data.data, "hsqs", 4);
	assert_int_equal(stat(b.dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	digest_of(data.data, data.len, &sum);
	digest_hex(&sum, hex);
	assert_string_equal(hex, image.digest);
	/* It is not made a second time. */
	OK(diskless_make(&b.d, ref, "/nowhere/sign.pub", err));
	assert_int_equal(diskless_find(&b.d, ref, &again, &none), 1);
	assert_string_equal(again.digest, image.digest);
	path = str_format("%s/compute+%s.squashfs", b.dir, ref + strlen("compute/"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(diskless_find(&b.d, ref, &again, &none), 0);
}

static void names_stay_inside(void **state)
{
	struct fixture *f = *state;
	autoclean(close_bench) struct bench b;
	int fd = -1;

	open_bench(f, &b);
	OK(fs_mkdirs(b.dir, 0700, err));
	FAILS(ERR_INVALID, "name", diskless_open(&b.d, "..", "x", &fd, err));
	FAILS(ERR_INVALID, "name", diskless_open(&b.d, "a", "../../store", &fd, err));
	FAILS(ERR_NOT_FOUND, "", diskless_open(&b.d, "a", "b", &fd, err));
}

static void not_without_a_good_signature(void **state)
{
	struct fixture *f = *state;
	autoclean(close_bench) struct bench b;
	autofree char *ref = NULL;
	static const char other[] = "0101010101010101010101010101010101010101010101010101010101010101\n";
	struct diskless_image image;
	struct err none = { 0 };

	open_bench(f, &b);
	put_file(f->tree, "motd", "in memory\n", 10);
	ref = take_image(f, "compute");
	OK(fs_write_atomic(b.public, other, strlen(other), 0644, err));
	assert_int_equal(diskless_make(&b.d, ref, b.public, &none), -1);
	assert_int_equal(diskless_find(&b.d, ref, &image, &none), 0);
}

static void gone_with_its_image(void **state)
{
	struct fixture *f = *state;
	autoclean(close_bench) struct bench b;
	autofree char *a = NULL, *kept = NULL, *half = NULL;
	struct diskless_image image;
	struct err none = { 0 };

	open_bench(f, &b);
	OK(diskless_collect(&b.d, f->store, err)); /* nothing was ever made */
	put_file(f->tree, "motd", "in memory\n", 10);
	a = take_image(f, "a");
	kept = take_image(f, "kept");
	OK(diskless_make(&b.d, a, b.public, err));
	OK(diskless_make(&b.d, kept, b.public, err));
	half = fs_join(b.dir, ".half.tmp");
	OK(fs_write_atomic(half, "x", 1, 0600, err));
	OK(store_delete(f->store, a, err));
	OK(diskless_collect(&b.d, f->store, err));
	assert_int_equal(diskless_find(&b.d, a, &image, &none), 0);
	assert_int_equal(diskless_find(&b.d, kept, &image, &none), 1);
	assert_false(fs_exists(half));
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(made_once_and_found_again), TEST(names_stay_inside),
					    TEST(not_without_a_good_signature), TEST(gone_with_its_image) };
	struct err err = { 0 };

	if (SPAWN(&err, "tar2sqfs", "--version") < 0) {
		puts("needs the program tar2sqfs");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
