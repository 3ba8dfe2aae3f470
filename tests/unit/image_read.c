/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking into an image: paths resolved as inside it, content as it was, nothing handed out that was not checked. */
#include "image_fixture.h"

#include "base/digest.h"
#include "imaging/image_docs.h"
#include "imaging/image_read.h"

#define MIB ((size_t)1 << 20)

static struct image_read *open_image(struct fixture *f, const char *ref)
{
	struct image_read *r = NULL;

	OK(image_read_open(f->store, ref, &f->public, &r, err));
	return r;
}

static void close_image(struct image_read **r)
{
	image_read_close(*r);
}

static void link_to(const struct fixture *f, const char *name, const char *target)
{
	autofree char *path = fs_join(f->tree, name);

	assert_int_equal(symlink(target, path), 0);
}

static void make_dir(const struct fixture *f, const char *name)
{
	autofree char *path = fs_join(f->tree, name);

	OK(fs_mkdirs(path, 0755, err));
}

/* `path` must lead to the entry `want`, or nowhere when that is NULL. */
static void leads(const struct image_read *r, const char *path, bool follow, const char *want)
{
	const struct tree_entry *e = NULL;
	struct err err = { 0 };
	int rc = image_read_find(r, path, follow, &e, &err);

	if (!want && rc == 0)
		fail_msg("'%s' leads to '%s'", path, e->path);
	if (want && rc < 0)
		fail_msg("'%s': %s", path, err.text);
	if (want)
		assert_string_equal(e->path, want);
}

static void test_paths(void **state)
{
	struct fixture *f = *state;
	autoclean(close_image) struct image_read *r = NULL;
	autofree char *ref = NULL;

	make_dir(f, "usr/bin");
	make_dir(f, "etc/deep");
	put_file(f->tree, "usr/bin/tool", "x", 1);
	link_to(f, "bin", "usr/bin");
	link_to(f, "etc/abs", "/usr/bin/tool");
	link_to(f, "etc/deep/up", "../../../../../usr/./bin//tool"); /* more '..' than there are directories */
	link_to(f, "etc/twice", "/bin/tool");
	link_to(f, "loop", "loop2");
	link_to(f, "loop2", "loop");
	link_to(f, "dangling", "nowhere");
	ref = take_image(f, "paths");
	r = open_image(f, ref);
	assert_string_equal(image_read_ref(r), ref);
	leads(r, "", true, "");
	leads(r, "/", true, "");
	leads(r, "/..", true, "");
	leads(r, "usr/bin/tool", true, "usr/bin/tool");
	leads(r, "//usr/./bin/../bin/tool", false, "usr/bin/tool");
	leads(r, "bin/tool", false, "usr/bin/tool");
	leads(r, "bin", false, "bin");
	leads(r, "bin", true, "usr/bin");
	leads(r, "bin/", false, "usr/bin");
	leads(r, "/etc/abs", true, "usr/bin/tool");
	leads(r, "/etc/abs", false, "etc/abs");
	leads(r, "etc/deep/up", true, "usr/bin/tool");
	leads(r, "etc/twice", true, "usr/bin/tool");
	leads(r, "bin/../lib", true, NULL);
	leads(r, "bin/..", true, "usr"); /* of where the link leads, not of where it is */
	leads(r, "dangling", false, "dangling");
	leads(r, "dangling", true, NULL);
	leads(r, "loop", true, NULL);
	leads(r, "usr/bin/tool/", true, NULL);
	leads(r, "usr/bin/tool/x", true, NULL);
	leads(r, "usr/bi", true, NULL);
	FAILS(ERR_NOT_FOUND, "is not in the image",
	      image_read_find(r, "/etc/nope", true, &(const struct tree_entry *){ NULL }, err));
	FAILS(ERR_NOT_FOUND, "there is no image",
	      image_read_open(f->store, "other", &f->public, &(struct image_read *){ NULL }, err));
}

struct got {
	struct buf data;
	uint64_t holes, calls;
};

static int collect(void *ctx, const uint8_t *data, uint64_t len, struct err *err)
{
	struct got *g = ctx;
	autofree uint8_t *zeros = NULL;

	(void)err;
	g->calls++;
	if (!data) {
		g->holes += len;
		zeros = mem_zalloc(len);
	}
	buf_add(&g->data, data ? data : zeros, len);
	return 0;
}

static void expect_file(struct image_read *r, const char *path, const void *want, size_t len)
{
	const struct tree_entry *e;
	struct got g = { 0 };

	OK(image_read_find(r, path, true, &e, err));
	OK(image_read_file(r, e, collect, &g, err));
	assert_int_equal(g.data.len, len);
	if (len)
		assert_memory_equal(g.data.data, want, len);
	buf_free(&g.data);
}

static void test_content(void **state)
{
	struct fixture *f = *state;
	autoclean(close_image) struct image_read *r = NULL;
	autofree char *ref = NULL, *sparse = fs_join(f->tree, "sparse"), *hole = fs_join(f->tree, "hole");
	autofree uint8_t *big = noise(6 * MIB + 11, 3);
	autofree uint8_t *want = mem_zalloc(4 * MIB + 5);
	const struct tree_entry *e;

	memcpy(want + MIB, big, 4096);
	memcpy(want + 3 * MIB, big + MIB, 4096);
	put_file(f->tree, "a-small", "small", 5);
	put_file(f->tree, "big", big, 6 * MIB + 11);
	put_file(f->tree, "empty", "", 0);
	put_file(f->tree, "hole", "", 0);
	put_file(f->tree, "sparse", "", 0);
	put_file(f->tree, "z-after", "after", 5);
	assert_int_equal(truncate(hole, 12345), 0);
	{
		autoclose int fd = open(sparse, O_WRONLY | O_CLOEXEC);

		OK(fs_pwrite_all(fd, sparse, big, 4096, MIB, err));
		OK(fs_pwrite_all(fd, sparse, big + MIB, 4096, 3 * MIB, err));
		assert_int_equal(ftruncate(fd, 4 * MIB + 5), 0);
	}
	ref = take_image(f, "content");
	r = open_image(f, "content");
	expect_file(r, "a-small", "small", 5);
	expect_file(r, "big", big, 6 * MIB + 11);
	expect_file(r, "empty", "", 0);
	expect_file(r, "hole", want, 12345);
	expect_file(r, "sparse", want, 4 * MIB + 5);
	expect_file(r, "z-after", "after", 5);
	OK(image_read_find(r, "sparse", true, &e, err));
	if (e->n_extents)
		assert_int_equal(e->n_extents, 2);
	FAILS(ERR_USAGE, "ends before",
	      image_read_piece(r, image_read_docs(r)->table.raw_bytes, 1, &(const uint8_t *){ NULL }, &(size_t){ 0 }, err));
}

static void test_links(void **state)
{
	struct fixture *f = *state;
	autoclean(close_image) struct image_read *r = NULL;
	autofree char *ref = NULL, *a = fs_join(f->tree, "d/a"), *b = fs_join(f->tree, "b"), *c = fs_join(f->tree, "d/sub/c");
	const struct tree_entry *first, *other, *dir;

	make_dir(f, "d/sub/subsub");
	make_dir(f, "d/sub-");
	make_dir(f, "d/other");
	put_file(f->tree, "d/a", "linked", 6);
	assert_int_equal(link(a, b), 0);
	assert_int_equal(link(a, c), 0);
	ref = take_image(f, "links");
	r = open_image(f, ref);
	OK(image_read_find(r, "b", true, &first, err));
	OK(image_read_find(r, "d/sub/c", true, &other, err));
	assert_int_equal(other->type, TREE_HARDLINK);
	assert_ptr_equal(image_read_inode(r, other), first);
	assert_int_equal(image_read_links(r, other), 3);
	assert_int_equal(image_read_links(r, first), 3);
	expect_file(r, "d/sub/c", "linked", 6);
	OK(image_read_find(r, "d", true, &dir, err));
	assert_int_equal(image_read_links(r, dir), 5);
	OK(image_read_find(r, "d/sub", true, &dir, err));
	assert_int_equal(image_read_links(r, dir), 3);
	OK(image_read_find(r, "", true, &dir, err));
	assert_int_equal(image_read_links(r, dir), 3);
}

/* Of a chunk that is hurt not a byte is handed out; of documents that are hurt nothing is. */
static void test_damage(void **state)
{
	struct fixture *f = *state;
	autoclean(close_image) struct image_read *r = NULL;
	autofree char *ref = NULL, *pack = NULL, *dir = NULL, *tree = NULL;
	const struct tree_entry *e;
	struct sign_key other_key;
	struct verify_key other;
	struct got g = { 0 };
	autofree char *key_path = fs_join(f->dir, "other.key");

	put_noise(f->tree, "file", 100000, 9);
	ref = take_image(f, "hurt");
	pack = store_file(f, "packs", ".pack");
	flip_bit(pack, 50000);
	r = open_image(f, ref);
	OK(image_read_find(r, "file", true, &e, err));
	FAILS(ERR_DAMAGED, "image hurt/", image_read_file(r, e, collect, &g, err));
	assert_int_equal(g.calls, 0);
	flip_bit(pack, 50000);
	OK(image_read_file(r, e, collect, &g, err));
	assert_int_equal(g.data.len, 100000);
	buf_free(&g.data);
	dir = str_format("images/%s", ref);
	tree = store_file(f, dir, "tree.zst");
	flip_bit(tree, 20);
	FAILS(ERR_DAMAGED, "tree.zst", image_read_open(f->store, ref, &f->public, &(struct image_read *){ NULL }, err));
	flip_bit(tree, 20);
	OK(sign_key_create(key_path, err));
	OK(sign_key_load(key_path, &other_key, err));
	verify_key_of(&other_key, &other);
	FAILS(ERR_DAMAGED, "manifest", image_read_open(f->store, ref, &other, &(struct image_read *){ NULL }, err));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_paths), TEST(test_content), TEST(test_links), TEST(test_damage) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
