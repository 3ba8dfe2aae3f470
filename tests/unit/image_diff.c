/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between two images: every attribute by itself, content with as little reading as can be, names of one inode. */
#include "image_fixture.h"

#include "imaging/image_diff.h"
#include "imaging/image_docs.h"
#include "imaging/image_read.h"

#include <sys/xattr.h>

#define MIB ((size_t)1 << 20)

struct pair {
	struct image_read *a, *b;
	uint64_t read_bytes;
};

static int compare_bytes(void *ctx, uint64_t a_at, uint64_t b_at, uint64_t len, bool *same, struct err *err)
{
	struct pair *p = ctx;

	*same = true;
	assert_true(a_at != DIFF_HOLE || b_at != DIFF_HOLE);
	while (len && *same) {
		autofree uint8_t *zeros = NULL;
		const uint8_t *a = NULL, *b = NULL;
		size_t n = (size_t)len;

		if ((a_at != DIFF_HOLE && image_read_piece(p->a, a_at, n, &a, &n, err) < 0) ||
		    (b_at != DIFF_HOLE && image_read_piece(p->b, b_at, n, &b, &n, err) < 0))
			return -1;
		zeros = mem_zalloc(n);
		*same = memcmp(a ? a : zeros, b ? b : zeros, n) == 0;
		a_at += a ? n : 0;
		b_at += b ? n : 0;
		len -= n;
		p->read_bytes += n;
	}
	return 0;
}

static void pair_close(struct pair *p)
{
	image_read_close(p->a);
	image_read_close(p->b);
}

static void open_pair(struct fixture *f, const char *a, const char *b, struct pair *p)
{
	OK(image_read_open(f->store, a, &f->public, &p->a, err));
	OK(image_read_open(f->store, b, &f->public, &p->b, err));
}

/* "kind path words" of every difference, a line each. */
static void describe(struct pair *p, const char *path, unsigned int mask, struct image_diff *d, struct buf *out)
{
	static const char *const kinds[] = { "added", "removed", "changed", "renamed" };

	OK(image_diff(image_read_docs(p->a), image_read_docs(p->b), path, mask, compare_bytes, p, d, err));
	for (size_t i = 0; i < d->len; i++) {
		const struct diff_item *x = &d->items[i];

		buf_addf(out, "%s %s", kinds[x->kind], x->a ? x->a->path : x->b->path);
		if (x->kind == DIFF_RENAMED)
			buf_addf(out, ">%s", x->b->path);
		for (size_t k = 0; image_diff_words[k]; k++)
			if (x->what & (1u << k))
				buf_addf(out, " %s", image_diff_words[k]);
		buf_addc(out, '\n');
	}
}

static void expect_diff(struct pair *p, const char *path, unsigned int mask, struct image_diff *d, const char *want)
{
	autoclean(buf_free) struct buf got = { 0 };

	describe(p, path, mask, d, &got);
	assert_string_equal(buf_str(&got), want);
}

/* All files get one time, so that what is not meant to change does not. */
static void still(const struct fixture *f, const char *name)
{
	autofree char *path = fs_join(f->tree, name);
	struct timespec times[2] = { { .tv_sec = 1700000000 }, { .tv_sec = 1700000000 } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void put(const struct fixture *f, const char *name, const void *data, size_t len)
{
	put_file(f->tree, name, data, len);
	still(f, name);
}

static char *at(const struct fixture *f, const char *name)
{
	return fs_join(f->tree, name);
}

static void test_nothing(void **state)
{
	struct fixture *f = *state;
	autoclean(pair_close) struct pair p = { 0 };
	autoclean(image_diff_free) struct image_diff d = { 0 };
	autofree char *a = NULL, *b = NULL;

	put_noise(f->tree, "big", 5 * MIB, 1);
	put_file(f->tree, "small", "x", 1);
	a = take_image(f, "one");
	b = take_image(f, "two");
	open_pair(f, a, b, &p);
	expect_diff(&p, "", ~0u, &d, "");
	assert_int_equal(d.n_same, 3);
	assert_int_equal(d.delta_chunks, 0);
	assert_int_equal(p.read_bytes, 0);
	FAILS(ERR_NOT_FOUND, "neither image has '/none'",
	      image_diff(image_read_docs(p.a), image_read_docs(p.b), "none", ~0u, compare_bytes, &p, &(struct image_diff){ 0 },
			 err));
}

static void test_attributes(void **state)
{
	struct fixture *f = *state;
	autoclean(pair_close) struct pair p = { 0 };
	autoclean(image_diff_free) struct image_diff d = { 0 };
	autoclean(image_diff_free) struct image_diff substance = { 0 };
	autoclean(image_diff_free) struct image_diff part = { 0 };
	autofree char *a = NULL, *b = NULL, *mode = at(f, "mode"), *link_path = at(f, "target"), *type = at(f, "type");
	autofree char *attr = at(f, "xattr"), *gone = at(f, "gone"), *dir = at(f, "dir"), *in = at(f, "dir/in");

	OK(fs_mkdirs(dir, 0755, err));
	put(f, "content", "aaaa", 4);
	put(f, "dir/in", "in", 2);
	put(f, "gone", "gone", 4);
	put(f, "mode", "m", 1);
	put(f, "mtime", "t", 1);
	put(f, "size", "s", 1);
	put(f, "type", "t", 1);
	put(f, "xattr", "x", 1);
	assert_int_equal(symlink("old", link_path), 0);
	still(f, "target");
	still(f, "dir");
	still(f, "");
	a = take_image(f, "one");
	put(f, "content", "aaba", 4);
	put(f, "dir/new", "new file", 8);
	still(f, "dir");
	assert_int_equal(unlink(gone), 0);
	assert_int_equal(chmod(mode, 04755), 0);
	put_file(f->tree, "mtime", "t", 1);
	put(f, "size", "ss", 2);
	assert_int_equal(unlink(type), 0);
	assert_int_equal(symlink("t", type), 0);
	still(f, "type");
	assert_int_equal(unlink(link_path), 0);
	assert_int_equal(symlink("new", link_path), 0);
	still(f, "target");
	still(f, "");
	if (setxattr(attr, "user.x", "1", 1, 0) < 0)
		skip();
	b = take_image(f, "two");
	open_pair(f, a, b, &p);
	expect_diff(&p, "", ~0u, &d,
		    "changed content content\nadded dir/new\nremoved gone\nchanged mode mode\nchanged mtime mtime\n"
		    "changed size size content\nchanged target target\nchanged type type mode\nchanged xattr xattrs\n");
	assert_int_equal(d.n_added, 1);
	assert_int_equal(d.added_bytes, 8);
	assert_int_equal(d.n_removed, 1);
	assert_int_equal(d.removed_bytes, 4);
	assert_int_equal(d.n_changed, 7);
	assert_int_equal(d.changed_bytes, 6);
	assert_int_equal(d.n_same, 3); /* the root, dir, dir/in */
	assert_true(d.delta_chunks == 1 && d.delta_stored_bytes > 0);
	expect_diff(&p, "", DIFF_SUBSTANCE, &substance,
		    "changed content content\nadded dir/new\nremoved gone\nchanged size size content\nchanged target target\n"
		    "changed type type\n");
	expect_diff(&p, "dir", ~0u, &part, "added dir/new\n");
	assert_int_equal(part.n_same, 2);
	assert_int_equal(access(in, F_OK), 0);
}

/* Where content stands in the stream moves with every file before it; what is the same is found all the same. */
static void test_content(void **state)
{
	struct fixture *f = *state;
	autoclean(pair_close) struct pair p = { 0 };
	autoclean(image_diff_free) struct image_diff d = { 0 };
	autoclean(image_diff_free) struct image_diff e = { 0 };
	autoclean(pair_close) struct pair q = { 0 };
	autofree char *a = NULL, *b = NULL, *c = NULL, *big = at(f, "big");
	autofree uint8_t *data = noise(20 * MIB, 4);

	put(f, "big", data, 20 * MIB);
	put(f, "z", "same", 4);
	still(f, "");
	a = take_image(f, "one");
	put(f, "a", "moves all that follows", 22);
	still(f, "");
	b = take_image(f, "two");
	open_pair(f, a, b, &p);
	expect_diff(&p, "", ~0u, &d, "added a\n");
	/* The first chunk of it differs, and the last, which z is in too, is the same; the rest is proved by ids. */
	assert_true(p.read_bytes > 0 && p.read_bytes <= 4 * MIB);
	assert_int_equal(d.n_same, 3);
	assert_int_equal(d.delta_chunks, 1);
	/* One bit in the middle of the same size and time. */
	data[10 * MIB] ^= 1;
	{
		autoclose int fd = open(big, O_WRONLY | O_CLOEXEC);

		OK(fs_pwrite_all(fd, big, data + 10 * MIB, 1, 10 * MIB, err));
	}
	still(f, "big");
	c = take_image(f, "three");
	open_pair(f, b, c, &q);
	expect_diff(&q, "", ~0u, &e, "changed big content\n");
	assert_int_equal(e.changed_bytes, 20 * MIB);
	assert_int_equal(q.read_bytes, 0); /* a whole chunk inside the file has another id: proved */
	assert_int_equal(e.delta_chunks, 1);
}

static void test_holes(void **state)
{
	struct fixture *f = *state;
	autoclean(pair_close) struct pair p = { 0 };
	autoclean(image_diff_free) struct image_diff d = { 0 };
	autofree char *a = NULL, *b = NULL, *hole = at(f, "hole"), *other = at(f, "other"), *same = at(f, "same");
	autofree uint8_t *zeros = mem_zalloc(MIB);
	struct stat st;

	put(f, "hole", "", 0);
	put(f, "other", "", 0);
	put(f, "same", "", 0);
	assert_int_equal(truncate(hole, MIB), 0);
	assert_int_equal(truncate(other, MIB), 0);
	assert_int_equal(truncate(same, (off_t)1 << 40), 0);
	assert_int_equal(stat(hole, &st), 0);
	still(f, "hole"), still(f, "other"), still(f, "same"), still(f, "");
	a = take_image(f, "one");
	put(f, "hole", zeros, MIB);
	zeros[MIB - 1] = 1;
	put(f, "other", zeros, MIB);
	still(f, "");
	b = take_image(f, "two");
	open_pair(f, a, b, &p);
	expect_diff(&p, "", ~0u, &d, "changed hole holes\nchanged other content\n");
	assert_int_equal(d.n_same, 2);
}

static void test_names(void **state)
{
	struct fixture *f = *state;
	autoclean(pair_close) struct pair p = { 0 };
	autoclean(image_diff_free) struct image_diff d = { 0 };
	autofree char *a = NULL, *b = NULL, *x = at(f, "x"), *y = at(f, "y"), *y2 = at(f, "a-y2"), *v = at(f, "v"),
		      *w = at(f, "w");
	autofree char *u = at(f, "u"), *k = at(f, "k"), *k2 = at(f, "k2");

	put(f, "k", "kept pair", 9);
	put(f, "v", "apart", 5);
	put(f, "x", "inode", 5);
	put(f, "u", "joined", 6);
	assert_int_equal(link(k, k2), 0);
	assert_int_equal(link(v, w), 0);
	assert_int_equal(link(x, y), 0);
	still(f, "");
	a = take_image(f, "one");
	assert_int_equal(rename(y, y2), 0); /* x keeps its other name, under a new one */
	assert_int_equal(unlink(w), 0);	    /* w becomes a file of its own, of the same content */
	put(f, "w", "apart", 5);
	{
		autofree char *new_name = at(f, "u2");

		assert_int_equal(link(u, new_name), 0);
	}
	still(f, "");
	b = take_image(f, "two");
	open_pair(f, a, b, &p);
	expect_diff(&p, "", ~0u, &d,
		    "renamed y>a-y2\nchanged u links\nadded u2\nchanged v links\nchanged w links\nchanged x links\n");
	assert_int_equal(d.n_renamed, 1);
	assert_int_equal(d.n_removed, 0);
	assert_int_equal(d.added_bytes, 0); /* a further name holds nothing */
	assert_int_equal(d.removed_bytes, 0);
	assert_int_equal(d.n_same, 3);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_nothing), TEST(test_attributes), TEST(test_content), TEST(test_holes),
					    TEST(test_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
