/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image comes over a line that breaks, lies and cuts short: it arrives whole, or the failure names what was damaged. */
#include "image_fixture.h"

#include "imaging/imager/fetch.h"

/* A head made of the store's files, with faults. */
struct line {
	const struct fixture *f;
	unsigned int pack_requests;
	unsigned int damage_first; /* so many answers from packs have a flipped bit */
	bool damage_always;
	uint64_t damage_at;	/* with damage_always: this byte of the pack is wrong */
	unsigned int cut_first; /* so many answers are short */
	bool gone;		/* the head does not answer at all */
	uint64_t largest;
};

static char *local_path(const struct fixture *f, const char *path)
{
	if (str_starts(path, "/v1/images/"))
		return str_format("%s/images/%s", f->store_dir, path + strlen("/v1/images/"));
	assert_true(str_starts(path, "/v1/packs/"));
	return str_format("%s/packs/%s", f->store_dir, path + strlen("/v1/packs/"));
}

static int get(void *ctx, const char *path, uint64_t first, uint64_t len, size_t max, struct buf *out, struct err *err)
{
	struct line *l = ctx;
	autofree char *local = local_path(l->f, path);
	autoclean(buf_free) struct buf all = { 0 };

	if (l->gone)
		return err_set(err, ERR_FAILED, "no answer");
	if (fs_read(local, 1 << 28, &all, err) < 0)
		return -1;
	if (!len) {
		assert_true(all.len <= max);
		buf_add(out, buf_str(&all), all.len);
		return 0;
	}
	l->pack_requests++;
	l->largest = len > l->largest ? len : l->largest;
	assert_true(first + len <= all.len);
	if (l->damage_always)
		all.data[l->damage_at] ^= 1;
	if (l->damage_first) {
		l->damage_first--;
		all.data[first + len / 2] ^= 1;
	}
	if (l->cut_first) {
		l->cut_first--;
		len /= 2;
	}
	buf_add(out, all.data + first, len);
	return 0;
}

static void split_ref(const char *ref, char **name, char **id)
{
	size_t len = strcspn(ref, "/");

	assert_int_equal(ref[len], '/');
	*name = mem_strndup(ref, len);
	*id = mem_strdup(ref + len + 1);
}

static void count_progress(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	uint64_t *last = ctx;

	assert_true(done_bytes > *last);
	assert_true(done_bytes <= total_bytes);
	*last = done_bytes;
}

/* Fetch the newest image "compute" through `l` into f->target. */
static int fetch_all(struct fixture *f, struct line *l, uint64_t *seen, struct err *err)
{
	const struct fetch_source source = { .get = get, .ctx = l };
	autofree char *ref = take_image(f, "compute"), *name = NULL, *id = NULL;
	autoclean(fetch_docs_free) struct fetch_docs docs = { 0 };
	struct restore_source src = { .key = &f->public, .cluster_id = "c1", .name = "compute" };
	autoclose int fd = fs_open_dir(f->target, err);
	struct restore *r = NULL;
	int rc;

	split_ref(ref, &name, &id);
	if (fetch_docs(&source, name, id, &docs, err) < 0)
		return -1;
	src.manifest = docs.manifest.data;
	src.manifest_len = docs.manifest.len;
	src.manifest_sig = docs.signature.data;
	src.manifest_sig_len = docs.signature.len;
	src.tree = docs.tree.data;
	src.tree_len = docs.tree.len;
	src.chunks = docs.chunks.data;
	src.chunks_len = docs.chunks.len;
	if (fd < 0 || restore_begin(&src, fd, &r, err) < 0)
		return -1;
	rc = fetch_chunks(&source, r, count_progress, seen, err) < 0 ? -1 : restore_finish(r, err);
	if (rc == 0)
		assert_int_equal(*seen, restore_stored_bytes(r));
	restore_free(r);
	return rc;
}

static void put_tree(struct fixture *f)
{
	put_noise(f->tree, "large", 9 << 20, 1);
	put_noise(f->tree, "other", 3 << 20, 2);
	put_file(f->tree, "small", "hello\n", 6);
}

static void assert_same(const struct fixture *f)
{
	static const char *const names[] = { "large", "other", "small" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		autofree char *a = fs_join(f->tree, names[i]), *b = fs_join(f->target, names[i]);
		autoclean(buf_free) struct buf x = { 0 }, y = { 0 };

		OK(fs_read(a, 1 << 28, &x, err));
		OK(fs_read(b, 1 << 28, &y, err));
		assert_int_equal(x.len, y.len);
		assert_memory_equal(x.data, y.data, x.len);
	}
}

static void a_good_line_needs_few_requests(void **state)
{
	struct fixture *f = *state;
	struct line l = { .f = f };
	uint64_t seen = 0;

	put_tree(f);
	OK(fetch_all(f, &l, &seen, err));
	assert_same(f);
	assert_true(l.pack_requests >= 2 && l.pack_requests < 10);
	assert_true(l.largest <= 8 << 20);
}

static void damage_on_the_way_is_healed(void **state)
{
	struct fixture *f = *state;
	struct line l = { .f = f, .damage_first = 2 };
	uint64_t seen = 0;

	put_tree(f);
	OK(fetch_all(f, &l, &seen, err));
	assert_same(f);
}

static void short_answers_are_healed(void **state)
{
	struct fixture *f = *state;
	struct line l = { .f = f, .cut_first = 1 };
	uint64_t seen = 0;

	put_tree(f);
	OK(fetch_all(f, &l, &seen, err));
	assert_same(f);
}

static void damage_that_stays_is_named(void **state)
{
	struct fixture *f = *state;
	struct line l = { .f = f, .damage_always = true, .damage_at = 3 << 20 };
	struct err err = { 0 };
	uint64_t seen = 0;

	put_tree(f);
	assert_int_equal(fetch_all(f, &l, &seen, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_non_null(strstr(err.text, "chunk "));
	assert_non_null(strstr(err.text, " of pack "));
	assert_non_null(strstr(err.hint, "image verify"));
	assert_true(l.pack_requests < 10); /* tried again a few times, not for ever */
}

static void a_silent_head_is_not_called_damage(void **state)
{
	struct fixture *f = *state;
	struct line l = { .f = f, .gone = true };
	struct err err = { 0 };
	uint64_t seen = 0;

	put_tree(f);
	assert_int_equal(fetch_all(f, &l, &seen, &err), -1);
	assert_int_equal(err.kind, ERR_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_good_line_needs_few_requests, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(damage_on_the_way_is_healed, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(short_answers_are_healed, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(damage_that_stays_is_named, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_silent_head_is_not_called_damage, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
