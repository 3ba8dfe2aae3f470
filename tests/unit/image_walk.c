/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a walk tells of a file beside its content: where its holes are, and which of its attributes are kept. */
#include "image_fixture.h"

#include "imaging/walk_attr.h"

#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#define BLOCK ((off_t)65536) /* of any file system, or several of it */

/* A file of `size` bytes with data in [from, to). */
static int make(const struct fixture *f, off_t size, off_t from, off_t to)
{
	autofree char *path = fs_join(f->tree, "file");
	autofree uint8_t *data = noise((size_t)(to - from) + 1, 3);
	int fd;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	OK(fs_pwrite_all(fd, "file", data, (size_t)(to - from), (uint64_t)from, err));
	assert_int_equal(fsync(fd), 0);
	return fd;
}

static void assert_stream(int fd, uint64_t len, size_t n_extents, uint32_t n_xattrs)
{
	struct tree_entry e = { .type = TREE_FILE, .n_xattrs = n_xattrs };
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	e.size = (uint64_t)st.st_size;
	OK(walk_extents(fd, &st, &e, err));
	assert_int_equal(e.stream_len, len);
	assert_int_equal(e.n_extents, n_extents);
	free(e.extents);
}

/* Not where reserved blocks can't be told from holes (tmpfs): there they count as data. */
static bool reserve(int fd, int mode, off_t from, off_t len)
{
	struct fiemap map = { .fm_length = 1 };

	if (ioctl(fd, FS_IOC_FIEMAP, &map) == 0 && fallocate(fd, mode, from, len) == 0)
		return true;
	assert_true(errno == EOPNOTSUPP || errno == ENOTTY);
	print_message("this file system reserves no blocks, or does not tell of them\n");
	return false;
}

/* Blocks behind the end, or of attributes, fill no hole. */
static void test_holes(void **state)
{
	struct fixture *f = *state;
	static const off_t sizes[] = { BLOCK, 2 * BLOCK, 40 * (off_t)MIB };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		int fd = make(f, sizes[i], 0, 0);

		assert_stream(fd, 0, 0, 0);
		if (reserve(fd, FALLOC_FL_KEEP_SIZE, sizes[i], sizes[i] + 20 * (off_t)MIB))
			assert_stream(fd, 0, 0, 0);
		close(fd);
		fd = make(f, sizes[i] + BLOCK, 0, BLOCK);
		assert_stream(fd, (uint64_t)BLOCK, 1, 0);
		if (reserve(fd, FALLOC_FL_KEEP_SIZE, sizes[i] + BLOCK, sizes[i] + 20 * (off_t)MIB))
			assert_stream(fd, (uint64_t)BLOCK, 1, 0);
		close(fd);
	}
}

/* A file with a block for each byte has no hole, whatever else has blocks: nobody swaps to one with holes. */
static void test_reserved(void **state)
{
	struct fixture *f = *state;
	int fd = make(f, 8 * BLOCK, 0, 8 * BLOCK);

	assert_stream(fd, (uint64_t)(8 * BLOCK), 0, 0);
	assert_stream(fd, (uint64_t)(8 * BLOCK), 0, 1);
	close(fd);
	fd = make(f, 0, 0, 0);
	assert_stream(fd, 0, 0, 0);
	if (reserve(fd, 0, 0, 8 * BLOCK)) {
		assert_stream(fd, (uint64_t)(8 * BLOCK), 0, 0);
		assert_stream(fd, (uint64_t)(8 * BLOCK), 0, 1);
		if (reserve(fd, FALLOC_FL_KEEP_SIZE, 8 * BLOCK, 20 * BLOCK))
			assert_stream(fd, (uint64_t)(8 * BLOCK), 0, 0);
	}
	close(fd);
}

/* One block of data that is a hole, and one that is an attribute's. */
static void test_block_of_attributes(void **state)
{
	struct fixture *f = *state;
	autofree uint8_t *value = noise(3000, 1);
	int fd = make(f, 4096, 0, 0);

	if (fsetxattr(fd, "user.a", value, 3000, 0) < 0)
		print_message("no user attributes on this file system\n");
	else
		assert_stream(fd, 0, 0, 1);
	close(fd);
}

static void test_names(void **state)
{
	static const char *const kept[] = { "user.a",
					    "trusted.a",
					    "trusted.SGI_ACL",
					    "security.capability",
					    "system.posix_acl_access",
					    "system.posix_acl_default" };
	static const char *const not_kept[] = { "trusted.SGI_ACL_FILE",	    "trusted.SGI_ACL_DEFAULT",
						"system.nfs4_acl",	    "btrfs.x",
						"system.posix_acl_access2", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		assert_true(walk_keeps_xattr(kept[i]));
	for (size_t i = 0; i < ARRAY_LEN(not_kept); i++)
		assert_false(walk_keeps_xattr(not_kept[i]));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_holes),
		TEST(test_reserved),
		TEST(test_block_of_attributes),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
