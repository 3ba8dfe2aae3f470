/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree that an archive describes: names, places, links, layers, limits; and that what comes out of it is one an image can
 * have. */
#include "image_fixture.h"

#include "imaging/import_priv.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/mman.h>

static struct import_inode *put(struct import_tree *t, const char *path, enum tree_type type)
{
	struct import_inode *i = import_inode_new(type);

	OK(import_tree_put(t, path, i, err));
	return i;
}

static void refuse(struct import_tree *t, const char *path, enum tree_type type, const char *why)
{
	struct import_inode *i = import_inode_new(type);

	FAILS(ERR_REFUSED, why, import_tree_put(t, path, i, err));
	import_inode_drop(i);
}

/* The paths that come out, with a letter for each type: "d .;f a". */
static char *emitted(struct import_tree *t)
{
	autoclean(tree_free) struct tree tree = { 0 }, again = { 0 };
	autoclean(buf_free) struct buf raw = { 0 }, out = { 0 };

	OK(import_tree_emit(t, &tree, NULL, NULL, err));
	tree_encode(&tree, &raw);
	OK(tree_decode(raw.data, raw.len, &again, err));
	for (size_t i = 0; i < again.len; i++)
		buf_addf(&out, "%c%s%s", " dflpcbsh"[again.entries[i].type], again.entries[i].path, i + 1 < again.len ? ";" : "");
	return buf_steal(&out);
}

#define EMITS(t, want)                                                                                                           \
	do {                                                                                                                     \
		autofree char *emits_got_ = emitted(t);                                                                          \
		assert_string_equal(emits_got_, want);                                                                           \
	} while (0)

static void test_clean_path(void **state)
{
	static const char *const good[][2] = {
		{ "a", "a" },	  { "./a//b/./c/", "a/b/c" }, { ".", "" }, { "./", "" }, { "..a/b..", "..a/b.." },
		{ "...", "..." }, { ".a/ b\n", ".a/ b\n" }
	};
	static const char *const bad[] = { "/", "/a", "//a", "..", "../a", "a/..", "a/../b", "./..", "a/./../.." };
	char name[300], path[5000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		autofree char *out = NULL;

		OK(import_path_clean(good[i][0], &out, err));
		assert_string_equal(out, good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autofree char *out = NULL;

		FAILS(ERR_REFUSED, bad[i][0] == '/' ? "absolute" : "climbs", import_path_clean(bad[i], &out, err));
		assert_null(out);
	}
	memset(name, 'n', 256);
	name[256] = '\0';
	FAILS(ERR_REFUSED, "255", import_path_clean(name, &(char *){ NULL }, err));
	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 2 ? '/' : 'a';
	path[sizeof(path) - 1] = '\0';
	FAILS(ERR_REFUSED, "longer", import_path_clean(path, &(char *){ NULL }, err));
	path[4095] = '\0';
	{
		autofree char *out = NULL;

		OK(import_path_clean(path, &out, err));
	}
}

static void test_places(void **state)
{
	autoclean(import_tree_free) struct import_tree t;

	(void)state;
	import_tree_init(&t);
	put(&t, "usr/bin/b", TREE_FILE);
	put(&t, "usr-x", TREE_FILE);
	put(&t, "usr/bin/a", TREE_SYMLINK)->e.target = mem_strdup("..");
	put(&t, "usr", TREE_DIR);
	put(&t, "", TREE_DIR)->e.mode = 0700;
	put(&t, "p", TREE_FIFO);
	assert_int_equal(t.made, 2); /* usr, which came later, and usr/bin */
	assert_string_equal(t.first_made, "usr");
	refuse(&t, "usr/bin/a/x", TREE_FILE, "'usr/bin/a/x' lies below 'usr/bin/a', which is a symbolic link");
	refuse(&t, "p/x/y", TREE_DIR, "'p/x/y' lies below 'p', which is no directory");
	refuse(&t, "usr/bin", TREE_SYMLINK, "twice");
	refuse(&t, "usr", TREE_FILE, "twice");
	refuse(&t, "usr-x", TREE_DIR, "twice");
	refuse(&t, "", TREE_FILE, "twice");
	FAILS(ERR_REFUSED, "directory", import_tree_put(&t, "again", import_tree_find(&t, "usr"), err));
	assert_null(import_tree_find(&t, "usr/bin/a/x"));
	assert_null(import_tree_find(&t, "us"));
	assert_int_equal(import_tree_find(&t, "")->e.mode, 0700);
	EMITS(&t, "d;pp;dusr;dusr/bin;lusr/bin/a;fusr/bin/b;fusr-x");
}

static void test_order(void **state)
{
	autoclean(import_tree_free) struct import_tree t;

	(void)state;
	import_tree_init(&t);
	put(&t, "usr-x", TREE_FILE);
	put(&t, "usr/z", TREE_FILE);
	put(&t, "usr", TREE_DIR);
	put(&t, "\xff", TREE_FILE);
	put(&t, "A", TREE_FILE);
	put(&t, "usr/a/deep", TREE_FILE);
	EMITS(&t, "d;fA;dusr;dusr/a;fusr/a/deep;fusr/z;fusr-x;f\xff");
}

/* Ids are given in the order of the first names, whatever order the archive had. */
static void test_links(void **state)
{
	autoclean(import_tree_free) struct import_tree t;
	autoclean(tree_free) struct tree tree = { 0 };
	struct import_inode *z, *m;

	(void)state;
	import_tree_init(&t);
	z = put(&t, "z", TREE_FILE);
	m = put(&t, "m", TREE_FILE);
	OK(import_tree_put(&t, "n", m, err));
	OK(import_tree_put(&t, "a", z, err));
	OK(import_tree_put(&t, "a", z, err)); /* to itself */
	OK(import_tree_put(&t, "gone", m, err));
	put(&t, "gone", TREE_FILE); /* a name of several is replaced: the others stay */
	z->e.mode = 0644;
	OK(import_tree_emit(&t, &tree, NULL, NULL, err));
	assert_int_equal(tree.len, 6);
	assert_string_equal(tree.entries[1].path, "a");
	assert_int_equal(tree.entries[1].type, TREE_FILE);
	assert_int_equal(tree.entries[1].mode, 0644);
	assert_int_equal(tree.entries[1].link, 1);
	assert_int_equal(tree.entries[2].link, 0); /* gone */
	assert_int_equal(tree.entries[3].link, 2); /* m */
	assert_int_equal(tree.entries[4].type, TREE_HARDLINK);
	assert_int_equal(tree.entries[4].link, 2);
	assert_int_equal(tree.entries[5].type, TREE_HARDLINK);
	assert_int_equal(tree.entries[5].link, 1);
}

static void test_layers(void **state)
{
	autoclean(import_tree_free) struct import_tree t;

	(void)state;
	import_tree_init(&t);
	t.layer = 1;
	put(&t, "etc/a", TREE_FILE);
	put(&t, "etc/sub/deep", TREE_FILE);
	put(&t, "opt/x/y", TREE_FILE);
	put(&t, "lib/f", TREE_FILE);
	put(&t, "was-file", TREE_FILE);
	OK(import_tree_put(&t, "lib/link", import_tree_find(&t, "lib/f"), err));
	t.layer = 2;
	/* What this layer has stays, also when the whiteout comes after it. */
	put(&t, "etc/b", TREE_FILE);
	put(&t, "etc/sub", TREE_DIR);
	import_tree_clear_lower(&t, "etc");
	import_tree_remove_lower(&t, "opt/x");
	import_tree_remove_lower(&t, "nosuch/thing");
	import_tree_remove_lower(&t, "");
	/* A directory becomes a name of a file that only lay in it. */
	OK(import_tree_put(&t, "lib", import_tree_find(&t, "lib/f"), err));
	put(&t, "was-file", TREE_DIR);
	put(&t, "was-file/x", TREE_FILE);
	EMITS(&t, "d;detc;fetc/b;detc/sub;flib;dopt;dwas-file;fwas-file/x");
}

/* An archive made here, in a file without a name. */
struct made {
	struct archive *a;
	int fd;
};

static void made_begin(struct made *m)
{
	m->fd = memfd_create("archive", MFD_CLOEXEC);
	assert_true(m->fd >= 0);
	m->a = archive_write_new();
	assert_int_equal(archive_write_set_format_pax(m->a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(m->a, m->fd), ARCHIVE_OK);
}

static void made_file(struct made *m, const char *name, const char *data)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_mode(e, AE_IFREG | 0644);
	archive_entry_set_size(e, (la_int64_t)strlen(data));
	assert_int_equal(archive_write_header(m->a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(m->a, data, strlen(data)), (la_ssize_t)strlen(data));
	archive_entry_free(e);
}

static void run_begin(struct import_run *r, const struct import *im, struct import_notes *notes)
{
	*r = (struct import_run){ .im = im,
				  .notes = notes,
				  .spool = { .fd = memfd_create("spool", MFD_CLOEXEC), .dir = "memory" } };
	import_tree_init(&r->tree);
}

static void run_free(struct import_run *r)
{
	import_tree_free(&r->tree);
	close(r->spool.fd);
}

static int read_made(struct made *m, struct import_run *r, uint64_t max_bytes, struct err *err)
{
	struct import_input in = { .fd = m->fd, .left = (uint64_t)lseek(m->fd, 0, SEEK_END), .max_bytes = max_bytes };
	int rc = import_archive(r, &in, NULL, NULL, err);

	import_input_free(&in);
	return rc;
}

static void test_limits(void **state)
{
	struct import im = { .max_bytes = 10, .max_entries = 3 };
	struct import_notes notes = { 0 };
	struct import_run r;
	struct made m;

	(void)state;
	made_begin(&m);
	made_file(&m, "a", "12345");
	made_file(&m, "b", "67890");
	made_file(&m, "c", "");
	assert_int_equal(archive_write_close(m.a), ARCHIVE_OK);
	run_begin(&r, &im, &notes);
	OK(read_made(&m, &r, 1 << 20, err));
	assert_int_equal(r.file_bytes, 10);
	assert_int_equal(r.spool.len, 10);
	run_free(&r);
	im.max_bytes = 9;
	run_begin(&r, &im, &notes);
	FAILS(ERR_REFUSED, "with 'b' the files are larger than 9 B together", read_made(&m, &r, 1 << 20, err));
	assert_int_equal(r.spool.len, 5);
	run_free(&r);
	im = (struct import){ .max_bytes = 10, .max_entries = 2 };
	run_begin(&r, &im, &notes);
	FAILS(ERR_REFUSED, "more than 2 entries", read_made(&m, &r, 1 << 20, err));
	run_free(&r);
	im.max_entries = 3;
	run_begin(&r, &im, &notes);
	FAILS(ERR_REFUSED, "unpacks to more than 2000 bytes", read_made(&m, &r, 2000, err));
	run_free(&r);
	archive_write_free(m.a);
	close(m.fd);
}

#define TEST(fn) cmocka_unit_test(fn)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_clean_path), TEST(test_places), TEST(test_order),
		TEST(test_links),      TEST(test_layers), TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
