/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/plan: a plan is run in order, resumed where it stopped, and taken back from its end. */
#include "base/plan.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A domain that writes down everything that happens to it. */
struct world {
	struct buf story;
	struct str_list done;	/* what the "journal" knows */
	const char *fails;	/* this step fails when performed */
	const char *undo_fails; /* and these letters when taken back */
	const char *note_fails; /* "begin:b": this note can't be written */
};

static void world_free(struct world *w)
{
	buf_free(&w->story);
	str_list_free(&w->done);
}

static int perform(void *ctx, const struct plan_step *step, struct err *err)
{
	struct world *w = ctx;

	buf_addf(&w->story, "do %s; ", step->name);
	return str_eq(w->fails, step->name) ? err_set(err, ERR_REFUSED, "disk is on fire") : 0;
}

static int undo(void *ctx, const struct plan_step *step, struct err *err)
{
	struct world *w = ctx;

	buf_addf(&w->story, "undo %s; ", step->name);
	return w->undo_fails && strstr(w->undo_fails, step->name) ? err_set(err, ERR_FAILED, "%s is stuck", step->name) : 0;
}

static int note(void *ctx, const struct plan_step *step, enum plan_event ev, const struct err *cause, struct err *err)
{
	autofree char *word = str_format("%s:%s", plan_event_name(ev), step->name);
	struct world *w = ctx;

	assert_int_equal(cause != NULL, ev == PLAN_FAILED);
	buf_addf(&w->story, "%s%s%s; ", word, cause ? "=" : "", cause ? cause->text : "");
	if (str_eq(w->note_fails, word))
		return err_set(err, ERR_FAILED, "journal is full");
	if (ev == PLAN_DONE)
		str_list_add(&w->done, step->name);
	return 0;
}

static bool was_done(void *ctx, const struct plan_step *step)
{
	struct world *w = ctx;

	return str_list_has(&w->done, step->name);
}

static const struct plan_ops ops = { perform, undo, note, was_done };

static void abc(struct plan *plan)
{
	plan_add(plan, 1, PLAN_READS, "a", mem_strdup("look at the disk"), NULL, NULL);
	plan_add(plan, 2, PLAN_DESTROYS, "b", mem_strdup("wipe the disk"), NULL, NULL);
	plan_add(plan, 3, PLAN_WRITES, "c", mem_strdup("format the disk"), NULL, NULL);
}

static void test_runs_in_order(void **state)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(world_free) struct world w = { 0 };
	struct err err = { 0 };

	(void)state;
	abc(&plan);
	assert_int_equal(plan_run(&plan, &ops, &w, &err), 0);
	assert_string_equal(buf_str(&w.story), "begin:a; do a; done:a; begin:b; do b; done:b; begin:c; do c; done:c; ");
}

/* The power goes at step b; the second run skips what was done, and finishes. */
static void test_stops_and_resumes(void **state)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(world_free) struct world w = { .fails = "b" };
	struct err err = { 0 };

	(void)state;
	abc(&plan);
	assert_int_equal(plan_run(&plan, &ops, &w, &err), -1);
	assert_string_equal(err.text, "b: disk is on fire");
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_string_equal(buf_str(&w.story), "begin:a; do a; done:a; begin:b; do b; failed:b=disk is on fire; ");
	buf_clear(&w.story);
	w.fails = NULL;
	assert_int_equal(plan_run(&plan, &ops, &w, &err), 0);
	assert_string_equal(buf_str(&w.story), "skipped:a; begin:b; do b; done:b; begin:c; do c; done:c; ");
}

/* What can't be written down is not begun; what was done but not written down counts as failed. */
static void test_journal_fails(void **state)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(world_free) struct world w = { .note_fails = "begin:b" };
	struct err err = { 0 };

	(void)state;
	abc(&plan);
	assert_int_equal(plan_run(&plan, &ops, &w, &err), -1);
	assert_string_equal(err.text, "b: journal is full");
	assert_null(strstr(buf_str(&w.story), "do b"));
	w.note_fails = "done:b";
	buf_clear(&w.story);
	assert_int_equal(plan_run(&plan, &ops, &w, &err), -1);
	assert_string_equal(buf_str(&w.story), "skipped:a; begin:b; do b; done:b; ");
	w.note_fails = "failed:b";
	w.fails = "b";
	assert_int_equal(plan_run(&plan, &ops, &w, &err), -1);
	assert_string_equal(err.text, "b: disk is on fire"); /* not the journal's error */
}

static void test_undo(void **state)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(world_free) struct world w = { .fails = "c" };
	struct err err = { 0 };

	(void)state;
	abc(&plan);
	assert_int_equal(plan_run(&plan, &ops, &w, &err), -1);
	buf_clear(&w.story);
	assert_int_equal(plan_undo(&plan, &ops, &w, &err), 0);
	assert_string_equal(buf_str(&w.story), "undo b; undone:b; undo a; undone:a; "); /* c was never done */
}

static void test_undo_goes_on_after_a_failure(void **state)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(world_free) struct world w = { .undo_fails = "ac" };
	struct err err = { 0 };

	(void)state;
	abc(&plan);
	assert_int_equal(plan_run(&plan, &ops, &w, &err), 0);
	buf_clear(&w.story);
	assert_int_equal(plan_undo(&plan, &ops, &w, &err), -1);
	assert_string_equal(err.text, "undo c: c is stuck"); /* the first failure, not the last */
	assert_string_equal(buf_str(&w.story), "undo c; undo b; undone:b; undo a; ");
}

static void test_optional_ops(void **state)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(world_free) struct world w = { 0 };
	const struct plan_ops bare = { .perform = perform };
	struct err err = { 0 };

	(void)state;
	abc(&plan);
	assert_int_equal(plan_run(&plan, &bare, &w, &err), 0);
	assert_string_equal(buf_str(&w.story), "do a; do b; do c; ");
	assert_int_equal(plan_undo(&plan, &bare, &w, &err), 0);
	assert_int_equal(plan_run(&(struct plan){ 0 }, &bare, &w, &err), 0);
}

static void test_two_steps_with_one_name(void **state)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(world_free) struct world w = { 0 };
	struct err err = { 0 };

	(void)state;
	abc(&plan);
	plan_add(&plan, 9, PLAN_WRITES, "a", mem_strdup("again"), NULL, NULL);
	assert_int_equal(plan_run(&plan, &ops, &w, &err), -1);
	assert_string_equal(err.text, "two steps of the plan have the name 'a'");
	assert_string_equal(buf_str(&w.story), ""); /* nothing was begun */
}

static void free_arg(void *arg)
{
	++*(int *)arg;
}

static void test_frees_args(void **state)
{
	struct plan plan = { 0 };
	struct plan_step *step;
	int freed = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		autofree char *name = str_format("s%d", i);

		step = plan_add(&plan, i, PLAN_READS, name, mem_strdup("x"), &freed, free_arg);
		assert_string_equal(step->name, name);
		assert_ptr_not_equal(step->name, name);
		assert_int_equal(step->type, i);
	}
	plan_free(&plan);
	assert_int_equal(freed, 20);
	assert_int_equal(plan.len, 0);
}

static void digest_of_steps(struct digest *d, int type, enum plan_effect effect, const char *name, const char *text,
			    const char *name2)
{
	autoclean(plan_free) struct plan plan = { 0 };

	plan_add(&plan, type, effect, name, mem_strdup(text), NULL, NULL);
	if (name2)
		plan_add(&plan, type, effect, name2, mem_strdup(""), NULL, NULL);
	plan_digest(&plan, d);
}

/* Whatever of a step changes, the digest changes; nothing can be moved from one field into the next. */
static void test_digest(void **state)
{
	struct digest d[9], again;

	(void)state;
	digest_of_steps(&d[0], 1, PLAN_WRITES, "ab", "c", NULL);
	digest_of_steps(&d[1], 2, PLAN_WRITES, "ab", "c", NULL);
	digest_of_steps(&d[2], 1, PLAN_DESTROYS, "ab", "c", NULL);
	digest_of_steps(&d[3], 1, PLAN_WRITES, "a", "bc", NULL);
	digest_of_steps(&d[4], 1, PLAN_WRITES, "ab", "d", NULL);
	digest_of_steps(&d[5], 1, PLAN_WRITES, "ab", "c", "x");
	digest_of_steps(&d[6], 1, PLAN_WRITES, "ab", "c", "");
	digest_of_steps(&d[7], 1, PLAN_WRITES, "ab", "", "c");
	plan_digest(&(struct plan){ 0 }, &d[8]);
	for (size_t i = 0; i < ARRAY_LEN(d); i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(digest_cmp(&d[i], &d[j]), 0);
	digest_of_steps(&again, 1, PLAN_WRITES, "ab", "c", NULL);
	assert_int_equal(digest_cmp(&again, &d[0]), 0);
}

static void test_shown(void **state)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(buf_free) struct buf text = { 0 }, json = { 0 };
	autofree char *want = NULL;
	char hex[DIGEST_HEX_LEN];
	struct digest d;
	struct json_out w;

	(void)state;
	abc(&plan);
	plan_print(&plan, &text);
	assert_string_equal(buf_str(&text), "  1   look at the disk\n  2 ! wipe the disk\n  3   format the disk\n");
	json_out_init(&w, &json, false);
	plan_to_json(&plan, &w, NULL);
	plan_digest(&plan, &d);
	digest_hex(&d, hex);
	want = str_format("{\"digest\":\"%s\",\"steps\":[{\"name\":\"a\",\"effect\":\"reads\",\"text\":\"look at the disk\"},"
			  "{\"name\":\"b\",\"effect\":\"destroys\",\"text\":\"wipe the disk\"},"
			  "{\"name\":\"c\",\"effect\":\"writes\",\"text\":\"format the disk\"}]}",
			  hex);
	assert_string_equal(buf_str(&json), want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_in_order),
		cmocka_unit_test(test_stops_and_resumes),
		cmocka_unit_test(test_journal_fails),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_undo_goes_on_after_a_failure),
		cmocka_unit_test(test_optional_ops),
		cmocka_unit_test(test_two_steps_with_one_name),
		cmocka_unit_test(test_frees_args),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
