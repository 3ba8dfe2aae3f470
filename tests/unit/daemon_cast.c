/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orthrusd's casts: who gets a ticket of which, and what follows when one ends, whoever ended it. The process that casts is this
 * program, which says what the test wants it to (daemon_cast_child.h); the state is a real one. */
#include "daemon_cast_rig.h"

#include <signal.h>

static void one_cast_for_all_nodes(void **state)
{
	struct rig *r = *state;
	struct cast_ticket a, b, c;

	a = must_get(r, "n01", "compute", false);
	b = must_get(r, "n02", "compute", false);
	assert_int_equal(a.cast, b.cast);
	assert_int_equal(a.number, 1);
	assert_int_equal(b.number, 2);
	assert_int_equal(a.chunks, CHUNKS);
	assert_memory_equal(a.group_key, b.group_key, SESSION_KEY);
	assert_memory_not_equal(a.own_key, b.own_key, SESSION_KEY);
	assert_memory_not_equal(a.own_key, a.group_key, SESSION_KEY);
	/* Who asks anew may have lost its key to somebody: it gets another one. */
	c = must_get(r, "n01", "compute", false);
	assert_int_equal(c.cast, a.cast);
	assert_int_equal(c.number, 3);
	assert_memory_not_equal(a.own_key, c.own_key, SESSION_KEY);
	assert_int_equal(events(r, "cast-begun"), 1);
	assert_true(shows(r, "\"runs\":true"));
	/* Since when it is to be heard of: else it would be missed at once. */
	for (size_t i = 0; i < 3; i++)
		assert_in_range(clock_now_ns() - r->d.casts->list->members[i].told_ns, 0, LIMIT_NS);
	assert_int_equal(r->d.casts->list->members[2].before, 1);
	assert_int_equal(events(r, "cast-unheard"), 0);
}

/* All came to them by the cast; it is on their disks when they have said so. */
static void their_disks_are_slow(void **state)
{
	struct rig *r = *state;

	put_run(r, "n01", RUN_INSTALLING, "compute/i1", NULL);
	put_run(r, "n02", RUN_INSTALLING, "compute/i1", NULL);
	must_get(r, "n01", "compute", false);
	must_get(r, "n02", "compute", false);
	tell(r, "compute", "whole");
	until_shown(r, "\"node\":\"n01\",\"state\":\"storing\",\"percent\":100");
	put_run(r, "n01", RUN_INSTALLING, "compute/i1", "done");
	assert_true(shows(r, "\"node\":\"n01\",\"state\":\"complete\",\"percent\":100"));
	assert_true(shows(r, "\"node\":\"n02\",\"state\":\"storing\",\"percent\":100"));
}

static void not_without_end(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 8; i++)
		must_get(r, "n01", "compute", false);
	must_not_get(r, "n01", "compute", false, "8 tickets");
	must_get(r, "n02", "compute", false);
}

static void what_it_has_fits_the_image(void **state)
{
	static const uint8_t have[HAVE_LEN + 1] = { 1 };
	struct rig *r = *state;
	struct cast_ask a = { .node = "n02", .name = "compute", .have = have, .have_len = sizeof(have) };
	struct cast_ticket t;

	must_get(r, "n01", "compute", false);
	assert_int_equal(ask_once(r, &a, &t), CAST_NONE);
	assert_non_null(strstr(t.reason, "the image has 20"));
}

static void two_images(void **state)
{
	struct rig *r = *state;
	struct cast_ticket a = must_get(r, "n01", "compute", false), b = must_get(r, "n02", "login", false);
	struct str_list gone = { 0 };

	assert_int_not_equal(a.cast, b.cast);
	assert_string_not_equal(a.group, b.group);
	assert_memory_not_equal(a.group_key, b.group_key, SESSION_KEY);
	/* The end of one is not that of the other. */
	str_list_add(&gone, "n01");
	assert_int_equal(casts_shut(r->d.casts, &gone), 1);
	until_shown(r, "\"state\":\"over\"");
	assert_true(shows(r, "\"runs\":true"));
	assert_int_equal(must_get(r, "n03", "login", false).cast, b.cast);
	str_list_free(&gone);
}

/* Nobody who is removed can read what is cast then. */
static void new_keys_when_a_node_is_removed(void **state)
{
	struct rig *r = *state;
	struct cast_ticket a = must_get(r, "n01", "compute", false), b;
	struct str_list gone = { 0 };

	str_list_add(&gone, "n09");
	assert_int_equal(casts_shut(r->d.casts, &gone), 0);
	must_get(r, "n09", "compute", false);
	assert_int_equal(casts_shut(r->d.casts, &gone), 1);
	b = must_get(r, "n01", "compute", true);
	assert_int_not_equal(a.cast, b.cast);
	assert_memory_not_equal(a.group_key, b.group_key, SESSION_KEY);
	str_list_free(&gone);
}

static void refused(void **state)
{
	struct rig *r = *state;

	must_not_get(r, "n01", "full", false, "no room");
	put_site(r, "\"mode\":\"off\"");
	must_not_get(r, "n01", "compute", false, "does not cast");
}

/* It died in its midst: those who have a part go on, by a new one; but not for ever. */
static void the_child_dies(void **state)
{
	struct rig *r = *state;
	uint32_t last = 0;

	for (int i = 0; i < 3; i++) {
		struct cast_ticket a = must_get(r, "n01", "compute", i != 0), b = must_get(r, "n02", "compute", i != 0);

		assert_int_equal(a.cast, b.cast);
		assert_int_not_equal(a.cast, last);
		last = a.cast;
		tell(r, "compute", "die");
		until_all_ended(r);
	}
	until_shown(r, "ended with 3");
	must_not_get(r, "n01", "compute", true, "3 casts of it failed");
	must_not_get(r, "n03", "compute", false, "3 casts of it failed");
	/* What is long ago counts no more. */
	r->d.casts->times.kept_ns = 0;
	until_shown(r, "\"casts\":[]");
	must_get(r, "n01", "compute", true);
	assert_int_equal(events(r, "cast-failed"), 3);
}

/* One that can't even begin is not tried by each node. */
static void the_child_does_not_begin(void **state)
{
	struct rig *r = *state;

	must_not_get(r, "n01", "unreadable", false, "ended with 4");
	must_not_get(r, "n02", "unreadable", false, "ended with 4");
	assert_int_equal(events(r, "cast-begun"), 1);
	/* Nor when it says why: that is the reason, no end as any other, after which the next one would be begun at once. */
	must_not_get(r, "n01", "unbound", false, "its cast failed: the address is not here");
	must_not_get(r, "n02", "unbound", false, "its cast failed: the address is not here");
	assert_int_equal(events(r, "cast-begun"), 2);
	assert_int_equal(events(r, "cast-failed"), 2);
	assert_int_equal(events(r, "cast-over"), 0);
	/* The head answers when it knows, and the node waits for that. */
	assert_true(SESSION_BEGIN_S + 10 < SESSION_TICKET_S && SESSION_TICKET_S + 10 < SESSION_ASK_S);
	r->d.casts->times.begin_ns = 300 * NS_PER_MS;
	must_not_get(r, "n01", "slow", false, "did not begin in time");
}

static void the_child_hangs(void **state)
{
	struct rig *r = *state;
	struct cast_ticket a, b;

	r->d.casts->times.mute_ns = 500 * NS_PER_MS;
	a = must_get(r, "n01", "compute", false);
	tell(r, "compute", "hang");
	until_shown(r, "says nothing any more");
	r->d.casts->times.mute_ns = LIMIT_NS;
	b = must_get(r, "n01", "compute", true);
	assert_int_not_equal(a.cast, b.cast);
}

/* It came to its end: who was too slow for it goes on over HTTPS, whom it lost may try again, and who is new begins another. */
static void it_ends_by_itself(void **state)
{
	struct rig *r = *state;

	must_get(r, "n01", "compute", false);
	tell(r, "compute", "over");
	until_all_ended(r);
	must_not_get(r, "n01", "compute", true, "its cast is over");
	must_not_get(r, "n07", "compute", true, "its cast is over");
	must_get(r, "n02", "compute", false);
	tell(r, "compute", "lost");
	until_all_ended(r);
	must_not_get(r, "n01", "compute", true, "its cast is over");
	must_get(r, "n02", "compute", true);
}

/* Who took part in one of which nobody knows any more goes on in a new one. */
static void orthrusd_is_started_anew(void **state)
{
	struct rig *r = *state;
	struct cast_ticket a = must_get(r, "n01", "compute", false), b;

	assert_true(casts_stop(r->d.casts));
	assert_int_equal(events(r, "cast-over"), 1);
	begin(r);
	b = must_get(r, "n01", "compute", true);
	assert_int_not_equal(a.cast, b.cast);
	assert_memory_not_equal(a.group_key, b.group_key, SESSION_KEY);
	assert_int_equal(must_get(r, "n02", "compute", true).cast, b.cast);
}

static size_t steps(struct rig *r, const char *which, bool plan, bool resume)
{
	autoclean(plan_free) struct plan p = { 0 };
	struct err err = { 0 };
	int rc = resume ? casts_resume(r->d.casts, which, plan, "root", &p, &err)
			: casts_end(r->d.casts, which, plan, "root", &p, &err);

	if (rc < 0) {
		assert_int_equal(err.kind, ERR_NOT_FOUND);
		assert_true(err.hint[0]);
		return SIZE_MAX;
	}
	return p.len;
}

static void stopped_stays_stopped(void **state)
{
	struct rig *r = *state;

	put_run(r, "n01", RUN_INSTALLING, "compute/i1", NULL);
	put_run(r, "n02", RUN_ORDERED, "compute/i1", NULL);
	put_run(r, "n03", RUN_ORDERED, "login/i1", NULL);
	must_get(r, "n01", "compute", false);
	must_get(r, "n03", "login", false);
	assert_int_equal(steps(r, "other", false, false), SIZE_MAX);
	assert_int_equal(steps(r, "comp", false, false), SIZE_MAX);
	assert_int_equal(steps(r, "compute", true, false), 2);
	must_get(r, "n01", "compute", false);
	assert_int_equal(steps(r, "compute", false, false), 2);
	assert_int_equal(steps(r, "compute", false, false), 0);
	until_shown(r, "\"ended_by\":\"root\"");
	must_not_get(r, "n01", "compute", true, "stopped by root");
	must_not_get(r, "n02", "compute", false, "orthrus cast resume compute");
	must_get(r, "n03", "login", true);
	assert_true(shows(r, "\"stopped\":[{\"image\":\"compute/i1\",\"by\":\"root\",\"at\":\"2"));
	/* It is written down. */
	assert_true(casts_stop(r->d.casts));
	begin(r);
	must_not_get(r, "n02", "compute", false, "stopped by root");
	assert_int_equal(steps(r, "login", false, true), SIZE_MAX);
	assert_int_equal(steps(r, "compute/i1", true, true), 1);
	must_not_get(r, "n02", "compute", false, "stopped by root");
	assert_int_equal(steps(r, "compute/i1", false, true), 1);
	must_get(r, "n02", "compute", false);
	assert_true(shows(r, "\"stopped\":[]"));
	assert_int_equal(events(r, "cast-stopped"), 1);
	assert_int_equal(events(r, "cast-resumed"), 1);
}

static void follow(struct rig *r)
{
	autoclean(site_free) struct site site = { 0 };

	OK(daemon_site(&r->d, &site, NULL, err));
	casts_follow(r->d.casts, &site);
}

/* A stop is forgotten with the last order that it was for: who orders anew next week gets a cast. */
static void a_stop_goes_with_the_orders(void **state)
{
	struct rig *r = *state;

	put_run(r, "n01", RUN_INSTALLING, "compute/i1", NULL);
	put_run(r, "n02", RUN_ORDERED, "compute/i1", NULL);
	assert_int_equal(steps(r, NULL, false, false), 1); /* it is not cast yet */
	put_run(r, "n01", RUN_INSTALLED, "compute/i1", NULL);
	follow(r);
	must_not_get(r, "n02", "compute", false, "stopped by root");
	put_run(r, "n02", RUN_INSTALLED, "compute/i1", NULL);
	follow(r);
	put_run(r, "n02", RUN_ORDERED, "compute/i1", NULL);
	must_get(r, "n02", "compute", false);
	assert_int_equal(steps(r, NULL, false, true), 0);
}

/* What runs ends when the site wants no casts any more. */
static void the_site_casts_no_more(void **state)
{
	struct rig *r = *state;

	must_get(r, "n01", "compute", false);
	follow(r);
	assert_true(shows(r, "\"runs\":true"));
	put_site(r, "\"mode\":\"off\"");
	follow(r);
	until_all_ended(r);
	assert_true(shows(r, "\"ended_by\":\"cast.mode of site.json\""));
	must_not_get(r, "n01", "compute", true, "does not cast");
	put_site(r, "");
	follow(r);
	must_get(r, "n02", "compute", false);
}

int main(int argc, char **argv)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_cast_for_all_nodes),
		TEST(their_disks_are_slow),
		TEST(not_without_end),
		TEST(what_it_has_fits_the_image),
		TEST(two_images),
		TEST(new_keys_when_a_node_is_removed),
		TEST(refused),
		TEST(the_child_dies),
		TEST(the_child_does_not_begin),
		TEST(the_child_hangs),
		TEST(it_ends_by_itself),
		TEST(orthrusd_is_started_anew),
		TEST(stopped_stays_stopped),
		TEST(a_stop_goes_with_the_orders),
		TEST(the_site_casts_no_more),
	};

	if (argc > 1 && str_eq(argv[1], "--cast-child"))
		return fake_child();
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
