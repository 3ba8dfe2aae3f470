/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head of the lease: rules 5 to 8 of docs/failover.md: when it asks, and how it keeps the lease. */
#include "guard_core.h"

static void test_gets_it(void **state)
{
	const struct lease_msg *m;
	int64_t asked;
	struct one o;

	(void)state;
	ready(&o, 0, 3);
	assert_int_equal(o.l.state, HEAD_PREPARING);
	m = said(&o, LEASE_PREPARE, 2);
	assert_int_equal(m->ballot, BALLOT(51, 0));
	assert_int_equal(said(&o, LEASE_PREPARE, 1)->ballot, m->ballot);
	pass(&o, 2 * MS);
	asked = o.now;
	hear_msg(&o, (struct lease_msg){ LEASE_PROMISE, 2, 0, LEASE_NOBODY, 0, BALLOT(51, 0), 17, 0 });
	m = said(&o, LEASE_PROPOSE, 1);
	assert_int_equal(m->ballot, BALLOT(51, 0));
	assert_int_equal(m->epoch, 18);
	assert_int_equal(m->lease_ns, T);
	assert_false(o.a.gained);
	assert_int_equal(o.a.gate_ns, 0);
	hear(&o, LEASE_PROMISE, 1, BALLOT(51, 0)); /* one more than needed */
	assert_null(said(&o, LEASE_PROPOSE, 1));
	pass(&o, MS);
	hear(&o, LEASE_ACCEPT, 1, BALLOT(50, 0));   /* to something older */
	hear(&o, LEASE_RELEASED, 1, BALLOT(51, 0)); /* to nothing that was said */
	assert_false(o.a.gained);
	hear(&o, LEASE_ACCEPT, 1, BALLOT(51, 0));
	assert_true(o.a.gained && o.a.gate_changed && !o.a.lost);
	assert_int_equal(o.a.epoch, 18);
	assert_int_equal(o.a.gate_ns, asked + T - M); /* by the time at which it asked */
	assert_null(noted(&o, LEASE_NOTE_TAKEOVER));
	assert_int_equal(o.a.timer_ns, asked + R);
	hear(&o, LEASE_ACCEPT, 2, BALLOT(51, 0));
	assert_false(o.a.gained || o.a.gate_changed);
}

static void test_five(void **state)
{
	struct one o;

	(void)state;
	ready(&o, 1, 5);
	hear(&o, LEASE_PROMISE, 4, o.l.ballot);
	hear(&o, LEASE_PROMISE, 4, o.l.ballot); /* the same one twice is one */
	assert_int_equal(o.l.state, HEAD_PREPARING);
	hear(&o, LEASE_PROMISE, 3, o.l.ballot);
	assert_int_equal(o.l.state, HEAD_PROPOSING);
	hear(&o, LEASE_ACCEPT, 2, o.l.ballot);
	assert_int_equal(o.l.state, HEAD_PROPOSING);
	hear(&o, LEASE_ACCEPT, 3, o.l.ballot);
	assert_int_equal(o.l.state, HEAD_HOLDING);
}

static void test_renews(void **state)
{
	int64_t asked, gate;
	uint64_t ballot;
	struct one o;

	(void)state;
	holding(&o, 0, 3);
	gate = o.a.gate_ns;
	ballot = o.l.ballot;
	asked = o.now + R;
	pass_to(&o, asked - 1);
	assert_int_equal(o.l.ballot, ballot);
	pass_to(&o, asked);
	assert_int_equal(said(&o, LEASE_PROPOSE, 2)->ballot, ballot + 256);
	assert_null(said(&o, LEASE_PREPARE, 2));
	assert_int_equal(o.a.gate_ns, gate);
	pass(&o, MS);
	hear(&o, LEASE_ACCEPT, 2, ballot); /* what was accepted before is not accepted now */
	assert_int_equal(o.a.gate_ns, gate);
	hear(&o, LEASE_REJECT, 2, ballot);
	assert_int_equal(o.l.state, HEAD_HOLDING);
	hear(&o, LEASE_ACCEPT, 2, ballot + 256);
	assert_int_equal(o.a.gate_ns, asked + T - M);
	assert_true(o.a.gate_changed && !o.a.gained);
	/* A higher ballot was promised somewhere: above that, but not sooner. */
	hear(&o, LEASE_REJECT, 2, BALLOT(900, 1));
	assert_int_equal(o.a.timer_ns, asked + R);
	hear_msg(&o, (struct lease_msg){ LEASE_REJECT, 1, 0, 1, 0, BALLOT(900, 1), 0, 1 });
	assert_int_equal(o.a.timer_ns, asked + R);
	pass(&o, R);
	assert_int_equal(o.l.ballot, BALLOT(901, 0));
	assert_null(noted(&o, LEASE_NOTE_LATE));
	/* It was kept from its work. */
	hear(&o, LEASE_ACCEPT, 2, o.l.ballot);
	o.now = o.a.timer_ns + R;
	on(&o, LEASE_ON_TIMER);
	assert_null(noted(&o, LEASE_NOTE_LATE));
	hear(&o, LEASE_ACCEPT, 2, o.l.ballot);
	o.now = o.a.timer_ns + R + 1;
	on(&o, LEASE_ON_TIMER);
	assert_int_equal(noted(&o, LEASE_NOTE_LATE)->value, R + 1);
}

/* A renewal that nobody answered: the next ones ask first, so that nobody is made to wait for who hears nothing. */
static void test_deaf(void **state)
{
	struct one o;
	int64_t until;

	(void)state;
	holding(&o, 0, 3);
	until = o.l.until;
	pass_to(&o, o.l.granted_ns + R);
	assert_non_null(said(&o, LEASE_PROPOSE, 2));
	pass(&o, R);
	assert_null(said(&o, LEASE_PROPOSE, 2));
	assert_non_null(said(&o, LEASE_PREPARE, 1));
	assert_non_null(said(&o, LEASE_PREPARE, 2));
	assert_int_equal(o.l.state, HEAD_HOLDING);
	pass(&o, R / 2);
	hear(&o, LEASE_PROMISE, 2, o.l.ballot);
	assert_non_null(said(&o, LEASE_PROPOSE, 2));
	assert_int_equal(o.l.until, until); /* a promise is no lease */
	hear(&o, LEASE_ACCEPT, 2, o.l.ballot);
	assert_int_equal(o.l.until, o.now + T - M);
	assert_false(o.a.lost || o.a.gained);
	pass(&o, R);
	assert_non_null(said(&o, LEASE_PROPOSE, 2));
}

static void test_loses(void **state)
{
	struct one o;
	int64_t gate;

	(void)state;
	holding(&o, 0, 3);
	gate = o.a.gate_ns;
	pass_to(&o, gate - 1);
	assert_int_equal(o.l.state, HEAD_HOLDING);
	assert_int_equal(o.a.timer_ns, gate);
	hear(&o, LEASE_ACCEPT, 2, o.l.ballot); /* just in time */
	assert_true(o.a.gate_ns > gate);
	gate = o.a.gate_ns;
	pass_to(&o, gate);
	assert_true(o.a.lost && !o.a.gained && o.a.gate_changed);
	assert_int_equal(o.a.gate_ns, 0);
	assert_int_equal(o.l.state, HEAD_PREPARING); /* as others do */
	on(&o, LEASE_ON_TIMER);
	assert_false(o.a.lost);
	/* An answer that comes when its time is over. */
	hear(&o, LEASE_PROMISE, 2, o.l.ballot);
	o.l.next_ns = o.now + 2 * T; /* (it would ask again before) */
	o.now += T - M;
	hear(&o, LEASE_ACCEPT, 2, o.l.ballot);
	assert_false(o.a.gained);
	assert_int_equal(o.l.state, HEAD_PROPOSING);
	o.now -= 1;
	o.l.now = o.now;
	hear(&o, LEASE_ACCEPT, 2, o.l.ballot);
	assert_true(o.a.gained);
	assert_int_equal(o.a.gate_ns, o.now + 1);
}

static void test_asks_again(void **state)
{
	int64_t wait[6], last;
	struct one o;

	(void)state;
	ready(&o, 0, 3);
	for (unsigned int i = 0; i < 6; i++) {
		uint64_t ballot = o.l.ballot;

		last = o.now;
		while (o.l.ballot == ballot)
			pass_to(&o, o.a.timer_ns);
		assert_int_equal(o.l.ballot, ballot + 256);
		assert_non_null(said(&o, LEASE_PREPARE, 1));
		wait[i] = o.now - last;
	}
	assert_in_range(wait[0], R, 2 * R);
	assert_in_range(wait[1], 2 * R, 3 * R);
	assert_in_range(wait[2], 4 * R, 5 * R);
	for (unsigned int i = 3; i < 6; i++)
		assert_in_range(wait[i], T, T + R);
	/* Promised, but not accepted: from the beginning. */
	hear(&o, LEASE_PROMISE, 1, o.l.ballot);
	assert_int_equal(o.l.state, HEAD_PROPOSING);
	pass(&o, T - 1);
	assert_int_equal(o.l.state, HEAD_PROPOSING);
	pass(&o, 1);
	assert_int_equal(o.l.state, HEAD_PREPARING);
	/* As one that was told no, then promised: a little time for the rest. */
	hear(&o, LEASE_REJECT, 2, o.l.ballot + 1);
	hear(&o, LEASE_PROMISE, 1, o.l.ballot);
	assert_int_equal(o.l.next_ns, o.now + R);
}

static void test_rejected(void **state)
{
	struct lease_msg no = say(LEASE_REJECT, 2, 0);
	uint64_t ballot;
	struct one o;

	(void)state;
	ready(&o, 0, 3);
	ballot = o.l.ballot;
	no.owner = 1;
	no.lease_ns = 7 * MS;
	hear_msg(&o, no);
	assert_int_equal(o.a.timer_ns, o.now + 7 * MS);
	no.lease_ns = 9 * MS; /* the sooner one counts */
	hear_msg(&o, no);
	assert_int_equal(o.a.timer_ns, o.now + 7 * MS);
	pass(&o, 7 * MS);
	assert_int_equal(o.l.ballot, ballot + 256);
	assert_in_range(o.l.next_ns, o.now + R, o.now + 2 * R);
	/* By a higher ballot: after a random part of R, above that. */
	no = say(LEASE_REJECT, 2, BALLOT(700, 1));
	hear_msg(&o, no);
	assert_in_range(o.a.timer_ns, o.now, o.now + R);
	pass(&o, R);
	assert_true(o.l.ballot >= BALLOT(701, 0));
	/* One that answers something older says nothing new. */
	no.ballot = o.l.ballot;
	ballot = (uint64_t)o.l.next_ns;
	hear_msg(&o, no);
	assert_int_equal(o.l.next_ns, ballot);
	no.owner = 0; /* "yours": with a ballot that one had before */
	no.lease_ns = 1;
	hear_msg(&o, no);
	assert_int_equal(o.l.next_ns, ballot);
	/* While it waits for something else it is none of its business. */
	hear(&o, LEASE_PROPOSE, 1, BALLOT(800, 1));
	assert_int_equal(o.l.state, HEAD_WATCH);
	ballot = (uint64_t)o.l.next_ns;
	no.owner = 1;
	hear_msg(&o, no);
	assert_int_equal(o.l.next_ns, ballot);
}

/* The other has it; then it is silent. */
static void test_takeover(void **state)
{
	struct one o;

	(void)state;
	ready(&o, 1, 3);
	hear(&o, LEASE_PROPOSE, 0, BALLOT(90, 0));
	assert_int_equal(o.l.state, HEAD_WATCH);
	pass(&o, R);
	hear(&o, LEASE_PROPOSE, 0, BALLOT(91, 0));
	pass(&o, T - 1);
	assert_int_equal(o.l.state, HEAD_WATCH);
	assert_int_equal(o.a.timer_ns, o.now + 1);
	pass(&o, 1);
	assert_int_equal(said(&o, LEASE_PREPARE, 2)->ballot, BALLOT(92, 1));
	pass(&o, MS);
	get_it(&o, 2);
	assert_int_equal(noted(&o, LEASE_NOTE_TAKEOVER)->who, 0);
	assert_int_equal(noted(&o, LEASE_NOTE_TAKEOVER)->value, T + MS);
	/* Lost and got again, it is nobody's lease that ran out. */
	pass_to(&o, o.a.gate_ns);
	assert_true(o.a.lost);
	get_it(&o, 2);
	assert_null(noted(&o, LEASE_NOTE_TAKEOVER));
}

/* Somebody was quicker than one that asks, or has promises. */
static void test_yields(void **state)
{
	struct one o;

	(void)state;
	for (int promised = 0; promised < 2; promised++) {
		ready(&o, 0, 5);
		if (promised) {
			o.l.peers[1].flags = 0;
			o.l.owner_until = 0;
			hear(&o, LEASE_PROMISE, 2, o.l.ballot);
			hear(&o, LEASE_PROMISE, 3, o.l.ballot);
			assert_int_equal(o.l.state, HEAD_PROPOSING);
			o.l.owner_until = o.now; /* as if its own voter had not granted it */
		}
		hear(&o, LEASE_PROPOSE, 1, BALLOT(80, 1));
		assert_non_null(said(&o, LEASE_ACCEPT, 1));
		assert_int_equal(o.l.state, HEAD_WATCH);
	}
}

static void test_rank(void **state)
{
	struct lease_config c = some_config(1, 3);
	struct one o;

	(void)state;
	c.rank = 1;
	begin(&o, c);
	pass(&o, T + M + T - 1);
	assert_int_equal(o.l.state, HEAD_WATCH);
	pass(&o, 1);
	assert_int_equal(o.l.state, HEAD_PREPARING);
	/* It is for the start: not after a stop of the process. */
	o.now += T;
	on(&o, LEASE_ON_TIMER);
	pass(&o, T + M);
	assert_int_equal(o.l.state, HEAD_PREPARING);
}

static void test_alone(void **state)
{
	struct one o;

	(void)state;
	ready(&o, 0, 3);
	pass(&o, T - M - 1); /* of 2 T since its start */
	assert_int_equal(o.l.alone, false);
	pass(&o, 4 * T);
	assert_true(o.l.alone);
	/* Said once; again when it was over meanwhile. */
	on(&o, LEASE_ON_TIMER);
	assert_null(noted(&o, LEASE_NOTE_ALONE));
	hear(&o, LEASE_PROMISE, 2, o.l.ballot);
	hear(&o, LEASE_ACCEPT, 2, o.l.ballot);
	assert_false(o.l.alone);
	/* Who is heard, but says no, is there. */
	for (int i = 0; i < 30; i++) {
		pass(&o, R);
		hear(&o, LEASE_HELLO, 2, 0);
		assert_null(noted(&o, LEASE_NOTE_ALONE));
	}
	o.l.peers[2].heard_ns = o.now - 2 * T;
	o.l.trying_since = o.now - T + 1;
	on(&o, LEASE_ON_TIMER);
	assert_null(noted(&o, LEASE_NOTE_ALONE));
	pass(&o, 1);
	assert_int_equal(noted(&o, LEASE_NOTE_ALONE)->who, LEASE_NOBODY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gets_it),	 cmocka_unit_test(test_five),	  cmocka_unit_test(test_renews),
		cmocka_unit_test(test_deaf),	 cmocka_unit_test(test_loses),	  cmocka_unit_test(test_asks_again),
		cmocka_unit_test(test_rejected), cmocka_unit_test(test_takeover), cmocka_unit_test(test_yields),
		cmocka_unit_test(test_rank),	 cmocka_unit_test(test_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
