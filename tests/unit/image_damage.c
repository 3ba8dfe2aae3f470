/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A store that is not as it was written: each damage is found, told by its file, and healed where the next build can. */
#include "image_fixture.h"

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

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sequence_heals), TEST(test_one_bit_anywhere),	    TEST(test_hurt_files_are_named),
		TEST(test_damage_heals),   TEST(test_other_key_is_refused), TEST(test_newest_is_not_guessed),
		TEST(test_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
