/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deleting images: in two halves, cut off between them, beside writers. */
#include "image_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

/* An image that can't be read might use any pack: deleting another one keeps them all. */
static void test_delete_is_careful(void **state)
{
	struct fixture *f = *state;
	autofree char *a = NULL;
	autofree char *b = NULL;
	autofree char *table = NULL;
	uint64_t before;

	put_noise(f->tree, "file", 2 * MIB, 3);
	a = take_image(f, "a");
	put_noise(f->tree, "file", 2 * MIB, 4);
	b = take_image(f, "b");
	table = str_format("%s/images/%s/chunks.bin", f->store_dir, b);
	flip_bit(table, 30);
	before = pack_bytes(f);
	OK(store_delete(f->store, a, err));
	assert_int_equal(pack_bytes(f), before);
	FAILS(ERR_NOT_FOUND, "no image", check(f, a, err));
	OK(store_delete(f->store, b, err));
	assert_int_equal(pack_bytes(f), 0);
}

static bool listed(struct fixture *f, const char *name)
{
	autoclean(store_images_free) struct store_images l = { 0 };

	OK(store_list(f->store, &l, err));
	for (size_t i = 0; i < l.len; i++)
		if (str_eq(l.items[i].name, name))
			return true;
	return false;
}

/* Between its two halves a deletion has taken the image from everybody and not a byte from the others. */
static void test_delete_in_two(void **state)
{
	struct fixture *f = *state;
	autofree char *a = NULL;
	autofree char *b = NULL;
	struct store_freed freed;
	uint64_t before;
	int lock = -1, second = -1, copy;

	put_noise(f->tree, "shared", 5 * MIB, 1);
	b = take_image(f, "b");
	put_noise(f->tree, "file", 5 * MIB, 2);
	a = take_image(f, "a");
	before = pack_bytes(f);
	OK(store_take_out(f->store, a, &lock, err));
	assert_true(lock >= 0);
	assert_false(listed(f, "a"));
	FAILS(ERR_NOT_FOUND, "there is no image", check(f, a, err));
	OK(check(f, b, err));
	assert_int_equal(pack_bytes(f), before);
	FAILS(ERR_CONFLICT, "another program is writing", store_take_out(f->store, b, &second, err));
	assert_int_equal(second, -1);
	OK(store_finish_deletes(f->store, err)); /* not our business while the lock is held */
	assert_int_equal(pack_bytes(f), before);
	OK(store_sweep(f->store, &freed, err));
	copy = dup(lock); /* as a child has it that was just forked */
	store_unlock(&lock);
	assert_int_equal(freed.kept.kind, ERR_NONE);
	assert_true(freed.bytes > 4 * MIB && before - pack_bytes(f) == freed.bytes);
	OK(check(f, b, err));
	OK(store_delete(f->store, b, err));
	close(copy);
}

/* Cut off between the halves: who comes next finishes it, at a start or before anything is stored. */
static void test_delete_cut_off(void **state)
{
	struct fixture *f = *state;
	int lock = -1;

	for (int by_writer = 0; by_writer < 2; by_writer++) {
		autofree char *ref = NULL;

		put_noise(f->tree, "file", 2 * MIB, 5);
		ref = take_image(f, "x");
		OK(store_take_out(f->store, ref, &lock, err));
		close(lock);
		assert_true(pack_bytes(f) > 0);
		if (by_writer) {
			autofree char *again = NULL;

			/* The packs that the new image could have shared are gone before it looks for them. */
			put_noise(f->tree, "small", MIB, 6);
			again = take_image(f, "y");
			OK(check(f, again, err));
			assert_true(pack_bytes(f) > 2 * MIB && pack_bytes(f) < 4 * MIB);
		} else {
			OK(store_finish_deletes(f->store, err));
			assert_int_equal(pack_bytes(f), 0);
		}
		assert_false(listed(f, "x"));
	}
	OK(store_finish_deletes(f->store, err));
}

struct deleter {
	struct fixture *f;
	const char *ref;
	int tries;
};

static void try_to_delete(void *ctx, const char *stage, uint64_t done_bytes, uint64_t total_bytes)
{
	struct deleter *d = ctx;
	int lock = -1;

	(void)stage;
	(void)done_bytes;
	(void)total_bytes;
	d->tries++;
	FAILS(ERR_CONFLICT, "another program is writing", store_take_out(d->f->store, d->ref, &lock, err));
}

/* Chunks that a new image shares can't be swept away while it is stored. */
static void test_no_delete_while_storing(void **state)
{
	struct fixture *f = *state;
	struct deleter d = { .f = f };
	struct ingest in = { .source_dir = f->tree,
			     .name = "b",
			     .kind = "golden",
			     .cluster_id = "c1",
			     .wall_s = 1795239000,
			     .key = &f->key,
			     .progress = try_to_delete,
			     .ctx = &d };
	autofree char *a = NULL;
	autofree char *b = NULL;

	put_noise(f->tree, "file", 3 * MIB, 5);
	d.ref = a = take_image(f, "a");
	OK(store_ingest(f->store, &in, &b, err));
	assert_true(d.tries > 0);
	OK(store_delete(f->store, a, err));
	OK(check(f, b, err));
}

struct storing {
	struct fixture *f;
	char *ref;
	_Atomic bool done;
};

static void *store_one(void *arg)
{
	struct storing *t = arg;

	t->ref = take_image(t->f, "b");
	t->done = true;
	return NULL;
}

/* A build that comes while packs are swept is not lost: it waits, and then looks which packs there are. */
static void test_storing_waits_for_sweep(void **state)
{
	struct fixture *f = *state;
	struct storing t = { .f = f };
	autofree char *a = NULL;
	struct store_freed freed;
	pthread_t thread;
	int lock = -1;

	put_noise(f->tree, "file", 3 * MIB, 5);
	a = take_image(f, "a");
	OK(store_take_out(f->store, a, &lock, err));
	assert_int_equal(pthread_create(&thread, NULL, store_one, &t), 0);
	usleep(2600000); /* longer than it waits when nothing is swept */
	assert_false(t.done);
	OK(store_sweep(f->store, &freed, err));
	assert_true(freed.bytes > 3 * MIB);
	usleep(120000); /* nothing is taken out any more, but the lock is still held */
	assert_false(t.done);
	store_unlock(&lock);
	assert_int_equal(pthread_join(thread, NULL), 0);
	OK(check(f, t.ref, err));
	free(t.ref);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_delete_is_careful),	    TEST(test_delete_in_two),		TEST(test_delete_cut_off),
		TEST(test_no_delete_while_storing), TEST(test_storing_waits_for_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
