/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The step of the lease's core: its configuration, the clock it is told, what everybody hears of it, and what status shows. */
#include "guard_core.h"

#include <string.h>

static void refused(struct lease_config c, const char *why)
{
	struct err err = { 0 };

	assert_int_equal(lease_config_check(&c, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
}

static void test_config(void **state)
{
	struct lease_config c = some_config(0, 3), b;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(lease_margin_ns(T), M);
	assert_int_equal(lease_config_check(&c, &err), 0);
	for (uint8_t n = 0; n < 8; n++) {
		b = c;
		b.n_voters = n;
		if (n == 2 || n == 3 || n == 5)
			assert_int_equal(lease_config_check(&b, &err), 0);
		else
			refused(b, "voters");
	}
	b = c, b.self = 3, refused(b, "voter 3 of 3");
	b = c, b.rank = 2, refused(b, "rank 2");
	b = c, b.lease_ns = LEASE_MIN_NS - 1, refused(b, "10 ms to 60 s");
	b = c, b.lease_ns = LEASE_MAX_NS + 1, refused(b, "10 ms to 60 s");
	b = c, b.renew_ns = MS - 1, refused(b, "at least 1 ms");
	b = c, b.renew_ns = (T - M) / 3 + 1, refused(b, "at most a third");
	b = c, b.hold_off_ns = 2 * T - 1, refused(b, "hold-off");
	b = c, b.hold_off_ns = 60 * LEASE_MAX_NS + 1, refused(b, "hold-off");
	b = c, b.first_round = LEASE_HIGHEST >> 9, refused(b, "first ballot");
	b = c, b.lease_ns = LEASE_MIN_NS, b.renew_ns = MS, b.hold_off_ns = 60 * LEASE_MAX_NS;
	b.first_round = (LEASE_HIGHEST >> 9) - 1;
	assert_int_equal(lease_config_check(&b, &err), 0);
	b = c, b.renew_ns = (T - M) / 3, b.hold_off_ns = 2 * T, b.self = 2, b.rank = 1;
	assert_int_equal(lease_config_check(&b, &err), 0);
	b = c, b.lease_ns = LEASE_MAX_NS, b.hold_off_ns = 2 * LEASE_MAX_NS;
	assert_int_equal(lease_config_check(&b, &err), 0);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(lease_state_name(HEAD_QUARANTINE), "quarantine");
	assert_string_equal(lease_state_name(HEAD_RELEASING), "releasing");
	assert_string_equal(lease_state_name(HEAD_RELEASING + 1), "?");
	assert_string_equal(lease_note_name(LEASE_NOTE_TAKEOVER), "takeover");
	assert_string_equal(lease_note_name(LEASE_NOTE_LONGER), "longer");
	assert_string_equal(lease_note_name(LEASE_NOTE_END), "?");
}

static void test_start(void **state)
{
	struct lease_config c = some_config(0, 3);
	struct one o;

	(void)state;
	lease_init(&o.l, &c);
	o.now = BEGIN;
	on(&o, LEASE_ON_TIMER); /* nothing before the start */
	assert_int_equal(o.a.n_send + o.a.n_notes, 0);
	assert_int_equal(o.a.timer_ns, LEASE_NEVER);
	on(&o, LEASE_ON_START);
	assert_int_equal(o.a.n_send, 2);
	assert_false(o.a.gate_changed);
	assert_int_equal(o.a.gate_ns, 0);
	assert_int_equal(o.a.fence, LEASE_NOBODY);
	pass(&o, T / 2);
	on(&o, LEASE_ON_START); /* a second one is none */
	assert_int_equal(o.l.quarantine_until, BEGIN + T + M);
	/* Leases may have been longer before; not so when it was only stopped. */
	c.first_quarantine_ns = 11 * T;
	begin(&o, c);
	assert_int_equal(o.l.quarantine_until, BEGIN + 11 * T);
	pass(&o, 11 * T);
	assert_int_equal(o.l.quarantine_until, 0);
	o.now += T;
	on(&o, LEASE_ON_TIMER);
	assert_int_equal(o.l.quarantine_until, o.now + T + M);
}

static void test_hello(void **state)
{
	const struct lease_msg *m;
	struct one o;

	(void)state;
	ready(&o, 2, 3);
	assert_int_equal(o.a.timer_ns, o.now + T / 2);
	pass(&o, T / 4);
	assert_int_equal(o.a.n_send, 0);
	hear(&o, LEASE_PROPOSE, 0, BALLOT(90, 0)); /* who was just told something needs no HELLO */
	pass(&o, T / 4);
	assert_null(said(&o, LEASE_HELLO, 0));
	m = said(&o, LEASE_HELLO, 1);
	assert_int_equal(m->from, 2);
	assert_int_equal(m->owner, 0);
	assert_int_equal(m->lease_ns, 3 * T / 4);
	assert_int_equal(m->ballot, BALLOT(90, 0));
	/* What one is goes with everything, and at once. */
	ready(&o, 0, 3);
	on(&o, LEASE_ON_UNFIT);
	assert_int_equal(said(&o, LEASE_HELLO, 1)->flags, LEASE_UNFIT);
	pass(&o, MS);
	hear(&o, LEASE_PROPOSE, 1, BALLOT(300, 1));
	assert_int_equal(said(&o, LEASE_ACCEPT, 1)->flags, LEASE_UNFIT);
	assert_null(said(&o, LEASE_HELLO, 1));
	on(&o, LEASE_ON_PAUSE);
	assert_int_equal(said(&o, LEASE_HELLO, 2)->flags, LEASE_UNFIT | LEASE_PAUSED);
	pass(&o, MS);
	on(&o, LEASE_ON_FIT);
	on(&o, LEASE_ON_RESUME);
	pass(&o, MS);
	on(&o, LEASE_ON_STOP);
	assert_int_equal(said(&o, LEASE_HELLO, 2)->flags, LEASE_PAUSED);
}

static void test_clock_back(void **state)
{
	struct one o;

	(void)state;
	holding(&o, 0, 3);
	assert_true(o.a.gate_changed);
	o.now -= 1;
	on(&o, LEASE_ON_TIMER);
	assert_int_equal(noted(&o, LEASE_NOTE_CLOCK)->value, 1);
	assert_true(o.a.lost && o.a.gate_changed);
	assert_int_equal(o.a.gate_ns, 0);
	assert_int_equal(o.l.quarantine_until, o.now + T + M);
	hear(&o, LEASE_ACCEPT, 2, o.l.ballot);
	assert_int_equal(o.a.gate_ns, 0);
	pass(&o, T + M);
	assert_int_equal(o.l.state, HEAD_PREPARING);
	/* Far back: nothing waits for times that are long to come. */
	get_it(&o, 2);
	hear(&o, LEASE_HELLO, 1, 0);
	on(&o, LEASE_ON_SWITCH);
	assert_true(o.a.lost);
	o.l.fence_ns = o.now + HOLD_OFF;
	o.now = 5 * MS;
	on(&o, LEASE_ON_TIMER);
	assert_false(o.a.lost);
	assert_int_equal(o.l.hold_off_until, o.now + HOLD_OFF);
	assert_int_equal(o.l.fence_ns, o.now + HOLD_OFF);
	pass(&o, T + M);
	assert_int_equal(o.l.state, HEAD_WATCH);
	pass_to(&o, 5 * MS + HOLD_OFF);
	assert_int_equal(o.l.state, HEAD_PREPARING);
}

/* A voter that stood still, or whose clock jumped, does not trust what it knows of the time. */
static void test_stalled(void **state)
{
	struct one o;

	(void)state;
	ready(&o, 2, 3);
	hear(&o, LEASE_PROPOSE, 0, BALLOT(90, 0));
	o.now += T - 1;
	hear(&o, LEASE_PREPARE, 1, BALLOT(91, 1));
	assert_int_equal(said(&o, LEASE_REJECT, 1)->lease_ns, 1);
	o.now += T;
	hear(&o, LEASE_PROPOSE, 1, BALLOT(91, 1));
	assert_int_equal(noted(&o, LEASE_NOTE_STALLED)->value, T);
	assert_null(said(&o, LEASE_ACCEPT, 1));
	assert_int_equal(o.l.quarantine_until, o.now + T + M);
	assert_int_equal(o.l.promised, BALLOT(90, 0));
	holding(&o, 0, 3);
	o.now += T;
	on(&o, LEASE_ON_TIMER);
	assert_true(o.a.lost);
	assert_int_equal(o.l.state, HEAD_QUARANTINE);
}

static void test_look(void **state)
{
	struct lease_msg m = say(LEASE_HELLO, 2, 0);
	struct lease_view v;
	struct one o;

	(void)state;
	ready(&o, 0, 3);
	lease_look(&o.l, &v);
	assert_int_equal(v.state, HEAD_PREPARING);
	assert_int_equal(v.owner, LEASE_NOBODY);
	assert_true(v.fit && !v.paused && !v.stopped && !v.fenced && !v.fencing);
	assert_int_equal(v.quarantine, 0);
	assert_int_equal(v.n_voters, 3);
	assert_false(v.peers[2].heard);
	/* What a witness says somebody has. */
	m.owner = 1;
	m.lease_ns = 30 * MS;
	m.epoch = 12;
	hear_msg(&o, m);
	lease_look(&o.l, &v);
	assert_int_equal(v.owner, 1);
	assert_int_equal(v.until_ns, o.now + 30 * MS);
	assert_int_equal(v.epoch, 12);
	assert_true(v.peers[2].heard);
	m.owner = 0;
	m.lease_ns = 20 * MS; /* ends before: no news */
	hear_msg(&o, m);
	lease_look(&o.l, &v);
	assert_int_equal(v.owner, 1);
	m.owner = 1;
	m.kind = LEASE_RELEASE; /* names who shall have it, not who has it */
	m.lease_ns = 0;
	m.from = 1;
	m.ballot = BALLOT(60, 1);
	hear_msg(&o, m);
	lease_look(&o.l, &v);
	assert_int_equal(v.owner, LEASE_NOBODY);
	holding(&o, 0, 3);
	lease_look(&o.l, &v);
	assert_int_equal(v.owner, 0);
	assert_int_equal(v.until_ns, o.a.gate_ns);
	assert_int_equal(v.gate_ns, o.a.gate_ns);
}

/* Another boot of a voter: it is as if it had never been heard. */
static void test_restarted(void **state)
{
	struct one o;

	(void)state;
	ready(&o, 0, 5);
	hear(&o, LEASE_PROMISE, 3, o.l.ballot);
	step(&o, (struct lease_event){ .kind = LEASE_ON_RESTARTED, .who = 3 });
	assert_false(o.l.peers[3].heard);
	hear(&o, LEASE_PROMISE, 4, o.l.ballot);
	assert_int_equal(o.l.state, HEAD_PREPARING); /* what it promised it does not know any more */
	step(&o, (struct lease_event){ .kind = LEASE_ON_RESTARTED, .who = 0 });
	step(&o, (struct lease_event){ .kind = LEASE_ON_RESTARTED, .who = 5 });
	hear(&o, LEASE_PROMISE, 2, o.l.ballot);
	assert_int_equal(o.l.state, HEAD_PROPOSING);
}

/* No step fills the arrays; if one did, what is too much would be as if it were lost. */
static void test_full(void **state)
{
	struct lease_msg m = say(LEASE_HELLO, 0, 0);
	struct one o;

	(void)state;
	ready(&o, 2, 3);
	o.a.n_send = o.a.n_notes = 0;
	for (unsigned int i = 0; i < LEASE_SENDS + 3; i++)
		lease_send(&o.l, &o.a, &m);
	assert_int_equal(o.a.n_send, LEASE_SENDS);
	for (unsigned int i = 0; i < LEASE_NOTES + 3; i++)
		lease_note(&o.a, LEASE_NOTE_LATE, 0, 0);
	assert_int_equal(o.a.n_notes, LEASE_NOTES);
	for (unsigned int i = 0; i < 100; i++)
		assert_in_range(lease_chance(&o.l, 3), 0, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config), cmocka_unit_test(test_names),	  cmocka_unit_test(test_start),
		cmocka_unit_test(test_hello),  cmocka_unit_test(test_clock_back), cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_look),   cmocka_unit_test(test_restarted),  cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
