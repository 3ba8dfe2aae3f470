/* SPDX-License-Identifier: GPL-2.0-or-later */
/* After an image is deleted, the imager that was made from it goes at the next collection; what others need stays. */
#include "image_fixture.h"

#include "daemon/change.h"
#include "daemon/payloads.h"

struct bench {
	struct fixture *f;
	struct daemon d;
	char *state_dir, *tftp_dir;
};

static int setup(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	struct state_opts opts = { .id = 1, .address = "127.0.0.1:8444" };
	void *f;

	if (fixture_setup(&f) < 0)
		return -1;
	b->f = f;
	opts.dir = b->state_dir = fs_join(b->f->dir, "raft");
	b->tftp_dir = fs_join(b->f->dir, "tftp");
	b->d.paths.store_dir = b->f->store_dir;
	b->d.paths.tftp_dir = b->tftp_dir;
	pthread_mutex_init(&b->d.change_lock, NULL);
	OK(state_open(&opts, &b->d.state, err));
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	void *f = b->f;

	state_stop(b->d.state);
	state_close(b->d.state);
	pthread_mutex_destroy(&b->d.change_lock);
	free(b->state_dir);
	free(b->tftp_dir);
	free(b);
	return fixture_teardown(&f);
}

/* As the worker remembers it: files and document; key NULL: it failed. */
static void remember(struct bench *b, const char *ref, const char *key)
{
	autofree char *doc_key = str_format("payload/%s", ref);
	autofree char *doc =
		key ? str_format("{\"key\":\"%s\",\"error\":null}", key) : mem_strdup("{\"key\":null,\"error\":\"x\"}");
	struct state_op op = { .key = doc_key, .value = doc, .expect = STATE_ANY };
	autofree char *dir = key ? str_format("%s/payload/%s", b->tftp_dir, key) : NULL;

	OK(state_write(b->d.state, &op, 1, NULL, err));
	if (!key)
		return;
	OK(fs_mkdirs(dir, 0755, err));
	put_file(dir, "initrd.img", "initrd", 6);
}

static bool has_doc(struct bench *b, const char *ref)
{
	autofree char *key = str_format("payload/%s", ref);
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	struct err none = { 0 };

	return state_get(b->d.state, key, &doc, &none) == 0;
}

static bool has_files(struct bench *b, const char *key)
{
	autofree char *path = str_format("%s/payload/%s/initrd.img", b->tftp_dir, key);

	return fs_exists(path);
}

static void test_payload_goes_with_its_image(void **state)
{
	struct bench *b = *state;
	autofree char *a = NULL;
	autofree char *kept = NULL;
	autofree char *twin = NULL;
	autofree char *lock = str_format("%s/payload/.lock", b->tftp_dir);
	autofree char *half = str_format("%s/payload/.build-Ab12Cd", b->tftp_dir);

	put_file(b->f->tree, "file", "1", 1);
	a = take_image(b->f, "a");
	kept = take_image(b->f, "kept");
	twin = take_image(b->f, "twin");
	remember(b, a, "aaaa");
	remember(b, kept, "bbbb");
	remember(b, twin, "bbbb"); /* the same kernel and modules: the same files */
	remember(b, "failed/20261121T053000Z-golden", NULL);
	put_file("/", lock, "", 0);
	OK(fs_mkdirs(half, 0755, err));
	OK(payloads_collect(&b->d, err));
	assert_true(has_doc(b, a) && has_files(b, "aaaa") && has_doc(b, kept) && has_doc(b, twin) && has_files(b, "bbbb"));
	assert_false(has_doc(b, "failed/20261121T053000Z-golden") || fs_exists(half));
	assert_true(fs_exists(lock));

	OK(store_delete(b->f->store, a, err));
	OK(store_delete(b->f->store, twin, err));
	OK(payloads_collect(&b->d, err));
	assert_false(has_doc(b, a) || has_files(b, "aaaa") || has_doc(b, twin));
	assert_true(has_doc(b, kept) && has_files(b, "bbbb"));

	/* One that was still being made when its image was deleted. */
	remember(b, a, "aaaa");
	OK(payloads_collect(&b->d, err));
	assert_false(has_doc(b, a) || has_files(b, "aaaa"));
}

/* Deletions that were cut off are finished, also where no payload was ever made; without a store nothing is known of images. */
static void test_start_finishes_deletions(void **state)
{
	struct bench *b = *state;
	autofree char *a = NULL;
	autofree char *away = str_format("%s.away", b->f->store_dir);
	int lock = -1;

	put_noise(b->f->tree, "file", 1 << 20, 3);
	a = take_image(b->f, "a");
	OK(store_take_out(b->f->store, a, &lock, err));
	close(lock);
	assert_true(pack_bytes(b->f) > 0);
	OK(payloads_collect(&b->d, err));
	assert_int_equal(pack_bytes(b->f), 0);

	free(a);
	a = take_image(b->f, "a");
	remember(b, a, "aaaa");
	assert_int_equal(rename(b->f->store_dir, away), 0);
	OK(payloads_collect(&b->d, err));
	assert_int_equal(rename(away, b->f->store_dir), 0);
	assert_true(has_doc(b, a) && has_files(b, "aaaa"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_payload_goes_with_its_image), TEST(test_start_finishes_deletions) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
