/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image_fixture.h"

#include "imaging/chunk_table.h"
#include "imaging/pack.h"

static void test_ingest_and_list(void **state)
{
	struct fixture *f = *state;
	autofree char *ref = NULL;
	autoclean(store_images_free) struct store_images l = { 0 };
	autoclean(buf_free) struct buf boot = { 0 };
	autofree char *path = NULL;
	const struct manifest *m;

	make_tree(f);
	ref = take_image(f, "compute");
	assert_string_equal(ref, "compute/20261121T053000Z-golden");
	OK(check(f, ref, err));
	OK(store_list(f->store, &l, err));
	assert_int_equal(l.len, 1);
	m = &l.items[0].manifest;
	assert_string_equal(m->created, "2026-11-21T05:30:00Z");
	assert_int_equal(m->sequence, 1);
	assert_int_equal(m->entries, 10);
	assert_int_equal(m->content_bytes, 16 * MIB + 11);
	assert_string_equal(m->snapshot, "directory");
	assert_false(m->crash_consistent);
	path = str_format("%s/images/%s/boot.json", f->store_dir, ref);
	OK(fs_read(path, 65536, &boot, err));
	/* 10 is newer than 9, though not in the alphabet. */
	assert_true(strstr(boot.data, "6.1.0-10-amd64") < strstr(boot.data, "6.1.0-9-amd64"));
	assert_non_null(strstr(boot.data, "\"boot/initrd.img-6.1.0-10-amd64\""));
}

static void test_second_image_shares(void **state)
{
	struct fixture *f = *state;
	autofree char *a = NULL;
	autofree char *b = NULL;
	autofree char *name = NULL;
	autofree char *id = NULL;
	autofree char *dir = NULL;
	struct store_freed frees;
	uint64_t before;

	make_tree(f);
	a = take_image(f, "compute");
	before = pack_bytes(f);
	put_file(f->tree, "usr/bin/three", "new", 3);
	b = take_image(f, "compute");
	assert_string_not_equal(a, b);
	/* A new file of 3 bytes costs the chunk it falls into, not the image. */
	assert_true(pack_bytes(f) - before < 5 * MIB);
	OK(store_find(f->store, "compute", &name, &id, &dir, err));
	assert_true(str_ends(b, id));
	OK(store_delete_frees(f->store, a, &frees, err));
	before = pack_bytes(f);
	OK(store_delete(f->store, a, err));
	assert_int_equal(before - pack_bytes(f), frees.bytes);
	OK(check(f, b, err));
	FAILS(ERR_NOT_FOUND, "there is no image", check(f, a, err));
	OK(store_delete(f->store, b, err));
	assert_int_equal(pack_bytes(f), 0);
}

/* Numbers never come again: an image that was deleted must not be replaced by a lower one. */
static void test_sequence_survives_delete(void **state)
{
	struct fixture *f = *state;
	autoclean(store_images_free) struct store_images l = { 0 };
	autofree char *counter = fs_join(f->store_dir, "sequence/x");

	put_file(f->tree, "file", "1", 1);
	for (int i = 0; i < 3; i++) {
		autofree char *ref = take_image(f, "x");

		if (i < 2)
			OK(store_delete(f->store, ref, err));
	}
	OK(store_list(f->store, &l, err));
	assert_int_equal(l.len, 1);
	assert_int_equal(l.items[0].manifest.sequence, 3);
	flip_bit(counter, 0);
	FAILS(ERR_DAMAGED, "sequence/x", check(f, "x", err));
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", "..", "../x", "a/../../x", "a/", "/etc", "a/b/c", "a\n", "x/.new", "$(x)" };
	struct fixture *f = *state;
	struct ingest in = { .source_dir = f->tree, .name = "../x", .kind = "golden", .cluster_id = "c", .key = &f->key };
	char *name, *id, *dir, *ref;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		FAILS(ERR_INVALID, "name", store_find(f->store, bad[i], &name, &id, &dir, err));
	FAILS(ERR_INVALID, "image name", store_ingest(f->store, &in, &ref, err));
	in.name = "x";
	in.kind = "a/b";
	FAILS(ERR_INVALID, "kind", store_ingest(f->store, &in, &ref, err));
	FAILS(ERR_NOT_FOUND, "no image 'y'", store_find(f->store, "y", &name, &id, &dir, err));
}

static void test_one_writer(void **state)
{
	struct fixture *f = *state;
	autofree char *path = fs_join(f->store_dir, "lock");
	struct ingest in = { .source_dir = f->tree, .name = "x", .kind = "golden", .cluster_id = "c", .key = &f->key };
	struct err lock_err = { 0 };
	autoclose int lock = fs_lock(path, &lock_err);
	char *ref;

	assert_true(lock >= 0);
	FAILS(ERR_CONFLICT, "another program is writing", store_ingest(f->store, &in, &ref, err));
	FAILS(ERR_CONFLICT, "another program is writing", store_delete(f->store, "x", err));
}

static void test_store_inside_tree(void **state)
{
	struct fixture *f = *state;
	struct ingest in = { .source_dir = f->dir, .name = "x", .kind = "golden", .cluster_id = "c", .key = &f->key };
	char *ref;

	FAILS(ERR_REFUSED, "the store", store_ingest(f->store, &in, &ref, err));
}

/* What a killed writer leaves is gone after the next one, and never counts as an image; what looks like it only from afar stays.
 */
static void test_leftovers(void **state)
{
	static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	struct fixture *f = *state;
	autofree char *fresh = str_format("%s/images/y/.new", f->store_dir);
	autofree char *gone = str_format("%s/images/x/.deleted-1", f->store_dir);
	autofree char *begun = str_format("%s/packs/pack.Ab12Cd", f->store_dir);
	autofree char *pack = str_format("%s/packs/%s.pack.Ab12Cd", f->store_dir, hex);
	autofree char *idx = str_format("%s/packs/%s.idx.Ab12Cd", f->store_dir, hex);
	autofree char *foreign = str_format("%s/packs/00.pack.Ab12Cd", f->store_dir);
	autofree char *ref = NULL;
	autoclean(store_images_free) struct store_images l = { 0 };

	OK(fs_mkdirs(fresh, 0755, err));
	OK(fs_mkdirs(gone, 0755, err));
	put_file("/", begun, "half", 4);
	put_file("/", pack, "half", 4);
	put_file("/", idx, "half", 4);
	put_file("/", foreign, "half", 4);
	put_file(f->tree, "file", "1", 1);
	OK(store_list(f->store, &l, err));
	assert_int_equal(l.len, 0);
	ref = take_image(f, "x");
	assert_false(fs_exists(fresh) || fs_exists(gone) || fs_exists(begun) || fs_exists(pack) || fs_exists(idx));
	assert_true(fs_exists(foreign));
	OK(check(f, "x", err));
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void reopen(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
	OK(store_open(f->store_dir, false, &f->store, err));
}

/* What is in images is not for each user of the head. */
static void test_closed_to_others(void **state)
{
	struct fixture *f = *state;
	autofree char *packs = fs_join(f->store_dir, "packs"), *elsewhere = fs_join(f->dir, "volume");

	assert_int_equal(mode_of(f->store_dir), 0750);
	assert_int_equal(mode_of(f->dir), 0700);
	/* of a version that left it open */
	assert_int_equal(chmod(f->store_dir, 0755), 0);
	reopen(f);
	assert_int_equal(mode_of(f->store_dir), 0750);
	/* where the administrator let in fewer */
	assert_int_equal(chmod(f->store_dir, 0700), 0);
	reopen(f);
	assert_int_equal(mode_of(f->store_dir), 0700);
	/* on another volume */
	assert_int_equal(rename(packs, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, packs), 0);
	assert_int_equal(chmod(elsewhere, 0755), 0);
	reopen(f);
	assert_int_equal(mode_of(elsewhere), 0750);
}

/* A store that is made where nothing is: only its own directory is closed, what is above it has other tenants. */
static void test_above_it_nothing_is_closed(void **state)
{
	struct fixture *f = *state;
	autofree char *above = fs_join(f->dir, "srv"), *path = fs_join(above, "store");
	struct store *s = NULL;

	OK(store_open(path, true, &s, err));
	store_close(s);
	assert_int_equal(mode_of(above), 0755);
	assert_int_equal(mode_of(path), 0750);
}

/* What somebody else put into images/ is passed over, not removed, and stops nothing. */
static void test_strangers(void **state)
{
	struct fixture *f = *state;
	autofree char *a = NULL;
	autofree char *b = NULL;
	autofree char *readme = fs_join(f->store_dir, "images/README");
	autofree char *fifo = fs_join(f->store_dir, "images/x/fifo");
	autofree char *odd = fs_join(f->store_dir, "images/my images");
	autofree char *name = NULL;
	autofree char *id = NULL;
	autofree char *dir = NULL;
	autoclean(store_images_free) struct store_images l = { 0 };

	put_file(f->tree, "file", "1", 1);
	a = take_image(f, "x");
	put_file("/", readme, "hello", 5);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	OK(fs_mkdirs(odd, 0755, err));
	OK(store_list(f->store, &l, err));
	assert_int_equal(l.len, 1);
	b = take_image(f, "x");
	OK(store_find(f->store, "x", &name, &id, &dir, err));
	assert_true(str_ends(b, id));
	OK(check(f, "x", err));
	OK(store_delete(f->store, a, err));
	OK(store_delete(f->store, b, err));
	assert_int_equal(pack_bytes(f), 0);
	assert_true(fs_exists(readme) && fs_exists(fifo) && fs_exists(odd));
	FAILS(ERR_REFUSED, "images/README is no directory", store_check_place(f->store, "README", err));
}

/* Behind a symbolic link in images/ is no image, but its packs may be somebody's only copy. */
static void test_links_are_no_images(void **state)
{
	struct fixture *f = *state;
	struct ingest in = { .source_dir = f->tree, .name = "y", .kind = "golden", .cluster_id = "c", .key = &f->key };
	autofree char *a = NULL;
	autofree char *b = NULL;
	autofree char *y = fs_join(f->store_dir, "images/y");
	autofree char *moved = fs_join(f->dir, "moved");
	autoclean(store_images_free) struct store_images l = { 0 };
	struct store_freed frees;
	uint64_t before;
	char *ref;

	put_noise(f->tree, "file", 100000, 1);
	a = take_image(f, "x");
	put_noise(f->tree, "file", 100000, 2);
	b = take_image(f, "y");
	assert_int_equal(rename(y, moved), 0);
	assert_int_equal(symlink(moved, y), 0);
	OK(store_list(f->store, &l, err));
	assert_int_equal(l.len, 1);
	FAILS(ERR_NOT_FOUND, "no image", check(f, b, err));
	FAILS(ERR_REFUSED, "images/y is a symbolic link", store_ingest(f->store, &in, &ref, err));
	before = pack_bytes(f);
	OK(store_delete_frees(f->store, a, &frees, err));
	assert_int_equal(frees.kept.kind, ERR_REFUSED);
	OK(store_delete(f->store, a, err));
	assert_int_equal(pack_bytes(f), before);
	assert_int_equal(unlink(y), 0);
	assert_int_equal(rename(moved, y), 0);
	OK(check(f, b, err));
}

static void test_extract(void **state)
{
	static const char *const prefixes[] = { "boot/vmlinuz-", "usr/bin/t", "lib", NULL };
	struct fixture *f = *state;
	autofree char *ref = NULL;
	autofree char *one = fs_join(f->tree, "usr/bin/one");
	autofree char *hard = fs_join(f->tree, "usr/bin/too");
	autofree char *soft = fs_join(f->tree, "lib");
	autofree char *copy = fs_join(f->target, "usr/bin/too");
	autofree char *left_out = fs_join(f->target, "usr/bin/one");
	autofree char *initrd = fs_join(f->target, "boot/initrd.img-6.1.0-10-amd64");
	autofree char *lib = fs_join(f->target, "lib");
	autoclean(buf_free) struct buf a = { 0 };
	autoclean(buf_free) struct buf b = { 0 };
	char target[16] = "";

	make_tree(f);
	assert_int_equal(link(one, hard), 0);
	assert_int_equal(symlink("usr/lib", soft), 0);
	ref = take_image(f, "x");
	OK(store_extract(f->store, ref, &f->public, prefixes, f->target, err));
	OK(fs_read(one, 6 * MIB, &a, err));
	OK(fs_read(copy, 6 * MIB, &b, err));
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_false(fs_exists(left_out) || fs_exists(initrd));
	assert_int_equal(readlink(lib, target, sizeof(target) - 1), 7);
	assert_string_equal(target, "usr/lib");
}

static void test_pack_index(void **state)
{
	autoclean(pack_index_free) struct pack_index x = { 0 };
	autoclean(buf_free) struct buf b = { 0 };
	struct digest name = { { 1 } }, other = { { 2 } };
	struct pack_entry entries[2] = { { .id = { { 3 } }, .offset = 0, .raw_len = 10, .stored_len = 7 },
					 { .id = { { 4 } }, .offset = 7, .raw_len = 20, .stored_len = 5 } };
	struct pack_index in = { .entries = entries, .len = 2 };
	uint64_t bytes;

	(void)state;
	pack_index_encode(&in, &name, 12, &b);
	OK(pack_index_decode(b.data, b.len, &name, &x, &bytes, err));
	assert_int_equal(x.len, 2);
	assert_int_equal(bytes, 12);
	assert_memory_equal(&x.entries[1].id, &entries[1].id, DIGEST_LEN);
	FAILS(ERR_DAMAGED, "another pack", pack_index_decode(b.data, b.len, &other, &x, &bytes, err));
	FAILS(ERR_DAMAGED, "digest", pack_index_decode(b.data, b.len - 1, &name, &x, &bytes, err));
	buf_clear(&b);
	pack_index_encode(&in, &name, 13, &b);
	FAILS(ERR_DAMAGED, "fill", pack_index_decode(b.data, b.len, &name, &x, &bytes, err));
}

/* RFC 6962's own shape, spelled out for 3 leaves, and the empty tree. */
static void test_merkle_root(void **state)
{
	autoclean(chunk_table_free) struct chunk_table t = { 0 };
	uint8_t leaf[3][DIGEST_LEN + 1] = { 0 }, node[1 + 2 * DIGEST_LEN] = { 1 };
	struct digest h[3], left, want, got;

	(void)state;
	chunk_table_root(&t, &got);
	digest_of("", 0, &want);
	assert_int_equal(digest_cmp(&got, &want), 0);
	for (uint8_t i = 0; i < 3; i++) {
		struct chunk_row row = { .id = { { i } }, .raw_len = 1, .stored_len = 1 };

		chunk_table_add(&t, &row);
		memcpy(leaf[i] + 1, row.id.bytes, DIGEST_LEN);
		digest_of(leaf[i], sizeof(leaf[i]), &h[i]);
	}
	memcpy(node + 1, &h[0], DIGEST_LEN);
	memcpy(node + 1 + DIGEST_LEN, &h[1], DIGEST_LEN);
	digest_of(node, sizeof(node), &left);
	memcpy(node + 1, &left, DIGEST_LEN);
	memcpy(node + 1 + DIGEST_LEN, &h[2], DIGEST_LEN);
	digest_of(node, sizeof(node), &want);
	chunk_table_root(&t, &got);
	assert_int_equal(digest_cmp(&got, &want), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ingest_and_list),
		TEST(test_second_image_shares),
		TEST(test_sequence_survives_delete),
		TEST(test_names),
		TEST(test_one_writer),
		TEST(test_store_inside_tree),
		TEST(test_leftovers),
		TEST(test_strangers),
		TEST(test_links_are_no_images),
		TEST(test_extract),
		TEST(test_closed_to_others),
		TEST(test_above_it_nothing_is_closed),
		cmocka_unit_test(test_pack_index),
		cmocka_unit_test(test_merkle_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
