/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the imager does with an order: refuse one that is not what was approved, take back what boots when it fails, and begin no
 * failed one again. Needs root. */
#include "tests/unit/imager_rig.h"

static void what_was_approved_is_done(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	if (run(r, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(r->dones, 1);
	assert_int_equal(r->undone, 0);
	assert_string_equal(r->events.items[0], "disk-test begin");
	assert_string_equal(r->events.items[r->events.len - 1], "unmount done");
	assert_string_equal(r->steps.items[r->steps.len - 1], "unmount");
}

static void expect_refusal(struct rig *r, const char *words)
{
	struct err err = { 0 };

	assert_int_equal(run(r, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
	assert_int_equal(r->steps.len, 0);
	assert_int_equal(r->dones, 0);
	/* The head hears of it, and of nothing else. */
	assert_int_equal(r->events.len, 1);
	assert_string_equal(r->events.items[0], "plan failed");
	assert_non_null(strstr(r->error, words));
}

static void another_plan_is_refused(void **state)
{
	struct rig *r = *state;

	r->order.plan_digest[0] = r->order.plan_digest[0] == '0' ? '1' : '0';
	expect_refusal(r, "not those that were approved");
	assert_non_null(strstr(r->hint, "--plan"));
}

static void a_disk_gone_bad_since_is_refused(void **state)
{
	struct rig *r = *state;
	autoclean(disks_free) struct disks disks = { 0 };
	struct err err = { 0 };

	assert_int_equal(look(&disks, &err), 0);
	r->looks = 0;
	r->bad = disk_id(&disks.items[0]);
	assert_int_equal(run(r, &err), -1);
	assert_int_equal(r->steps.len, 0);
	assert_string_equal(r->events.items[0], "plan failed");
	free(r->bad);
}

static void another_cluster_is_refused(void **state)
{
	struct rig *r = *state;

	put(r, "cluster-id", "ffffffff-ffff-4fff-8fff-ffffffffffff\n");
	expect_refusal(r, "this boot payload of cluster");
}

/* Bad between the approval and the first step: whatever the layout says, not a byte is written. */
static void the_disk_test_ends_it(void **state)
{
	struct rig *r = *state;
	autoclean(disks_free) struct disks disks = { 0 };
	struct err err = { 0 };

	assert_int_equal(look(&disks, &err), 0);
	r->looks = 0;
	r->bad = disk_id(&disks.items[0]);
	r->bad_from = 2;
	assert_int_equal(run(r, &err), -1);
	assert_non_null(strstr(err.text, "failed its test"));
	assert_int_equal(r->steps.len, 0);
	assert_string_equal(r->events.items[r->events.len - 1], "disk-test failed");
	free(r->bad);
}

static void fails_at(struct rig *r, const char *step, unsigned int undone)
{
	struct err err = { 0 };
	autofree char *last = str_format("%s failed", step);

	r->fail = mem_strdup(step);
	assert_int_equal(run(r, &err), -1);
	assert_int_equal(r->undone, undone);
	assert_int_equal(r->released, 1);
	assert_int_equal(r->dones, 0);
	assert_string_equal(r->events.items[r->events.len - 1], last);
	assert_non_null(strstr(r->error, "made to fail"));
	free(steal(r->fail));
}

static void a_failed_boot_loader_is_taken_back(void **state)
{
	fails_at(*state, "boot-loader", 1);
	assert_null(rig->hint);
}

static void a_failed_unmount_takes_it_back(void **state)
{
	fails_at(*state, "unmount", 1);
}

static void before_the_boot_loader_nothing_boots(void **state)
{
	fails_at(*state, "verify", 0);
}

/* Who reads on the head what failed must know that the machine may start. */
static void the_head_hears_what_was_not_taken_back(void **state)
{
	struct rig *r = *state;

	r->undo_fails = true;
	fails_at(r, "unmount", 1);
	assert_non_null(r->hint);
	assert_non_null(strstr(r->hint, "may still boot"));
	assert_non_null(strstr(r->hint, "serial QM00001 is gone"));
}

static void withdrawn_at_the_end_is_taken_back(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	r->refuse_done = true;
	assert_int_equal(run(r, &err), -1);
	assert_int_equal(r->dones, 1);
	assert_int_equal(r->undone, 1);
	assert_int_equal(r->released, 1);
}

static void withdrawn_while_it_unmounts_is_taken_back(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	r->refuse = mem_strdup("unmount done");
	assert_int_equal(run(r, &err), -1);
	assert_int_equal(r->dones, 0);
	assert_string_equal(r->events.items[r->events.len - 1], "unmount done");
	assert_int_equal(r->undone, 1);
	assert_int_equal(r->released, 1);
	free(steal(r->refuse));
}

/* It is the administrator's word against the machine's: try to be heard. */
static void withdrawn_but_still_bootable_is_told(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	r->refuse_done = true;
	r->undo_fails = true;
	assert_int_equal(run(r, &err), -1);
	assert_string_equal(r->events.items[r->events.len - 1], "plan failed");
	assert_non_null(strstr(r->hint, "may still boot"));
}

/* An order that nobody hears the end of would stand for ever. */
static void an_event_that_is_not_taken_ends_it(void **state)
{
	static const char *const bad[] = { "disk-test begin", "restore begin", "unmount done" };
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };

		r->invalid = mem_strdup(bad[i]);
		str_list_free(&r->events);
		assert_int_equal(run(r, &err), -1);
		assert_string_equal(r->events.items[r->events.len - 2], bad[i]);
		assert_string_equal(r->events.items[r->events.len - 1], "plan failed");
		assert_non_null(strstr(r->error, "longer than it may be"));
		free(steal(r->invalid));
	}
	assert_int_equal(r->undone, 1);
}

/* It stands until the administrator gives another: in a circle, it would wear out disks and hide what failed. */
static void a_failed_order_is_not_tried_again(void **state)
{
	struct rig *r = *state;
	size_t wipes = 0;

	r->opts.pause_ns = NS_PER_MS;
	r->fail = mem_strdup("verify");
	serve(&r->opts, "52:54:00:77:00:01", r->head);
	for (size_t i = 0; i < r->steps.len; i++)
		wipes += str_starts(r->steps.items[i], "unboot:");
	assert_int_equal(wipes, 1);
	assert_int_equal(r->hellos, 2);
	assert_int_equal(r->released, 2); /* at its begin, and after the failure */
	free(steal(r->fail));
}

/* A place that one of the three finds bad, the others find too: else every order would fail. */
static void inventory_approval_and_test_see_the_same(void **state)
{
	struct rig *r = *state;
	autoclean(disks_free) struct disks disks = { 0 };
	struct err err = { 0 };

	r->opts.pause_ns = NS_PER_MS;
	serve(&r->opts, "52:54:00:77:00:01", r->head);
	assert_int_equal(r->dones, 1);
	assert_int_equal(r->looks, 3);
	assert_null(strstr(r->inventory, "reading at byte 4096 fails"));
	assert_int_equal(look(&disks, &err), 0);
	r->looks = 0;
	r->bad = disk_id(&disks.items[0]);
	serve(&r->opts, "52:54:00:77:00:01", r->head);
	assert_non_null(strstr(r->inventory, "reading at byte 4096 fails"));
	assert_int_equal(r->dones, 1);
	free(steal(r->bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_approved_is_done, begin, end),
		cmocka_unit_test_setup_teardown(another_plan_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_disk_gone_bad_since_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(another_cluster_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(the_disk_test_ends_it, begin, end),
		cmocka_unit_test_setup_teardown(a_failed_boot_loader_is_taken_back, begin, end),
		cmocka_unit_test_setup_teardown(a_failed_unmount_takes_it_back, begin, end),
		cmocka_unit_test_setup_teardown(before_the_boot_loader_nothing_boots, begin, end),
		cmocka_unit_test_setup_teardown(the_head_hears_what_was_not_taken_back, begin, end),
		cmocka_unit_test_setup_teardown(withdrawn_at_the_end_is_taken_back, begin, end),
		cmocka_unit_test_setup_teardown(withdrawn_while_it_unmounts_is_taken_back, begin, end),
		cmocka_unit_test_setup_teardown(withdrawn_but_still_bootable_is_told, begin, end),
		cmocka_unit_test_setup_teardown(an_event_that_is_not_taken_ends_it, begin, end),
		cmocka_unit_test_setup_teardown(a_failed_order_is_not_tried_again, begin, end),
		cmocka_unit_test_setup_teardown(inventory_approval_and_test_see_the_same, begin, end),
	};

	if (geteuid() != 0) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
