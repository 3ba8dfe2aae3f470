/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes out of an image is what went in: every kind of file, name and attribute, and very many of them. */
#include "image_fixture.h"

#include "imaging/tree.h"
#include "imaging/walk.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

/* What the file system of the test's directory can't do is left out, and said. */
static void maybe(int rc, const char *what)
{
	if (rc < 0)
		print_message("not on this file system: %s (%s)\n", what, strerror(errno));
}

/* POSIX ACL in the kernel's form (linux/posix_acl_xattr.h): user::rwx user:12345:r-x group::r-x mask::r-x other::--- */
static const uint8_t acl[] = { 2, 0,   0,   0,	 1,   0,  7, 0, 255, 255, 255, 255, 2,	 0,  5, 0, 0x39, 0x30, 0,   0,	 4,  0, 5,
			       0, 255, 255, 255, 255, 16, 0, 5, 0,   255, 255, 255, 255, 32, 0, 0, 0,	 255,  255, 255, 255 };
/* cap_net_raw=ep (linux/capability.h, VFS_CAP_REVISION_2 with the effective bit). */
static const uint8_t caps[] = { 1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

static int set_flags(int at, const char *name, unsigned int set, unsigned int clear)
{
	autoclose int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	unsigned int flags = 0;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -1;
	flags = (flags & ~clear) | set;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static void at_fd(int dir, const char *name, char out[300])
{
	snprintf(out, 300, "/proc/self/fd/%d/%s", dir, name);
}

static void put_at(int dir, const char *name, const char *text)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	OK(fs_write_all(fd, name, text, strlen(text), err));
}

static void make_names(int d)
{
	char longest[256];

	memset(longest, 'n', 255);
	longest[255] = '\0';
	put_at(d, longest, "255 bytes");
	put_at(d, "new\nline", "newline");
	put_at(d, "\xff\xfe not utf-8", "bytes");
	put_at(d, " $(x) ; -rf *", "shell");
	put_at(d, "-leading", "dash");
	put_at(d, "empty", "");
	assert_int_equal(mkdirat(d, "sub", 0750), 0);
	assert_int_equal(mkdirat(d, "sub-", 0700), 0);
	assert_int_equal(mkdirat(d, "sub/deeper", 02775), 0);
	put_at(d, "sub/deeper/a", "hard");
	assert_int_equal(linkat(d, "sub/deeper/a", d, "sub-/b", 0), 0);
	assert_int_equal(linkat(d, "sub/deeper/a", d, "a-first", 0), 0);
	assert_int_equal(symlinkat("../../../etc/shadow", d, "outside"), 0);
	assert_int_equal(symlinkat("dangling\xff", d, "sub/dangling"), 0);
	assert_int_equal(linkat(d, "sub/dangling", d, "sub/dangling-too", 0), 0);
}

static void make_nodes(int d)
{
	assert_int_equal(mkfifoat(d, "fifo", 0640), 0);
	assert_int_equal(mknodat(d, "sock", S_IFSOCK | 0755, 0), 0);
	maybe(mknodat(d, "null", S_IFCHR | 0666, makedev(1, 3)), "character devices");
	maybe(mknodat(d, "nvme", S_IFBLK | 0660, makedev(259, 300)), "block devices");
}

static void make_content(struct fixture *f, int d)
{
	autoclose int fd = openat(d, "terabyte", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	autoclose int hole = openat(d, "hole", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && hole >= 0);
	OK(fs_pwrite_all(fd, "terabyte", "middle", 6, (uint64_t)500 << 30, err));
	OK(fs_pwrite_all(fd, "terabyte", "end", 3, ((uint64_t)1 << 40) - 3, err));
	assert_int_equal(ftruncate(hole, 123456789), 0);
	put_noise(f->tree, "big", 9 * MIB + 17, 5);
	put_noise(f->tree, "big-again", 9 * MIB + 17, 5);
}

static void make_attributes(int d)
{
	struct timespec old[2] = { { 0, UTIME_OMIT }, { -123456789, 987654321 } },
			odd[2] = { { 0, UTIME_OMIT }, { 1700000000, 1 } };
	char path[300];

	put_at(d, "acl", "acl");
	at_fd(d, "acl", path);
	maybe(setxattr(path, "system.posix_acl_access", acl, sizeof(acl), 0), "ACLs");
	at_fd(d, "sub", path);
	maybe(setxattr(path, "system.posix_acl_default", acl, sizeof(acl), 0), "ACLs");
	put_at(d, "ping", "caps");
	assert_int_equal(fchownat(d, "ping", 1, 2, 0), 0);
	at_fd(d, "ping", path);
	maybe(setxattr(path, "security.capability", caps, sizeof(caps), 0), "capabilities");
	maybe(setxattr(path, "user.empty", "", 0, 0), "user attributes");
	maybe(setxattr(path, "user.zeros", "\0\0\0", 3, 0), "user attributes");
	at_fd(d, "outside", path);
	maybe(lsetxattr(path, "trusted.on.symlink", "x", 1, 0), "attributes on symlinks");
	at_fd(d, "fifo", path);
	maybe(lsetxattr(path, "trusted.on.fifo", "x", 1, 0), "attributes on fifos");
	put_at(d, "setuid", "s");
	assert_int_equal(fchownat(d, "setuid", 4000000000u, 3, 0), 0);
	assert_int_equal(fchmodat(d, "setuid", 06711, 0), 0);
	assert_int_equal(fchownat(d, "outside", 7, 8, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(d, "outside", old, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(d, "empty", old, 0), 0);
	assert_int_equal(utimensat(d, "sub", odd, 0), 0);
	assert_int_equal(fchmodat(d, "sub-", 0, 0), 0);
	put_at(d, "immutable", "i");
	maybe(set_flags(d, "immutable", FS_IMMUTABLE_FL, 0), "the immutable flag");
	maybe(set_flags(d, "big", FS_NODUMP_FL, 0), "the nodump flag");
	assert_int_equal(fchmodat(d, ".", 0711, 0), 0);
}

struct digest_list {
	struct digest_ctx *all;
};

static int hash_content(void *ctx, const struct tree_entry *e, int fd, struct err *err)
{
	struct digest_list *l = ctx;
	size_t n = e->n_extents ? e->n_extents : 1;

	for (size_t i = 0; i < n; i++) {
		struct tree_extent x = e->n_extents ? e->extents[i] : (struct tree_extent){ 0, e->size };
		autofree uint8_t *data = mem_zalloc(x.len);

		if (fs_pread_all(fd, e->path, data, x.len, x.offset, err) < 0)
			return -1;
		digest_add(l->all, data, x.len);
	}
	return 0;
}

/* Everything that is known of a tree, as bytes, and the hash of all content. */
static void describe(const char *path, struct tree *t, struct buf *records, struct digest *content)
{
	autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct digest_list l = { .all = digest_new() };
	struct walk w = { .root_fd = fd, .content = hash_content, .ctx = &l };

	assert_true(fd >= 0);
	OK(walk_tree(&w, t, err));
	tree_encode(t, records);
	digest_end(l.all, content);
}

static void test_fidelity(void **state)
{
	struct fixture *f = *state;
	autoclose int d = open(f->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int target = open(f->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclean(tree_free) struct tree a = { 0 };
	autoclean(tree_free) struct tree b = { 0 };
	autoclean(buf_free) struct buf ra = { 0 };
	autoclean(buf_free) struct buf rb = { 0 };
	autofree char *ref = NULL;
	struct digest ca, cb;
	struct stat st;

	if (geteuid() != 0)
		skip();
	make_names(d);
	make_nodes(d);
	make_content(f, d);
	make_attributes(d);
	ref = take_image(f, "hard");
	OK(restore_from_store(f->store, ref, &(struct restore_how){ .key = &f->public }, target, err));
	describe(f->tree, &a, &ra, &ca);
	describe(f->target, &b, &rb, &cb);
	/* Whatever was left out on this file system was left out of the source too. */
	set_flags(d, "immutable", 0, FS_IMMUTABLE_FL);
	set_flags(target, "immutable", 0, FS_IMMUTABLE_FL);
	assert_int_equal(a.len, b.len);
	for (size_t i = 0; i < a.len; i++)
		assert_string_equal(a.entries[i].path, b.entries[i].path);
	assert_int_equal(ra.len, rb.len);
	assert_memory_equal(ra.data, rb.data, ra.len);
	assert_int_equal(digest_cmp(&ca, &cb), 0);
	/* The walk could be blind to the same thing twice: a few by other means. */
	assert_int_equal(fstatat(target, "terabyte", &st, 0), 0);
	assert_int_equal(st.st_size, (int64_t)1 << 40);
	assert_true(st.st_blocks < 1000);
	assert_int_equal(fstatat(target, "empty", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, -123456789);
	assert_int_equal(st.st_mtim.tv_nsec, 987654321);
	assert_int_equal(fstatat(target, "sub-/b", &st, 0), 0);
	assert_int_equal(st.st_nlink, 3);
	assert_int_equal(fstatat(target, "setuid", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 06711);
	assert_int_equal(st.st_uid, 4000000000u);
	assert_int_equal(fstatat(target, "outside", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_uid, 7);
}

static void test_many_files_in_one_directory(void **state)
{
	struct fixture *f = *state;
	autoclose int d = open(f->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int target = open(f->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclean(str_list_free) struct str_list names = { 0 };
	autofree char *ref = NULL;

	for (unsigned int i = 0; i < 5000; i++) {
		char name[16];
		autoclose int fd = -1;

		snprintf(name, sizeof(name), "%u", i * 2654435761u);
		fd = openat(d, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name));
	}
	ref = take_image(f, "many");
	OK(restore_from_store(f->store, ref, &(struct restore_how){ .key = &f->public }, target, err));
	OK(fs_list(f->target, &names, err));
	assert_int_equal(names.len, 5000);
	for (size_t i = 0; i < names.len; i += 997) {
		autofree char *path = fs_join(f->target, names.items[i]);
		autoclean(buf_free) struct buf text = { 0 };

		OK(fs_read(path, 100, &text, err));
		assert_string_equal(text.data, names.items[i]);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fidelity),
		TEST(test_many_files_in_one_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
