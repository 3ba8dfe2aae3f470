/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image_fixture.h"

#include "imaging/content_map.h"
#include "imaging/tree.h"

static struct tree_entry *add(struct tree *t, enum tree_type type, const char *path)
{
	struct tree_entry *e = tree_add(t);

	e->type = type;
	e->path = mem_strdup(path);
	if (type == TREE_SYMLINK)
		e->target = mem_strdup("x");
	return e;
}

static void add_data(struct tree *t, const char *path, uint64_t len)
{
	struct tree_entry *e = add(t, TREE_FILE, path);

	e->size = e->stream_len = len;
	e->stream_at = t->stream_bytes;
	t->stream_bytes += len;
}

static int decode_again(const struct tree *t, struct tree *out, struct err *err)
{
	autoclean(buf_free) struct buf b = { 0 };

	tree_encode(t, &b);
	return tree_decode(b.data, b.len, out, err);
}

static void refused(struct tree *t, enum err_kind kind, const char *part)
{
	autoclean(tree_free) struct tree out = { 0 };

	FAILS(kind, part, decode_again(t, &out, err));
	tree_free(t);
}

static void full_tree(struct tree *t)
{
	struct tree_entry *e;

	add(t, TREE_DIR, "")->mode = 0755;
	add(t, TREE_DIR, "a")->mode = 01777;
	e = add(t, TREE_FILE, "a/sparse");
	e->size = (uint64_t)1 << 40;
	e->extents = mem_array(2, sizeof(e->extents[0]));
	e->n_extents = 2;
	e->extents[0] = (struct tree_extent){ 4096, 100 };
	e->extents[1] = (struct tree_extent){ ((uint64_t)1 << 40) - 50, 50 };
	e->stream_len = 150;
	t->stream_bytes = 150;
	e->mtime_s = -86400;
	e->mtime_ns = 999999999;
	e->flags = 0x10;
	e->link = 1;
	e->xattrs = mem_array(2, sizeof(e->xattrs[0]));
	e->n_xattrs = 2;
	e->xattrs[0] = (struct tree_xattr){ mem_strdup("security.capability"), mem_dup("\0\1\2", 3), 3 };
	e->xattrs[1] = (struct tree_xattr){ mem_strdup("user.empty"), mem_dup("", 0), 0 };
	add_data(t, "a/x\n\xff\x01", 77);
	add(t, TREE_HARDLINK, "a-b")->link = 1;
	e = add(t, TREE_BLOCK, "disk");
	e->major = 259;
	e->minor = 1048575;
	add(t, TREE_FIFO, "fifo")->uid = 4294967294u;
	add(t, TREE_SYMLINK, "link");
	add(t, TREE_SOCKET, "sock");
}

static void test_round_trip(void **state)
{
	autoclean(tree_free) struct tree t = { 0 };
	autoclean(tree_free) struct tree u = { 0 };
	autoclean(buf_free) struct buf a = { 0 };
	autoclean(buf_free) struct buf b = { 0 };

	(void)state;
	full_tree(&t);
	tree_encode(&t, &a);
	OK(tree_decode(a.data, a.len, &u, err));
	tree_encode(&u, &b);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_int_equal(u.stream_bytes, 227);
	assert_int_equal(u.entries[2].mtime_s, -86400);
	assert_int_equal(u.entries[2].xattrs[0].len, 3);
	assert_string_equal(u.entries[3].path, "a/x\n\xff\x01");
	assert_int_equal(u.entries[5].minor, 1048575);
	assert_int_equal(u.entries[6].uid, 4294967294u);
	assert_ptr_equal(tree_find(&u, "a-b"), &u.entries[4]);
	assert_ptr_equal(tree_find(&u, ""), &u.entries[0]);
	assert_null(tree_find(&u, "a/"));
}

/* Cut anywhere, or with any one bit wrong, it is an error or a tree that encodes to those very bytes: never a crash, never a
 * guess. */
static void test_damage(void **state)
{
	autoclean(tree_free) struct tree t = { 0 };
	autoclean(buf_free) struct buf a = { 0 };

	(void)state;
	full_tree(&t);
	tree_encode(&t, &a);
	for (size_t len = 0; len < a.len; len++) {
		autoclean(tree_free) struct tree u = { 0 };
		struct err err = { 0 };

		assert_int_equal(tree_decode(a.data, len, &u, &err), -1);
	}
	for (size_t bit = 0; bit < a.len * 8; bit++) {
		autoclean(tree_free) struct tree u = { 0 };
		autoclean(buf_free) struct buf b = { 0 };
		struct err err = { 0 };

		a.data[bit / 8] = (char)(a.data[bit / 8] ^ (1 << bit % 8));
		if (tree_decode(a.data, a.len, &u, &err) == 0) {
			tree_encode(&u, &b);
			assert_int_equal(a.len, b.len);
			assert_memory_equal(a.data, b.data, a.len);
		}
		a.data[bit / 8] = (char)(a.data[bit / 8] ^ (1 << bit % 8));
	}
}

static void test_order(void **state)
{
	static const char *const sorted[] = {
		"", "\x01", "a", "a/\x01", "a/b", "a/b/c", "a/b-", "a\x01", "a-b", "a.", "b", "\xff"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
			int c = tree_path_cmp(sorted[i], sorted[j]);

			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
		}
}

static void test_hostile_paths(void **state)
{
	static const struct {
		const char *path, *why;
	} cases[] = {
		{ "/etc", "absolute" },	      { "..", "climbs" },	    { "../x", "climbs" },
		{ "d/../x", "climbs" },	      { "d/..", "climbs" },	    { "d//x", "empty name" },
		{ "d/", "empty name" },	      { ".", "empty name" },	    { "d/./x", "empty name" },
		{ "e/x", "not a directory" }, { "l/x", "not a directory" }, { "no/x", "not a directory" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tree t = { 0 };

		add(&t, TREE_DIR, "");
		/* Path order puts some of the cases first: the bad path must still be what is complained about. */
		if (tree_path_cmp(cases[i].path, "d") > 0)
			add(&t, TREE_DIR, "d");
		if (tree_path_cmp(cases[i].path, "e") > 0)
			add(&t, TREE_FILE, "e");
		if (tree_path_cmp(cases[i].path, "l") > 0)
			add(&t, TREE_SYMLINK, "l");
		add(&t, TREE_FILE, cases[i].path);
		refused(&t, ERR_REFUSED, cases[i].why);
	}
}

static void test_hostile_names_are_shown(void **state)
{
	struct tree t = { 0 };
	autofree char *name = mem_zalloc(300);

	(void)state;
	add(&t, TREE_DIR, "");
	add(&t, TREE_FILE, "../ev\nil");
	refused(&t, ERR_REFUSED, "'../ev\\x0ail'");
	memset(name, 'n', 256);
	add(&t, TREE_DIR, "");
	add(&t, TREE_FILE, name);
	refused(&t, ERR_REFUSED, "longer than 255");
}

static void test_hostile_entries(void **state)
{
	struct tree t = { 0 };
	struct tree_entry *e;

	(void)state;
	refused(&t, ERR_DAMAGED, "0 entries");
	add(&t, TREE_FILE, "");
	refused(&t, ERR_DAMAGED, "root directory");
	add(&t, TREE_DIR, "");
	add(&t, TREE_HARDLINK, "h")->link = 1;
	refused(&t, ERR_REFUSED, "hard link to something outside");
	add(&t, TREE_DIR, "");
	add(&t, TREE_DIR, "h")->link = 1;
	refused(&t, ERR_REFUSED, "directory with a hard link");
	add(&t, TREE_DIR, "");
	add(&t, TREE_FILE, "h")->link = 4000000000u;
	refused(&t, ERR_DAMAGED, "link id");
	add(&t, TREE_DIR, "");
	add(&t, TREE_FILE, "b");
	add(&t, TREE_FILE, "a");
	refused(&t, ERR_DAMAGED, "out of order");
	add(&t, TREE_DIR, "");
	add(&t, TREE_FILE, "a");
	add(&t, TREE_FILE, "a");
	refused(&t, ERR_DAMAGED, "out of order or there twice");
	add(&t, TREE_DIR, "");
	e = add(&t, TREE_FILE, "f");
	e->size = e->stream_len = 10;
	e->stream_at = 5;
	refused(&t, ERR_DAMAGED, "stream");
	add(&t, TREE_DIR, "");
	e = add(&t, TREE_FILE, "f");
	e->size = e->stream_len = UINT64_MAX;
	refused(&t, ERR_DAMAGED, "larger than a file");
	add(&t, TREE_DIR, "");
	e = add(&t, TREE_FILE, "f");
	e->size = 10;
	e->extents = mem_array(1, sizeof(e->extents[0]));
	e->n_extents = 1;
	e->extents[0] = (struct tree_extent){ UINT64_MAX - 1, 4 };
	e->stream_len = 4;
	refused(&t, ERR_DAMAGED, "extent");
	add(&t, TREE_DIR, "");
	add(&t, TREE_FIFO, "f")->stream_len = 1;
	refused(&t, ERR_DAMAGED, "not a regular file");
}

struct seen {
	char text[256];
};

static int note(void *ctx, const struct tree_entry *e, uint64_t offset, size_t skip, size_t len, struct err *err)
{
	struct seen *s = ctx;
	size_t n = strlen(s->text);

	(void)err;
	snprintf(s->text + n, sizeof(s->text) - n, "%s@%llu:%zu+%zu ", e->path, (unsigned long long)offset, skip, len);
	return 0;
}

static void test_content_map(void **state)
{
	autoclean(tree_free) struct tree t = { 0 };
	autoclean(content_map_free) struct content_map m = { 0 };
	struct seen s = { 0 };
	struct tree_entry *e;

	(void)state;
	add(&t, TREE_DIR, "");
	add_data(&t, "a", 10);
	add_data(&t, "b", 0);
	e = add(&t, TREE_FILE, "c");
	e->size = 1000;
	e->extents = mem_array(2, sizeof(e->extents[0]));
	e->n_extents = 2;
	e->extents[0] = (struct tree_extent){ 100, 5 };
	e->extents[1] = (struct tree_extent){ 900, 7 };
	e->stream_at = 10;
	e->stream_len = 12;
	t.stream_bytes = 22;
	add_data(&t, "d", 3);
	content_map_init(&m, &t);
	OK(content_map_each(&m, 0, 25, note, &s, err));
	assert_string_equal(s.text, "a@0:0+10 c@100:10+5 c@900:15+7 d@0:22+3 ");
	s.text[0] = '\0';
	OK(content_map_each(&m, 8, 6, note, &s, err));
	assert_string_equal(s.text, "a@8:0+2 c@100:2+4 ");
	s.text[0] = '\0';
	OK(content_map_each(&m, 14, 3, note, &s, err));
	assert_string_equal(s.text, "c@104:0+1 c@900:1+2 ");
	s.text[0] = '\0';
	OK(content_map_each(&m, 25, 100, note, &s, err));
	assert_string_equal(s.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_hostile_paths),
		cmocka_unit_test(test_hostile_names_are_shown),
		cmocka_unit_test(test_hostile_entries),
		cmocka_unit_test(test_content_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
