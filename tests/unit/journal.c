/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/sys/journal: what was acknowledged is there after the power came back, and nothing else counts. */
#include "sys/journal.h"

#include "base/mem.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

struct place {
	char *dir, *path;
	struct digest plan;
};

static struct plan_step steps[] = {
	{ .name = (char[]){ "a" }, .text = (char[]){ "A" } },
	{ .name = (char[]){ "b" }, .text = (char[]){ "B" } },
	{ .name = (char[]){ "c" }, .text = (char[]){ "C" } },
};

static int set_up(void **state)
{
	struct place *p = mem_zalloc(sizeof(*p));

	p->dir = mem_strdup("/tmp/orthrus-journal.XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	p->path = fs_join(p->dir, "journal");
	digest_of("plan", 4, &p->plan);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	int rc = fs_remove_tree(p->dir, &err);

	free(p->dir);
	free(p->path);
	free(p);
	return rc;
}

static struct journal *must_open(const struct place *p)
{
	struct journal *j = NULL;
	struct err err = { 0 };

	if (journal_open(p->path, &p->plan, &j, &err) < 0)
		fail_msg("%s", err.text);
	return j;
}

static void must_note(struct journal *j, size_t step, enum plan_event ev)
{
	const struct err cause = { .kind = ERR_FAILED, .text = "disk says \"no\"\n" };
	struct err err = { 0 };

	assert_int_equal(journal_note(j, &steps[step], ev, ev == PLAN_FAILED ? &cause : NULL, &err), 0);
}

static void read_file(const struct place *p, struct buf *text)
{
	struct err err = { 0 };

	buf_clear(text);
	assert_int_equal(fs_read(p->path, 1 << 20, text, &err), 0);
}

static void write_file(const struct place *p, const void *data, size_t len)
{
	struct err err = { 0 };

	assert_int_equal(fs_write_atomic(p->path, data, len, 0600, &err), 0);
}

/* A run that stops at b, a second one that ends it, and an undo. */
static void test_remembers(void **state)
{
	struct place *p = *state;
	struct journal *j = must_open(p);
	struct stat st;

	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_false(journal_was_done(j, &steps[0]));
	assert_false(journal_was_begun(j, &steps[0]));
	must_note(j, 0, PLAN_BEGIN);
	assert_false(journal_was_done(j, &steps[0]));
	assert_true(journal_was_begun(j, &steps[0]));
	must_note(j, 0, PLAN_DONE);
	must_note(j, 1, PLAN_BEGIN);
	must_note(j, 1, PLAN_FAILED);
	journal_close(&j);
	assert_null(j);

	j = must_open(p);
	assert_true(journal_was_done(j, &steps[0]));
	assert_false(journal_was_begun(j, &steps[0]));
	assert_false(journal_was_done(j, &steps[1]));
	assert_true(journal_was_begun(j, &steps[1]));
	must_note(j, 0, PLAN_SKIPPED); /* says nothing new */
	must_note(j, 1, PLAN_BEGIN);
	must_note(j, 1, PLAN_DONE);
	journal_close(&j);

	j = must_open(p);
	assert_true(journal_was_done(j, &steps[0]));
	assert_true(journal_was_done(j, &steps[1]));
	must_note(j, 1, PLAN_UNDONE);
	journal_close(&j);

	j = must_open(p);
	assert_true(journal_was_done(j, &steps[0]));
	assert_false(journal_was_done(j, &steps[1]));
	assert_false(journal_was_begun(j, &steps[1]));
	journal_close(&j);
}

static void test_other_plans_do_not_count(void **state)
{
	struct place *p = *state;
	struct journal *j = must_open(p);
	struct digest first = p->plan;

	must_note(j, 0, PLAN_DONE);
	journal_close(&j);
	digest_of("other", 5, &p->plan);
	j = must_open(p);
	assert_false(journal_was_done(j, &steps[0]));
	must_note(j, 1, PLAN_DONE);
	journal_close(&j);
	p->plan = first;
	j = must_open(p);
	assert_true(journal_was_done(j, &steps[0]));
	assert_false(journal_was_done(j, &steps[1]));
	journal_close(&j);
}

/* Cut the file at every byte: what was noted in whole lines counts, the rest does not, and new notes fit behind. */
static void test_torn_at_every_byte(void **state)
{
	struct place *p = *state;
	autoclean(buf_free) struct buf whole = { 0 }, after = { 0 };
	struct journal *j = must_open(p);
	size_t ends[3], n = 0;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		must_note(j, i, PLAN_DONE);
	journal_close(&j);
	read_file(p, &whole);
	for (size_t i = 0; i < whole.len; i++)
		if (whole.data[i] == '\n')
			ends[n++] = i + 1;
	assert_int_equal(n, 3);
	for (size_t cut = 0; cut <= whole.len; cut++) {
		size_t good = 0;

		write_file(p, whole.data, cut);
		j = must_open(p);
		for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
			assert_int_equal(journal_was_done(j, &steps[i]), cut >= ends[i]);
			good = cut >= ends[i] ? ends[i] : good;
		}
		must_note(j, 1, PLAN_UNDONE);
		journal_close(&j);
		read_file(p, &after);
		assert_memory_equal(after.data, whole.data, good);
		assert_int_equal(after.data[good], '{');
		j = must_open(p);
		assert_false(journal_was_done(j, &steps[1]));
		assert_int_equal(journal_was_done(j, &steps[0]), cut >= ends[0]);
		journal_close(&j);
	}
}

/* A file system may leave zeros, or a whole line of rubbish, where the last write was under way. */
static void test_rubbish_at_the_end(void **state)
{
	static const char *const tails[] = { "rubbish", "rubbish\n", "{}\n", "{\"plan\":\"\n" };
	struct place *p = *state;
	autoclean(buf_free) struct buf whole = { 0 };
	struct journal *j = must_open(p);
	size_t good;

	must_note(j, 0, PLAN_DONE);
	journal_close(&j);
	read_file(p, &whole);
	good = whole.len;
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		whole.len = good;
		buf_adds(&whole, tails[i]);
		write_file(p, whole.data, whole.len);
		j = must_open(p);
		assert_true(journal_was_done(j, &steps[0]));
		journal_close(&j);
	}
	whole.len = good;
	buf_add(&whole, (char[4096]){ 0 }, 4096);
	write_file(p, whole.data, whole.len);
	j = must_open(p);
	assert_true(journal_was_done(j, &steps[0]));
	journal_close(&j);
}

static void test_damage_in_the_middle(void **state)
{
	struct place *p = *state;
	autoclean(buf_free) struct buf whole = { 0 };
	struct journal *j = must_open(p);
	struct err err = { 0 };

	must_note(j, 0, PLAN_DONE);
	must_note(j, 1, PLAN_DONE);
	journal_close(&j);
	read_file(p, &whole);
	whole.data[3] ^= 1;
	write_file(p, whole.data, whole.len);
	assert_int_equal(journal_open(p->path, &p->plan, &j, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_non_null(strstr(err.text, "line 1 is damaged"));
	assert_null(j);
}

static void test_held_by_one(void **state)
{
	struct place *p = *state;
	struct journal *j = must_open(p), *second = NULL;
	struct err err = { 0 };

	assert_int_equal(journal_open(p->path, &p->plan, &second, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	journal_close(&j);
	second = must_open(p);
	journal_close(&second);
}

/* The disk is full: the failure is reported, from then on nothing is taken any more, and a new start knows what is true. */
static void test_write_failure_is_final(void **state)
{
	const struct rlimit little = { 300, RLIM_INFINITY };
	struct place *p = *state;
	struct journal *j = must_open(p);
	struct rlimit before;
	struct err err = { 0 };

	must_note(j, 0, PLAN_DONE);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	must_note(j, 1, PLAN_DONE);
	assert_int_equal(journal_note(j, &steps[2], PLAN_DONE, NULL, &err), -1); /* half of this line fits */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_false(journal_was_done(j, &steps[2]));
	assert_int_equal(journal_note(j, &steps[2], PLAN_DONE, NULL, &err), -1);
	assert_non_null(strstr(err.text, "could not be written before"));
	journal_close(&j);
	j = must_open(p);
	assert_true(journal_was_done(j, &steps[1]));
	assert_false(journal_was_done(j, &steps[2]));
	must_note(j, 2, PLAN_DONE);
	journal_close(&j);
}

static int perform(void *ctx, const struct plan_step *step, struct err *err)
{
	(void)ctx;
	return str_eq(step->name, "b") ? err_set(err, ERR_FAILED, "power cut") : 0;
}

static int note(void *ctx, const struct plan_step *step, enum plan_event ev, const struct err *cause, struct err *err)
{
	return journal_note(ctx, step, ev, cause, err);
}

static bool was_done(void *ctx, const struct plan_step *step)
{
	return journal_was_done(ctx, step);
}

/* As the domains use it: by plan_run. */
static void test_with_plan_run(void **state)
{
	const struct plan_ops ops = { .perform = perform, .note = note, .was_done = was_done };
	const struct plan plan = { .steps = steps, .len = ARRAY_LEN(steps) };
	struct place *p = *state;
	struct journal *j;
	struct err err = { 0 };

	for (int round = 0; round < 2; round++) {
		j = must_open(p);
		assert_int_equal(plan_run(&plan, &ops, j, &err), -1);
		assert_string_equal(err.text, "b: power cut");
		assert_true(journal_was_done(j, &steps[0]));
		assert_true(journal_was_begun(j, &steps[1]));
		assert_false(journal_was_begun(j, &steps[2]));
		journal_close(&j);
	}
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_remembers),
		test(test_other_plans_do_not_count),
		test(test_torn_at_every_byte),
		test(test_rubbish_at_the_end),
		test(test_damage_in_the_middle),
		test(test_held_by_one),
		test(test_write_failure_is_final),
		test(test_with_plan_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
