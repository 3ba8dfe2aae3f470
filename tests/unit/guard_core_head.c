/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head of the lease: rules 5 to 8 of docs/failover.md, when it asks, and how it gives the lease away. */
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
		cmocka_unit_test(test_rank),	 cmocka_unit_test(test_switch),	  cmocka_unit_test(test_unable),
		cmocka_unit_test(test_released), cmocka_unit_test(test_heir),	  cmocka_unit_test(test_heir_of_old),
		cmocka_unit_test(test_pause),	 cmocka_unit_test(test_stop),	  cmocka_unit_test(test_unfit),
		cmocka_unit_test(test_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
