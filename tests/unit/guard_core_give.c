/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A head that gives the lease up: switch, pause, stop, unfit; and whom it is given to. docs/failover.md, "When a head asks". */
#include "guard_core.h"

static void test_switch(void **state)
{
	const struct lease_msg *m;
	int64_t given;
	struct one o;

	(void)state;
	holding(&o, 0, 3);
	pass(&o, MS);
	step(&o, (struct lease_event){ .kind = LEASE_ON_SWITCH, .who = 0 });
	step(&o, (struct lease_event){ .kind = LEASE_ON_SWITCH, .who = 2 });
	assert_int_equal(o.l.state, HEAD_HOLDING);
	assert_int_equal(o.a.n_notes, 0);
	on(&o, LEASE_ON_SWITCH);
	given = o.now;
	assert_true(o.a.lost && o.a.gate_changed);
	assert_int_equal(o.a.gate_ns, 0);
	assert_int_equal(noted(&o, LEASE_NOTE_GIVEN)->who, 1);
	m = said(&o, LEASE_RELEASE, 2);
	assert_int_equal(m->owner, 1);
	assert_int_equal(m->epoch, o.l.epoch);
	assert_int_equal(m->ballot, o.l.ballot);
	assert_int_equal(lease_voter_owner(&o.l), LEASE_NOBODY);
	/* Said again to who did not answer; a late ACCEPT is no answer to it. */
	hear(&o, LEASE_ACCEPT, 1, o.l.ballot);
	assert_int_equal(o.a.gate_ns, 0);
	hear(&o, LEASE_RELEASED, 2, o.l.ballot);
	assert_int_equal(o.a.timer_ns, o.now + R);
	pass(&o, R - 1);
	assert_null(said(&o, LEASE_RELEASE, 1));
	pass(&o, 1);
	assert_non_null(said(&o, LEASE_RELEASE, 1));
	assert_null(said(&o, LEASE_RELEASE, 2));
	assert_false(o.a.lost);
	hear(&o, LEASE_RELEASED, 1, o.l.ballot - 256);
	assert_int_equal(o.l.state, HEAD_RELEASING);
	hear(&o, LEASE_RELEASED, 1, o.l.ballot);
	assert_int_equal(o.l.state, HEAD_WATCH);
	on(&o, LEASE_ON_SWITCH);
	assert_int_equal(noted(&o, LEASE_NOTE_NOT_HOLDER)->who, 1);
	/* Nobody takes it. */
	pass_to(&o, given + HOLD_OFF - 1);
	assert_int_equal(o.l.state, HEAD_WATCH);
	pass(&o, 1);
	assert_int_equal(o.l.state, HEAD_PREPARING);
}

/* Only a head that can take it is given it. */
static void test_unable(void **state)
{
	struct lease_msg m = say(LEASE_HELLO, 1, 0);
	struct one o;

	(void)state;
	for (uint8_t flag = LEASE_QUARANTINE; flag <= LEASE_UNFIT; flag = (uint8_t)(flag << 1)) {
		holding(&o, 0, 3);
		m.flags = flag;
		hear_msg(&o, m);
		on(&o, LEASE_ON_SWITCH);
		assert_int_equal(noted(&o, LEASE_NOTE_UNABLE)->who, 1);
		assert_int_equal(o.l.state, HEAD_HOLDING);
	}
	holding(&o, 0, 3);
	step(&o, (struct lease_event){ .kind = LEASE_ON_RESTARTED, .who = 1 });
	on(&o, LEASE_ON_SWITCH);
	assert_non_null(noted(&o, LEASE_NOTE_UNABLE));
	holding(&o, 0, 3);
	for (int64_t i = 0; i < 2 * T / R; i++) {
		pass(&o, R);
		hear(&o, LEASE_ACCEPT, 2, o.l.ballot);
	}
	on(&o, LEASE_ON_SWITCH);
	assert_non_null(noted(&o, LEASE_NOTE_UNABLE));
}

/* Voters that are gone don't answer; nobody waits for ever. */
static void test_released(void **state)
{
	int64_t given;
	struct one o;

	(void)state;
	holding(&o, 0, 3);
	given = o.now;
	on(&o, LEASE_ON_SWITCH);
	pass_to(&o, given + T - 1);
	assert_int_equal(o.l.state, HEAD_RELEASING);
	assert_false(lease_over(&o.l));
	pass_to(&o, given + T);
	assert_int_equal(o.l.state, HEAD_WATCH);
	/* It was taken: no more need be said. */
	holding(&o, 0, 3);
	on(&o, LEASE_ON_SWITCH);
	hear(&o, LEASE_PROPOSE, 1, BALLOT(99, 1));
	assert_int_equal(o.l.state, HEAD_WATCH);
	/* And it comes back at once when that one gives it back. */
	pass(&o, R);
	hear_msg(&o, (struct lease_msg){ LEASE_RELEASE, 1, 0, 0, 0, BALLOT(99, 1), 50, 0 });
	assert_int_equal(o.l.state, HEAD_PREPARING);
	/* Even before all answered. */
	holding(&o, 0, 3);
	on(&o, LEASE_ON_SWITCH);
	hear_msg(&o, (struct lease_msg){ LEASE_RELEASE, 1, 0, 0, 0, BALLOT(99, 1), 50, 0 });
	assert_int_equal(o.l.state, HEAD_PREPARING);
}

/* What the other gives away. */
static void test_heir(void **state)
{
	struct lease_msg r = { LEASE_RELEASE, 0, 1, 1, 0, BALLOT(90, 0), 1, 0 };
	struct one o;

	(void)state;
	ready(&o, 1, 3);
	hear(&o, LEASE_PROPOSE, 0, BALLOT(90, 0));
	pass(&o, R);
	hear_msg(&o, r);
	assert_non_null(said(&o, LEASE_PREPARE, 2));
	get_it(&o, 2);
	assert_null(noted(&o, LEASE_NOTE_TAKEOVER)); /* it did not run out */
	/* To nobody in particular: at once, too. */
	ready(&o, 1, 3);
	hear(&o, LEASE_PROPOSE, 0, BALLOT(90, 0));
	r.owner = LEASE_NOBODY;
	hear_msg(&o, r);
	assert_int_equal(o.l.state, HEAD_PREPARING);
	assert_int_equal(o.l.busy_until, o.now);
	/* Who asks already asks anew: its voters may hear of it only now. But not who has promises. */
	r.ballot += 256;
	hear_msg(&o, r);
	assert_non_null(said(&o, LEASE_PREPARE, 2));
	hear(&o, LEASE_PROMISE, 2, o.l.ballot);
	r.ballot += 256;
	hear_msg(&o, r);
	assert_null(said(&o, LEASE_PREPARE, 2));
	/* One that gave it away itself waits, unless it is named... */
	holding(&o, 1, 3);
	on(&o, LEASE_ON_SWITCH);
	r.ballot = BALLOT(99, 0);
	hear_msg(&o, r);
	assert_null(said(&o, LEASE_PREPARE, 2));
	r.ballot = BALLOT(100, 0);
	r.owner = 1;
	hear_msg(&o, r);
	assert_int_equal(o.l.state, HEAD_PREPARING);
	/* ... or another had it since, and died, say. */
	holding(&o, 1, 3);
	on(&o, LEASE_ON_SWITCH);
	hear(&o, LEASE_PROPOSE, 0, BALLOT(99, 0));
	pass(&o, T - 1);
	assert_int_equal(o.l.state, HEAD_WATCH);
	pass(&o, 1);
	assert_int_equal(o.l.state, HEAD_PREPARING);
}

/* A copy of an old RELEASE names nobody any more. */
static void test_heir_of_old(void **state)
{
	struct lease_msg r = { LEASE_RELEASE, 0, 1, 1, 0, BALLOT(90, 0), 1, 0 };
	struct one o;

	(void)state;
	holding(&o, 1, 3);
	on(&o, LEASE_ON_SWITCH);
	hear_msg(&o, r);
	get_it(&o, 2);
	hear(&o, LEASE_HELLO, 0, 0);
	on(&o, LEASE_ON_SWITCH);
	/* Neither while nobody took what it gave away... */
	hear_msg(&o, r);
	assert_int_equal(o.l.state, HEAD_RELEASING);
	assert_int_equal(o.l.hold_off_until, o.now + HOLD_OFF);
	/* ... nor then. */
	hear(&o, LEASE_PROPOSE, 0, BALLOT(200, 0));
	pass(&o, R);
	hear_msg(&o, r);
	pass(&o, T - R - 1);
	assert_int_equal(o.l.state, HEAD_WATCH);
	assert_int_equal(lease_voter_owner(&o.l), 0);
}

static void test_pause(void **state)
{
	struct lease_msg m = say(LEASE_HELLO, 1, 0);
	struct one o;

	(void)state;
	holding(&o, 0, 3);
	on(&o, LEASE_ON_PAUSE);
	assert_true(o.a.lost);
	assert_int_equal(said(&o, LEASE_RELEASE, 1)->owner, 1);
	on(&o, LEASE_ON_PAUSE);
	pass(&o, 2 * HOLD_OFF);
	assert_int_equal(o.l.state, HEAD_WATCH);
	on(&o, LEASE_ON_FIT);
	assert_int_equal(o.l.state, HEAD_WATCH);
	on(&o, LEASE_ON_RESUME);
	assert_int_equal(o.l.state, HEAD_PREPARING);
	/* Before it has it: what was asked for is taken back. */
	on(&o, LEASE_ON_PAUSE);
	assert_int_equal(o.l.state, HEAD_WATCH);
	on(&o, LEASE_ON_RESUME);
	hear(&o, LEASE_PROMISE, 2, o.l.ballot);
	m.flags = LEASE_UNFIT;
	hear_msg(&o, m);
	on(&o, LEASE_ON_PAUSE);
	assert_int_equal(said(&o, LEASE_RELEASE, 2)->owner, LEASE_NOBODY);
	assert_false(o.a.lost);
	assert_null(noted(&o, LEASE_NOTE_GIVEN));
	hear(&o, LEASE_ACCEPT, 2, o.l.ballot);
	assert_false(o.a.gained);
}

static void test_stop(void **state)
{
	struct one o;

	(void)state;
	holding(&o, 0, 3);
	assert_false(lease_over(&o.l));
	on(&o, LEASE_ON_STOP);
	assert_non_null(said(&o, LEASE_RELEASE, 1));
	assert_false(lease_over(&o.l));
	hear(&o, LEASE_RELEASED, 1, o.l.ballot);
	hear(&o, LEASE_RELEASED, 2, o.l.ballot);
	assert_true(lease_over(&o.l));
	on(&o, LEASE_ON_RESUME);
	pass(&o, 2 * HOLD_OFF);
	assert_int_equal(o.l.state, HEAD_WATCH);
	/* It still votes. */
	hear(&o, LEASE_PROPOSE, 1, BALLOT(99, 1));
	assert_non_null(said(&o, LEASE_ACCEPT, 1));
	on(&o, LEASE_ON_STOP);
	assert_true(lease_over(&o.l));
}

static void test_unfit(void **state)
{
	struct lease_msg m = say(LEASE_HELLO, 1, 0);
	struct one o;

	(void)state;
	/* The other is no better: kept, until it is. */
	holding(&o, 0, 3);
	m.flags = LEASE_UNFIT;
	hear_msg(&o, m);
	on(&o, LEASE_ON_UNFIT);
	assert_int_equal(o.l.state, HEAD_HOLDING);
	m.flags = 0;
	hear_msg(&o, m);
	assert_int_equal(said(&o, LEASE_RELEASE, 2)->owner, 1);
	assert_true(o.a.lost);
	/* It asks when nobody had it for the hold-off, as far as anybody says. */
	hear(&o, LEASE_PROPOSE, 1, BALLOT(99, 1));
	pass(&o, T);
	m = say(LEASE_HELLO, 2, 0);
	m.owner = 1;
	m.lease_ns = T;
	hear_msg(&o, m);
	pass(&o, T + HOLD_OFF - 1);
	assert_int_equal(o.l.state, HEAD_WATCH);
	pass(&o, 1);
	assert_int_equal(o.l.state, HEAD_PREPARING);
	/* And while it asks it need not be told again. */
	pass(&o, 2 * R);
	assert_true(o.l.ballot > BALLOT(100, 0));
	on(&o, LEASE_ON_FIT);
	assert_int_equal(o.l.state, HEAD_PREPARING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_switch), cmocka_unit_test(test_unable),	   cmocka_unit_test(test_released),
		cmocka_unit_test(test_heir),   cmocka_unit_test(test_heir_of_old), cmocka_unit_test(test_pause),
		cmocka_unit_test(test_stop),   cmocka_unit_test(test_unfit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
