/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image_fixture.h"

#include "imaging/chunk_table.h"
#include "imaging/pack.h"

#define MIB ((size_t)1 << 20)

static void make_tree(struct fixture *f)
{
	autofree char *dir = fs_join(f->tree, "usr/bin");
	autofree char *boot = fs_join(f->tree, "boot");

	OK(fs_mkdirs(dir, 0755, err));
	OK(fs_mkdirs(boot, 0755, err));
	put_noise(boot, "vmlinuz-6.1.0-9-amd64", 3 * MIB, 11);
	put_noise(boot, "vmlinuz-6.1.0-10-amd64", 3 * MIB + 5, 12);
	put_file(boot, "initrd.img-6.1.0-10-amd64", "initrd", 6);
	put_noise(f->tree, "usr/bin/one", 5 * MIB, 1);
	put_noise(f->tree, "usr/bin/two", 5 * MIB, 2);
	put_file(f->tree, "usr/bin/empty", "", 0);
}

static int check(struct fixture *f, const char *ref, struct err *err)
{
	autoclean(str_list_free) struct str_list hurt = { 0 };

	return store_verify(f->store, ref, &f->public, NULL, NULL, &hurt, err);
}

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

/* One damaged counter is healed by the next build, and no number comes again; two are not guessed at. */
static void test_sequence_heals(void **state)
{
	static const char *const files[] = { "sequence/x", "sequence/x~" };
	struct fixture *f = *state;
	struct ingest in = { .source_dir = f->tree, .name = "x", .kind = "golden", .cluster_id = "c1", .key = &f->key };
	autofree char *kept = NULL;
	uint64_t number = 3;
	char *ref;

	put_file(f->tree, "file", "1", 1);
	kept = take_image(f, "x");
	for (size_t i = 0; i < 2; i++) {
		autofree char *last = take_image(f, "x");

		OK(store_delete(f->store, last, err));
	}
	for (size_t i = 0; i < 2; i++) {
		autofree char *path = fs_join(f->store_dir, files[i]);
		autofree char *next = NULL;
		autoclean(store_images_free) struct store_images l = { 0 };
		struct err why = { 0 };
		autoclean(str_list_free) struct str_list hurt = { 0 };

		flip_bit(path, 0);
		assert_int_equal(store_verify(f->store, kept, &f->public, NULL, NULL, &hurt, &why), -1);
		assert_true(strstr(why.text, files[i]) && strstr(why.text, "is whole") && strstr(why.hint, "writes it anew"));
		next = take_image(f, "x");
		OK(check(f, kept, err));
		OK(store_list(f->store, &l, err));
		assert_int_equal(l.items[1].manifest.sequence, ++number);
		OK(store_delete(f->store, next, err));
	}
	for (size_t i = 0; i < 2; i++) {
		autofree char *path = fs_join(f->store_dir, files[i]);

		flip_bit(path, 3);
	}
	FAILS(ERR_DAMAGED, "has no whole copy", store_check_place(f->store, "x", err));
	FAILS(ERR_DAMAGED, "has no whole copy", store_ingest(f->store, &in, &ref, err));
	for (size_t i = 0; i < 2; i++) {
		autofree char *path = fs_join(f->store_dir, files[i]);
		struct err why = { 0 };
		autoclean(str_list_free) struct str_list hurt = { 0 };

		/* What the hint says is possible. */
		assert_int_equal(store_verify(f->store, kept, &f->public, NULL, NULL, &hurt, &why), -1);
		assert_true(strstr(why.hint, "sequence/x and its copy x~"));
		assert_int_equal(unlink(path), 0);
	}
	free(take_image(f, "x"));
	OK(check(f, "x", err));
}

static char *corrupt(struct fixture *f, const char *ref, const char *what, uint64_t at)
{
	autofree char *image = str_format("images/%s", ref);
	char *path = strchr(what, '.') == what ? store_file(f, "packs", what) : str_format("%s/%s/%s", f->store_dir, image, what);

	flip_bit(path, at);
	return path;
}

static void test_one_bit_anywhere(void **state)
{
	static const char *const kinds[] = { "manifest.json", "manifest.sig", "tree.zst", "chunks.bin",
					     "boot.json",     ".pack",	      ".idx" };
	struct fixture *f = *state;
	autofree char *ref = NULL;

	make_tree(f);
	ref = take_image(f, "compute");
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (uint64_t at = 0; at < 40; at++) {
			/* Spread over the file, whatever its size is. */
			uint64_t place = at * UINT64_C(2654435761);
			autofree char *path = corrupt(f, ref, kinds[k], place);

			FAILS(ERR_DAMAGED, kinds[k], check(f, ref, err));
			flip_bit(path, place);
		}
	OK(check(f, ref, err));
}

static void test_hurt_files_are_named(void **state)
{
	struct fixture *f = *state;
	autofree char *ref = NULL;
	autofree char *pack = NULL;
	autoclean(str_list_free) struct str_list hurt = { 0 };
	autofree char *two = fs_join(f->tree, "usr/bin/two");
	autofree char *also = fs_join(f->tree, "also-two");

	make_tree(f);
	assert_int_equal(link(two, also), 0);
	ref = take_image(f, "compute");
	pack = store_file(f, "packs", ".pack");
	/* Noise does not shrink, and /also-two comes first in path order: the first bytes of the pack are its content. */
	flip_bit(pack, 1000);
	FAILS(ERR_DAMAGED, "2 of its files are hurt", store_verify(f->store, ref, &f->public, NULL, NULL, &hurt, err));
	assert_int_equal(hurt.len, 2);
	assert_string_equal(hurt.items[0], "/also-two");
	assert_string_equal(hurt.items[1], "/usr/bin/two");
	assert_int_equal(unlink(pack), 0);
	FAILS(ERR_DAMAGED, ".pack", check(f, ref, err));
}

/* Building again after damage gives a whole image: a chunk that can't be read back is not shared. */
static void test_damage_heals(void **state)
{
	struct fixture *f = *state;
	autofree char *a = NULL;
	autofree char *b = NULL;
	autofree char *pack = NULL;

	make_tree(f);
	a = take_image(f, "compute");
	pack = store_file(f, "packs", ".pack");
	flip_bit(pack, 7 * MIB);
	b = take_image(f, "compute");
	/* The pack is still there and still wrong: the new image may share its good chunks, but every byte it needs is right. */
	{
		autoclean(str_list_free) struct str_list hurt = { 0 };
		struct err err = { 0 };

		store_verify(f->store, b, &f->public, NULL, NULL, &hurt, &err) < 0 ? assert_int_equal(err.kind, ERR_DAMAGED)
										   : (void)0;
		assert_int_equal(hurt.len, 0);
	}
	FAILS(ERR_DAMAGED, "hurt", check(f, a, err));
}

static void test_other_key_is_refused(void **state)
{
	struct fixture *f = *state;
	autofree char *ref = NULL;
	autofree char *path = fs_join(f->dir, "other.key");
	autoclean(str_list_free) struct str_list hurt = { 0 };
	struct sign_key other;
	struct verify_key public;

	put_file(f->tree, "file", "1", 1);
	ref = take_image(f, "x");
	OK(sign_key_create(path, err));
	OK(sign_key_load(path, &other, err));
	verify_key_of(&other, &public);
	FAILS(ERR_DAMAGED, "signature", store_verify(f->store, ref, &public, NULL, NULL, &hurt, err));
}

static void test_newest_is_not_guessed(void **state)
{
	struct fixture *f = *state;
	autofree char *a = NULL;
	autofree char *b = NULL;
	autofree char *path = NULL;
	autofree char *name = NULL;
	autofree char *id = NULL;
	autofree char *dir = NULL;

	put_file(f->tree, "file", "1", 1);
	a = take_image(f, "x");
	b = take_image(f, "x");
	path = str_format("%s/images/%s/manifest.json", f->store_dir, b);
	put_file("/", path, "{}", 2);
	FAILS(ERR_DAMAGED, "newest", store_find(f->store, "x", &name, &id, &dir, err));
	OK(store_find(f->store, a, &name, &id, &dir, err));
}

/* What nodes could not get is seen without reading it all. */
static void test_opens(void **state)
{
	struct fixture *f = *state;
	autofree char *ref = NULL;
	autofree char *pack = NULL;
	autofree char *moved = fs_join(f->dir, "moved");
	autofree char *sig = NULL;
	const char *id = "20261121T053000Z-golden";

	make_tree(f);
	ref = take_image(f, "compute");
	pack = store_file(f, "packs", ".pack");
	sig = str_format("%s/images/%s/manifest.sig", f->store_dir, ref);
	OK(store_check_opens(f->store, "compute", id, err));
	assert_int_equal(rename(pack, moved), 0);
	FAILS(ERR_DAMAGED, pack, store_check_opens(f->store, "compute", id, err));
	assert_int_equal(symlink(moved, pack), 0);
	FAILS(ERR_DAMAGED, "is a symbolic link", store_check_opens(f->store, "compute", id, err));
	FAILS(ERR_DAMAGED, "(not a file itself)", check(f, ref, err));
	assert_int_equal(unlink(pack), 0);
	assert_int_equal(rename(moved, pack), 0);
	OK(check(f, ref, err));
	assert_int_equal(rename(sig, moved), 0);
	FAILS(ERR_DAMAGED, "manifest.sig", store_check_opens(f->store, "compute", id, err));
	assert_int_equal(rename(moved, sig), 0);
	assert_int_equal(truncate(pack, 5 * MIB), 0);
	FAILS(ERR_DAMAGED, "at least", store_check_opens(f->store, "compute", id, err));
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

/* What a killed writer leaves is gone after the next one, and never counts as an image. */
static void test_leftovers(void **state)
{
	struct fixture *f = *state;
	autofree char *fresh = str_format("%s/images/y/.new", f->store_dir);
	autofree char *gone = str_format("%s/images/x/.deleted-1", f->store_dir);
	autofree char *temp = str_format("%s/packs/00.pack.Ab12Cd", f->store_dir);
	autofree char *ref = NULL;
	autoclean(store_images_free) struct store_images l = { 0 };

	OK(fs_mkdirs(fresh, 0755, err));
	OK(fs_mkdirs(gone, 0755, err));
	put_file("/", temp, "half", 4);
	put_file(f->tree, "file", "1", 1);
	OK(store_list(f->store, &l, err));
	assert_int_equal(l.len, 0);
	ref = take_image(f, "x");
	assert_false(fs_exists(fresh) || fs_exists(gone) || fs_exists(temp));
	OK(check(f, "x", err));
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
		TEST(test_sequence_heals),
		TEST(test_one_bit_anywhere),
		TEST(test_hurt_files_are_named),
		TEST(test_damage_heals),
		TEST(test_other_key_is_refused),
		TEST(test_newest_is_not_guessed),
		TEST(test_opens),
		TEST(test_names),
		TEST(test_one_writer),
		TEST(test_store_inside_tree),
		TEST(test_leftovers),
		TEST(test_strangers),
		TEST(test_links_are_no_images),
		TEST(test_extract),
		cmocka_unit_test(test_pack_index),
		cmocka_unit_test(test_merkle_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
