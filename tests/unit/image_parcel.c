/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image from store to store (imaging/parcel): it arrives whole and the same; what is changed, lacking or another signer's
 * leaves nothing. */
#include "image_fixture.h"

#include "imaging/parcel.h"

#include <stdlib.h>

/* What came: all files of a parcel one after another, and a second store. */
struct arrival {
	struct parcel *parcel;
	struct parcel_file *files;
	size_t n;
	uint8_t *data;
	uint64_t bytes;
	char *dir;
	struct store *store;
};

static int read_data(void *ctx, uint64_t at, void *data, size_t len, struct err *err)
{
	const struct arrival *a = ctx;

	if (at > a->bytes || len > a->bytes - at)
		return err_set(err, ERR_DAMAGED, "read past the end");
	memcpy(data, a->data + at, len);
	return 0;
}

static void send(struct fixture *f, const char *ref, struct arrival *a)
{
	const struct parcel_file *files;

	*a = (struct arrival){ .dir = fs_join(f->dir, "other") };
	OK(parcel_open(f->store, ref, &f->public, &a->parcel, err));
	assert_string_equal(parcel_name(a->parcel), ref);
	files = parcel_files(a->parcel, &a->n);
	a->files = mem_dup(files, a->n * sizeof(*files));
	a->bytes = files[a->n - 1].at + files[a->n - 1].bytes;
	a->data = mem_zalloc(a->bytes);
	for (size_t i = 0; i < a->n; i++) {
		int fd = open(files[i].path, O_RDONLY | O_CLOEXEC);

		OK(fs_pread_all(fd, "file", a->data + files[i].at, files[i].bytes, 0, err));
		close(fd);
	}
	OK(store_open(a->dir, true, &a->store, err));
}

static void arrival_free(struct arrival *a)
{
	store_close(a->store);
	parcel_close(a->parcel);
	parcel_close(NULL);
	free(a->files);
	free(a->data);
	free(a->dir);
}

static int adopt(struct arrival *a, const struct verify_key *key, struct err *err)
{
	struct parcel_source src = { .files = a->files, .n = a->n, .read = read_data, .ctx = a, .key = key };
	char *ref = NULL;
	int rc = parcel_adopt(a->store, &src, &ref, err);

	if (rc == 0)
		assert_string_equal(ref, parcel_name(a->parcel));
	free(ref);
	return rc;
}

static void is_empty(const struct arrival *a)
{
	autofree char *packs = fs_join(a->dir, "packs");
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(store_images_free) struct store_images l = { 0 };

	OK(fs_list(packs, &names, err));
	assert_int_equal(names.len, 0);
	OK(store_list(a->store, &l, err));
	assert_int_equal(l.len, 0);
}

static struct parcel_file *file_of(struct arrival *a, const char *end)
{
	for (size_t i = 0; i < a->n; i++)
		if (str_ends(a->files[i].name, end))
			return &a->files[i];
	fail_msg("no %s", end);
	return NULL;
}

static void test_there_and_back(void **state)
{
	struct fixture *f = *state;
	autofree char *ref = NULL, *next = NULL;
	autoclean(arrival_free) struct arrival a = { 0 };
	autoclean(arrival_free) struct arrival b = { 0 };
	autoclean(str_list_free) struct str_list hurt = { 0 };
	const struct parcel_file *pack;

	make_tree(f);
	ref = take_image(f, "compute");
	send(f, ref, &a);
	pack = file_of(&a, ".pack");
	assert_false(parcel_has(a.store, pack));
	OK(adopt(&a, &f->public, err));
	OK(store_verify(a.store, ref, &f->public, NULL, NULL, &hurt, err));
	assert_true(parcel_has(a.store, pack));
	assert_false(parcel_has(a.store, file_of(&a, ".idx")));
	assert_false(parcel_has(a.store, file_of(&a, "manifest.json")));
	OK(adopt(&a, &f->public, err)); /* again is fine */
	/* Another of the same name, of which most is there; then its number is known. */
	put_file(f->tree, "usr/bin/three", "new", 3);
	next = take_image(f, "compute");
	send(f, next, &b);
	OK(adopt(&b, &f->public, err));
	OK(store_verify(b.store, next, &f->public, NULL, NULL, &hurt, err));
	OK(store_verify(b.store, ref, &f->public, NULL, NULL, &hurt, err));
	assert_int_equal(hurt.len, 0);
}

/* One bit anywhere. */
static void test_what_is_changed_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const ends[] = { "manifest.json", "manifest.sig", "chunks.bin", "boot.json",
					    "tree.zst",	     ".idx",	     ".pack" };
	autofree char *ref = NULL;
	autoclean(arrival_free) struct arrival a = { 0 };

	make_tree(f);
	ref = take_image(f, "compute");
	send(f, ref, &a);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		const struct parcel_file *p = file_of(&a, ends[i]);

		for (int k = 0; k < 3; k++) {
			uint8_t *at = a.data + p->at + (k == 0 ? 0 : k == 1 ? p->bytes / 2 : p->bytes - 1);

			*at ^= 4;
			FAILS(ERR_DAMAGED, "", adopt(&a, &f->public, err));
			*at ^= 4;
			is_empty(&a);
		}
	}
	OK(adopt(&a, &f->public, err));
}

static void test_what_is_lacking_or_anothers(void **state)
{
	struct fixture *f = *state;
	autofree char *ref = NULL, *path = fs_join(f->dir, "other.key");
	autoclean(arrival_free) struct arrival a = { 0 };
	struct sign_key other;
	struct verify_key public;

	make_tree(f);
	ref = take_image(f, "compute");
	send(f, ref, &a);
	for (size_t i = 0; i < a.n; i++) {
		struct parcel_file was = a.files[i];

		a.files[i].name = (char[]){ "packs/../../x" };
		FAILS(ERR_DAMAGED, "did not come", adopt(&a, &f->public, err));
		a.files[i] = was;
		a.files[i].bytes = UINT64_MAX;
		FAILS(ERR_DAMAGED, "", adopt(&a, &f->public, err));
		a.files[i] = was;
		is_empty(&a);
	}
	OK(sign_key_create(path, err));
	OK(sign_key_load(path, &other, err));
	verify_key_of(&other, &public);
	FAILS(ERR_DAMAGED, "manifest", adopt(&a, &public, err));
	is_empty(&a);
	sign_key_clear(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_is_changed_is_refused, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_is_lacking_or_anothers, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
